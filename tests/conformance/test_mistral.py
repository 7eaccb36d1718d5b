"""Mistral's wire, held to the conformance kit."""

from __future__ import annotations

import json
from typing import Any

from lamella.errors import RateLimitError
from lamella.models import Model
from lamella.usage import TokenUsage
from lamella_mistral import ChatMistral
from lamella_testing import ProviderConformance, Sample

KEY = "mistral-conformance-0123456789"
HEAD = {"id": "c1", "created": 1, "model": "mistral-small-latest"}
USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 80,
    "total_tokens": 180,
    "prompt_tokens_details": {"cached_tokens": 30},
}
CALLS = [
    {
        "id": f"abcdefgh{place}",
        "type": "function",
        "index": place,
        "function": {"name": name, "arguments": given},
    }
    for place, (name, given) in enumerate((("weather", '{"city": "Rome"}'), ("add", '{"a": 1}')))
]
REFERENCE = {"type": "reference", "reference_ids": [3]}


def chunk(delta: dict[str, Any], finish: str | None = None, **extra: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {**HEAD, "object": "chat.completion.chunk", "choices": [choice], "p": "ab", **extra}


def sse(*chunks: dict[str, Any]) -> bytes:
    return "".join(f"data: {json.dumps(each)}\n\n" for each in chunks).encode() + b"data: [DONE]\n\n"


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


def thinking(value: str, **more: Any) -> dict[str, Any]:
    return {"type": "thinking", "thinking": [text(value)], **more}


SIGNED = {"signature": "sig-abc", "closed": True}
STREAM = (
    chunk({"role": "assistant", "content": ""}),
    chunk({"content": [thinking("hm")]}),
    chunk({"content": [thinking(" ö", **SIGNED), text("Grü")]}),
    chunk({"content": "ße"}),
    chunk({"content": [REFERENCE, text(" ")]}),
    chunk({"content": "🌍"}),
    chunk({"tool_calls": CALLS}, "tool_calls", usage=USAGE),
)
MESSAGE = {
    "role": "assistant",
    "content": [thinking("hm ö", **SIGNED), text("Grüße"), REFERENCE, text(" 🌍")],
    "tool_calls": CALLS,
}
WHOLE = {
    **HEAD,
    "object": "chat.completion",
    "choices": [{"index": 0, "finish_reason": "tool_calls", "message": MESSAGE}],
    "usage": USAGE,
}
FAILED = {"object": "error", "message": "slow", "type": "rate_limited", "code": "1300"}


class TestChatMistral(ProviderConformance):
    secret = KEY
    unknown_chunk = {"object": "conformance.unknown", "conformance_unknown": {"a": [1]}}
    endpoints = {
        "embed": b'{"data": [{"index": 1, "embedding": [3, 4]}, {"index": 0, "embedding": [1, 2]}]}',
        "list_models": b'{"data": [{"id": "mistral-small-latest"}]}',
    }
    samples = (
        Sample(
            name="everything",
            streamed=sse(*STREAM),
            whole=json.dumps(WHOLE).encode(),
            text="Grüße 🌍",
            reasoning="hm ö",
            calls=[("weather", '{"city": "Rome"}'), ("add", '{"a": 1}')],
            usage=TokenUsage(input_tokens=70, cached_read_tokens=30, output_tokens=80, total_tokens=180),
            stop_reason="tool_use",
            state=("sig-abc",),
        ),
        Sample(name="failed", streamed=sse(chunk({"content": "a"}), FAILED), error=RateLimitError),
    )

    def make_model(self, base_url: str | None = None) -> Model:
        return ChatMistral(api_key=KEY, base_url=base_url)
