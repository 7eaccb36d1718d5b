"""Recorded traffic of Mistral, against an independent, simple reading of the bytes.

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

from lamella.content import TextBlock, ToolCallBlock
from lamella.errors import AgentParsingError, APIStatusError
from lamella.events import MessageOutputDelta, ReasoningDelta, ToolCallDelta
from lamella.messages import Message
from lamella.models import ModelRequest
from lamella_mistral import ChatMistral
from lamella_mistral.endpoints import read_embeddings, read_models

FOLDER = Path(os.environ.get("LAMELLA_CASSETTES") or Path(__file__).parents[4] / "shared" / "cassettes")
FILES = sorted(FOLDER.glob("mistral/*/*.json"))

pytestmark = pytest.mark.skipif(not FILES, reason="no recordings here; set LAMELLA_CASSETTES")


def model_for(record: dict[str, Any]) -> ChatMistral:
    return ChatMistral(record["model"], api_key="test-key", max_retries=0)


# -- the simple reading ---------------------------------------------------------------------------


def payloads(body: str) -> list[dict[str, Any]]:
    if not body.lstrip().startswith("data:"):
        return [json.loads(body)]
    texts = [line.removeprefix("data:").strip() for line in body.splitlines() if line.startswith("data:")]
    return [json.loads(text) for text in texts if text != "[DONE]"]


class Reading:
    """What a recording says: text, calls, reasoning, raw usage and raw stop."""

    def __init__(self, body: str) -> None:
        self.text = ""
        self.calls: list[tuple[str, str, str]] = []
        self.reasoning = ""
        self.usage: dict[str, Any] = {}
        self.stop = ""
        self.choices: set[int] = set()
        for chunk in payloads(body):
            self.usage = chunk.get("usage") or self.usage
            for choice in chunk["choices"]:
                self.choices.add(choice["index"])
                said = choice.get("delta") or choice.get("message") or {}
                self.stop = choice.get("finish_reason") or self.stop
                self._content(said.get("content") or "")
                for call in said.get("tool_calls") or ():
                    function = call["function"]
                    self.calls.append((call["id"], function["name"], function["arguments"]))

    def _content(self, content: Any) -> None:
        parts: list[dict[str, Any]] = (
            [{"type": "text", "text": content}] if isinstance(content, str) else content
        )
        for part in parts:
            if part["type"] == "text":
                self.text += part["text"]
            else:
                self.reasoning += "".join(inner["text"] for inner in part["thinking"])


STOPS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}


# -- against it -----------------------------------------------------------------------------------

RECORDS = [(path, json.loads(path.read_text())) for path in FILES]


def of(api: str) -> list[tuple[Path, dict[str, Any]]]:
    return [(path, record) for path, record in RECORDS if record["api"] == api]


def params(records: list[tuple[Path, dict[str, Any]]]) -> pytest.MarkDecorator:
    named = [pytest.param(record, id=f"{path.parent.name}/{path.stem}") for path, record in records]
    return pytest.mark.parametrize("recording", named)


def body_of(record: dict[str, Any]) -> str:
    text: str = record["response"]["body_text"]
    return text


CHATS = [(path, record) for path, record in of("chat") if record["response"]["status"] == 200]
ANSWERS = [(path, record) for path, record in CHATS if len(Reading(body_of(record)).choices) == 1]
SEVERAL = [(path, record) for path, record in CHATS if len(Reading(body_of(record)).choices) > 1]
STREAMS = [(path, record) for path, record in ANSWERS if body_of(record).startswith("data:")]
REFUSED = [(path, record) for path, record in RECORDS if record["response"]["status"] != 200]


async def played(record: dict[str, Any], *, seed: int | None = None) -> Played:
    body = body_of(record).encode()
    sizes = None if seed is None else random.Random(seed)
    return await play(model_for(record), body, streaming=body.startswith(b"data:"), sizes=sizes)


@params(ANSWERS)
async def test_f_mis01_recorded_answers_read_as_the_bytes_say(recording: dict[str, Any]) -> None:
    """F-MIS01, F-N23, F-N36: text, calls, reasoning, usage, stop reason of every recording."""
    expected = Reading(body_of(recording))
    got = await played(recording)
    assert got.error is None
    completion = got.completion
    assert completion is not None
    assert completion.content == expected.text
    assert [
        (call.call_id, call.name, call.arguments_json) for call in completion.tool_calls
    ] == expected.calls
    assert "".join(block.text or "" for block in completion.reasoning) == expected.reasoning
    assert all(block.provider == "mistral" for block in completion.reasoning)
    assert completion.stop_reason == STOPS[expected.stop]
    usage, raw = completion.usage, expected.usage
    assert usage is not None
    assert usage.raw == raw
    into = raw.get("prompt_tokens_details") or {}
    cached = into["cached_tokens"] if "cached_tokens" in into else raw.get("num_cached_tokens")
    assert usage.cached_read_tokens == cached
    assert usage.input_tokens == raw["prompt_tokens"] - (cached or 0)
    assert usage.output_tokens == raw["completion_tokens"]
    assert usage.audio_input_tokens == into.get("audio_tokens")
    assert usage.total_tokens == raw["total_tokens"]
    counts = (usage.input_tokens, cached, usage.output_tokens, usage.audio_input_tokens)
    assert sum(count or 0 for count in counts) == raw["total_tokens"]


@params(STREAMS)
async def test_deltas_of_recordings_join_to_the_answer(recording: dict[str, Any]) -> None:
    """F-EVT03: joining the deltas gives the whole."""
    got = await played(recording)
    assert got.completion is not None
    expected = Reading(body_of(recording))
    assert (
        "".join(event.delta for event in got.events if isinstance(event, MessageOutputDelta)) == expected.text
    )
    thought = "".join(event.delta for event in got.events if isinstance(event, ReasoningDelta))
    assert thought == expected.reasoning
    for call_id, name, arguments in expected.calls:
        deltas = [e for e in got.events if isinstance(e, ToolCallDelta) and e.call_id == call_id]
        assert "".join(str(event.delta) for event in deltas) == arguments
        assert {event.name for event in deltas} == {name}


@params(ANSWERS)
async def test_recorded_chunks_stay_unaltered(recording: dict[str, Any]) -> None:
    """F-EVT02: every raw event is a chunk of the wire, and the response keeps its payloads."""
    got = await played(recording)
    wire = payloads(body_of(recording))
    assert got.completion is not None
    assert all(event.raw_event is None or event.raw_event in wire for event in got.events)
    if got.completion.message is not None:
        assert got.completion.message.raw == (wire if body_of(recording).startswith("data:") else wire[0])


@pytest.mark.parametrize("seed", [1, 2, 3])
@params(CHATS)
async def test_recordings_read_the_same_however_they_are_cut(recording: dict[str, Any], seed: int) -> None:
    whole, pieces = await played(recording), await played(recording, seed=seed)
    assert pieces.events == whole.events
    assert str(pieces.error) == str(whole.error)


@params(SEVERAL)
async def test_several_choices_are_refused(recording: dict[str, Any]) -> None:
    got = await played(recording)
    assert type(got.error) is AgentParsingError
    assert "2 choices" in str(got.error)


@params(ANSWERS)
async def test_f_n37_recorded_answers_can_be_sent_back(recording: dict[str, Any]) -> None:
    """F-N37: what was decoded is encoded without loss; thinking goes back as the chunk it was."""
    got = await played(recording)
    assert got.completion is not None
    message = got.completion.message
    if message is None:
        return
    model = model_for(recording)
    payload = model.encode(ModelRequest.of([Message.user("go on"), message, Message.user("and then?")]))
    sent = payload["messages"][1]
    assert sent["role"] == "assistant"
    texts = [block.text for block in message.content if isinstance(block, TextBlock)]
    calls = [block for block in message.content if isinstance(block, ToolCallBlock)]
    assert [call["function"]["name"] for call in sent.get("tool_calls", ())] == [call.name for call in calls]
    if not body_of(recording).startswith("data:"):
        content = json.loads(body_of(recording))["choices"][0]["message"]["content"]
        assert sent["content"] == content
    elif got.completion.reasoning:
        thinking = {"type": "thinking", "closed": True}
        thinking["thinking"] = [{"type": "text", "text": got.completion.reasoning[0].text}]
        assert sent["content"] == [thinking, {"type": "text", "text": texts[0]}]
    else:
        assert sent["content"] == "".join(texts)


@params(REFUSED)
async def test_f_err02_recorded_error_statuses_are_typed(
    server: LoopbackServer, recording: dict[str, Any]
) -> None:
    """F-ERR02, F-N40, F-PRV02: served again over loopback, through the SDK."""
    answer = recording["response"]
    headers = {"mistral-correlation-id": answer["headers"]["mistral-correlation-id"]}
    server.answers = [
        Answer(
            status=answer["status"],
            headers={"content-type": "application/json", **headers},
            pieces=(answer["body_text"].encode(),),
        )
    ]
    async with ChatMistral("m", api_key="other-key", base_url=server.url, max_retries=0) as model:
        with pytest.raises(APIStatusError) as caught:
            await (model.embed(["a"]) if recording["api"] == "embeddings" else model.complete("hi"))
    error = caught.value
    names = {400: "InvalidRequestError", 401: "AuthenticationError"}
    assert type(error).__name__ == names[answer["status"]]
    said = json.loads(answer["body_text"])
    assert (said.get("message") or said["detail"]) in error.message
    assert error.context["request_id"] == headers["mistral-correlation-id"]
    assert error.context.get("code") == said.get("code")


@params([(path, record) for path, record in of("embeddings") if record["response"]["status"] == 200])
def test_f_emb01_recorded_embeddings(recording: dict[str, Any]) -> None:
    """F-EMB01: vectors in input order, zero-based."""
    data = json.loads(body_of(recording))["data"]
    found = read_embeddings(body_of(recording).encode(), len(data))
    assert [each.index for each in found] == list(range(len(data)))
    assert [list(each.vector) for each in found] == [item["embedding"] for item in data]


@params(of("models"))
def test_recorded_model_lists_have_each_model_once(recording: dict[str, Any]) -> None:
    rows = json.loads(body_of(recording))["data"]
    found = read_models(body_of(recording).encode())
    assert [info.formal_name for info in found] == sorted({row["name"] for row in rows})
    assert len(found) < len(rows)
    windows = {row["name"]: row["max_context_length"] for row in rows}
    outdated = {row["name"] for row in rows if row["deprecation"]}
    assert {info.formal_name: info.context_window for info in found} == windows
    assert {info.formal_name for info in found if info.outdated} == outdated


@params([(path, record) for path, record in of("batches") if '"outputs": [' in body_of(record)])
async def test_completions_of_recorded_batches(recording: dict[str, Any]) -> None:
    for output in json.loads(body_of(recording))["outputs"]:
        body = output["response"]["body"]
        got = await play(model_for(recording), json.dumps(body).encode(), streaming=False)
        assert got.completion is not None
        assert got.completion.content == body["choices"][0]["message"]["content"]
        assert got.completion.usage is not None
        assert got.completion.usage.total_tokens == body["usage"]["total_tokens"]


def test_recordings_hold_what_these_tests_are_for() -> None:
    tags = {tag for _, record in RECORDS for tag in record["tags"]}
    assert {"stream", "parallel-tools", "thinking", "usage-audio", "usage-cache", "multi-choice"} <= tags
    assert len(STREAMS) > 8
