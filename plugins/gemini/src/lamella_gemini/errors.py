"""From Google's error objects to the errors of the tree.

Error objects are ``{"code", "message", "status", "details"}`` (google.rpc.Status); ``details`` hold an
``ErrorInfo`` with a reason, a ``QuotaFailure`` that says which quota, and a ``RetryInfo`` with the time to wait.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from lamella.errors import APIStatusError, AuthenticationError, LamellaError
from lamella.models import status_error
from lamella.providers import Wire, read_error_body, retry_advice

__all__ = ["reported_error", "status_failure"]

_STATUS: Final = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "ALREADY_EXISTS": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "DATA_LOSS": 500,
    "INTERNAL": 500,
    "UNKNOWN": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""The HTTP statuses of google.rpc.Code, by their names."""

_KEY_REASONS: Final = frozenset({"API_KEY_INVALID", "API_KEY_EXPIRED", "API_KEY_SERVICE_BLOCKED"})
"""A wrong key is a 400 here."""

_DELAY: Final = re.compile(r"(\d+(?:\.\d+)?)s")


def status_failure(status: int, headers: Mapping[str, str], body: bytes) -> LamellaError:
    """The error for a response with an error status, from its body."""
    found = read_error_body(body)
    said = found.facts.get("message")
    message = said if isinstance(said, str) and said else found.text
    return _failure(found.facts, f"HTTP {status}: {message}", status, headers)


def reported_error(error: Wire, *, where: str) -> LamellaError:
    """The error for an error object that came in the body of a response, after HTTP 200.

    :param where: what it came in, for the message.
    """
    facts = error if isinstance(error, Mapping) else {}
    said = facts.get("message") if facts else error
    given = isinstance(said, str) and said
    message = f"{where}: {said}" if given else f"{where} reported an error without a message"
    made = _failure(facts, message, _code(facts), {})
    made.status_code = None  # the response itself was HTTP 200
    return made


def _failure(
    facts: Mapping[str, Any], message: str, status: int | None, headers: Mapping[str, str]
) -> APIStatusError:
    details = list(_details(facts))
    made = status_error(
        status,
        message,
        headers=headers,
        context=_context(facts, details),
        retryable=False if _is_final(facts, details, message) else retry_advice(headers),
    )
    if _is_about_the_key(details, message):
        made = AuthenticationError(
            message, status_code=status, context=made.context, retry_after=made.retry_after
        )
    if made.retry_after is None:
        made.retry_after = _delay(details)
    return made


def _context(facts: Mapping[str, Any], details: list[Mapping[str, Any]]) -> dict[str, Any]:
    context = {name: facts[name] for name in ("code", "status") if isinstance(facts.get(name), str | int)}
    if reasons := [reason for detail in details if isinstance(reason := detail.get("reason"), str)]:
        context["reason"] = reasons[0]
    if quotas := list(_quotas(details)):
        context["quotas"] = quotas
    return context


def _is_final(facts: Mapping[str, Any], details: list[Mapping[str, Any]], message: str) -> bool:
    """Whether waiting does not mend it: a quota of the day, none at all, or what the server does not have."""
    if facts.get("status") == "UNIMPLEMENTED":
        return True
    return any("PerDay" in quota for quota in _quotas(details)) or "limit: 0," in message


def _is_about_the_key(details: list[Mapping[str, Any]], message: str) -> bool:
    return any(detail.get("reason") in _KEY_REASONS for detail in details) or (
        "API key not valid" in message or "API key expired" in message
    )


def _code(facts: Mapping[str, Any]) -> int | None:
    """The HTTP status that an error object speaks of, in a number or a word."""
    code = facts.get("code")
    if isinstance(code, str) and code.isdigit():
        code = int(code)
    if isinstance(code, int) and not isinstance(code, bool) and 400 <= code < 600:
        return code
    words = (facts.get("status"), code)
    return next(
        (_STATUS[word.upper()] for word in words if isinstance(word, str) and word.upper() in _STATUS), None
    )


def _details(facts: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    details = facts.get("details")
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, Mapping):
            yield detail


def _quotas(details: list[Mapping[str, Any]]) -> Iterator[str]:
    for detail in details:
        violations = detail.get("violations")
        for violation in violations if isinstance(violations, list) else ():
            if isinstance(violation, Mapping) and isinstance(violation.get("quotaId"), str):
                yield violation["quotaId"]


def _delay(details: list[Mapping[str, Any]]) -> float | None:
    """Seconds to wait, from a ``RetryInfo`` such as ``{"retryDelay": "37s"}``."""
    for detail in details:
        given = detail.get("retryDelay")
        if isinstance(given, str) and (found := _DELAY.fullmatch(given)):
            return float(found[1])
    return None
