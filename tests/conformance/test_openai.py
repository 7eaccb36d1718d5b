"""Both OpenAI wires, held to the conformance kit."""

from __future__ import annotations

import json

from openai_wires import CHAT_STREAM, CHAT_WHOLE, RESPONSES_STREAM, RESPONSES_WHOLE, ended, response, sse

from lamella.errors import RateLimitError
from lamella.models import Model
from lamella.usage import TokenUsage
from lamella_openai import ChatOpenAI, ChatOpenAICompletions
from lamella_testing import ProviderConformance, Sample

KEY = "sk-conformance-0123456789"

EMBEDDINGS = json.dumps(
    {"data": [{"index": 1, "embedding": [3, 4]}, {"index": 0, "embedding": [1, 2]}]}
).encode()
MODELS = json.dumps({"data": [{"id": "gpt-5-nano"}]}).encode()
FAILED = {
    "type": "response.failed",
    "response": response(status="failed", error={"code": "rate_limit_exceeded", "message": "slow"}),
}


class TestChatOpenAI(ProviderConformance):
    secret = KEY
    endpoints = {"embed": EMBEDDINGS, "list_models": MODELS, "count_tokens": b'{"input_tokens": 3}'}
    samples = (
        Sample(
            name="everything",
            streamed=sse(*RESPONSES_STREAM, named=True),
            whole=json.dumps(RESPONSES_WHOLE).encode(),
            text="Grüße 🌍",
            calls=[("weather", '{"city": "Rome"}'), ("now", "")],
            usage=TokenUsage(
                input_tokens=100,
                cached_read_tokens=400,
                output_tokens=60,
                reasoning_tokens=20,
                total_tokens=580,
            ),
            stop_reason="tool_use",
            state=("final", "rs_1", "ws_1"),
        ),
        Sample(name="failed", streamed=sse(ended(status="failed") | FAILED), error=RateLimitError),
    )

    def make_model(self, base_url: str | None = None) -> Model:
        return ChatOpenAI("gpt-5-nano", api_key=KEY, base_url=base_url and f"{base_url}/v1")


class TestChatOpenAICompletions(ProviderConformance):
    secret = KEY
    unknown_chunk = {"object": "conformance.unknown", "conformance_unknown": {"a": [1]}}
    endpoints = {"embed": EMBEDDINGS, "list_models": MODELS}
    samples = (
        Sample(
            name="everything",
            streamed=sse(*CHAT_STREAM),
            whole=json.dumps(CHAT_WHOLE).encode(),
            text="Grüße 🌍",
            reasoning="hm ö",
            calls=[("weather", '{"city": "Rome"}'), ("add", '{"a": 1}')],
            usage=TokenUsage(
                input_tokens=70,
                cached_read_tokens=30,
                output_tokens=60,
                reasoning_tokens=20,
                total_tokens=180,
            ),
            stop_reason="tool_use",
        ),
    )

    def make_model(self, base_url: str | None = None) -> Model:
        return ChatOpenAICompletions("gpt-5-nano", api_key=KEY, base_url=base_url and f"{base_url}/v1")
