"""Recorded traffic of Anthropic, against an independent, simple reading of the bytes.

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

from lamella.content import Block, OpaqueContent, ReasoningBlock, TextBlock, ToolCallBlock
from lamella.errors import APIStatusError
from lamella.events import MessageOutputDelta, OtherEvent, ReasoningDelta, ToolCallDelta
from lamella.messages import Message
from lamella.models import ModelRequest
from lamella_anthropic import ChatAnthropic

FOLDER = Path(os.environ.get("LAMELLA_CASSETTES") or Path(__file__).parents[4] / "shared" / "cassettes")
FILES = sorted(FOLDER.glob("anthropic/messages/*.json"))
COUNTS = sorted(FOLDER.glob("anthropic/count-tokens/*.json"))
LISTS = sorted(FOLDER.glob("anthropic/models/*.json"))

pytestmark = pytest.mark.skipif(not FILES, reason="no recordings here; set LAMELLA_CASSETTES")

STOPS = {"pause_turn": "pause", "model_context_window_exceeded": "max_tokens"}


def model_for(record: dict[str, Any], **fields: Any) -> ChatAnthropic:
    return ChatAnthropic(record["model"] or "unknown", api_key="sk-test", max_retries=0, **fields)


# -- the simple reading ---------------------------------------------------------------------------


def payloads(body: str) -> list[dict[str, Any]]:
    """The JSON objects of a stream, or the one of a whole body."""
    if not is_stream(body):
        return [json.loads(body)]
    lines = (line[5:].strip() for line in body.splitlines() if line.startswith("data:"))
    return [json.loads(line) for line in lines if line != "[DONE]"]


def is_stream(body: str) -> bool:
    return body.lstrip().startswith(("data:", "event:", ":"))


class Reading:
    """What a recording says: the blocks as an unstreamed message has them, raw usage, raw stop."""

    def __init__(self, record: dict[str, Any]) -> None:
        body = record["response"]["body_text"]
        self.blocks: list[dict[str, Any]] = []
        self.usage: dict[str, Any] = {}
        self.stop: str | None = None
        if not is_stream(body):
            message = json.loads(body)
            self.blocks, self.usage, self.stop = message["content"], message["usage"], message["stop_reason"]
            return
        for event in payloads(body):
            self._event(event)
        for block in self.blocks:
            pieces = block.pop("_json", "")
            if pieces:
                block["input"] = json.loads(pieces)

    def _event(self, event: dict[str, Any]) -> None:
        kind = event["type"]
        if kind == "message_start":
            self.usage = event["message"]["usage"]
        elif kind == "content_block_start":
            assert event["index"] == len(self.blocks)
            self.blocks.append(dict(event["content_block"]))
        elif kind == "content_block_delta":
            self._delta(self.blocks[event["index"]], event["delta"])
        elif kind == "message_delta":
            self.stop = event["delta"]["stop_reason"]
            self.usage = {**self.usage, **{k: v for k, v in event["usage"].items() if v is not None}}

    def _delta(self, block: dict[str, Any], delta: dict[str, Any]) -> None:
        kind = delta["type"]
        if kind == "input_json_delta":
            block["_json"] = block.get("_json", "") + delta["partial_json"]
        elif kind == "citations_delta":
            block["citations"] = [*(block.get("citations") or ()), delta["citation"]]
        else:
            field = {
                "text_delta": "text",
                "thinking_delta": "thinking",
                "signature_delta": "signature",
                "compaction_delta": "content",
            }[kind]
            block[field] = (block.get(field) or "") + delta[field]

    @property
    def spoken(self) -> list[dict[str, Any]]:
        """The blocks in which something stands."""
        return [block for block in self.blocks if block["type"] != "text" or block["text"]]

    def joined(self, kind: str) -> str:
        return "".join(block[kind] for block in self.blocks if block["type"] == kind)


def as_item(block: Block) -> dict[str, Any]:
    """The vendor's block that a decoded block is, without what is empty."""
    if isinstance(block, OpaqueContent):
        item: dict[str, Any] = block.data["item"]
        assert block.type == f"anthropic.{item['type']}"
        return item
    rest = (block.opaque_for("anthropic") or {}).get("block", {})
    if isinstance(block, TextBlock):
        return {"type": "text", "text": block.text, **rest, "citations": list(block.annotations)}
    if isinstance(block, ToolCallBlock):
        return {"type": "tool_use", "id": block.call_id, "name": block.name, "input": block.arguments, **rest}
    assert isinstance(block, ReasoningBlock)
    assert block.provider == "anthropic"
    if block.redacted:
        return {"type": "redacted_thinking", "data": block.signature, **rest}
    return {"type": "thinking", "thinking": block.text, "signature": block.signature, **rest}


