"""The conformance kit on this provider, with answers written by hand."""

from __future__ import annotations

import json
from typing import Any

from lamella.errors import ServerError
from lamella.usage import TokenUsage
from lamella_ollama import ChatOllama
from lamella_testing.provider import ProviderConformance, Sample

USAGE = {"prompt_eval_count": 7, "eval_count": 5, "total_duration": 30}
ADD = {"id": "call_a", "function": {"index": 0, "name": "add", "arguments": {"a": 2, "b": 3}}}
LOOK_UP = {
    "id": "call_b",
    "function": {"index": 1, "name": "look_up", "arguments": {"conformance_word": "ö"}},
}


def line(message: dict[str, Any], done: bool = False, reason: str = "stop") -> dict[str, Any]:
    said = {"role": "assistant", "content": "", **message}
    ending = {"done_reason": reason, **USAGE} if done else {}
    return {"model": "m", "created_at": "2026-01-01T00:00:00Z", "message": said, "done": done, **ending}


def streamed(*messages: dict[str, Any], reason: str = "stop") -> bytes:
    lines = [*(line(message) for message in messages), line({}, True, reason)]
    return b"".join(json.dumps(each).encode() + b"\n" for each in lines)


def whole(message: dict[str, Any], reason: str = "stop") -> bytes:
    return json.dumps(line(message, True, reason)).encode()


class TestOllama(ProviderConformance):
    """F-OLL01, F-PRV01, F-PRV02, F-N23, F-N36, F-N39, F-N40, F-N41: whatever the kit asks of any provider."""

    secret = "conformance-secret-0123456789"
    endpoints = {
        "embed": b'{"embeddings": [[1, 2], [3, 4]]}',
        "list_models": b'{"models": [{"name": "qwen3:4b", "model": "qwen3:4b"}]}',
    }
    samples = (
        Sample(
            name="text",
            streamed=streamed({"content": "Grü"}, {"content": "ße \u2028🌍"}),
            whole=whole({"content": "Grüße \u2028🌍"}),
            text="Grüße \u2028🌍",
            usage=TokenUsage(input_tokens=7, output_tokens=5),
            stop_reason="end_turn",
        ),
        Sample(
            name="thinking-and-calls",
            streamed=streamed(
                {"thinking": "thought-"},
                {"thinking": "one"},
                {"tool_calls": [ADD]},
                {"tool_calls": [LOOK_UP]},
            ),
            whole=whole({"thinking": "thought-one", "tool_calls": [ADD, LOOK_UP]}),
            reasoning="thought-one",
            calls=(("add", '{"a": 2, "b": 3}'), ("look_up", '{"conformance_word": "ö"}')),
            stop_reason="tool_use",
            state=("thought-one",),
        ),
        Sample(
            name="cut-by-the-limit",
            streamed=streamed({"content": "One"}, reason="length"),
            whole=whole({"content": "One"}, "length"),
            text="One",
            stop_reason="max_tokens",
        ),
        Sample(
            name="error",
            streamed=json.dumps(line({"content": "On"})).encode() + b'\n{"error":"the runner stopped"}\n',
            error=ServerError,
        ),
    )

    def make_model(self, base_url: str | None = None) -> ChatOllama:
        """With the key, so that it can be looked for."""
        return ChatOllama("m", api_key=self.secret, base_url=base_url)

    def error_body(self, status: int, message: str) -> bytes:
        """``{"error": "…"}``."""
        return json.dumps({"error": message}).encode()
