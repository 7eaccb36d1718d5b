"""Recorded traffic of the Interactions API, against an independent, simple reading of the bytes.

The recordings are not part of the repository: ``LAMELLA_CASSETTES`` says where they are, else they are looked for
beside it, and without them these tests are skipped.
"""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
from wire_player import Played, play

from lamella.content import OpaqueContent, ReasoningBlock, TextBlock, ToolCallBlock
from lamella.events import MessageOutputDelta, ReasoningDelta, ToolCallDelta
from lamella.messages import Message
from lamella.models import EncodeReport, ModelRequest
from lamella_gemini import ChatGeminiInteractions

FOLDER = Path(os.environ.get("LAMELLA_CASSETTES") or Path(__file__).parents[4] / "shared" / "cassettes")
FILES = sorted(FOLDER.glob("gemini/interactions/*.json"))

pytestmark = pytest.mark.skipif(not FILES, reason="no recordings here; set LAMELLA_CASSETTES")

RECORDS = [pytest.param(json.loads(path.read_text()), id=path.stem) for path in FILES]
STOPS = {"completed": "end_turn", "requires_action": "tool_use", "incomplete": "max_tokens"}


def is_stream(record: dict[str, Any]) -> bool:
    return "event-stream" in record["response"]["content_type"]


def model_for(record: dict[str, Any]) -> ChatGeminiInteractions:
    return ChatGeminiInteractions(record["model"] or "unknown", api_key="AIza-test", max_retries=0)


# -- the simple reading ---------------------------------------------------------------------------


