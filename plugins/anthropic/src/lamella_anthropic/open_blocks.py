"""The content blocks of a stream while they are received: put together from their pieces, and given in order.

A block that is complete is the block that an unstreamed answer would have held.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamella._json import dumps, parse_object
from lamella.events import Event
from lamella.providers import Wire
from lamella_anthropic.blocks import input_of, kind_of

__all__ = ["BlockQueue", "OpenBlock", "list_item"]


class OpenBlock:
    """A block of a stream that is being received.

    :param index: its place among the blocks.
    :param start: the block as ``content_block_start`` gave it.
    """

    __slots__ = ("_held", "closed", "index", "json", "kind", "live", "pieces", "start")

    def __init__(self, index: int, start: Mapping[str, Wire]) -> None:
        self.index = index
        self.start = start
        self.kind = kind_of(start)
        self.pieces: dict[str, list[Any]] = {}
        self.json: list[str] = []
        self.closed = False
        self.live = False
        self._held: list[Event] = []

    def emit(self, *events: Event) -> list[Event]:
        """The events, if it is this block's turn; else they are held until it is."""
        if self.live:
            return list(events)
        self._held += events
        return []

    def release(self) -> list[Event]:
        """It is this block's turn: what was held."""
        self.live = True
        held, self._held = self._held, []
        return held

    def add(self, field: str, piece: Wire) -> None:
        """Take a piece of a field: texts are joined, list items appended, anything else replaces."""
        self.pieces.setdefault(field, []).append(piece)

    def arguments(self) -> str:
        """The arguments of a call as they were received; the start's own where no piece had text."""
        joined = "".join(self.json)
        return joined if joined else dumps(input_of(self.start))

    def whole(self) -> tuple[dict[str, Wire], str | None]:
        """The block in one piece; beside it the text of an input that is no JSON object."""
        item = dict(self.start)
        for field, pieces in self.pieces.items():
            item[field] = _joined(item.get(field), pieces)
        if not any(self.json):
            return item, None
        text = "".join(self.json)
        parsed = parse_object(text)
        if parsed is not None:
            item["input"] = parsed
        return item, text if parsed is None else None


class BlockQueue:
    """The blocks that were begun, in the order of their indexes: one is live, later ones are held.

    An index that does not follow on the last may be early, so its block waits; once it has ended and a yet
    later one begins, the stream is taken to be in order and the missing one to be left out.
    """

    def __init__(self) -> None:
        self._blocks: list[OpenBlock] = []
        self._next = 0

    @property
    def after_last(self) -> int:
        """The index of a block that was sent without one."""
        return max((self._next, *(block.index + 1 for block in self._blocks)))

    def add(self, block: OpenBlock) -> list[Event]:
        """Take a block that begins, and give the events whose turn it is."""
        first = self._blocks[0] if self._blocks else None
        if first is not None and first.closed and block.index > first.index:
            self._next = max(self._next, first.index)
        live = self._blocks[:1] if first is not None and first.live else []
        self._blocks = [*live, *sorted([*self._blocks[len(live) :], block], key=lambda each: each.index)]
        return self.advance()

    def advance(self, *, everything: bool = False) -> list[Event]:
        """The events of the blocks whose turn it is; the last of them may go on.

        :param everything: nothing will come before those that wait.
        """
        events: list[Event] = []
        while self._blocks:
            first = self._blocks[0]
            if first.index > self._next and not everything:
                break
            events += first.release()
            if not first.closed:
                break
            self._next = max(self._next, first.index + 1)
            del self._blocks[0]
        return events


def _joined(known: Wire, pieces: list[Any]) -> Wire:
    if all(isinstance(piece, str) for piece in pieces):
        return (known if isinstance(known, str) else "") + "".join(pieces)
    if all(isinstance(piece, _Item) for piece in pieces):
        return [*(known if isinstance(known, list) else ()), *(piece.value for piece in pieces)]
    return pieces[-1]


class _Item:
    """A piece that is one item of a list."""

    __slots__ = ("value",)

    def __init__(self, value: Wire) -> None:
        self.value = value


def list_item(value: Wire) -> _Item:
    """One item of a list, as a piece of a field."""
    return _Item(value)