def plain(item: dict[str, Any]) -> dict[str, Any]:
    if item["type"] == "text":
        return {**item, "citations": item.get("citations") or []}
    return item


# -- against it -----------------------------------------------------------------------------------


def load(path: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(path.read_text())
    return record


def params(records: list[tuple[Path, dict[str, Any]]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("recording", [pytest.param(each, id=path.stem) for path, each in records])


RECORDS = [(path, load(path)) for path in FILES]
ANSWERS = [(path, record) for path, record in RECORDS if record["response"]["status"] == 200]
STREAMS = [(path, record) for path, record in ANSWERS if is_stream(record["response"]["body_text"])]
REFUSED = [(path, record) for path, record in RECORDS if record["response"]["status"] != 200]


async def played(record: dict[str, Any], *, seed: int | None = None) -> Played:
    body = record["response"]["body_text"]
    sizes = None if seed is None else random.Random(seed)
    return await play(model_for(record), body.encode(), streaming=is_stream(body), sizes=sizes)


@params(ANSWERS)
async def test_f_ant01_recorded_answers_read_as_the_bytes_say(recording: dict[str, Any]) -> None:
    """F-ANT01, F-N23, F-N36, F-LOOP11: every block in its place, and the stop reason."""
    expected = Reading(recording)
    got = await played(recording)
    assert got.error is None
    assert got.completion is not None
    completion = got.completion
    blocks = () if completion.message is None else completion.message.content
    assert [as_item(block) for block in blocks] == [plain(block) for block in expected.spoken]
    assert completion.content == expected.joined("text")
    assert completion.raw_stop_reason == expected.stop
    assert completion.stop_reason == STOPS.get(str(expected.stop), expected.stop)


@params(ANSWERS)
async def test_f_ant03_recorded_usage(recording: dict[str, Any]) -> None:
    """F-ANT03, F-N23: disjoint buckets, streamed and not; compaction and advisors are counted."""
    raw = Reading(recording).usage
    got = await played(recording)
    assert got.completion is not None
    usage = got.completion.usage
    assert usage is not None
    assert usage.raw == raw
    parts = raw.get("iterations") or [raw]
    thought = (raw.get("output_tokens_details") or {}).get("thinking_tokens")
    assert usage.reasoning_tokens == thought
    assert usage.input_tokens == sum(part["input_tokens"] for part in parts)
    assert usage.output_tokens == sum(part["output_tokens"] for part in parts) - (thought or 0)
    assert usage.cached_read_tokens == sum(part["cache_read_input_tokens"] for part in parts)
    assert usage.cached_write_tokens == sum(part["cache_creation_input_tokens"] for part in parts)
    assert usage.total_tokens is None


@params(STREAMS)
async def test_f_evt03_deltas_of_recordings_join_to_the_answer(recording: dict[str, Any]) -> None:
    """F-EVT03, F-EVT04: joining the deltas gives the whole."""
    got = await played(recording)
    assert got.completion is not None
    assert not [event for event in got.events if isinstance(event, OtherEvent) and event.block is None]
    shown = "".join(event.delta for event in got.events if isinstance(event, MessageOutputDelta))
    assert shown == got.completion.content
    thought = "".join(event.delta for event in got.events if isinstance(event, ReasoningDelta))
    assert thought == Reading(recording).joined("thinking")
    for call in got.completion.tool_calls:
        pieces = [
            event.delta
            for event in got.events
            if isinstance(event, ToolCallDelta) and event.call_id == call.call_id
        ]
        assert "".join(map(str, pieces)) == call.arguments_json


@params(STREAMS)
async def test_f_n23_streamed_recordings_equal_the_same_answer_unstreamed(recording: dict[str, Any]) -> None:
    """F-N23: the message that the stream tells of, in one piece, gives the same blocks and usage."""
    expected = Reading(recording)
    start = payloads(recording["response"]["body_text"])[0]["message"]
    whole = {**start, "content": expected.blocks, "usage": expected.usage, "stop_reason": expected.stop}
    streamed = await played(recording)
    unstreamed = await play(model_for(recording), json.dumps(whole).encode(), streaming=False)
    assert streamed.completion is not None
    assert unstreamed.completion is not None
    for name in ("id", "model", "content", "stop_reason", "raw_stop_reason", "usage"):
        assert getattr(streamed.completion, name) == getattr(unstreamed.completion, name)
    first, second = streamed.completion.message, unstreamed.completion.message
    assert first is not None
    assert second is not None
    assert [as_item(block) for block in first.content] == [as_item(block) for block in second.content]


@pytest.mark.parametrize("seed", [1, 2, 3])
@params(ANSWERS)
async def test_recordings_read_the_same_however_they_are_cut(recording: dict[str, Any], seed: int) -> None:
    whole, pieces = await played(recording), await played(recording, seed=seed)
    assert pieces.events == whole.events
    assert str(pieces.error) == str(whole.error)


@params(ANSWERS)
async def test_f_ant02_recorded_answers_go_back_as_they_came(recording: dict[str, Any]) -> None:
    """F-ANT02, F-N36, F-N37: signatures, redacted thinking and server-side work, verbatim and in order."""
    got = await played(recording)
    assert got.completion is not None
    assert got.completion.message is not None
    history = [Message.user("go on"), got.completion.message, Message.user("and then?")]
    payload = model_for(recording).encode(ModelRequest.of(history))
    json.dumps(payload)
    assert [message["role"] for message in payload["messages"]] == ["user", "assistant", "user"]
    said = [block for block in Reading(recording).blocks if block["type"] != "text" or block["text"].strip()]
    assert [plain(part) for part in payload["messages"][1]["content"]] == [sent(block) for block in said]


def sent(block: dict[str, Any]) -> dict[str, Any]:
    """A block as it must be sent again: requests know no ``file_id`` in a citation."""
    if block["type"] != "text":
        return block
    citations = [
        {name: value for name, value in each.items() if name != "file_id"}
        for each in block.get("citations") or ()
    ]
    return {**block, "citations": citations}


@params(REFUSED)
async def test_f_prv02_recorded_error_statuses_are_typed(
    server: LoopbackServer, recording: dict[str, Any]
) -> None:
    """F-PRV02, F-N40: served again over loopback, through the SDK."""
    answer = recording["response"]
    server.answers = [
        Answer(
            status=answer["status"],
            headers={"content-type": "application/json", "request-id": "req_1"},
            pieces=(answer["body_text"].encode(),),
        )
    ]
    async with model_for(recording, base_url=server.origin) as model:
        with pytest.raises(APIStatusError) as caught:
            await model.complete("hi")
    error = caught.value
    names = {400: "InvalidRequestError", 401: "AuthenticationError"}
    assert type(error).__name__ == names.get(answer["status"], "APIStatusError")
    assert (error.status_code, error.retryable) == (answer["status"], False)
    said = json.loads(answer["body_text"])["error"]
    assert said["message"] in error.message
    assert error.context["type"] == said["type"]
    assert error.context["request_id"] == "req_1"


@pytest.mark.parametrize("path", COUNTS, ids=lambda path: path.stem)
async def test_f_x13_recorded_token_counts(server: LoopbackServer, path: Path) -> None:
    """F-X13."""
    answer = load(path)["response"]["body_text"]
    server.answers = [Answer.json(json.loads(answer))]
    async with ChatAnthropic(api_key="sk-x", base_url=server.origin) as model:
        count = await model.count_tokens("hi")
    assert (count.tokens, count.estimated) == (json.loads(answer)["input_tokens"], False)


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)
async def test_recorded_model_lists(server: LoopbackServer, path: Path) -> None:
    answer = json.loads(load(path)["response"]["body_text"])
    server.answers = [Answer.json(answer)]
    async with ChatAnthropic(api_key="sk-x", base_url=server.origin) as model:
        found = await model.list_models()
    assert [(info.formal_name, info.display_name) for info in found] == [
        (item["id"], item["display_name"]) for item in answer["data"]
    ]
    assert [(info.context_window, info.max_output_tokens) for info in found] == [
        (item.get("max_input_tokens"), item.get("max_tokens")) for item in answer["data"]
    ]


def test_recordings_hold_what_these_tests_are_for() -> None:
    tags = {tag for path in FILES for tag in json.loads(path.read_text())["tags"]}
    assert {
        "stream",
        "parallel-tools",
        "thinking",
        "redacted-thinking",
        "citations",
        "compaction",
        "mcp",
    } <= tags
    assert len(FILES) > 40
