"""Parts of ``generateContent``: what of them is kept beside a block, and the parts made again from both.

A block holds what every provider has (text, name, arguments); the rest of a part (its ``thoughtSignature``,
unknown fields) is the issuer's state and goes back to it as it came, in its place. A text that came in
several parts is one block: its *segments* say where the parts with something beside the text were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from lamella.content import Block

__all__ = ["GENERATE", "SIGNATURE", "Segments", "more_text", "rest_of", "state_of", "text_parts"]

Wire: TypeAlias = Any

GENERATE: Final = "generate"
"""The key of this API's state in ``block.opaque[issuer]``."""

SIGNATURE: Final = "thoughtSignature"


_USUAL: Final = frozenset({"candidates", "usageMetadata", "modelVersion", "responseId", "createTime"})
_USUAL_CANDIDATE: Final = frozenset({"content", "index"})
"""Fields of a chunk, and of its candidate, that say nothing about what is open."""


def rest_of(part: Mapping[str, Wire], *held: str) -> dict[str, Wire]:
    """What a part holds beside the fields that the block holds."""
    return {name: value for name, value in part.items() if name not in held and value is not None}


def more_text(chunk: Mapping[str, Wire]) -> str | None:
    """The text of the usual chunk, which says nothing else but its usage; ``None`` for any other."""
    try:
        (candidate,) = chunk["candidates"]
        content = candidate["content"]
        (part,) = content["parts"]
        text = part["text"]
        plain = type(text) is str and len(part) == 1 and not candidate.get("index")
        if plain and chunk.keys() <= _USUAL and candidate.keys() <= _USUAL_CANDIDATE:
            return str(text)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return None


def state_of(block: Block, issuer: str) -> Mapping[str, Any] | None:
    """What this API keeps at a block, ``None`` when the block is not its own."""
    state = block.opaque_for(issuer)
    found = state.get(GENERATE) if isinstance(state, dict) else None  # frozen, and so a dict or none
    return found if isinstance(found, dict) else None


class Segments:
    """Collects the text parts of one block. Neighbours without anything beside their text become one."""

    def __init__(self) -> None:
        self._segments: list[tuple[list[str], dict[str, Wire]]] = []

    def add(self, text: str, rest: dict[str, Wire]) -> None:
        """Take the text of a part and what stood beside it."""
        if not rest and not text:
            return
        if rest or not self._segments or self._segments[-1][1]:
            self._segments.append(([text], rest))
        else:
            self._segments[-1][0].append(text)

    def __bool__(self) -> bool:
        return bool(self._segments)

    @property
    def text(self) -> str:
        """All of it."""
        return "".join("".join(pieces) for pieces, _ in self._segments)

    @property
    def signature(self) -> str | None:
        """The last signature."""
        found = [rest[SIGNATURE] for _, rest in self._segments if isinstance(rest.get(SIGNATURE), str)]
        return found[-1] if found else None

    def state(self) -> dict[str, Wire]:
        """What of the parts is not in the text: the length of each in characters and its other fields."""
        if not any(rest for _, rest in self._segments):
            return {}
        return {"segments": [[sum(map(len, pieces)), rest] for pieces, rest in self._segments]}


def text_parts(
    text: str, state: Mapping[str, Any] | None, fixed: Mapping[str, Wire]
) -> list[dict[str, Wire]] | None:
    """The parts of a text again, ``None`` when the text is no longer the one that the state belongs to.

    :param fixed: fields of each part, such as ``thought``.
    """
    segments = (state or {}).get("segments")
    if segments is None:
        return [{"text": text, **fixed}] if text else []
    if not _fits(segments, text):
        return None
    parts, start = [], 0
    for length, rest in segments:
        parts.append({"text": text[start : start + length], **fixed, **rest})
        start += length
    return parts


def _fits(segments: Any, text: str) -> bool:
    if not isinstance(segments, Sequence):
        return False
    total = 0
    for segment in segments:
        whole = isinstance(segment, Sequence) and len(segment) == 2  # length and fields
        if not whole or not isinstance(segment[0], int) or not isinstance(segment[1], Mapping):
            return False
        total += segment[0]
    return total == len(text)
