"""Recorded traffic of Ollama servers, against an independent, simple reading of the bytes.

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
from loopback_server import Answer, LoopbackServer
from wire_player import Played, play

from lamella.errors import AuthenticationError
from lamella.events import MessageOutputDelta, ReasoningDelta, ToolCallDelta
from lamella.messages import Message
from lamella.models import Completion, ModelRequest
from lamella_ollama import ChatOllama
from lamella_ollama.endpoints import read_embeddings
from lamella_openai import ChatOpenAICompletions

FOLDER = Path(os.environ.get("LAMELLA_CASSETTES") or Path(__file__).parents[4] / "shared" / "cassettes")
FILES = sorted(FOLDER.glob("ollama/*/*.json"))

pytestmark = pytest.mark.skipif(not FILES, reason="no recordings here; set LAMELLA_CASSETTES")


def load(folder: str) -> list[Any]:
    files = (path for path in FILES if path.parent.name == folder)
    return [pytest.param(json.loads(path.read_text()), id=path.stem) for path in files]


# -- the simple reading ---------------------------------------------------------------------------


class Reading:
    """What a recording says."""

    def __init__(self, record: dict[str, Any]) -> None:
        text = record["response"]["body_text"]
        self.lines = [json.loads(each) for each in text.split("\n") if each.strip()]
        said = [each["message"] for each in self.lines]
        self.text = "".join(message.get("content") or "" for message in said)
        self.thinking = "".join(message.get("thinking") or "" for message in said)
        self.calls = [call for message in said for call in message.get("tool_calls") or ()]
        self.last = self.lines[-1]
        assert self.last["done"] is True

    @property
    def stop_reason(self) -> str:
        if self.last.get("done_reason") == "length":
            return "max_tokens"
        return "tool_use" if self.calls else "end_turn"


def is_stream(record: dict[str, Any]) -> bool:
    return "ndjson" in record["response"]["content_type"] or "stream" in record["tags"]


async def played(record: dict[str, Any], *, seed: int | None = None, streaming: bool | None = None) -> Played:
    model = ChatOllama(record["model"], max_retries=0)
    body = record["response"]["body_text"].encode()
    sizes = None if seed is None else random.Random(seed)
    return await play(
        model, body, streaming=is_stream(record) if streaming is None else streaming, sizes=sizes
    )


def assert_reads(completion: Completion | None, expected: Reading) -> None:
    assert completion is not None
    assert completion.content == expected.text
    assert "".join(block.text or "" for block in completion.reasoning) == expected.thinking
    assert all(block.provider == "ollama" for block in completion.reasoning)
    assert [(call.name, call.arguments) for call in completion.tool_calls] == [
        (call["function"]["name"], call["function"]["arguments"]) for call in expected.calls
    ]
    ids = [call.call_id for call in completion.tool_calls]
    assert all(ids)
    assert len(set(ids)) == len(ids)
    assert [made for made, call in zip(ids, expected.calls, strict=True) if "id" in call] == [
        call["id"] for call in expected.calls if "id" in call
    ]
    assert (completion.stop_reason, completion.model) == (expected.stop_reason, expected.last["model"])
    usage = completion.usage
    assert usage is not None
    assert usage.raw == {
        name: value for name, value in expected.last.items() if name[-6:] in ("_count", "ration")
    }
    assert usage.input_tokens == expected.last.get("prompt_eval_count")
    assert usage.output_tokens == expected.last.get("eval_count")
    assert usage.total_tokens is None


@pytest.mark.parametrize("recording", load("chat"))
async def test_f_oll01_recorded_answers_read_as_the_bytes_say(recording: dict[str, Any]) -> None:
    """F-OLL01, F-N36: text, thinking, calls, usage, stop reason of every recording, however it is cut."""
    expected = Reading(recording)
    got = await played(recording)
    assert got.error is None
    assert_reads(got.completion, expected)
    shown = [event.delta for event in got.events if isinstance(event, MessageOutputDelta)]
    thought = [event.delta for event in got.events if isinstance(event, ReasoningDelta)]
    calls = [event for event in got.events if isinstance(event, ToolCallDelta)]
    if is_stream(recording):
        assert "".join(shown) == expected.text
        assert "".join(thought) == expected.thinking
        assert [json.loads(str(event.delta)) for event in calls] == [
            call["function"]["arguments"] for call in expected.calls
        ]
        assert [
            event.raw_event for event in got.events if event.raw_event not in (None, *expected.lines)
        ] == []
    for seed in (1, 2, 3):
        assert_reads((await played(recording, seed=seed)).completion, expected)


@pytest.mark.parametrize("recording", load("chat"))
async def test_f_n23_recordings_streamed_equal_unstreamed(recording: dict[str, Any]) -> None:
    """F-N23: the same answer in the other form gives the same message, usage and stop reason."""
    reading = Reading(recording)
    message: dict[str, Any] = {"role": "assistant", "content": reading.text}
    if reading.thinking:
        message["thinking"] = reading.thinking
    if reading.calls:
        message["tool_calls"] = reading.calls
    body = json.dumps({**reading.last, "message": message})
    other = {**recording, "response": {**recording["response"], "body_text": body}}
    first = (await played(recording)).completion
    second = (await played(other, streaming=not is_stream(recording))).completion
    assert first is not None
    assert second is not None
    assert_reads(second, reading)
    assert (first.usage, first.stop_reason, first.reasoning) == (
        second.usage,
        second.stop_reason,
        second.reasoning,
    )
    assert [call.opaque for call in first.tool_calls] == [call.opaque for call in second.tool_calls]


@pytest.mark.parametrize("recording", load("chat"))
async def test_f_n37_recorded_answers_can_be_sent_back(recording: dict[str, Any]) -> None:
    """F-N37: text, thinking and calls go back as they came, indexes included."""
    expected = Reading(recording)
    completion = (await played(recording)).completion
    assert completion is not None
    assert completion.message is not None
    model = ChatOllama(recording["model"])
    request = ModelRequest(messages=(Message.user("go on"), completion.message))
    report = model.report(request)
    sent = model.encode(request, report)["messages"][1]
    assert report.losses == []
    assert (sent["role"], sent["content"], sent.get("thinking", "")) == (
        "assistant",
        expected.text,
        expected.thinking,
    )
    ids = iter(call.call_id for call in completion.tool_calls)
    assert sent.get("tool_calls", []) == [{**call, "id": next(ids)} for call in expected.calls]


@pytest.mark.parametrize("recording", load("embed"))
def test_f_emb01_recorded_embeddings(recording: dict[str, Any]) -> None:
    """F-EMB01."""
    text = recording["response"]["body_text"]
    vectors = json.loads(text)["embeddings"]
    found = read_embeddings(text.encode(), len(vectors))
    assert [(each.index, list(each.vector)) for each in found] == list(enumerate(vectors))


# -- the OpenAI-compatible endpoint ---------------------------------------------------------------


@pytest.mark.parametrize("recording", load("openai-compat-chat"))
async def test_the_compatible_endpoint_is_read_by_the_openai_plugin(
    recording: dict[str, Any], server: LoopbackServer
) -> None:
    """F-N23: ``/v1/chat/completions`` of Ollama through ``ChatOpenAICompletions``."""
    answer = recording["response"]
    if answer["status"] != 200:
        server.answers = [Answer(status=answer["status"], pieces=(answer["body_text"].encode(),))]
        async with ChatOpenAICompletions("m", api_key="", base_url=server.url, max_retries=0) as refused:
            with pytest.raises(AuthenticationError, match="Unauthorized"):
                await refused.complete("hi")
        return
    body = answer["body_text"]
    streaming = body.startswith("data:")
    chunks = [json.loads(each[6:]) for each in body.splitlines() if each.startswith("data: {")]
    chunks = chunks if streaming else [json.loads(body)]
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    said = [choice.get("delta") or choice.get("message") or {} for choice in choices]
    for seed in (None, 1, 2):
        model = ChatOpenAICompletions(recording["model"] or "m", api_key="", max_retries=0)
        sizes = None if seed is None else random.Random(seed)
        completion = (await play(model, body.encode(), streaming=streaming, sizes=sizes)).completion
        assert completion is not None
        assert completion.content == "".join(each.get("content") or "" for each in said)
        thoughts = "".join(block.text or "" for block in completion.reasoning)
        assert thoughts == "".join(each.get("reasoning") or "" for each in said)
        calls = [call for each in said for call in each.get("tool_calls") or ()]
        assert [(call.call_id, call.name, call.arguments_json) for call in completion.tool_calls] == [
            (call["id"], call["function"]["name"], call["function"]["arguments"]) for call in calls
        ]
        assert completion.usage is not None
        assert completion.usage.total_tokens == chunks[-1]["usage"]["total_tokens"]
        assert completion.stop_reason == ("tool_use" if calls else "end_turn")


def test_recordings_hold_what_these_tests_are_for() -> None:
    tags = {tag for path in FILES for tag in json.loads(path.read_text())["tags"]}
    assert {"stream", "parallel-tools", "thinking", "max-tokens", "structured", "embed"} <= tags
    assert len(load("chat")) == 30
    assert len(load("openai-compat-chat")) == 6
