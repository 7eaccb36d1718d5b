"""From OpenAI's error objects to the errors of the tree.

Error objects are ``{"message", "type", "param", "code"}`` ("Error codes" in the guides); compatible
servers put an HTTP status into ``code``, or send a bare text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lamella.errors import (
    APIStatusError,
    AuthenticationError,
    InvalidRequestError,
    LamellaError,
    RateLimitError,
    ServerError,
)
from lamella.models import status_error
from lamella.providers import Wire, read_error_body, retry_advice

__all__ = ["reported_error", "status_failure"]

_NEVER_AGAIN: Final = frozenset({"insufficient_quota", "billing_hard_limit_reached", "quota_exceeded"})
"""Codes of a 429 that waiting does not mend."""

_RATE: Final = frozenset({"ratelimitreached", "rate_limit_error", "rate_limit_exceeded", "too_many_requests"})
_AUTH: Final = frozenset(
    {"authentication_error", "invalid_api_key", "permission_error", "permission_denied", "unauthorized"}
)
_SERVER: Final = frozenset(
    {"api_error", "internal_error", "internal_server_error", "overloaded", "overloaded_error", "server_error",
     "service_unavailable", "timeout", "vector_store_timeout"}
)  # fmt: skip
_REQUEST: Final = frozenset(
    {"bio_policy", "content_filter", "content_policy_violation", "context_length_exceeded",
     "data_residency_mismatch", "empty_image_file", "failed_to_download_image", "image_content_policy_violation",
     "image_file_not_found", "misalignment_policy_violation", "model_not_found", "tool_use_failed"}
)  # fmt: skip
_REQUEST_PREFIXES: Final = ("invalid_", "image_", "unsupported_", "string_above", "bad_request")


def reported_error(error: Wire, *, where: str) -> LamellaError:
    """The error for an error object that came in the body of a response, after HTTP 200.

    :param where: what it came in, for the message.
    """
    facts = error if isinstance(error, Mapping) else {}
    said = facts.get("message") if facts else error
    message = said if isinstance(said, str) and said else f"{where} reported an error without a message"
    code, kind = _word(facts.get("code")), _word(facts.get("type"))
    context = {name: facts[name] for name in ("code", "type", "param") if facts.get(name) is not None}
    return _class_of(code, kind, _status(facts))(
        f"{where}: {message}" if message is said else message,
        context=context,
        retryable=False if _NEVER_AGAIN & {code, kind} else None,
    )


def _class_of(code: str, kind: str, status: int | None) -> type[APIStatusError]:
    if {code, kind} & (_RATE | _NEVER_AGAIN):
        return RateLimitError
    if code in _AUTH or kind in _AUTH:
        return AuthenticationError
    if status is not None:
        return type(status_error(status, ""))
    if code in _SERVER:
        return ServerError
    if code in _REQUEST or code.startswith(_REQUEST_PREFIXES):
        return InvalidRequestError
    if kind in _SERVER:
        return ServerError
    return InvalidRequestError if kind.startswith("invalid_") else APIStatusError


def _status(facts: Mapping[str, Wire]) -> int | None:
    for name in ("status_code", "status", "code"):
        value = facts.get(name)
        if isinstance(value, str) and value.isdigit():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and 400 <= value < 600:
            return value
    return None


def _word(value: Wire) -> str:
    return value.lower() if isinstance(value, str) else ""


def status_failure(status: int, headers: Mapping[str, str], body: bytes) -> LamellaError:
    """The error for a response with an error status, from its body."""
    found = read_error_body(body)
    said = found.facts.get("message")
    message = said if isinstance(said, str) and said else found.text
    context = {
        name: str(found.facts[name])
        for name in ("code", "type", "param")
        if found.facts.get(name) is not None
    }
    if request_id := headers.get("x-request-id"):
        context["request_id"] = request_id
    codes = {_word(found.facts.get("code")), _word(found.facts.get("type"))}
    return status_error(
        status,
        f"HTTP {status}: {message}",
        headers=headers,
        context=context,
        retryable=False if codes & _NEVER_AGAIN else retry_advice(headers),
    )
