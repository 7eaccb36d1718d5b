"""A reply as the chunks of Mistral's stream.

As on the real wire: thinking comes as lists, its last piece together with the first of the text; text
then comes as strings; all calls come whole in the last chunk, with the finish reason and the usage.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from lamella._json import dumps
from lamella_sim.reply import Reply
from lamella_sim.steps import Delay, Reasoning, Refusal, Step, Text, ToolCall
from lamella_sim.wires.mistral_reply import calls_of, finish_reason, thinking_chunk, thought, usage_object
from lamella_sim.wires.wire import Pause, Piece

__all__ = ["frame", "head", "stream_chunks"]

_PADDING: Final = "abcdefghijklmnopqrstuvwxyz0123456789"


def frame(data: dict[str, Any]) -> bytes:
    """A server-sent event; this wire names none."""
    return f"data: {dumps(data)}\n\n".encode("utf-8", "surrogatepass")


def head(reply: Reply, kind: str) -> dict[str, Any]:
    """What a completion and each of its chunks begin with."""
    return {"id": reply.id, "object": kind, "created": reply.created, "model": reply.model}


def stream_chunks(reply: Reply) -> Iterator[Piece]:
    """The chunks of a completion; a scripted error takes the place of its end (the caller sends it)."""
    yield _chunk(reply, {"role": "assistant", "content": ""}, padded=False)
    held: Any = None  # the last content, which goes with the finish reason
    for content in _contents(reply):
        if held is not None:
            yield _chunk(reply, {"content": held})
        held = None if isinstance(content, Pause) else content
        if isinstance(content, Pause):
            yield content
    calls = calls_of(reply)
    if held is not None and (calls or reply.error is not None):
        yield _chunk(reply, {"content": held})
    if reply.error is None:
        last = {"tool_calls": calls} if calls else {"content": held if held is not None else ""}
        yield _chunk(reply, last, end=True)
        yield b"data: [DONE]\n\n"


def _chunk(reply: Reply, delta: dict[str, Any], *, end: bool = False, padded: bool = True) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason(reply) if end else None}
    chunk: dict[str, Any] = {**head(reply, "chat.completion.chunk"), "choices": [choice]}
    if end:
        chunk["usage"] = usage_object(reply.usage)
    if padded:
        chunk["p"] = _PADDING[: 1 + len(dumps(delta)) % len(_PADDING)]
    return frame(chunk)


def _contents(reply: Reply) -> Iterator[Any]:
    """The contents of the deltas, and the silences."""
    steps = [step for step in reply.steps if not isinstance(step, ToolCall)]
    spoken = [step for step in steps if not isinstance(step, Text | Refusal) or step.text]
    thought_chunks = _Thought(reply)
    closing: list[dict[str, Any]] = []  # the end of a thought, which waits for the text after it
    for index, step in enumerate(spoken):
        if isinstance(step, Reasoning):
            *pieces, last = thought_chunks.pieces(step)
            yield from ([piece] for piece in pieces)
            closing = thought_chunks.end(last) if _ends_thought(spoken[index + 1 :]) else []
            yield from [] if closing else [[last]]
        elif isinstance(step, Delay):
            yield from [closing] if closing else []
            closing = []
            yield Pause(step.seconds)
        elif isinstance(step, Text | Refusal):
            for piece in reply.pieces(step.text):
                yield [*closing, {"type": "text", "text": piece}] if closing else piece
                closing = []
    if closing:
        yield closing


def _ends_thought(following: Sequence[Step]) -> bool:
    """Whether no more reasoning comes before the next text."""
    spoken = (step for step in following if not isinstance(step, Delay))
    return not isinstance(next(spoken, None), Reasoning)


class _Thought:
    """Reasoning in a row: all its pieces but the first say ``closed``, the last one is signed."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.begun = False
        self.signature: str | None = None

    def pieces(self, step: Reasoning) -> list[dict[str, Any]]:
        """The chunks of a step, at least one."""
        self.signature = step.signature or self.signature
        return [self._piece(text) for text in self.reply.pieces(thought(step)) or [""]]

    def _piece(self, text: str) -> dict[str, Any]:
        closed = {"closed": True} if self.begun else {}
        self.begun = True
        return {"type": "thinking", "thinking": [{"type": "text", "text": text}], **closed}

    def end(self, last: dict[str, Any]) -> list[dict[str, Any]]:
        """The last chunk, signed."""
        signature, self.begun, self.signature = self.signature, False, None
        return [thinking_chunk(last["thinking"][0]["text"], signature)]
