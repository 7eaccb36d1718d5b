"""The Ollama wire: ``POST /ollama/api/chat``, streamed as lines of JSON unless ``stream`` is false.

A message of this wire has one text, one ``thinking`` and its calls; there is no place for a signature.
A call comes whole, before the last line. One whose arguments are no object is said as text, which is
what Ollama does with a call it cannot read. A refusal is text like any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from lamella._json import dumps
from lamella_sim.reply import Reply
from lamella_sim.steps import Delay, Error, Reasoning, Refusal, Step, Text, ToolCall
from lamella_sim.wires.ollama_request import read_ollama
from lamella_sim.wires.openai import Payload, bearer
from lamella_sim.wires.wire import Asked, BadRequest, Pause, Piece

__all__ = ["Ollama"]

_ESCAPES: Final = str.maketrans({char: f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"})
"""What Go's encoder escapes besides what JSON demands."""


class Ollama:
    """Reads and writes Ollama's chat API."""

    name = "ollama"
    path = "/ollama/api/chat"
    base_path = "/ollama"
    media_type = "application/x-ndjson"
    headers: Mapping[str, str] = {}
    unparsable = "invalid character: the body of the request is no JSON object"
    makes: Mapping[str, int | None] = {}

    def key(self, headers: Mapping[str, str]) -> str | None:
        """The bearer token, which only Ollama's cloud asks for."""
        return bearer(headers)

    def read(self, payload: Payload, path: str) -> Asked:
        """The request of a body."""
        return read_ollama(payload)

    def whole(self, reply: Reply, asked: Asked) -> Payload:
        """The message, and what the last line of a stream says."""
        thinking = "".join(_thinking(step) for step in reply.steps)
        calls = [_call(step, index) for index, step in enumerate(_calls(reply))]
        message: dict[str, Any] = {
            "role": "assistant",
            "content": "".join(_content(step) for step in reply.steps),
        }
        if thinking:
            message["thinking"] = thinking
        return _line(reply, {**message, "tool_calls": calls} if calls else message, _ending(reply))

    def stream(self, reply: Reply, asked: Asked) -> Iterator[Piece]:
        """The lines of the reply."""
        calls = 0
        for step in reply.steps:
            if isinstance(step, Delay):
                yield Pause(step.seconds)
            elif isinstance(step, ToolCall) and step.arguments is not None:
                yield _encoded(
                    _line(reply, {"role": "assistant", "content": "", "tool_calls": [_call(step, calls)]})
                )
                calls += 1
            for piece in reply.pieces(_thinking(step)):
                yield _encoded(_line(reply, {"role": "assistant", "content": "", "thinking": piece}))
            for piece in reply.pieces(_content(step)):
                yield _encoded(_line(reply, {"role": "assistant", "content": piece}))
        if reply.error is not None:
            yield from self.error_chunks(reply.error)
            return
        yield _encoded(_line(reply, {"role": "assistant", "content": ""}, _ending(reply)))

    def error_body(self, error: Error) -> Payload:
        """``{"error": "…"}``."""
        return {"error": error.message}

    def error_chunks(self, error: Error) -> Iterator[bytes]:
        """The error as a line of its own; nothing follows."""
        yield _encoded({"error": error.message})

    def malformed_chunk(self) -> bytes:
        """A line whose JSON breaks off."""
        return b'{"model":"sim","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":"oo\n'

    def refused(self, problem: BadRequest) -> Payload:
        """The body for a refused request."""
        return {"error": problem.message}


def _encoded(data: Payload) -> bytes:
    return (dumps(dict(data)).translate(_ESCAPES) + "\n").encode("utf-8", "surrogatepass")


def _line(reply: Reply, message: Payload, ending: Payload | None = None) -> dict[str, Any]:
    created = datetime.fromtimestamp(reply.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    head = {"model": reply.model, "created_at": created, "message": message}
    return {**head, "done": False} if ending is None else {**head, **ending}


def _ending(reply: Reply) -> dict[str, Any]:
    """What the last line says. Calls end with ``stop`` too; thinking counts as output."""
    usage = reply.usage
    taken = (
        usage.input_tokens,
        usage.cached_read_tokens,
        usage.cached_write_tokens,
        usage.audio_input_tokens,
    )
    given = (usage.output_tokens, usage.reasoning_tokens, usage.audio_output_tokens)
    return {
        "done": True,
        "done_reason": "length" if reply.stop_reason == "max_tokens" else "stop",
        "total_duration": 3_000_000,
        "load_duration": 1_000_000,
        "prompt_eval_count": sum(filter(None, (*taken, usage.tool_use_tokens))),
        "prompt_eval_duration": 1_000_000,
        "eval_count": sum(filter(None, given)),
        "eval_duration": 1_000_000,
    }


def _calls(reply: Reply) -> list[ToolCall]:
    return [step for step in reply.steps if isinstance(step, ToolCall) and step.arguments is not None]


def _call(step: ToolCall, index: int) -> dict[str, Any]:
    function = {"index": index, "name": step.name, "arguments": step.arguments}
    return {"id": step.call_id, "function": function}


def _thinking(step: Step) -> str:
    return (step.summary or "") + (step.text or "") if isinstance(step, Reasoning) else ""


def _content(step: Step) -> str:
    if isinstance(step, ToolCall) and step.arguments is None:
        return f'{{"name": {dumps(step.name)}, "arguments": {step.arguments_json}}}'
    return step.text if isinstance(step, Text | Refusal) else ""
