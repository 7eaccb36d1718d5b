"""From what goes wrong on the way to a server to the errors of the tree: what all vendors have alike."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any, Final

import attrs

from lamella._frozen import Wire
from lamella.errors import (
    APIConnectionError,
    APITimeoutError,
    LamellaError,
    PluginError,
    StreamInterruptedError,
)

__all__ = [
    "ErrorBody",
    "http_failure",
    "http_library",
    "interrupted",
    "read_error_body",
    "retry_advice",
    "sdk_missing",
]

_SHOWN: Final = 500
"""Characters of a body without an error object that a message shows."""

_HTTP_LIBRARIES: Final = ("httpx2", "httpx")


def interrupted(what: str) -> StreamInterruptedError:
    """The stream ended before ``what``, its terminal marker, had come."""
    return StreamInterruptedError(f"the stream ended before {what}; the answer is incomplete")


def sdk_missing(error: ImportError, sdk: str, distribution: str) -> PluginError:
    """A vendor's SDK cannot be imported; ``distribution`` is the plugin that depends on it."""
    return PluginError(
        f"the {sdk} SDK cannot be imported ({error}); install it: pip install --upgrade {distribution}",
        cause=error,
    )


@attrs.frozen(kw_only=True)
class ErrorBody:
    """The body of an error status: its ``facts`` (the error object, empty if there is none) and its text.

    ``text`` is what to say when the facts hold no message; ``body`` is the whole parsed body.
    """

    facts: Mapping[str, Any]
    text: str
    body: Wire = None


def read_error_body(body: bytes, *, inner: str = "error") -> ErrorBody:
    """Read the body of an error status, JSON or not; a list of one error counts as that error.

    :param inner: the key under which a vendor puts the error object.
    """
    text = body.decode("utf-8", "replace").strip()
    shown = text[:_SHOWN] or "no reason given"
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return ErrorBody(facts={}, text=shown)
    if isinstance(parsed, list) and len(parsed) == 1:
        parsed = parsed[0]
    facts = parsed.get(inner, parsed) if isinstance(parsed, Mapping) else {}
    if not isinstance(facts, Mapping):
        return ErrorBody(facts={}, text=str(facts), body=parsed)
    return ErrorBody(facts=facts, text=shown, body=parsed)


def retry_advice(headers: Mapping[str, str]) -> bool | None:
    """What a server says about trying again in ``x-should-retry``, ``None`` when it says nothing."""
    return {"true": True, "false": False}.get(headers.get("x-should-retry", ""))


def http_library(thing: object) -> Any:
    """The module, httpx2 or httpx, that a client or an exception is of; ``None`` if it is of neither.

    The SDKs are moving from one to the other, so what is asked is the object and not the SDK.
    """
    roots = (cls.__module__.partition(".")[0] for cls in type(thing).__mro__)
    return next((sys.modules[root] for root in roots if root in _HTTP_LIBRARIES), None)


def http_failure(error: Exception, shown_url: str) -> LamellaError:
    """The error for an exception that left an HTTP library.

    :param shown_url: the base URL without credentials, for the message.
    """
    http = http_library(error)
    if http is None:
        return APIConnectionError(
            f"the request to {shown_url} failed: {type(error).__name__}: {error}",
            cause=error,
            retryable=False,
        )
    if isinstance(error, http.TimeoutException):
        return APITimeoutError(f"{shown_url} did not answer in time; raise timeout=…", cause=error)
    if isinstance(error, http.ConnectError):
        return APIConnectionError(f"cannot reach {shown_url}: {error}", cause=error)
    if isinstance(error, http.HTTPError | http.StreamError):
        said = str(error) or type(error).__name__
        return StreamInterruptedError(f"the connection to {shown_url} broke: {said}", cause=error)
    return APIConnectionError(f"the request to {shown_url} failed: {error}", cause=error, retryable=False)
