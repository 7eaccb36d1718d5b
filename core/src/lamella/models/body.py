"""``Body``: a payload as the JSON that is sent; long texts in it are written piece by piece.

A picture of 40 MB is 53 MB of base64 in its payload. Written in one, JSON would hold it thrice more at its peak: in
quotes, as text and as bytes.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final

import attrs

from lamella._frozen import Wire
from lamella.errors import AgentSerializationError

__all__ = ["Body", "body_of"]

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_LONG: Final = 1 << 18  # characters; shorter texts are not worth a piece of their own
_PIECE: Final = 1 << 16


@attrs.frozen(eq=False)
class Body:
    """A JSON text whose long strings are written when it is read. It can be read again, for a redirect."""

    _pieces: tuple[bytes | str, ...] = attrs.field(repr=False)
    length: int
    """In bytes."""

    def pieces(self) -> Iterator[bytes]:
        """The text in UTF-8, piece by piece."""
        for piece in self._pieces:
            if isinstance(piece, bytes):
                yield piece
            else:
                yield from _written(piece)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces():
            yield piece


def body_of(payload: Mapping[str, Wire]) -> bytes | Body:
    """The payload as JSON: bytes, or a ``Body`` where it holds texts of 262,144 characters and more.

    :raises AgentSerializationError: something in it is no JSON.
    """
    try:
        if not _has_long(payload):
            return _encoded(payload)
        long: dict[str, str] = {}
        text = _encoded(_without_long(payload, secrets.token_hex(16), long))
        return _cut(text, long)
    except (TypeError, ValueError, RecursionError) as error:
        raise AgentSerializationError(
            f"the request cannot be written as JSON: {error}", cause=error
        ) from error


def _encoded(value: Any) -> bytes:
    """JSON in UTF-8; where there is a lone surrogate, which UTF-8 cannot hold, everything is escaped."""
    try:
        return _ENCODER.encode(value).encode()
    except UnicodeEncodeError:
        return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()


def _has_long(payload: Mapping[str, Any]) -> bool:
    """Whether there is a long text in it. Asked for each request, so nothing is called for a short one."""
    stack: list[Any] = [[value for key, value in payload.items() if key != "tools"]]  # schemas hold no media
    while stack:
        value = stack.pop()
        for item in value.values() if isinstance(value, dict) else value:
            if isinstance(item, str):
                if len(item) >= _LONG:
                    return True
            elif isinstance(item, dict | list | tuple):
                stack.append(item)
    return False


def _without_long(value: Any, mark: str, long: dict[str, str]) -> Any:
    """The value, with a mark in place of each long text; the value itself where it has none."""
    if isinstance(value, str):
        if len(value) < _LONG:
            return value
        name = f"{mark}{len(long)}"
        long[name] = value
        return name
    if isinstance(value, Mapping):
        items: Any = value.items()
    elif isinstance(value, list | tuple):
        items = enumerate(value)
    else:
        return value
    changed = {
        key: new
        for key, item in items
        if isinstance(item, str | Mapping | list | tuple)
        and (new := _without_long(item, mark, long)) is not item
    }
    if not changed:
        return value
    if isinstance(value, Mapping):
        return {**value, **changed}
    return [changed.get(place, item) for place, item in enumerate(value)]


def _cut(text: bytes, long: Mapping[str, str]) -> Body:
    pieces: list[bytes | str] = []
    length = 0
    for mark, value in long.items():  # in the order in which they stand in the text
        before, text = text.split(f'"{mark}"'.encode(), 1)
        pieces += (before, value)
        length += len(before) + sum(map(len, _written(value)))
    return Body((*pieces, text), length + len(text))


def _written(text: str) -> Iterator[bytes]:
    """A JSON string, piece by piece."""
    yield b'"'
    for start in range(0, len(text), _PIECE):
        yield _encoded(text[start : start + _PIECE])[1:-1]
    yield b'"'
