"""Recorded traffic of OpenAI, Azure and compatible servers, against an independent, simple reading of the bytes.

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

from lamella.content import MediaContent, OpaqueContent, TextBlock
from lamella.errors import AgentParsingError, APIStatusError, LamellaError
from lamella.events import (
    MessageOutputDelta,
    ReasoningDelta,
    ToolCallDelta,
)
from lamella.messages import Message
from lamella.models import Completion, ModelRequest
from lamella_openai import ChatOpenAI, ChatOpenAICompletions

FOLDER = Path(os.environ.get("LAMELLA_CASSETTES") or Path(__file__).parents[4] / "shared" / "cassettes")
FILES = sorted((*FOLDER.glob("openai-chat/*/*.json"), *FOLDER.glob("openai-responses/*/*.json")))

pytestmark = pytest.mark.skipif(not FILES, reason="no recordings here; set LAMELLA_CASSETTES")


def model_for(record: dict[str, Any]) -> ChatOpenAI | ChatOpenAICompletions:
    cls = ChatOpenAI if "responses" in record["api"] else ChatOpenAICompletions
    return cls(record["model"] or "unknown", api_key="sk-test", max_retries=0)


# -- the simple reading ---------------------------------------------------------------------------


def payloads(body: str) -> list[dict[str, Any]]:
    """The JSON objects of a stream up to its first final response, or the one of a whole body."""
    if not body.lstrip().startswith(("data:", "event:", ":")):
        return [json.loads(body)]
    found = []
    for line in body.splitlines():
        text = line.removeprefix("data:").strip()
        if line.startswith("data:") and text != "[DONE]":
            found.append(json.loads(text))
            if found[-1].get("type") in ("response.completed", "response.incomplete", "response.failed"):
                break
    return found


class Reading:
    """What a recording says: text, calls, reasoning, raw usage and raw stop."""

    def __init__(self, record: dict[str, Any]) -> None:
        self.text = ""
        self.calls: dict[Any, dict[str, str]] = {}
        self.reasoning = ""
        self.usage: dict[str, Any] | None = None
        self.stop: str | None = None
        self.refusal = False
        self.choices = 1
        self.items: list[dict[str, Any]] = []
        found = payloads(record["response"]["body_text"])
        self.failed = any(
            chunk.get("error") or chunk.get("type") in ("error", "response.failed") for chunk in found
        )
        read = self._responses if "responses" in record["api"] else self._chat
        for chunk in found:
            read(chunk)

    def _chat(self, chunk: dict[str, Any]) -> None:
        self.usage = chunk.get("usage") or self.usage
        self.choices = max(self.choices, len(chunk.get("choices") or ()))
        for choice in chunk.get("choices") or ():
            said = choice.get("delta") or choice.get("message") or {}
            self.stop = choice.get("finish_reason") or self.stop
            self.text += (said.get("content") or "") + (said.get("refusal") or "")
            self.refusal = self.refusal or bool(said.get("refusal"))
            self.reasoning += said.get("reasoning_content") or said.get("reasoning") or ""
            for place, call in enumerate(said.get("tool_calls") or ()):
                kept = self.calls.setdefault(
                    call.get("index", place), {"id": "", "name": "", "arguments": ""}
                )
                kept["id"] = call.get("id") or kept["id"]
                kept["name"] = call["function"].get("name") or kept["name"]
                kept["arguments"] += call["function"].get("arguments") or ""

    def _responses(self, event: dict[str, Any]) -> None:
        if event.get("object") == "response":
            event = {"type": "response.completed", "response": event}
            for item in event["response"]["output"]:
                self._item(item)
        kind = event.get("type")
        if kind == "response.output_item.done":
            self._item(event["item"])
        elif kind in ("response.completed", "response.incomplete", "response.failed"):
            self.usage = event["response"]["usage"]
            status = event["response"]["status"]
            details = event["response"].get("incomplete_details") or {}
            self.stop = details.get("reason") or status

    def _item(self, item: dict[str, Any]) -> None:
        self.items.append(item)
        if item["type"] == "message":
            self.text += "".join(part.get("text") or part.get("refusal") or "" for part in item["content"])
            self.refusal = self.refusal or any(part["type"] == "refusal" for part in item["content"])
        elif item["type"] == "reasoning":
            parts = [*(item.get("summary") or ()), *(item.get("content") or ())]
            self.reasoning += "".join(part["text"] for part in parts)
        elif item["type"] == "function_call":
            self.calls[len(self.calls)] = {
                "id": item["call_id"],
                "name": item["name"],
                "arguments": item["arguments"],
            }

    def stop_reason(self, api: str) -> str:
        if self.stop in ("length", "max_output_tokens"):
            return "max_tokens"
        if self.calls:
            return "tool_use"
        if self.refusal:
            return "refusal"
        return {"stop": "end_turn", "completed": "end_turn"}.get(str(self.stop), str(self.stop))


# -- against it -----------------------------------------------------------------------------------


def load(path: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(path.read_text())
    return record


def is_answer(record: dict[str, Any]) -> bool:
    return record["response"]["status"] == 200 and Reading(record).choices == 1 and not Reading(record).failed


def params(records: list[tuple[Path, dict[str, Any]]]) -> pytest.MarkDecorator:
    named = [pytest.param(record, id=f"{path.parent.name}/{path.stem}") for path, record in records]
    return pytest.mark.parametrize("recording", named)


RECORDS = [(path, load(path)) for path in FILES]
BODIES = [(path, record) for path, record in RECORDS if record["response"]["status"] == 200]
ANSWERS = [(path, record) for path, record in BODIES if is_answer(record)]
STREAMS = [(path, record) for path, record in ANSWERS if "stream" in record["tags"]]
FAILURES = [(path, record) for path, record in BODIES if not is_answer(record)]
REFUSED = [(path, record) for path, record in RECORDS if record["response"]["status"] != 200]


async def played(record: dict[str, Any], *, seed: int | None = None) -> Played:
    body = record["response"]["body_text"].encode()
    streaming = body.lstrip().startswith((b"data:", b"event:", b":"))
    sizes = None if seed is None else random.Random(seed)
    return await play(model_for(record), body, streaming=streaming, sizes=sizes)


@params(ANSWERS)
async def test_f_n23_recorded_answers_read_as_the_bytes_say(recording: dict[str, Any]) -> None:
    """F-N23, F-EVT03, F-EVT05, F-USE03, F-LOOP11: text, calls, reasoning, usage, stop reason of every recording."""
    expected = Reading(recording)
    got = await played(recording)
    completion = got.completion
    assert completion is not None
    assert got.error is None
    assert completion.content == expected.text
    calls = list(expected.calls.values())
    assert [(call.name, call.arguments_json) for call in completion.tool_calls] == [
        (call["name"], call["arguments"]) for call in calls
    ]
    assert [call.call_id for call in completion.tool_calls] == [call["id"] for call in calls]
    said = "".join((block.summary or "") + (block.text or "") for block in completion.reasoning)
    assert said == expected.reasoning
    assert completion.stop_reason == expected.stop_reason(recording["api"])
    assert_usage(completion, expected.usage)
    assert_items(completion, expected)


def assert_usage(completion: Completion, raw: dict[str, Any] | None) -> None:
    if raw is None:
        assert completion.usage is None
        return
    usage = completion.usage
    assert usage is not None
    assert usage.raw == raw
    assert usage.total_tokens == raw["total_tokens"]
    into = raw.get("input_tokens_details") or raw.get("prompt_tokens_details") or {}
    out = raw.get("output_tokens_details") or raw.get("completion_tokens_details") or {}
    given: int = raw["input_tokens"] if "input_tokens" in raw else raw["prompt_tokens"]
    made: int = raw["output_tokens"] if "output_tokens" in raw else raw["completion_tokens"]
    held = (
        (into.get("cached_tokens") or 0)
        + (into.get("cache_write_tokens") or 0)
        + (into.get("audio_tokens") or 0)
    )
    assert usage.input_tokens == max(given - held, 0)
    assert usage.output_tokens == max(
        made - (out.get("reasoning_tokens") or 0) - (out.get("audio_tokens") or 0), 0
    )
    assert usage.cached_read_tokens == into.get("cached_tokens")
    assert usage.cached_write_tokens == into.get("cache_write_tokens")
    assert usage.reasoning_tokens == out.get("reasoning_tokens")


def assert_items(completion: Completion, expected: Reading) -> None:
    """Every item is in the message: server-side work verbatim, reasoning with the encrypted form of its last event."""
    blocks = () if completion.message is None else completion.message.content
    known = ("message", "reasoning", "function_call")
    work = [item for item in expected.items if item["type"] not in known]
    assert [item_of(block) for block in blocks if isinstance(block, OpaqueContent | MediaContent)] == work
    reasoning = [item for item in expected.items if item["type"] == "reasoning"]
    if expected.items:
        assert [(block.reasoning_id, block.signature) for block in completion.reasoning] == [
            (item["id"], item.get("encrypted_content")) for item in reasoning
        ]
    annotations = [
        list(part.get("annotations") or ())
        for item in expected.items
        if item["type"] == "message"
        for part in item["content"]
        if part.get("text") or part.get("refusal")
    ]
    if expected.items:
        assert [list(block.annotations) for block in blocks if isinstance(block, TextBlock)] == annotations


def item_of(block: OpaqueContent | MediaContent) -> dict[str, Any]:
    """The vendor's item of server-side work: verbatim, or an image with the rest of its item beside it."""
    if isinstance(block, OpaqueContent):
        item: dict[str, Any] = block.data["item"]
        return item
    (state,) = block.opaque.values()
    return {**state["item"], "result": block.base64_data}


