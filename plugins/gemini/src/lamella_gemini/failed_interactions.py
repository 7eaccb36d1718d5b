"""From an interaction that failed to the errors of the tree.

Errors of the Interactions API are ``{"code": "a_word", "message"}``; the rest of Google's are
``google.rpc.Status``. Where an interaction only says that it failed, its ``errors`` or the ``error`` of a step
may say why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from lamella.errors import LamellaError
from lamella.providers import Wire
from lamella_gemini.errors import reported_error

__all__ = ["FAILED", "interaction_failure"]

FAILED: Final = ("failed", "cancelled")
"""The statuses of an interaction without an answer."""

_WORDS: Final = {
    "api_error": "INTERNAL",
    "bad_gateway": "UNAVAILABLE",
    "gateway_timeout": "DEADLINE_EXCEEDED",
    "internal_error": "INTERNAL",
    "internal_server_error": "INTERNAL",
    "invalid_request": "INVALID_ARGUMENT",
    "overloaded": "UNAVAILABLE",
    "quota_exceeded": "RESOURCE_EXHAUSTED",
    "rate_limit_exceeded": "RESOURCE_EXHAUSTED",
    "server_error": "INTERNAL",
    "service_unavailable": "UNAVAILABLE",
    "timeout": "DEADLINE_EXCEEDED",
    "too_many_requests": "RESOURCE_EXHAUSTED",
}
"""Words that error events have as codes, by the name of the google.rpc.Code that means it."""


def interaction_failure(interaction: Mapping[str, Wire]) -> LamellaError:
    """The error of an interaction that failed, or that says it has an error."""
    error = next(_errors(interaction), None)
    if error is None:
        status = interaction.get("status")
        cancelled = {"status": "CANCELLED"} if status == "cancelled" else {}
        error = {"message": f"it has the status {status!r} and gives no reason", **cancelled}
    if isinstance(error, Mapping):
        word = _WORDS.get(str(error.get("code")).lower())
        error = error if word is None or error.get("status") else {**error, "status": word}
    return reported_error(error, where="the interaction")


def _errors(interaction: Mapping[str, Wire]) -> Iterator[Any]:
    if interaction.get("error"):
        yield interaction["error"]
    for name in ("errors", "steps"):
        entries = interaction.get(name)
        for entry in entries if isinstance(entries, list | tuple) else ():
            error = entry.get("error") if isinstance(entry, Mapping) and name == "steps" else entry
            if error:
                yield error
