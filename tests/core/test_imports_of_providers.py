"""Which modules a provider brings: none of an SDK until the first request, and then its own SDK only.

Each stage runs in a fresh interpreter, with every SDK installed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
from loopback_server import Answer, LoopbackServer

SDKS: Final = {"openai", "anthropic", "mistralai", "google.genai", "ollama"}
HEAVY: Final = {*SDKS, "httpx", "httpx2", "pydantic", "requests", "aiohttp"}
"""What no model needs before its first request."""

SCRIPT: Final = """
import asyncio, importlib, json, sys

where, name, url, heavy = sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
seen = {}

def note(stage):
    seen[stage] = [module for module in heavy if module in sys.modules]

importlib.import_module(f"{where}.plugin")
note("plugin")
model = getattr(importlib.import_module(where), name)("m", api_key="k", base_url=url)
note("built")
from lamella import Message, ModelRequest, tool

@tool
def add(a: int, b: int) -> int:
    "Add two numbers."
    return a + b

history = (Message.user("hi"), Message.assistant("hello"), Message.user("go on"))
assert model.encode(ModelRequest(messages=history, tools=(add,), system_instruction="be brief"))
note("encoded")

async def ask():
    async with model:
        return (await model.complete("hi", streaming=False)).content

text = asyncio.run(ask())
note("asked")
print(json.dumps({"text": text, "seen": seen}))
"""


@attrs.frozen
class Provider:
    """A model class, its SDK and an unstreamed answer of its wire."""

    package: str
    name: str
    sdk: str
    answer: dict[str, Any]

    @property
    def where(self) -> str:
        return f"{self.package}:{self.name}"


CHOICE: Final = {"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}
CHAT: Final = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [CHOICE]}
RESPONSE: Final = {
    "id": "resp_1",
    "object": "response",
    "model": "m",
    "status": "completed",
    "output": [
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "ok", "annotations": []}],
        }
    ],
}
MESSAGE: Final = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "ok"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
CANDIDATE: Final = {"content": {"role": "model", "parts": [{"text": "ok"}]}, "finishReason": "STOP"}
INTERACTION: Final = {
    "id": "i1",
    "object": "interaction",
    "model": "m",
    "status": "completed",
    "steps": [{"type": "model_output", "content": [{"type": "text", "text": "ok"}]}],
}
LINE: Final = {
    "model": "m",
    "created_at": "2026-01-01T00:00:00Z",
    "message": {"role": "assistant", "content": "ok"},
    "done": True,
    "done_reason": "stop",
}
PROVIDERS: Final = (
    Provider("lamella_openai", "ChatOpenAI", "openai", RESPONSE),
    Provider("lamella_openai", "ChatOpenAICompletions", "openai", CHAT),
    Provider("lamella_anthropic", "ChatAnthropic", "anthropic", MESSAGE),
    Provider("lamella_mistral", "ChatMistral", "mistralai", CHAT),
    Provider("lamella_gemini", "ChatGemini", "google.genai", {"candidates": [CANDIDATE]}),
    Provider("lamella_gemini", "ChatGeminiInteractions", "google.genai", INTERACTION),
    Provider("lamella_ollama", "ChatOllama", "ollama", LINE),
)


def is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.where)
def test_a_provider_imports_its_own_sdk_with_the_first_request(provider: Provider, tmp_path: Path) -> None:
    if not (is_installed(provider.package) and is_installed(provider.sdk)):
        pytest.skip(f"{provider.package} and {provider.sdk} are not both installed")
    with LoopbackServer() as server:
        server.answers = [Answer.json(provider.answer)]
        arguments = [provider.package, provider.name, server.origin, json.dumps(sorted(HEAVY))]
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env={name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")},
        )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["text"] == "ok"
    assert len(server.requests) == 1
    assert told["seen"]["plugin"] == told["seen"]["built"] == told["seen"]["encoded"] == []
    assert SDKS & set(told["seen"]["asked"]) == {provider.sdk}
