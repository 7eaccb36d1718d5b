"""Recorded traffic of the Gemini API and of Vertex, against an independent, simple reading of the bytes.

The recordings are not part of the repository: ``LAMELLA_CASSETTES`` says where they are, else they are looked for
beside it, and without them these tests are skipped.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from loopback_server import Answer, LoopbackServer
from wire_player import Played, play

from lamella.content import OpaqueContent, TextBlock, ToolCallBlock
from lamella.errors import APIStatusError
from lamella.events import MessageOutputDelta, ReasoningDelta, ToolCallDelta, ToolCallDone
from lamella.messages import Message
from lamella.models import Completion, ModelRequest
from lamella_gemini import ChatGemini

FOLDER = Path(os.environ.get("LAMELLA_CASSETTES") or Path(__file__).parents[4] / "shared" / "cassettes")
FILES = sorted((FOLDER / "gemini").glob("*/*.json"))

pytestmark = pytest.mark.skipif(not FILES, reason="no recordings here; set LAMELLA_CASSETTES")


# -- the simple reading ---------------------------------------------------------------------------


def payloads(body: str) -> list[dict[str, Any]]:
    """The JSON objects of a stream, an array, or a whole body."""
    if body.lstrip().startswith("data:"):
        lines = (line for line in body.splitlines() if line.startswith("data:"))
        return [json.loads(line.removeprefix("data:")) for line in lines]
    found = json.loads(body)
    return found if isinstance(found, list) else [found]


class Reading:
    """What a recording says."""

    def __init__(self, record: dict[str, Any]) -> None:
        self.chunks = payloads(record["response"]["body_text"])
        self.usage: dict[str, Any] | None = None
        self.stop: str | None = None
        for chunk in self.chunks:
            self.usage = chunk.get("usageMetadata") or self.usage
            for candidate in chunk.get("candidates") or ():
                self.stop = candidate.get("finishReason") or self.stop
        self.parts = list(self._parts())
        self.text = "".join(p["text"] for p in self.parts if "text" in p and not p.get("thought"))
        self.thought = "".join(p["text"] for p in self.parts if "text" in p and p.get("thought"))
        self.calls = [part["functionCall"] for part in self.parts if part.get("functionCall", {}).get("name")]
        self.pieces = [p for p in self.parts if "partialArgs" in p.get("functionCall", {})]
        self.work = [p for p in self.parts if not p.keys() & {"text", "functionCall"}]

    def _parts(self) -> Iterator[dict[str, Any]]:
        for chunk in self.chunks:
            for candidate in chunk.get("candidates") or ():
                yield from candidate.get("content", {}).get("parts") or ()

    def metadata(self, name: str) -> list[Any]:
        return [c[name] for chunk in self.chunks for c in chunk.get("candidates") or () if name in c]

    @property
    def stop_reason(self) -> str:
        if self.calls and self.stop in ("STOP", "UNEXPECTED_TOOL_CALL"):
            return "tool_use"
        return {"STOP": "end_turn", "MAX_TOKENS": "max_tokens", "SAFETY": "refusal"}[str(self.stop)]


def load(path: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(path.read_text())
    return record


def params(records: list[tuple[Path, dict[str, Any]]]) -> pytest.MarkDecorator:
    named = [pytest.param(record, id=f"{path.parent.name}/{path.stem}") for path, record in records]
    return pytest.mark.parametrize("recording", named)


RECORDS = [(path, load(path)) for path in FILES if "interactions" not in path.parent.name]
CALLS = [(path, record) for path, record in RECORDS if path.parent.name.endswith("generate-content")]
ANSWERS = [(path, record) for path, record in CALLS if record["response"]["status"] == 200]
STREAMS = [(p, r) for p, r in ANSWERS if r["response"]["body_text"].lstrip().startswith("data:")]
REFUSED = [(path, record) for path, record in RECORDS if record["response"]["status"] != 200]


def of(folder: str) -> list[tuple[Path, dict[str, Any]]]:
    return [(p, r) for p, r in RECORDS if p.parent.name == folder and r["response"]["status"] == 200]


def model_for(record: dict[str, Any]) -> ChatGemini:
    return ChatGemini(record["model"] or "unknown", api_key="AIza-test-key", max_retries=0)


async def played(record: dict[str, Any], *, seed: int | None = None) -> Played:
    body = record["response"]["body_text"].encode()
    streaming = body.lstrip().startswith(b"data:")
    sizes = None if seed is None else random.Random(seed)
    return await play(model_for(record), body, streaming=streaming, sizes=sizes)


# -- against it -----------------------------------------------------------------------------------


@params(ANSWERS)
async def test_f_n23_recorded_answers_read_as_the_bytes_say(recording: dict[str, Any]) -> None:
    """F-N23, F-N36, F-GEM02: text, thoughts, calls, work, citations, usage and reason of every recording."""
    expected = Reading(recording)
    got = await played(recording)
    completion = got.completion
    assert got.error is None
    assert completion is not None
    assert completion.content == expected.text
    assert "".join(block.summary or "" for block in completion.reasoning) == expected.thought
    assert [call.name for call in completion.tool_calls] == [call["name"] for call in expected.calls]
    if not expected.pieces:
        assert [json.loads(call.arguments_json) for call in completion.tool_calls] == [
            call.get("args") or {} for call in expected.calls
        ]
    for call, raw in zip(completion.tool_calls, expected.calls, strict=True):
        assert call.call_id == raw.get("id", call.call_id)
    assert len({call.call_id for call in completion.tool_calls}) == len(expected.calls)
    assert completion.stop_reason == expected.stop_reason
    assert completion.model == expected.chunks[0]["modelVersion"]
    assert_usage(completion, expected.usage)
    assert_blocks(completion, expected)


def assert_usage(completion: Completion, raw: dict[str, Any] | None) -> None:
    assert raw is not None
    usage = completion.usage
    assert usage is not None
    assert usage.raw == raw
    heard = sum(
        detail["tokenCount"]
        for detail in raw.get("promptTokensDetails") or ()
        if detail["modality"] == "AUDIO"
    )
    cached = raw.get("cachedContentTokenCount") or 0
    if "promptTokenCount" in raw:
        assert usage.input_tokens == raw["promptTokenCount"] - cached - (usage.audio_input_tokens or 0)
        assert (usage.audio_input_tokens or 0) <= heard
    assert usage.output_tokens == raw.get("candidatesTokenCount")
    assert usage.cached_read_tokens == raw.get("cachedContentTokenCount")
    assert usage.reasoning_tokens == raw.get("thoughtsTokenCount")
    assert usage.tool_use_tokens == raw.get("toolUsePromptTokenCount")
    assert usage.total_tokens == raw.get("totalTokenCount")
    if usage.total_tokens is not None:
        assert attrs.evolve(usage, total_tokens=None).resolved_total_tokens == usage.total_tokens


def assert_blocks(completion: Completion, expected: Reading) -> None:
    blocks = () if completion.message is None else completion.message.content
    assert [block.data["item"] for block in blocks if isinstance(block, OpaqueContent)] == expected.work
    texts = [block for block in blocks if isinstance(block, TextBlock)]
    cited = [dict(each) for text in texts for each in text.annotations]
    for name in ("groundingMetadata", "citationMetadata"):
        found = expected.metadata(name)
        kept = [each[name] for each in cited if name in each]
        assert (kept[-1:] == found[-1:]) or not any(found)


@params(STREAMS)
async def test_f_evt03_deltas_of_recordings_join_to_the_answer(recording: dict[str, Any]) -> None:
    """F-EVT03, F-EVT04: joining the deltas gives the whole."""
    got = await played(recording)
    assert got.completion is not None
    shown = "".join(event.delta for event in got.events if isinstance(event, MessageOutputDelta))
    assert shown == got.completion.content
    assert "".join(e.delta for e in got.events if isinstance(e, ReasoningDelta)) == Reading(recording).thought
    deltas = {event.call_id: event.delta for event in got.events if isinstance(event, ToolCallDelta)}
    assert deltas == {call.call_id: call.arguments_json for call in got.completion.tool_calls}


def plain(played: Played) -> list[Any]:
    """The events, without the ids that were made up for calls."""
    made = (ToolCallDelta, ToolCallDone)
    return [
        attrs.evolve(event, id=None, call_id="") if isinstance(event, made) else event
        for event in played.events
    ]


@pytest.mark.parametrize("seed", [1, 2, 3])
@params(ANSWERS)
async def test_recordings_read_the_same_however_they_are_cut(recording: dict[str, Any], seed: int) -> None:
    whole, pieces = await played(recording), await played(recording, seed=seed)
    assert plain(pieces) == plain(whole)


@params(STREAMS)
async def test_f_n23_recorded_streams_read_the_same_in_one_piece(recording: dict[str, Any]) -> None:
    """F-N23: the chunks put together as an unstreamed response of them would be."""
    chunks = Reading(recording).chunks
    last = [candidate for chunk in chunks for candidate in chunk.get("candidates") or ()][-1]
    body = {
        **chunks[-1],
        "candidates": [{**last, "content": {"role": "model", "parts": Reading(recording).parts}}],
        "usageMetadata": Reading(recording).usage,
    }
    one = await play(model_for(recording), json.dumps(body).encode(), streaming=False)
    many = await played(recording)
    assert one.completion is not None
    assert many.completion is not None
    assert one.completion.usage == many.completion.usage
    assert one.completion.stop_reason == many.completion.stop_reason
    assert made_alike(one.completion) == made_alike(many.completion)


def made_alike(completion: Completion) -> list[Any]:
    blocks = () if completion.message is None else completion.message.content
    return [
        attrs.evolve(block, call_id="") if isinstance(block, ToolCallBlock) else block for block in blocks
    ]


@params(STREAMS)
async def test_recorded_streams_that_are_cut_short_are_no_answers(recording: dict[str, Any]) -> None:
    """A stream without its last finish reason is interrupted."""
    chunks = Reading(recording).chunks
    ends = [p for p, c in enumerate(chunks) if any(x.get("finishReason") for x in c.get("candidates") or ())]
    body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks[: ends[0]]).encode()
    got = await play(model_for(recording), body)
    assert type(got.error).__name__ == "StreamInterruptedError"


@params(ANSWERS)
async def test_f_n37_recorded_answers_go_back_as_they_came(recording: dict[str, Any]) -> None:
    """F-N37, F-GEM02: every part in its place, signatures byte for byte, and strict mode has nothing to say."""
    got = await played(recording)
    assert got.completion is not None
    if got.completion.message is None:
        return
    model = model_for(recording)
    request = ModelRequest(
        messages=(Message.user("?"), got.completion.message, Message.user("!")), transplant="strict"
    )
    parts = model.encode(request)["contents"][1]["parts"]
    expected = Reading(recording)
    signatures = [part["thoughtSignature"] for part in expected.parts if "thoughtSignature" in part]
    assert [part["thoughtSignature"] for part in parts if "thoughtSignature" in part] == signatures
    assert [part for part in parts if not part.keys() & {"text", "functionCall"}] == expected.work
    assert "".join(part.get("text", "") for part in parts if not part.get("thought")) == expected.text
    sent = [part["functionCall"] for part in parts if "functionCall" in part]
    assert [call.get("id") for call in sent] == [call.get("id") for call in expected.calls]
    kinds = [kind(part) for part in parts]
    assert kinds == [k for k, before in pairs(expected.parts) if k != before or k not in ("text", "thought")]


def kind(part: dict[str, Any]) -> str:
    if "text" in part:
        signed = "signed" if "thoughtSignature" in part else "text"
        return "thought" if part.get("thought") else signed
    return next(name for name in part if name != "thoughtSignature")


def pairs(parts: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
    """The kinds of the parts that say something, each with the kind before it."""
    continued = [p for p in parts if "functionCall" not in p or p["functionCall"].get("name")]
    kinds = [kind(part) for part in continued if part != {"text": ""}]
    return list(zip(kinds, [None, *kinds], strict=False))


@params(of("embeddings"))
async def test_f_emb01_recorded_embeddings(server: LoopbackServer, recording: dict[str, Any]) -> None:
    """F-EMB01: the vectors of the body."""
    body = json.loads(recording["response"]["body_text"])
    server.answers = [Answer.json(body)]
    async with ChatGemini(api_key="k", base_url=server.origin) as model:
        found = await model.embed(["x"] * len(body["embeddings"]))
    assert [list(each.vector) for each in found] == [each["values"] for each in body["embeddings"]]


@params([*of("count-tokens"), *of("vertex-count-tokens")])
async def test_f_x13_recorded_counts(server: LoopbackServer, recording: dict[str, Any]) -> None:
    """F-X13: the count of the body."""
    body = json.loads(recording["response"]["body_text"])
    server.answers = [Answer.json(body)]
    async with ChatGemini(api_key="k", base_url=server.origin) as model:
        assert (await model.count_tokens("hi")).tokens == body["totalTokens"]


@params(of("models"))
async def test_recorded_lists_of_models(server: LoopbackServer, recording: dict[str, Any]) -> None:
    body = json.loads(recording["response"]["body_text"])
    body.pop("nextPageToken", None)
    server.answers = [Answer.json(body)]
    async with ChatGemini(api_key="k", base_url=server.origin) as model:
        found = {info.formal_name: info for info in await model.list_models()}
    assert len(found) == len(body["models"])
    for entry in body["models"]:
        info = found[entry["name"].removeprefix("models/")]
        assert info.context_window == entry["inputTokenLimit"]
        assert info.max_output_tokens == entry["outputTokenLimit"]


@params(REFUSED)
async def test_f_err02_recorded_error_statuses_are_typed(
    server: LoopbackServer, recording: dict[str, Any]
) -> None:
    """F-N40, F-PRV02: served again over loopback, through the SDK."""
    answer = recording["response"]
    server.answers = [
        Answer(
            status=answer["status"],
            headers={"content-type": "application/json"},
            pieces=(answer["body_text"].encode(),),
        )
    ]
    async with ChatGemini("m", api_key="AIza-other-key", base_url=server.origin, max_retries=0) as model:
        with pytest.raises(APIStatusError) as caught:
            await model.complete("hi")
    error, said = caught.value, json.loads(answer["body_text"])["error"]
    reasons = {detail.get("reason") for detail in said.get("details") or ()}
    names = {400: "InvalidRequestError", 429: "RateLimitError"}
    expected = names.get(answer["status"], "APIStatusError")
    assert type(error).__name__ == ("AuthenticationError" if "API_KEY_INVALID" in reasons else expected)
    assert error.status_code == answer["status"]
    assert said["message"] in error.message
    assert error.context["status"] == said["status"]
    delays = [d["retryDelay"] for d in said.get("details") or () if "retryDelay" in d]
    assert error.retry_after == (float(delays[0].rstrip("s")) if delays else None)


def test_recordings_hold_what_these_tests_are_for() -> None:
    tags = {tag for _, record in RECORDS for tag in record["tags"]}
    assert {"stream", "parallel-tools", "thinking", "signature", "citations", "refusal", "usage-tool"} <= tags
    assert len(ANSWERS) > 40
