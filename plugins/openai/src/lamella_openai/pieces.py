"""The pieces of items that a Responses stream sends before it sends the whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

__all__ = ["Key", "Part", "Pieces", "key_of"]

Wire: TypeAlias = Any

Key: TypeAlias = int | str | None
"""An item's ``output_index``, or its id where a server sends no index."""

Part: TypeAlias = Literal["text", "summary", "content", "arguments"]


def key_of(event: Mapping[str, Wire]) -> Key:
    """The key of the item that an event is about."""
    index = event.get("output_index")
    if index is not None:
        return int(index)
    item = event.get("item")
    return event.get("item_id") or (item.get("id") if isinstance(item, Mapping) else None)


class Pieces:
    """Collects pieces by item, kind of part, and number of the part."""

    def __init__(self) -> None:
        self._pieces: dict[tuple[Key, Part, int], list[str]] = {}

    def add_text(self, event: Mapping[str, Wire], delta: str) -> None:
        """Take a piece of visible text; the most frequent event there is."""
        owner = event.get("output_index")
        key: tuple[Key, Part, int] = (
            event.get("item_id") if owner is None else owner,
            "text",
            event.get("content_index") or 0,
        )
        try:
            self._pieces[key].append(delta)
        except KeyError:
            self._pieces[key] = [delta]

    def add(self, event: Mapping[str, Wire], part: Part) -> str:
        """Take the piece that an event brings and return it."""
        delta = str(event.get("delta") or "")
        index = event.get("summary_index") if part == "summary" else event.get("content_index")
        self._pieces.setdefault((key_of(event), part, index or 0), []).append(delta)
        return delta

    def unseen(self, key: Key, part: Part, index: int, text: str) -> str:
        """What of a whole text no piece had: a server may send only the whole."""
        seen = "".join(self._pieces.get((key, part, index), ()))
        return text[len(seen) :] if text.startswith(seen) else ""

    def texts(self, key: Key, part: Part) -> list[str]:
        """What came of the parts of an item, joined part by part."""
        return [
            "".join(found) for (owner, kind, _), found in self._pieces.items() if (owner, kind) == (key, part)
        ]
