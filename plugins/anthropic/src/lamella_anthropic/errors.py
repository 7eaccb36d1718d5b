"""From Anthropic's error objects to the errors of the tree.

A body is ``{"type": "error", "error": {"type", "message", "details"?}, "request_id"}`` ("Errors" in the API
reference); in the middle of a stream it comes as an event of the same form, after HTTP 200.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lamella.errors import APIStatusError, LamellaError
from lamella.models import status_error
from lamella.providers import Wire, read_error_body, retry_advice

__all__ = ["reported_error", "status_failure"]

_STATUS: Final[Mapping[str, int]] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "internal_server_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""The status that each type of error has when it is no part of a stream."""

_NEVER_AGAIN: Final = "billing_error"


def reported_error(chunk: Mapping[str, Wire], *, where: str) -> LamellaError:
    """The error for an error object that came in the body of a response, after HTTP 200.

    :param where: what it came in, for the message.
    """
    error = chunk.get("error")
    facts: Mapping[str, Any] = error if isinstance(error, Mapping) else {}
    said = facts.get("message") if facts else error
    known = isinstance(said, str) and bool(said)
    message = f"{where}: {said}" if known else f"{where} reported an error without a message"
    kind = facts.get("type")
    status = _STATUS.get(kind) if isinstance(kind, str) else None
    cls: type[APIStatusError] = type(status_error(status, ""))
    return cls(message, context=_context(facts, chunk.get("request_id")), retryable=_verdict(kind, status))


def status_failure(status: int, headers: Mapping[str, str], body: bytes) -> LamellaError:
    """The error for a response with an error status, from its body."""
    found = read_error_body(body)
    said = found.facts.get("message")
    message = said if isinstance(said, str) and said else found.text
    echoed = found.body.get("request_id") if isinstance(found.body, Mapping) else None
    verdict = _verdict(found.facts.get("type"), None)
    return status_error(
        status,
        f"HTTP {status}: {message}",
        headers=headers,
        context=_context(found.facts, headers.get("request-id") or echoed),
        retryable=retry_advice(headers) if verdict is None else verdict,
    )


def _verdict(kind: Wire, status: int | None) -> bool | None:
    """Whether trying again helps, where the class of the error does not say it."""
    if kind == _NEVER_AGAIN:
        return False
    return True if status == 409 else None


def _context(facts: Mapping[str, Wire], request_id: Wire) -> dict[str, str]:
    details = facts.get("details")
    code = details.get("error_code") if isinstance(details, Mapping) else None
    found = {"type": facts.get("type"), "code": code or facts.get("code"), "request_id": request_id}
    return {name: str(value) for name, value in found.items() if value is not None}