@params(STREAMS)
async def test_f_evt03_deltas_of_recordings_join_to_the_answer(recording: dict[str, Any]) -> None:
    """F-EVT03, F-EVT04, F-EVT09, F-N01: joining the deltas gives the whole."""
    got = await played(recording)
    assert got.completion is not None
    shown = "".join(event.delta for event in got.events if isinstance(event, MessageOutputDelta))
    assert shown == got.completion.content
    thought = "".join(event.delta for event in got.events if isinstance(event, ReasoningDelta))
    assert thought == Reading(recording).reasoning
    for call in got.completion.tool_calls:
        pieces = [
            event
            for event in got.events
            if isinstance(event, ToolCallDelta) and event.call_id == call.call_id
        ]
        assert "".join(str(event.delta) for event in pieces) == call.arguments_json
        assert {event.name for event in pieces} <= {call.name}


@params(ANSWERS)
async def test_f_evt02_recorded_chunks_stay_unaltered(recording: dict[str, Any]) -> None:
    """F-EVT02: every raw event is a chunk of the wire, and the response keeps its payloads."""
    got = await played(recording)
    wire = payloads(recording["response"]["body_text"])
    assert got.completion is not None
    for event in got.events:
        assert event.raw_event is None or event.raw_event in wire
    if got.completion.message is None:
        return
    raw = got.completion.message.raw
    if "responses" in recording["api"]:
        assert raw == wire[-1].get("response", wire[-1])
    else:
        assert raw == (wire if "stream" in recording["tags"] else wire[0])


