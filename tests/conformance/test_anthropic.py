"""The Messages wire, held to the conformance kit."""

from __future__ import annotations

import json

from anthropic_wire import STREAM, WHOLE, sse, start, text

from lamella.errors import ServerError
from lamella.models import Model
from lamella.usage import TokenUsage
from lamella_anthropic import ChatAnthropic
from lamella_testing import ProviderConformance, Sample

KEY = "sk-ant-conformance-0123456789"
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}


class TestChatAnthropic(ProviderConformance):
    secret = KEY
    endpoints = {
        "count_tokens": b'{"input_tokens": 3}',
        "list_models": b'{"data": [{"id": "claude-x", "display_name": "X"}], "has_more": false}',
    }
    samples = (
        Sample(
            name="everything",
            streamed=sse(*STREAM),
            whole=json.dumps(WHOLE).encode(),
            text="Grüße 🌍",
            reasoning="hm ö",
            calls=[("weather", '{"city": "Rome"}'), ("now", "{}")],
            usage=TokenUsage(
                input_tokens=12,
                cached_read_tokens=30,
                cached_write_tokens=4,
                output_tokens=40,
                reasoning_tokens=20,
            ),
            stop_reason="tool_use",
            state=("c2ln", "ZGF0YQ==", "srvtoolu_1", "toolu_6"),
        ),
        Sample(name="overloaded", streamed=sse(start(), *text(0, "On"), OVERLOADED), error=ServerError),
    )

    def make_model(self, base_url: str | None = None) -> Model:
        return ChatAnthropic(api_key=KEY, base_url=base_url)

    def error_body(self, status: int, message: str) -> bytes:
        return json.dumps({"type": "error", "error": {"type": "api_error", "message": message}}).encode()
