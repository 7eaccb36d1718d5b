"""``RequestOptions``: how one request is sent, apart from what it says."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

from lamella._frozen import FrozenDict
from lamella.errors import AgentInputError

__all__ = ["RequestOptions", "header_fields", "query_fields"]

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def header_fields(given: Mapping[str, str] | None) -> FrozenDict:
    """HTTP header fields, checked: a line break in a name or a value would smuggle in another header.

    :raises AgentInputError: a name that is no token, or a value with control characters. The value is not
        shown: headers hold secrets.
    """
    for name, value in _pairs(given, "headers"):
        if not _NAME.fullmatch(name):
            raise AgentInputError(f"headers: {name!r:.80} is no name of an HTTP header")
        if not _VALUE.fullmatch(value) or value != value.strip():
            raise AgentInputError(
                f"headers: the value of {name!r} holds line breaks, control characters, spaces at its ends, or "
                "characters beyond Latin-1; a header takes none of them"
            )
    return FrozenDict(given or {})


def query_fields(given: Mapping[str, str] | None) -> FrozenDict:
    """Query parameters, checked to be texts; they are percent-encoded when they are sent."""
    _pairs(given, "query")
    return FrozenDict(given or {})


def _names(fields: Mapping[str, str]) -> str:
    return str(sorted(fields))


def _pairs(given: Any, what: str) -> list[tuple[str, str]]:
    if given is None:
        return []
    if not isinstance(given, Mapping):
        raise AgentInputError(f"{what} must be a dict of texts, got {type(given).__name__}")
    for name, value in given.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise AgentInputError(
                f"{what} must be a dict of texts, got {type(value).__name__} for {name!r:.80}"
            )
    return list(given.items())


def _seconds(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is None:
        return
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or value <= 0
    ):
        raise AgentInputError(f"RequestOptions.timeout must be seconds > 0 or None, got {value!r:.80}")


def _count(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise AgentInputError(f"RequestOptions.max_retries must be a count >= 0 or None, got {value!r:.80}")


@attrs.frozen(kw_only=True)
class RequestOptions:
    """What one request is sent with, over the settings of its model.

    ``headers`` and ``query`` are added to the model's own and win over them; ``timeout`` is in seconds
    for the next byte, ``max_retries`` the attempts after the first; ``None`` leaves the model's. What
    goes into the body is ``ModelRequest.extra``. Values of headers and of the query are in no repr.
    """

    headers: Mapping[str, str] = attrs.field(default=None, converter=header_fields, repr=_names)
    query: Mapping[str, str] = attrs.field(default=None, converter=query_fields, repr=_names)
    timeout: float | None = attrs.field(default=None, validator=_seconds)
    max_retries: int | None = attrs.field(default=None, validator=_count)