@pytest.mark.parametrize("seed", [1, 2, 3])
@params(BODIES)
async def test_recordings_read_the_same_however_they_are_cut(recording: dict[str, Any], seed: int) -> None:
    whole, pieces = await played(recording), await played(recording, seed=seed)
    assert pieces.events == whole.events
    assert str(pieces.error) == str(whole.error)


@params(FAILURES)
async def test_f_n05_recorded_errors_are_typed(recording: dict[str, Any]) -> None:
    """F-N05, F-N06, F-EVT12: errors in a body after HTTP 200, and several choices, leave as typed errors."""
    reading = Reading(recording)
    got = await played(recording)
    assert isinstance(got.error, LamellaError)
    if reading.choices > 1:
        assert type(got.error) is AgentParsingError
        return
    expected = {"tool_use_failed": "InvalidRequestError", "insufficient_quota": "RateLimitError"}
    assert type(got.error).__name__ == expected[got.error.context["code"]]
    assert got.error.retryable is False
    assert got.error.partial is not None
    assert got.error.partial.content == reading.text


@params(ANSWERS)
async def test_f_n37_recorded_answers_can_be_sent_back(recording: dict[str, Any]) -> None:
    """F-N37, F-MSG06: what was decoded is encoded without error; what has an item goes back as that item."""
    got = await played(recording)
    assert got.completion is not None
    if got.completion.message is None:
        return
    history = [Message.user("go on"), got.completion.message, Message.user("and then?")]
    model = model_for(recording)
    payload = model.encode(ModelRequest.of(history))
    json.dumps(payload)
    if isinstance(model, ChatOpenAICompletions):
        assert [message["role"] for message in payload["messages"]] == ["user", "assistant", "user"]
        return
    items = [item for item in Reading(recording).items if not says_nothing(item)]
    items = items[:-1] if items[-1]["type"] == "reasoning" else items  # the server refuses one alone
    lost = '"store":false' in recording["response"]["body_text"].replace(" ", "")
    for sent, item in zip(payload["input"][1:-1], _replayable(items, lost), strict=True):
        assert {key: value for key, value in sent.items() if key != "id"} == item


