"""From Mistral's error bodies to the errors of the tree.

Bodies are ``{"object": "error", "message", "type", "param", "code"}`` whose message may be a text or
``{"detail": […]}``, and ``{"detail": text or list}``; gateways in front put an object under ``error``.
Codes are numbers in texts: 1300 is the rate limit, 1500 an unknown model, 3xxx a bad request.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

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

__all__ = ["is_error", "reported_error", "status_failure"]

_NEVER_AGAIN: Final = frozenset(
    {"insufficient_quota", "quota_exceeded", "monthly_quota_exceeded", "payment_required", "billing_hard_limit_reached"}
)  # fmt: skip
"""Types and codes of what waiting does not mend."""

_RATE: Final = frozenset(
    {"1300", "3505", "rate_limited", "rate_limit_error", "service_tier_capacity_exceeded"}
)
_AUTH: Final = frozenset({"authentication_error", "unauthorized", "permission_denied", "invalid_api_key"})
_SERVER: Final = frozenset(
    {"1000", "1100", "internal_server_error", "internal_server_proxy", "server_error", "service_unavailable",
     "unreachable_backend", "overloaded"}
)  # fmt: skip


def is_error(body: Mapping[str, Wire]) -> bool:
    """Whether a chunk or a body is an error instead of a completion."""
    if body.get("error") or body.get("object") == "error":
        return True
    return "choices" not in body and ("detail" in body or "message" in body)


def reported_error(body: Mapping[str, Wire], *, where: str) -> LamellaError:
    """The error that came in the body of a response, after HTTP 200.

    :param where: what it came in, for the message.
    """
    inner = body.get("error") or body
    facts = inner if isinstance(inner, Mapping) else {"message": inner}
    said = _said(facts) or "reported an error without a message"
    words = _words(facts)
    return _class_of(words, _status(facts))(
        f"{where}: {said}", context=_context(facts), retryable=False if _NEVER_AGAIN & words else None
    )


def _class_of(words: frozenset[str], status: int | None) -> type[APIStatusError]:
    if words & (_RATE | _NEVER_AGAIN):
        return RateLimitError
    if words & _AUTH:
        return AuthenticationError
    if status is not None:
        return type(status_error(status, ""))
    if words & _SERVER:
        return ServerError
    bad = any(word.startswith("invalid_") or (word.isdigit() and 1500 <= int(word) < 4000) for word in words)
    return InvalidRequestError if bad else APIStatusError


def _status(facts: Mapping[str, Wire]) -> int | None:
    for name in ("raw_status_code", "status_code", "status"):
        value = facts.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and 400 <= value < 600:
            return value
    return None


def _words(facts: Mapping[str, Wire]) -> frozenset[str]:
    """Code and type as texts; codes come as texts and as numbers."""
    found = (facts.get("code"), facts.get("type"))
    return frozenset(str(word).lower() for word in found if isinstance(word, str | int))


def _context(facts: Mapping[str, Wire]) -> dict[str, Any]:
    return {name: str(facts[name]) for name in ("code", "type", "param") if facts.get(name) is not None}


def _said(facts: Mapping[str, Wire]) -> str | None:
    """The message of an error object, ``None`` when it has none."""
    message = facts.get("message") or facts.get("detail")
    if isinstance(message, Mapping):
        message = message.get("detail") or message.get("message") or message
    if isinstance(message, list):
        return "; ".join(_complaint(item) for item in message)
    return str(message) if message else None


def _complaint(item: Wire) -> str:
    """One complaint of the validator: where and what."""
    if not isinstance(item, Mapping) or "msg" not in item:
        return str(item)
    place = item.get("loc")
    where = ".".join(str(step) for step in place) if isinstance(place, list) else ""
    return f"{where}: {item['msg']}" if where else str(item["msg"])


def status_failure(status: int, headers: Mapping[str, str], body: bytes) -> LamellaError:
    """The error for a response with an error status, from its body."""
    found = read_error_body(body)
    context = _context(found.facts)
    for name in ("mistral-correlation-id", "x-request-id"):
        if request_id := headers.get(name):
            context["request_id"] = request_id
            break
    return status_error(
        status,
        f"HTTP {status}: {_said(found.facts) or found.text}",
        headers=headers,
        context=context,
        retryable=False if _NEVER_AGAIN & _words(found.facts) else retry_advice(headers),
    )
