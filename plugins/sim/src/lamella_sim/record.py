"""``RecordedRequest``: what the server was asked, for tests to look at. Secrets are blotted out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from lamella._frozen import freeze, freeze_mapping
from lamella.content import MediaContent
from lamella.messages import Message
from lamella_sim.received import places

__all__ = ["RecordedRequest", "redact", "redact_query"]

_SECRET: Final = ("authorization", "api-key", "apikey", "cookie", "token", "secret")


@attrs.frozen(kw_only=True)
class RecordedRequest:
    """One request.

    ``headers`` have lower-case names, those that carry secrets read ``***``. ``json`` is the parsed
    body, ``None`` when it was no JSON. ``messages`` are what the wire read from it: the conversation in
    Lamella's words, with its media decoded; empty when the request was refused. ``status`` is what was
    answered, ``fault`` the injected fault.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = attrs.field(factory=dict, converter=freeze_mapping, repr=False)
    json: Any = attrs.field(default=None, converter=freeze, repr=False)
    messages: tuple[Message, ...] = attrs.field(default=(), repr=False)
    status: int = 200
    fault: object | None = None

    @property
    def media(self) -> tuple[MediaContent, ...]:
        """The media of the conversation in order, that of tool outputs among them."""
        return tuple(place.media for place in places(self.messages))


def redact(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers without secrets: the name stays, the value becomes ``***``."""
    return {
        name.lower(): "***" if any(word in name.lower() for word in _SECRET) else value
        for name, value in headers
    }


def redact_query(query: str) -> str:
    """A query without the value of ``key``, which is the API key where a vendor takes one in the URL."""
    return re.sub(r"(^|&)key=[^&]*", r"\1key=***", query)
