"""The OpenAI Chat Completions wire: ``POST /v1/chat/completions``, streamed as chunks and ``[DONE]``.

A message of this wire has one text and its calls: the texts of a turn are joined, and reasoning goes
into ``reasoning_content`` as compatible servers write it (summary, then text; there is no place for a
signature). Audio is ``message.audio``, in a stream in pieces that are base64 each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from lamella_sim.making import Audio
from lamella_sim.reply import Reply
from lamella_sim.steps import Delay, Error, Reasoning, Refusal, Step, Text, ToolCall
from lamella_sim.wires.chat_request import read_chat
from lamella_sim.wires.made import base64_pieces, pcm16
from lamella_sim.wires.openai import (
    HEADERS,
    UNPARSABLE,
    Payload,
    bearer,
    error_object,
    refused,
    sse,
    usage_object,
)
from lamella_sim.wires.openai_media import check_limits
from lamella_sim.wires.wire import Asked, BadRequest, Pause, Piece

__all__ = ["OpenAIChat"]

_KEPT_SECONDS: Final = 3600
"""How long an audio answer can be named by its id."""

_REASONS: Final = {"max_tokens": "length", "content_filter": "content_filter", "tool_use": "tool_calls"}


class OpenAIChat:
    """Reads and writes the Chat Completions API."""

    name = "openai.chat"
    path = "/v1/chat/completions"
    base_path = "/v1"
    media_type = "text/event-stream; charset=utf-8"
    headers: Mapping[str, str] = HEADERS
    unparsable = UNPARSABLE
    makes: Mapping[str, int | None] = {"audio": 1}

    def key(self, headers: Mapping[str, str]) -> str | None:
        """The bearer token."""
        return bearer(headers)

    def read(self, payload: Payload, path: str) -> Asked:
        """The request of a body."""
        return read_chat(payload)

    def check_limits(self, asked: Asked, size: int) -> None:
        """50 MB for a file."""
        check_limits(asked)

    def whole(self, reply: Reply, asked: Asked) -> Payload:
        """The completion object."""
        choice = {
            "index": 0,
            "message": _message(reply, asked),
            "logprobs": None,
            "finish_reason": _reason(reply),
        }
        return {
            **_head(reply, "chat.completion"),
            "choices": [choice],
            "usage": usage_object(reply.usage, ("prompt", "completion")),
        }

    def stream(self, reply: Reply, asked: Asked) -> Iterator[Piece]:
        """The chunks of the completion, one frame each."""
        return _chunks(reply, asked)

    def error_body(self, error: Error) -> Payload:
        """``{"error": {…}}``."""
        return {"error": error_object(error)}

    def error_chunks(self, error: Error) -> Iterator[bytes]:
        """The error as a chunk of its own; nothing follows."""
        yield sse({"error": error_object(error)})

    def malformed_chunk(self) -> bytes:
        """A chunk whose JSON breaks off."""
        return b'data: {"id":"chatcmpl-sim","object":"chat.completion.chunk","choices":[{"index":0,"delta\n\n'

    def refused(self, problem: BadRequest) -> Payload:
        """The body of a 400."""
        return refused(problem)


def _head(reply: Reply, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{reply.id}",
        "object": kind,
        "created": reply.created,
        "model": reply.model,
        "service_tier": "default",
        "system_fingerprint": "fp_sim",
    }


def _reason(reply: Reply) -> str:
    return _REASONS.get(reply.stop_reason, "stop")


def _message(reply: Reply, asked: Asked) -> dict[str, Any]:
    texts = [step.text for step in reply.steps if isinstance(step, Text)]
    refusals = [step.text for step in reply.steps if isinstance(step, Refusal)]
    thoughts = [_thought(step) for step in reply.steps if isinstance(step, Reasoning)]
    calls = [_call(step) for step in reply.steps if isinstance(step, ToolCall)]
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(texts) if texts else None,
        "refusal": "".join(refusals) if refusals else None,
        "annotations": [],
    }
    if thoughts:
        message["reasoning_content"] = "".join(thoughts)
    for step in reply.steps:
        if isinstance(step, Audio):
            spoken = _as_asked(step, asked)
            message["audio"] = {
                **_audio_head(reply),
                "data": spoken.base64_data,
                "transcript": step.transcript,
            }
    return {**message, "tool_calls": calls} if calls else message


def _thought(step: Reasoning) -> str:
    return (step.summary or "") + (step.text or "")


def _call(step: ToolCall) -> dict[str, Any]:
    function = {"name": step.name, "arguments": step.arguments_json}
    return {"id": step.call_id, "type": "function", "function": function}


def _as_asked(step: Audio, asked: Asked) -> Audio:
    """The audio in the form that was asked for: ``pcm16`` is a WAV without its header."""
    wanted = (asked.payload.get("audio") or {}).get("format")
    return pcm16(step) if wanted == "pcm16" else step


def _audio_head(reply: Reply) -> dict[str, Any]:
    return {"id": f"audio_{reply.id}", "expires_at": reply.created + _KEPT_SECONDS}


def _chunks(reply: Reply, asked: Asked) -> Iterator[Piece]:
    yield _chunk(reply, asked, {"role": "assistant", "content": "", "refusal": None})
    calls = 0
    for step in reply.steps:
        if isinstance(step, Delay):
            yield Pause(step.seconds)
            continue
        for delta in _deltas(step, reply, asked, calls):
            yield _chunk(reply, asked, delta)
        calls += isinstance(step, ToolCall)
    if reply.error is not None:
        yield sse({"error": error_object(reply.error)})
        return
    yield _chunk(reply, asked, {}, _reason(reply))
    if asked.include_usage:
        usage = usage_object(reply.usage, ("prompt", "completion"))
        yield sse({**_head(reply, "chat.completion.chunk"), "choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def _chunk(reply: Reply, asked: Asked, delta: dict[str, Any], reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    chunk = {**_head(reply, "chat.completion.chunk"), "choices": [choice]}
    return sse({**chunk, "usage": None} if asked.include_usage else chunk)


def _deltas(step: Step, reply: Reply, asked: Asked, index: int) -> Iterator[dict[str, Any]]:
    if isinstance(step, ToolCall):
        call = {"id": step.call_id, "type": "function", "function": {"name": step.name, "arguments": ""}}
        yield {"tool_calls": [{"index": index, **call}]}
        for piece in reply.pieces(step.arguments_json):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
    elif isinstance(step, Reasoning):
        yield from ({"reasoning_content": piece} for piece in reply.pieces(_thought(step)))
    elif isinstance(step, Text):
        yield from ({"content": piece} for piece in reply.pieces(step.text))
    elif isinstance(step, Audio):
        yield from ({"audio": part} for part in _audio_deltas(step, reply, asked))
    elif isinstance(step, Refusal):
        yield from ({"refusal": piece} for piece in reply.pieces(step.text))


def _audio_deltas(step: Audio, reply: Reply, asked: Asked) -> Iterator[dict[str, Any]]:
    """The id, the words, the sound in pieces, and until when the id is good."""
    head = _audio_head(reply)
    yield {"id": head["id"], "transcript": ""}
    yield from ({"transcript": piece} for piece in reply.pieces(step.transcript))
    yield from ({"data": piece} for piece in base64_pieces(_as_asked(step, asked)))
    yield {"expires_at": head["expires_at"]}