def payloads(record: dict[str, Any]) -> list[dict[str, Any]]:
    text = record["response"]["body_text"]
    if not is_stream(record):
        return [json.loads(text)]
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def read_steps(record: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The interaction and its steps, put together by type."""
    found = payloads(record)
    if not is_stream(record):
        return found[0], found[0].get("steps", [])
    steps: dict[int, dict[str, Any]] = {}
    last: dict[str, Any] = {}
    for event in found:
        kind = event["event_type"]
        if kind == "step.start":
            steps[event["index"]] = dict(event["step"])
        elif kind == "step.delta":
            fill(steps[event["index"]], event["delta"])
        elif kind == "interaction.completed":
            last = event["interaction"]
    for step in steps.values():
        if "pieces" in step:
            step["arguments"] = json.loads(step.pop("pieces"))
    return last, [steps[index] for index in sorted(steps)]


def fill(step: dict[str, Any], delta: dict[str, Any]) -> None:
    kind = delta["type"]
    if kind == "text":
        part = step.setdefault("content", [{"type": "text", "text": ""}])[0]
        part["text"] += delta["text"]
    elif kind == "text_annotation_delta":
        step["content"][0].setdefault("annotations", []).extend(delta["annotations"])
    elif kind == "thought_summary":
        part = step.setdefault("summary", [{"type": "text", "text": ""}])[0]
        part["text"] += delta["content"]["text"]
    elif kind == "thought_signature":
        step["signature"] = delta["signature"]
    elif kind == "arguments_delta":
        step["pieces"] = step.get("pieces", "") + delta["arguments"]
    else:
        step.update({key: value for key, value in delta.items() if key != "type"})


# -- against it -----------------------------------------------------------------------------------


async def played(record: dict[str, Any], *, seed: int | None = None) -> Played:
    sizes = None if seed is None else random.Random(seed)
    found = record["response"]["body_text"].encode()
    return await play(model_for(record), found, streaming=is_stream(record), sizes=sizes)


@pytest.mark.parametrize("record", RECORDS)
async def test_f_gem02_recorded_interactions_read_as_the_bytes_say(record: dict[str, Any]) -> None:
    """F-GEM02: text, thoughts, calls, citations, server-side work, usage, status."""
    last, steps = read_steps(record)
    got = await played(record)
    assert got.error is None
    completion = got.completion
    assert completion is not None
    assert (completion.id, completion.raw_stop_reason) == (last["id"], last["status"])
    assert completion.stop_reason == STOPS.get(last["status"], "other")
    assert completion.model == last.get("model", last.get("agent"))
    blocks = () if completion.message is None else completion.message.content
    assert len(blocks) == len(steps)
    for block, step in zip(blocks, steps, strict=True):
        assert_block(block, step)


def assert_block(block: Any, step: dict[str, Any]) -> None:
    if step["type"] == "thought":
        assert isinstance(block, ReasoningBlock)
        summary = "".join(part["text"] for part in step.get("summary", ()))
        assert (block.signature, block.summary or "") == (step["signature"], summary)
    elif step["type"] == "model_output":
        assert isinstance(block, TextBlock)
        (part,) = step["content"]
        assert (block.text, list(block.annotations)) == (part["text"], part.get("annotations", []))
    elif step["type"] == "function_call":
        assert isinstance(block, ToolCallBlock)
        assert (block.call_id, block.name, block.arguments) == (step["id"], step["name"], step["arguments"])
    else:
        assert isinstance(block, OpaqueContent)
        assert block.data["item"] == step


@pytest.mark.parametrize("record", RECORDS)
async def test_f_use01_recorded_usage(record: dict[str, Any]) -> None:
    """F-USE01: the buckets of every recording, and their sum."""
    raw = read_steps(record)[0].get("usage")
    completion = (await played(record)).completion
    assert completion is not None
    if raw is None:
        assert completion.usage is None
        return
    usage = completion.usage
    assert usage is not None
    assert usage.raw == raw
    assert usage.input_tokens == raw["total_input_tokens"] - raw["total_cached_tokens"]
    assert usage.cached_read_tokens == raw["total_cached_tokens"]
    assert usage.output_tokens == raw["total_output_tokens"]
    assert usage.reasoning_tokens == raw["total_thought_tokens"]
    assert usage.tool_use_tokens == raw["total_tool_use_tokens"]
    assert usage.total_tokens == raw["total_tokens"]


@pytest.mark.parametrize("record", [param for param in RECORDS if is_stream(param.values[0])])  # type: ignore[arg-type]  # a record
async def test_f_evt03_deltas_of_recordings_join_to_the_answer(record: dict[str, Any]) -> None:
    """F-EVT02, F-EVT03: deltas join to the whole, raw events are chunks, however the bytes are cut."""
    got = await played(record)
    completion = got.completion
    assert completion is not None
    text = "".join(event.delta for event in got.events if isinstance(event, MessageOutputDelta))
    assert text == completion.content
    thought = "".join(event.delta for event in got.events if isinstance(event, ReasoningDelta))
    assert thought == "".join(block.summary or "" for block in completion.reasoning)
    calls = "".join(str(event.delta) for event in got.events if isinstance(event, ToolCallDelta))
    assert calls == "".join(call.arguments_json for call in completion.tool_calls)
    chunks = payloads(record)
    assert all(event.raw_event is None or event.raw_event in chunks for event in got.events)
    for seed in range(5):
        assert (await played(record, seed=seed)).events == got.events


@pytest.mark.parametrize("record", RECORDS)
async def test_f_n37_recorded_steps_go_back_as_they_came(record: dict[str, Any]) -> None:
    """F-N37, F-GEM02."""
    completion = (await played(record)).completion
    assert completion is not None
    if completion.message is None:
        return
    report = EncodeReport(provider="gemini", dialect="gemini.interactions", mode="strict")
    request = ModelRequest(messages=(Message.user("a"), completion.message, Message.user("b")))
    payload = model_for(record).encode(request, report)
    assert payload["input"][1:-1] == read_steps(record)[1]
    assert report.losses == []


def test_recordings_hold_what_these_tests_are_for() -> None:
    assert len(FILES) >= 16
    kinds = {step["type"] for param in RECORDS for step in read_steps(param.values[0])[1]}  # type: ignore[arg-type]  # a record
    assert {"thought", "model_output", "function_call", "google_search_call"} <= kinds
