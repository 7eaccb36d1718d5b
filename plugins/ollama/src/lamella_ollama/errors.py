"""From Ollama's errors to the errors of the tree.

An error is ``{"error": "a text"}``, with a status or, in the middle of a stream, as a line of its own
("Errors" in the API documentation). There are no codes: what waiting mends is told from the words.
"""

from __future__ import annotations

import re
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

__all__ = ["reported_error", "status_failure"]

_MISSING_MODEL: Final = re.compile(r"model ['\"]?(?P<name>[^\s'\"]+?)['\"]? (?:not found|does not exist)")
_CONTEXT: Final = re.compile(r"context (?:length|window|size)|too many tokens|prompt (?:is )?too long", re.I)
_QUOTA: Final = re.compile(r"usage limit|quota|upgrade", re.I)

_CLASSES: Final[tuple[tuple[re.Pattern[str], type[APIStatusError]], ...]] = (
    (re.compile(r"unauthorized|forbidden|invalid api key|\bsign ?in\b", re.I), AuthenticationError),
    (re.compile(r"rate limit|too many requests|usage limit", re.I), RateLimitError),
    (_CONTEXT, InvalidRequestError),
    (re.compile(r"^invalid|does not support|is required", re.I), InvalidRequestError),
    (_MISSING_MODEL, InvalidRequestError),
)
"""Words of errors that came without a status; anything else is a failure of the server."""


def reported_error(error: Wire, *, where: str) -> LamellaError:
    """The error for what a server reported after HTTP 200.

    :param where: what it came in, for the message.
    """
    facts: Mapping[str, Any] = error if isinstance(error, Mapping) else {"message": error}
    said = facts.get("message")
    message = said if isinstance(said, str) and said else "an error without a message"
    cls = next((cls for words, cls in _CLASSES if words.search(message)), ServerError)
    return cls(
        f"{where}: {_with_advice(message)}",
        context={name: facts[name] for name in ("code", "type") if facts.get(name) is not None},
        retryable=False if _QUOTA.search(message) else None,
    )


def status_failure(status: int, headers: Mapping[str, str], body: bytes) -> LamellaError:
    """The error for a response with an error status, from its body."""
    found = read_error_body(body)
    said = found.facts.get("message")
    message = said if isinstance(said, str) and said else found.text
    context = _context(found.body, headers)
    if status == 500 and _CONTEXT.search(message):
        return InvalidRequestError(f"HTTP {status}: {message}", status_code=status, context=context)
    return status_error(
        status,
        f"HTTP {status}: {_with_advice(message, status, context)}",
        headers=headers,
        context=context,
        retryable=False if status == 429 and _QUOTA.search(message) else retry_advice(headers),
    )


def _context(body: Wire, headers: Mapping[str, str]) -> dict[str, str]:
    context: dict[str, str] = {}
    if isinstance(body, Mapping) and isinstance(body.get("signin_url"), str):
        context["signin_url"] = body["signin_url"]
    if request_id := headers.get("x-request-id"):
        context["request_id"] = request_id
    return context


def _with_advice(message: str, status: int | None = None, context: Mapping[str, str] | None = None) -> str:
    """The message, with what to do about it where that is known."""
    if missing := _MISSING_MODEL.search(message):
        return f"{message}; download it: ollama pull {missing['name']}"
    if status in (401, 403):
        place = (context or {}).get("signin_url")
        asked = f"sign in at {place}" if place else "sign in (ollama signin)"
        return f"{message}; {asked}, or set OLLAMA_API_KEY"
    if status == 404:
        return f"{message}; base_url must be that of an Ollama server, without /api or /v1"
    return message