def says_nothing(item: dict[str, Any]) -> bool:
    return item["type"] == "message" and not any(
        part.get("text") or part.get("refusal") for part in item["content"]
    )


def _replayable(items: list[dict[str, Any]], lost: bool) -> list[dict[str, Any]]:
    """The items as they must be sent again: without nulls, ids and probabilities, and without reasoning that is lost."""
    found = []
    for item in items:
        if item["type"] == "reasoning":
            if lost and not item.get("encrypted_content") and not item.get("content"):
                continue
            item = {key: value for key, value in item.items() if value not in (None, []) or key == "summary"}
        elif item["type"] in ("message", "function_call"):
            item = {key: value for key, value in item.items() if value is not None}
        if item["type"] == "message":
            item["content"] = [
                {key: value for key, value in part.items() if key != "logprobs"}
                for part in item["content"]
                if part.get("text") or part.get("refusal")
            ]
        found.append({key: value for key, value in item.items() if key != "id"})
    return found


@params(REFUSED)
async def test_f_err02_recorded_error_statuses_are_typed(
    server: LoopbackServer, recording: dict[str, Any]
) -> None:
    """F-ERR02, F-N40: served again over loopback, through the SDK."""
    answer = recording["response"]
    headers = {name: answer["headers"][name] for name in ("retry-after",) if name in answer["headers"]}
    server.answers = [
        Answer(
            status=answer["status"],
            headers={"content-type": "application/json", **headers},
            pieces=(answer["body_text"].encode(),),
        )
    ]
    cls = ChatOpenAI if "responses" in recording["api"] else ChatOpenAICompletions
    async with cls("m", api_key="sk-other", base_url=server.url, max_retries=0) as model:
        with pytest.raises(APIStatusError) as caught:
            await model.complete("hi")
    error = caught.value
    names = {
        400: "InvalidRequestError",
        401: "AuthenticationError",
        429: "RateLimitError",
        500: "ServerError",
    }
    assert type(error).__name__ == names.get(answer["status"], "APIStatusError")
    assert error.status_code == answer["status"]
    said = json.loads(answer["body_text"])["error"]
    assert said["message"] in error.message
    assert error.context["code"] == str(said["code"])
    assert error.retry_after == (float(headers["retry-after"]) if headers else None)


def test_recordings_hold_what_these_tests_are_for() -> None:
    tags = {tag for path in FILES for tag in json.loads(path.read_text())["tags"]}
    assert {"stream", "parallel-tools", "thinking", "signature", "midstream-error", "citations"} <= tags
    assert len(FILES) > 100
