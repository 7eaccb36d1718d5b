"""Recorded traffic of compatible servers, read by the models of their rows.

The recordings are not part of the repository: ``LAMELLA_CASSETTES`` says where they are, else they are looked for
beside it, and without them these tests are skipped. ``tests/plugins/openai`` holds them against a reading of the bytes;
here they go through a row, are stored, and go back to the server they came from.
"""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
from wire_player import play

from lamella import from_json, get_model, to_json
from lamella.messages import Message
from lamella.models import ModelRequest
from lamella_openai import ChatOpenAICompletions

FOLDER = Path(os.environ.get("LAMELLA_CASSETTES") or Path(__file__).parents[4] / "shared" / "cassettes")
FILES = sorted(FOLDER.glob("openai-chat/compat-chat/*.json"))

pytestmark = pytest.mark.skipif(not FILES, reason="no recordings here; set LAMELLA_CASSETTES")

ROW_OF = {
    "/openai/v1/chat/completions": "groq",
    "/api/v1/chat/completions": "openrouter",
    "/chat/completions": "deepseek",
}


def load(path: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(path.read_text())
    return record


def path_of(record: dict[str, Any]) -> str:
    request = record["request"]
    return str(request.get("path") or request.get("url"))


RECORDS = [
    pytest.param(load(path), id=path.stem) for path in FILES if load(path)["response"]["status"] == 200
]


def messages_of(body: str) -> list[dict[str, Any]]:
    """The messages or deltas of an answer."""
    if body.lstrip().startswith("{"):
        return [choice["message"] for choice in json.loads(body)["choices"]]
    lines = (line.removeprefix("data:").strip() for line in body.splitlines() if line.startswith("data:"))
    chunks = [json.loads(line) for line in lines if line != "[DONE]"]
    return [choice["delta"] for chunk in chunks for choice in chunk.get("choices") or ()]


def needed(field: str, blank: bool) -> str | None:
    """What stands for reasoning that the model did without."""
    return " " if blank and field == "reasoning_content" else None


@pytest.mark.parametrize("record", RECORDS)
async def test_f_x19_recorded_answers_go_back_to_their_row(record: dict[str, Any]) -> None:
    """F-X19, F-N37: reasoning under the name it came by, calls as they were; streams cut anywhere."""
    row = ROW_OF.get(path_of(record), "vllm")
    model: Any = get_model(f"{row}:{record['model']}", api_key="sk-test", max_retries=0)
    assert isinstance(model, ChatOpenAICompletions)
    body = record["response"]["body_text"]
    streaming = not body.lstrip().startswith("{")
    got = await play(model, body.encode(), streaming=streaming, sizes=random.Random(7))
    if got.error is not None:
        assert "midstream-error" in record["tags"]
        assert got.error.context["provider"] == row
        return
    assert got.completion is not None
    assert got.completion.message is not None
    message = from_json(to_json(got.completion.message), Message)
    (sent,) = model.encode(ModelRequest(messages=(message,)))["messages"]
    said = messages_of(body)
    for field in ("reasoning", "reasoning_content"):
        pieces = [item[field] for item in said if isinstance(item.get(field), str)]
        blank = model.known_deviations.reasoning_with_calls and "tool_calls" in sent
        assert sent.get(field) == ("".join(pieces) if pieces else needed(field, blank))
    if not streaming and (calls := said[0].get("tool_calls")):
        stripped = [{key: value for key, value in call.items() if key != "index"} for call in calls]
        assert sent["tool_calls"] == stripped
