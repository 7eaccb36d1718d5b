"""Rows that differ most from OpenAI, held to the conformance kit: what they lack they refuse."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from openai_wires import CHAT_STREAM, CHAT_WHOLE, chunk, completion, sse

from lamella import get_model
from lamella.models import Model
from lamella.usage import TokenUsage
from lamella_testing import ProviderConformance, Sample

KEY = "sk-conformance-0123456789"

EMBEDDINGS = json.dumps(
    {"data": [{"index": 1, "embedding": [3, 4]}, {"index": 0, "embedding": [1, 2]}]}
).encode()
MODELS = json.dumps({"data": [{"id": "m-1"}]}).encode()

EVERYTHING = Sample(
    name="everything",
    streamed=sse(*CHAT_STREAM),
    whole=json.dumps(CHAT_WHOLE).encode(),
    text="Grüße 🌍",
    reasoning="hm ö",
    calls=[("weather", '{"city": "Rome"}'), ("add", '{"a": 1}')],
    usage=TokenUsage(
        input_tokens=70, cached_read_tokens=30, output_tokens=60, reasoning_tokens=20, total_tokens=180
    ),
    stop_reason="tool_use",
)
COUNTS = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
TEXT = Sample(
    name="text",
    streamed=sse(
        chunk({"content": "Grü"}), chunk({"content": "ße"}), chunk({}, "stop", usage=COUNTS), "[DONE]"
    ),
    whole=json.dumps(completion({"content": "Grüße"}, "stop", COUNTS)).encode(),
    text="Grüße",
    usage=TokenUsage(input_tokens=3, output_tokens=1, total_tokens=4),
    stop_reason="end_turn",
)


class Gateway(ProviderConformance):
    """A row; its class names it."""

    __test__ = False
    row: ClassVar[str]
    secret = KEY
    unknown_chunk: ClassVar[dict[str, Any]] = {
        "object": "conformance.unknown",
        "conformance_unknown": {"a": [1]},
    }
    samples = (EVERYTHING,)

    def make_model(self, base_url: str | None = None) -> Model:
        url = None if base_url is None else f"{base_url}/v1"
        return get_model(f"{self.row}:m-1", api_key=KEY, base_url=url)


class TestDeepSeek(Gateway):
    """F-PRV03: JSON mode, text only, no embeddings, reasoning demanded."""

    __test__ = True
    row = "deepseek"
    endpoints = {"list_models": MODELS}


class TestPerplexity(Gateway):
    """F-PRV03: no tools, no embeddings, no list."""

    __test__ = True
    row = "perplexity"
    samples = (TEXT,)


class TestMiniMax(Gateway):
    """F-PRV03: no schemas, no forced tools."""

    __test__ = True
    row = "minimax"
    endpoints = {"list_models": MODELS}


class TestLlamaCpp(Gateway):
    """F-PRV03: on the own machine, named tools by way of ``required``."""

    __test__ = True
    row = "llamacpp"
    endpoints = {"embed": EMBEDDINGS, "list_models": MODELS}
