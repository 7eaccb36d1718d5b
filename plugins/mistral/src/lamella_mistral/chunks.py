"""Content chunks: what of a chunk is kept beside its block, and the chunks made again from both.

A block holds what every provider has (text, reasoning, signature). The rest of its chunk (``closed``,
references, unknown fields) is the issuer's state and goes back to it as it came. What the block already
holds is not kept twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from lamella._frozen import thaw
from lamella.content import OpaqueContent, ReasoningBlock, TextBlock
from lamella.errors import AgentParsingError
from lamella.events import MessageOutputDone, OtherEvent, ReasoningDone
from lamella.providers import Wire

__all__ = ["TextRun", "ThinkingRun", "opaque_event", "text_chunks", "thinking_chunk"]

_THINKING: Final = ("type", "thinking", "signature")


# -- reading --------------------------------------------------------------------------------------


class TextRun:
    """Text that is one block: pieces, and the references that stand between them."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self._references: list[dict[str, Wire]] = []
        self._rest: dict[str, Wire] = {}

    def add(self, text: str) -> None:
        """Take a piece."""
        self._pieces.append(text)
        self._length += len(text)

    def add_chunk(self, chunk: Mapping[str, Wire]) -> str:
        """Take a text chunk and return its text."""
        text = chunk.get("text")
        if not isinstance(text, str):
            raise AgentParsingError(f"a text chunk must have a text, got {chunk!r:.200}")
        self._rest |= {name: value for name, value in chunk.items() if name not in ("type", "text")}
        self.add(text)
        return text

    def refer(self, chunk: Mapping[str, Wire]) -> None:
        """Take a reference, which is about the text before it."""
        self._references.append({"position": self._length, "chunk": dict(chunk)})

    def done(self, issuer: str, chunk: Wire, item: str | None, logprobs: Sequence[Wire]) -> list[Any]:
        """The block's event; nothing where nothing was said."""
        text = "".join(self._pieces)
        if not text:
            return [opaque_event(found["chunk"], issuer, chunk) for found in self._references]
        state: dict[str, Wire] = {}
        if self._references:
            state["references"] = self._references
        if self._rest:
            state["rest"] = self._rest
        return [
            MessageOutputDone(
                id=item,
                raw_event=chunk,
                output=text,
                annotations=[{**found["chunk"], "position": found["position"]} for found in self._references],
                logprobs=tuple(logprobs) or None,
                opaque={issuer: state} if state else {},
            )
        ]


class ThinkingRun:
    """Thinking that is one chunk: a stream sends it in pieces, each in the form of a whole."""

    def __init__(self) -> None:
        self._parts: list[dict[str, Wire]] = []
        self._signature: str | None = None
        self._rest: dict[str, Wire] = {}

    @property
    def signed(self) -> bool:
        """Whether a signature came, which ends a chunk."""
        return self._signature is not None

    def add_chunk(self, chunk: Mapping[str, Wire]) -> str:
        """Take a chunk, or a piece of one, and return its text."""
        found = chunk.get("thinking")
        if isinstance(found, str):
            found = [{"type": "text", "text": found}]
        if not isinstance(found, list) or not all(isinstance(part, Mapping) for part in found):
            raise AgentParsingError(f"a thinking chunk must have a list of chunks, got {chunk!r:.200}")
        signature = chunk.get("signature")
        if signature is not None:
            self._signature = str(signature)
        self._rest |= {name: value for name, value in chunk.items() if name not in _THINKING}
        return "".join(self._add_part(part, first=place == 0) for place, part in enumerate(found))

    def _add_part(self, part: Mapping[str, Wire], *, first: bool) -> str:
        text = part.get("text") if part.get("type") == "text" else None
        if not isinstance(text, str):
            self._parts.append(dict(part))
            return ""
        last = self._parts[-1] if self._parts else None
        # The first part of a piece goes on with the last part of the piece before it.
        if first and last is not None and _is_plain(last) and _is_plain(part):
            last["text"] += text
        else:
            self._parts.append(dict(part))
        return text

    def done(self, issuer: str, chunk: Wire, item: str | None) -> ReasoningDone:
        """The block's event."""
        texts = [part["text"] for part in self._parts if isinstance(part.get("text"), str)]
        state: dict[str, Wire] = {"rest": self._rest}
        if len(self._parts) != 1 or not _is_plain(self._parts[0]):
            state["thinking"] = self._parts
        return ReasoningDone(
            id=item,
            raw_event=chunk,
            text="".join(texts) if texts else None,
            signature=self._signature,
            provider=issuer,
            opaque={issuer: state},
        )


def _is_plain(part: Mapping[str, Wire]) -> bool:
    return part.keys() == {"type", "text"} and part["type"] == "text"


def opaque_event(item: Mapping[str, Wire], issuer: str, chunk: Wire) -> OtherEvent:
    """The event of a chunk that is no text and no thinking: a resource, a file, or one not known here."""
    kind = str(item.get("type") or "chunk")
    block = OpaqueContent(type=f"{issuer}.{kind}", provider=issuer, data={"item": item})
    return OtherEvent(raw_event=chunk, name=f"content.{kind}", block=block)


# -- writing --------------------------------------------------------------------------------------


def text_chunks(block: TextBlock, state: Mapping[str, Wire]) -> list[dict[str, Wire]]:
    """The chunks of a text block: text, and its references where they stood."""
    found: list[dict[str, Wire]] = []
    begin = 0
    for reference in state.get("references", ()):
        end = reference["position"]
        _add_text(found, block.text[begin:end], state)
        found.append(thaw(reference["chunk"]))
        begin = max(begin, end)
    _add_text(found, block.text[begin:], state)
    return found


def _add_text(chunks: list[dict[str, Wire]], text: str, state: Mapping[str, Wire]) -> None:
    if text:
        rest = {} if any(chunk.get("type") == "text" for chunk in chunks) else thaw(state.get("rest", {}))
        chunks.append({"type": "text", "text": text, **rest})


def thinking_chunk(block: ReasoningBlock, state: Mapping[str, Wire]) -> dict[str, Wire]:
    """The chunk of a reasoning block, with its signature and the rest of it as they came."""
    parts = thaw(state["thinking"]) if "thinking" in state else [{"type": "text", "text": block.text or ""}]
    chunk: dict[str, Wire] = {"type": "thinking", "thinking": parts}
    if block.signature is not None:
        chunk["signature"] = block.signature
    return {**chunk, **thaw(state.get("rest", {}))}
