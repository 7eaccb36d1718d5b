"""A reply as the events of Anthropic's stream, from ``message_start`` to ``message_stop``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from lamella._json import dumps
from lamella_sim.reply import Reply
from lamella_sim.steps import Delay, Step, ToolCall
from lamella_sim.wires.anthropic_reply import (
    content_block,
    delta_usage,
    message_object,
    speaking,
    stop_fields,
    usage_object,
)
from lamella_sim.wires.wire import Asked, Pause, Piece

__all__ = ["event", "stream_message"]

_OPENED: Final[dict[str, dict[str, Any]]] = {
    "text": {"text": ""},
    "thinking": {"thinking": "", "signature": ""},
    "tool_use": {"input": {}},
}
"""What of a block ``content_block_start`` shows empty."""


def event(kind: str, **fields: Any) -> bytes:
    """A server-sent event. Spaces stand before the closing brace, as many as the text's length has them be."""
    data = dumps({"type": kind, **fields})
    padded = data[:-1] + " " * (len(data) % 14) + "}"
    return f"event: {kind}\ndata: {padded}\n\n".encode("utf-8", "surrogatepass")


def stream_message(reply: Reply, asked: Asked) -> Iterator[Piece]:
    """The events of a message; a scripted error takes the place of its end (the caller sends it)."""
    yield event("message_start", message=_started(reply, asked))
    index = 0
    for step in speaking(reply):
        if isinstance(step, Delay):
            yield Pause(step.seconds)
            continue
        yield from _block_events(step, reply, asked, index)
        index += 1
    if reply.error is None:
        yield event("message_delta", delta=stop_fields(reply, asked), usage=delta_usage(reply.usage))
        yield event("message_stop")


def _started(reply: Reply, asked: Asked) -> dict[str, Any]:
    """The message before anything is said: all input is counted, of the output a token at most."""
    usage = usage_object(reply.usage)
    del usage["output_tokens_details"]
    usage["output_tokens"] = min(1, usage["output_tokens"])
    unstopped = {"stop_reason": None, "stop_sequence": None, "stop_details": None}
    return {**message_object(reply, asked), "content": [], **unstopped, "usage": usage}


def _block_events(step: Step, reply: Reply, asked: Asked, index: int) -> Iterator[bytes]:
    block = content_block(step, asked)
    opened = {**block, **_OPENED.get(block["type"], {})}
    yield event("content_block_start", index=index, content_block=opened)
    if index == 0:
        yield event("ping")
    for delta in _deltas(step, block, reply):
        yield event("content_block_delta", index=index, delta=delta)
    yield event("content_block_stop", index=index)


def _deltas(step: Step, block: dict[str, Any], reply: Reply) -> Iterator[dict[str, Any]]:
    if isinstance(step, ToolCall):
        for piece in ("", *reply.pieces(step.arguments_json)):
            yield {"type": "input_json_delta", "partial_json": piece}
    elif block["type"] == "thinking":
        for piece in reply.pieces(block["thinking"]):
            yield {"type": "thinking_delta", "thinking": piece}
        yield {"type": "signature_delta", "signature": block["signature"]}
    elif block["type"] == "text":
        for piece in reply.pieces(block["text"]):
            yield {"type": "text_delta", "text": piece}
