"""From OpenAI's error objects and its SDK's exceptions to the errors of the tree.

Error objects are ``{"message", "type", "param", "code"}`` ("Error codes" in the guides); compatible
servers put an HTTP status into ``code``, or send a bare text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from lamella.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    InvalidRequestError,
    LamellaError,
    PluginError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
)
from lamella.models import status_error

__all__ = ["interrupted", "reported_error", "sdk_missing", "status_failure", "translate"]

Wire: TypeAlias = Any

_SHOWN: Final = 500
"""Characters of a body without an error object that a message shows."""

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


def interrupted(what: str) -> StreamInterruptedError:
    """The stream ended and its terminal marker had not come."""
    return StreamInterruptedError(f"the stream ended before {what}; the answer is incomplete")


def sdk_missing(error: ImportError) -> PluginError:
    """The SDK cannot be imported."""
    return PluginError(
        f"the OpenAI SDK cannot be imported ({error}); install it: pip install --upgrade lamella-openai",
        cause=error,
    )


def translate(error: Exception, *, base_url: str) -> LamellaError:
    """The error for an exception of the SDK, or of the HTTP library under it."""
    import httpx2
    import openai

    if isinstance(error, LamellaError):
        return error
    if isinstance(error, openai.APIStatusError):
        return _from_status(error)
    if isinstance(error, openai.APITimeoutError | httpx2.TimeoutException):
        return APITimeoutError(f"{base_url} did not answer in time; raise timeout=…", cause=error)
    if isinstance(error, openai.APIConnectionError | httpx2.ConnectError):
        reason = error.__cause__ or error
        return APIConnectionError(f"cannot reach {base_url}: {reason}", cause=error)
    if isinstance(error, httpx2.HTTPError | httpx2.StreamError):
        said = str(error) or type(error).__name__
        return StreamInterruptedError(f"the connection to {base_url} broke: {said}", cause=error)
    return APIConnectionError(
        f"the request to {base_url} failed: {type(error).__name__}: {error}", cause=error, retryable=False
    )


def _from_status(error: Any) -> LamellaError:
    facts = error.body if isinstance(error.body, Mapping) else {}
    return _failure(error.status_code, error.response.headers, facts, error.message, cause=error)


def status_failure(status: int, headers: Mapping[str, str], body: bytes) -> LamellaError:
    """The error for a response with an error status, from its body."""
    text = body.decode("utf-8", "replace").strip()
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        parsed = None
    if isinstance(parsed, list) and len(parsed) == 1:
        parsed = parsed[0]
    facts = parsed.get("error", parsed) if isinstance(parsed, Mapping) else {}
    if not isinstance(facts, Mapping):
        return _failure(status, headers, {}, str(facts))
    return _failure(status, headers, facts, text[:_SHOWN] or "no reason given")


def _failure(
    status: int,
    headers: Mapping[str, str],
    facts: Mapping[str, Wire],
    otherwise: str,
    cause: Exception | None = None,
) -> LamellaError:
    said = facts.get("message")
    message = said if isinstance(said, str) and said else otherwise
    context = {name: str(facts[name]) for name in ("code", "type", "param") if facts.get(name) is not None}
    if request_id := headers.get("x-request-id"):
        context["request_id"] = request_id
    codes = {_word(facts.get("code")), _word(facts.get("type"))}
    return status_error(
        status,
        f"HTTP {status}: {message}",
        headers=headers,
        context=context,
        cause=cause,
        retryable=False if codes & _NEVER_AGAIN else _advice(headers),
    )


def _advice(headers: Mapping[str, str]) -> bool | None:
    """What the server says about trying again, ``None`` when it says nothing."""
    return {"true": True, "false": False}.get(headers.get("x-should-retry", ""))
