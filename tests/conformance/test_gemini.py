"""Both of Google's wires, held to the conformance kit."""

from __future__ import annotations

import json
from typing import Any

from interactions_wires import CALL, FOUND, SAID, SEARCH, THOUGHT, USAGE, body, created, sse, stream

from lamella.errors import ServerError
from lamella.models import Model
from lamella.usage import TokenUsage
from lamella_gemini import ChatGemini, ChatGeminiInteractions
from lamella_testing import ProviderConformance, Sample

KEY = "AIza-conformance-0123456789"
HEAD = {"responseId": "r1", "modelVersion": "gemini-3-flash-preview"}
COUNTS = {
    "promptTokenCount": 120,
    "cachedContentTokenCount": 25,
    "candidatesTokenCount": 40,
    "thoughtsTokenCount": 30,
    "toolUsePromptTokenCount": 10,
    "totalTokenCount": 200,
}
BUCKETS = TokenUsage(
    input_tokens=95,
    cached_read_tokens=25,
    output_tokens=40,
    reasoning_tokens=30,
    tool_use_tokens=10,
    total_tokens=200,
)
ROME = {
    "functionCall": {"id": "f1", "name": "weather", "args": {"city": "Rome"}},
    "thoughtSignature": "c2lnbmVk",
}
OSLO = {"functionCall": {"id": "f2", "name": "weather", "args": {"city": "Oslo"}}}
FAILURE = {"error": {"code": 503, "status": "UNAVAILABLE", "message": "The model is overloaded."}}
ENDPOINTS = {
    "embed": b'{"embeddings": [{"values": [1, 2]}, {"values": [3, 4]}]}',
    "count_tokens": b'{"totalTokens": 3}',
    "list_models": b'{"models": [{"name": "models/gemini-3-flash-preview"}]}',
}


def part(text: str, **more: Any) -> dict[str, Any]:
    return {"text": text, **more}


def response(*parts: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    reason = {} if finish is None else {"finishReason": finish}
    candidate = {"index": 0, "content": {"role": "model", "parts": list(parts)}, **reason}
    return {**HEAD, "candidates": [candidate], "usageMetadata": COUNTS}


def events(*chunks: dict[str, Any]) -> bytes:
    return "".join(f"data: {json.dumps(each)}\r\n\r\n" for each in chunks).encode()


class TestChatGemini(ProviderConformance):
    secret = KEY
    endpoints = ENDPOINTS
    samples = (
        Sample(
            name="everything",
            streamed=events(
                response(part("hm ", thought=True)),
                response(part("ö", thought=True)),
                response(part("Grü")),
                response(part("ße 🌍")),
                response(ROME, OSLO, finish="STOP"),
            ),
            whole=json.dumps(
                response(part("hm ö", thought=True), part("Grüße 🌍"), ROME, OSLO, finish="STOP")
            ).encode(),
            text="Grüße 🌍",
            reasoning="hm ö",
            calls=[("weather", '{"city": "Rome"}'), ("weather", '{"city": "Oslo"}')],
            usage=BUCKETS,
            stop_reason="tool_use",
            state=("c2lnbmVk", "f1", "f2"),
        ),
        Sample(name="overloaded", streamed=events(response(part("On")), FAILURE), error=ServerError),
    )

    def make_model(self, base_url: str | None = None) -> Model:
        return ChatGemini(api_key=KEY, base_url=base_url)

    def error_body(self, status: int, message: str) -> bytes:
        return json.dumps({"error": {"code": status, "status": "UNKNOWN", "message": message}}).encode()


class TestChatGeminiInteractions(ProviderConformance):
    secret = KEY
    endpoints = ENDPOINTS
    unknown_chunk = {"event_type": "conformance.unknown", "conformance_unknown": {"a": [1]}}
    samples = (
        Sample(
            name="everything",
            streamed=sse(*stream(THOUGHT, SEARCH, FOUND, SAID, CALL, status="requires_action", usage=USAGE)),
            whole=body(THOUGHT, SEARCH, FOUND, SAID, CALL, status="requires_action", usage=USAGE),
            text="Sunny in Paris.That is all.",
            reasoning="Look it up.",
            usage=BUCKETS,
            stop_reason="tool_use",
            state=("c2ln", "search_suggestions", "extra_field", "fc1"),
        ),
        Sample(
            name="failed",
            streamed=sse(
                created(), {"event_type": "error", "error": {"code": "unavailable", "message": "overloaded"}}
            ),
            error=ServerError,
        ),
    )

    def make_model(self, base_url: str | None = None) -> Model:
        return ChatGeminiInteractions(api_key=KEY, base_url=base_url)

    def error_body(self, status: int, message: str) -> bytes:
        return json.dumps({"error": {"code": "unknown", "message": message}}).encode()
