"""Reading the Interactions API: goldens, streams cut anywhere, older event names, server-side work, failures."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import pytest
from interactions_wires import (
    CALL,
    FOUND,
    NOTE,
    PNG,
    SAID,
    SEARCH,
    STEPS,
    THOUGHT,
    USAGE,
    body,
    created,
    delta,
    ended,
    interaction,
    older,
    sse,
    start,
    stop,
    stream,
)
from wire_player import play

from lamella.content import OpaqueContent, ReasoningBlock, TextBlock, ToolCallBlock
from lamella.errors import (
    AgentParsingError,
    APIStatusError,
    InvalidRequestError,
    LamellaError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
)
from lamella.events import (
    Event,
    MediaOutputDone,
    MessageOutputDelta,
    MessageOutputDone,
    OtherEvent,
    ReasoningDelta,
    ReasoningDone,
    ResponseDone,
    ToolCallDelta,
    ToolCallDone,
)
from lamella.messages import Message
from lamella.models import Completion, ModelRequest
from lamella_gemini import ChatGeminiInteractions
from lamella_gemini.decode_interactions import InteractionsDecoder
from lamella_image import ImageContent


def model(**fields: Any) -> ChatGeminiInteractions:
    return ChatGeminiInteractions(**{"api_key": "AIza-test", "max_retries": 0, **fields})


async def events_of(*events: Any) -> list[Event]:
    got = await play(model(), sse(*events))
    if got.error is not None:
        raise got.error
    return got.events


async def read(*events: Any) -> Completion:
    got = await play(model(), sse(*events))
    if got.error is not None:
        raise got.error
    assert got.completion is not None
    return got.completion


async def failure(*events: Any) -> LamellaError:
    got = await play(model(), sse(*events))
    assert got.error is not None
    return got.error


def blocks(completion: Completion) -> tuple[Any, ...]:
    assert completion.message is not None
    return completion.message.content


def same(one: Completion, other: Completion) -> None:
    """All but the raw payloads, which differ in form."""
    assert blocks(one) == blocks(other)
    assert one.usage == other.usage
    assert (one.stop_reason, one.raw_stop_reason) == (other.stop_reason, other.raw_stop_reason)
    assert (one.id, one.model) == (other.id, other.model)


async def test_f_gem02_golden() -> None:
    """F-GEM02: thought, server-side work, text with citations, an image, a call; each event in its place."""
    events = await events_of(*stream(*STEPS, status="requires_action"))
    shown = [
        event for event in events if isinstance(event, MessageOutputDelta | ReasoningDelta | ToolCallDelta)
    ]
    # The text behind the image is not shown piece by piece: blocks come when their step is complete.
    assert (
        "".join(event.delta for event in shown if isinstance(event, MessageOutputDelta)) == "Sunny in Paris."
    )
    assert [event.delta for event in shown if isinstance(event, ReasoningDelta)] == ["Look ", "it up."]
    assert {event.kind for event in shown if isinstance(event, ReasoningDelta)} == {"summary"}
    calls = [event for event in shown if isinstance(event, ToolCallDelta)]
    assert "".join(str(event.delta) for event in calls) == '{"city":"Paris","days":[1,2]}'
    assert {(event.call_id, event.name) for event in calls} == {("fc1", "get_weather")}
    done = [
        type(event)
        for event in events
        if isinstance(
            event, ReasoningDone | MessageOutputDone | MediaOutputDone | ToolCallDone | ResponseDone
        )
        or (isinstance(event, OtherEvent) and event.block is not None)
    ]
    assert done == [
        ReasoningDone,
        OtherEvent,
        OtherEvent,
        MessageOutputDone,
        MediaOutputDone,
        MessageOutputDone,
        ToolCallDone,
        ResponseDone,
    ]
    last = events[-1]
    assert isinstance(last, ResponseDone)
    assert (last.stop_reason, last.raw_stop_reason) == ("tool_use", "requires_action")
    assert (last.response_id, last.model) == ("v1_1", "gemini-3-flash-preview")


async def test_f_gem02_blocks_hold_what_the_steps_say() -> None:
    """F-GEM02: signature, citations, media, ids, and the vendor's steps as opaque content."""
    thought, search, found, first, image, second, call = blocks(await read(*stream(*STEPS)))
    assert isinstance(thought, ReasoningBlock)
    assert (thought.summary, thought.signature, thought.provider) == ("Look it up.", "c2ln", "gemini")
    assert isinstance(search, OpaqueContent)
    assert (search.type, search.provider) == ("gemini.google_search_call", "gemini")
    assert search.data["item"] == SEARCH
    assert found.data["item"] == FOUND
    assert isinstance(first, TextBlock)
    assert (first.text, list(first.annotations)) == ("Sunny in Paris.", [NOTE])
    assert isinstance(image, ImageContent)
    assert (image.data, image.mime_type) == (base64.b64decode(PNG), "image/png")
    assert second.text == "That is all."
    assert isinstance(call, ToolCallBlock)
    assert (call.call_id, call.name, call.arguments) == (
        "fc1",
        "get_weather",
        {"city": "Paris", "days": [1, 2]},
    )


async def test_f_gem02_usage_golden() -> None:
    """F-GEM02: 120 in, 25 cached, 40 out, 30 thought, 10 tool use, 200 total: 95/25/40/30/10/200."""
    usage = (await read(*stream(SAID))).usage
    assert usage is not None
    assert (usage.input_tokens, usage.cached_read_tokens, usage.output_tokens) == (95, 25, 40)
    assert (usage.reasoning_tokens, usage.tool_use_tokens, usage.total_tokens) == (30, 10, 200)
    assert usage.raw == USAGE


@pytest.mark.parametrize("status", ["completed", "requires_action", "incomplete"])
async def test_f_n23_a_stream_reads_as_the_whole_does(status: str) -> None:
    """F-N23: message, usage and stop reason."""
    got = await play(model(), body(*STEPS, status=status), streaming=False)
    assert got.completion is not None
    same(await read(*stream(*STEPS, status=status)), got.completion)
    assert not [event for event in got.events if not event.durable]


async def test_streams_read_the_same_wherever_they_are_cut() -> None:
    whole = sse(*stream(*STEPS, status="requires_action"))
    expected = (await play(model(), whole)).events
    for seed in range(8):
        assert (await play(model(), whole, sizes=random.Random(seed))).events == expected


class OneByOne(random.Random):
    """Pieces of one byte."""

    def randint(self, a: int, b: int) -> int:
        return a


async def test_streams_read_the_same_byte_by_byte_and_are_interrupted_at_any_byte() -> None:
    whole = sse(*stream(SAID, CALL, status="requires_action"))
    expected = await play(model(), whole)
    assert (await play(model(), whole, sizes=OneByOne())).events == expected.events
    end = whole.index(b"event: done") - 2  # the last event's last brace may be the last byte
    for cut in range(end):
        got = await play(model(), whole[:cut])
        assert isinstance(got.error, StreamInterruptedError)
    for cut in range(end, len(whole)):
        assert (await play(model(), whole[:cut])).events == expected.events


async def test_a_stream_cut_at_any_event_is_interrupted() -> None:
    events = stream(*STEPS)
    for count in range(len(events)):
        got = await play(
            model(), b"".join(sse(event).partition(b"event: done")[0] for event in events[:count])
        )
        assert isinstance(got.error, StreamInterruptedError)
        assert "interaction.completed" in got.error.message


async def test_done_is_no_terminal_marker() -> None:
    got = await play(model(), sse(*stream(SAID)[:-1]))
    assert isinstance(got.error, StreamInterruptedError)
    assert got.error.partial is not None
    assert got.error.partial.content == "Sunny in Paris.That is all."


async def test_f_gem02_older_event_names() -> None:
    """F-GEM02: ``interaction.start``, ``content.start/delta/stop`` by index, ``interaction.complete``."""
    plain = {"type": "model_output", "content": [{"type": "text", "text": "Hello there."}]}
    steps = (THOUGHT, plain, CALL)
    old = [older(event) for event in stream(*steps, status="requires_action")]
    same(await read(*old), await read(*stream(*steps, status="requires_action")))


async def test_f_gem02_older_whole_body_and_whole_calls() -> None:
    """F-GEM02: ``outputs`` instead of ``steps``; a call in one delta; deltas without a beginning."""
    outputs = [THOUGHT, {"type": "text", "text": "Hello."}, CALL]
    whole = interaction(status="requires_action")
    del whole["steps"]
    got = await play(model(), json.dumps({**whole, "outputs": outputs}).encode(), streaming=False)
    assert got.completion is not None
    assert got.completion.content == "Hello."
    events = [
        created(),
        older(delta(0, "thought_signature", signature="c2ln")),
        older(delta(0, "thought_summary", content={"type": "text", "text": "Look it up."})),
        older(delta(1, "text", text="Hel")),
        older(delta(1, "text", text="lo.")),
        older({"event_type": "step.delta", "index": 2, "delta": CALL}),
        older(ended("requires_action")),
    ]
    same(await read(*events), got.completion)
    deltas = [event for event in await events_of(*events) if isinstance(event, ToolCallDelta)]
    assert [event.delta for event in deltas] == ['{"city":"Paris","days":[1,2]}']


async def test_f_gem02_steps_are_told_apart_by_index() -> None:
    """F-GEM02, F-N04: interleaved steps come in the order of their indexes, and none is split."""
    first = {"type": "model_output", "content": [{"type": "text", "text": "one two"}]}
    mixed = [
        created(),
        start(0, {"type": "model_output"}),
        start(1, {**CALL, "arguments": {}}),
        delta(1, "arguments_delta", arguments='{"city":"Paris",'),
        delta(0, "text", text="one "),
        delta(1, "arguments_delta", arguments='"days":[1,2]}'),
        stop(1),
        delta(0, "text", text="two"),
        stop(0),
        ended("requires_action"),
    ]
    same(await read(*mixed), await read(*stream(first, CALL, status="requires_action")))
    events = await events_of(*mixed)
    places = [type(event) for event in events if isinstance(event, MessageOutputDone | ToolCallDelta)]
    assert places == [MessageOutputDone, ToolCallDelta, ToolCallDelta]


async def test_steps_without_a_stop_are_completed_at_the_end() -> None:
    kept = [event for event in stream(*STEPS) if event["event_type"] != "step.stop"]
    same(await read(*kept), await read(*stream(*STEPS)))


async def test_steps_that_only_the_last_event_holds_are_read() -> None:
    done = ended("completed", steps=STEPS)
    same(await read(created(), done), await read(*stream(*STEPS)))
    same(await read(*stream(*STEPS)[:-1], done), await read(*stream(*STEPS)))
    later = [
        {**event, "index": event["index"] + 7} if "index" in event else event for event in stream(*STEPS)
    ]
    same(await read(*later[:-1], done), await read(*stream(*STEPS)))
    same(await read(*stream(*STEPS[:2])[:-1], done), await read(*stream(*STEPS)))
    shown = [
        event.delta for event in await events_of(created(), done) if isinstance(event, MessageOutputDelta)
    ]
    assert "".join(shown) == "Sunny in Paris.That is all."


async def test_the_beginning_of_a_step_may_hold_content() -> None:
    events = [
        start(0, {"type": "thought", "signature": "c2ln", "summary": [{"type": "text", "text": "Hm"}]}),
        delta(0, "thought_summary", content={"type": "text", "text": "m."}),
        stop(0),
        start(1, {"type": "model_output", "content": [{"type": "text", "text": "He"}]}),
        delta(1, "text", text="llo"),
        stop(1),
        ended(),
    ]
    completion = await read(*events)
    assert completion.content == "Hello"
    assert completion.reasoning[0].summary == "Hmm."
    shown = [event for event in await events_of(*events) if isinstance(event, MessageOutputDelta)]
    assert [event.delta for event in shown] == ["He", "llo"]


async def test_f_n11_malformed_arguments_stay_as_they_came() -> None:
    """F-N11: never ``{}``."""
    events = [
        start(0, {"type": "function_call", "id": "f", "name": "get", "arguments": {}}),
        delta(0, "arguments_delta", arguments='{"city": "Par'),
        stop(0),
        ended("requires_action"),
    ]
    (call,) = (await read(*events)).tool_calls
    assert (call.arguments_json, call.arguments) == ('{"city": "Par', None)


async def test_a_call_without_arguments_and_one_without_an_id() -> None:
    bare = {"type": "function_call", "id": "f", "name": "now", "arguments": {}}
    (call,) = (await read(start(0, bare), stop(0), ended("requires_action"))).tool_calls
    assert (call.arguments_json, call.arguments) == ("{}", {})
    events = [
        start(0, {"type": "function_call", "name": "now"}),
        delta(0, "arguments_delta", arguments="{}"),
        stop(0),
        ended("requires_action"),
    ]
    (call,) = (await read(*events)).tool_calls
    pieces = [event for event in await events_of(*events) if isinstance(event, ToolCallDelta | ToolCallDone)]
    assert call.call_id
    assert len({event.call_id for event in pieces}) == 1


async def test_a_call_in_a_completed_interaction_is_tool_use() -> None:
    assert (await read(*stream(CALL))).stop_reason == "tool_use"


@pytest.mark.parametrize(
    ("status", "stop_reason"),
    [
        ("completed", "end_turn"),
        ("requires_action", "tool_use"),
        ("incomplete", "max_tokens"),
        ("budget_exceeded", "pause"),
        ("requires_continuation", "pause"),
        ("in_progress", "other"),
        ("queued", "other"),
        ("brand_new", "other"),
    ],
)
async def test_statuses(status: str, stop_reason: str) -> None:
    completion = await read(*stream(SAID, status=status))
    assert (completion.stop_reason, completion.raw_stop_reason) == (stop_reason, status)
    got = await play(model(), body(SAID, status=status), streaming=False)
    assert got.completion is not None
    assert got.completion.stop_reason == stop_reason


@pytest.mark.parametrize("empty", [{"id": ""}, {"id": None}])
async def test_what_is_not_stored_has_no_id(empty: dict[str, Any]) -> None:
    completion = await read(created(**empty), ended(**empty))
    assert completion.id is None
    assert completion.message is None


async def test_usage_may_come_with_deltas() -> None:
    metered = {**delta(0, "text", text="Hi"), "metadata": {"total_usage": USAGE}}
    completion = await read(start(0, {"type": "model_output"}), metered, stop(0), ended(usage=None))
    assert completion.usage is not None
    assert completion.usage.total_tokens == 200


# -- what is not known ----------------------------------------------------------------------------


async def test_unknown_steps_parts_deltas_and_events_are_kept() -> None:
    """Nothing is lost."""
    hologram = {"type": "hologram", "data": "AA==", "depth": 3}
    step = {"type": "time_travel_call", "id": "t1", "arguments": {"year": 1985}, "content": [hologram]}
    output = {"type": "model_output", "content": [{"type": "text", "text": "Look:"}, hologram]}
    events = [
        {"event_type": "interaction.heartbeat", "n": 1},
        start(0, step),
        {"event_type": "step.delta", "index": 0, "delta": {"type": "flux", "amount": 1.21}},
        {"event_type": "step.delta", "index": 0},
        stop(0),
        start(1, output),
        stop(1),
        ended(),
    ]
    got = await events_of(*events)
    others = [event for event in got if isinstance(event, OtherEvent)]
    assert [event.name for event in others] == [
        "interaction.heartbeat",
        "flux",
        "step.delta",
        "time_travel_call",
        "hologram",
    ]
    assert others[1].raw_event == events[2]
    work, text, part = blocks(await read(*events))
    assert work.data["item"] == step
    assert text.text == "Look:"
    assert part.data["item"] == hologram
    whole = await play(model(), body(step, output), streaming=False)
    assert whole.completion is not None
    assert blocks(whole.completion) == (work, text, part)


async def test_deltas_of_server_side_work_fill_their_step() -> None:
    events = [
        start(0, {"type": "code_execution_result", "call_id": "c"}),
        delta(0, "code_execution_result", result="1\n", is_error=False),
        delta(0, "code_execution_result", result="2\n", signature="c2ln"),
        stop(0),
        start(1, {"type": "url_context_result", "call_id": "u", "result": [{"url": "a"}]}),
        delta(1, "url_context_result", result=[{"url": "b"}]),
        stop(1),
        start(2, {"type": "mcp_server_tool_call", "id": "m", "name": "n", "server_name": "s"}),
        delta(2, "arguments_delta", arguments='{"a":'),
        delta(2, "arguments_delta", arguments="1}"),
        stop(2),
        ended(),
    ]
    code, urls, mcp = (block.data["item"] for block in blocks(await read(*events)))
    assert code == {
        "type": "code_execution_result",
        "call_id": "c",
        "result": "1\n2\n",
        "is_error": False,
        "signature": "c2ln",
    }
    assert urls["result"] == [{"url": "a"}, {"url": "b"}]
    assert mcp["arguments"] == {"a": 1}
    assert not [event for event in await events_of(*events) if isinstance(event, ToolCallDelta)]


async def test_media_that_no_plugin_knows_and_media_by_address() -> None:
    video = {"type": "video", "uri": "https://example.org/v.mp4", "mime_type": "video/mp4"}
    at_vendor = {
        "type": "image",
        "uri": "https://generativelanguage.googleapis.com/v1beta/files/x",
        "mime_type": "image/png",
    }
    public = {"type": "image", "uri": "https://example.org/i.png", "mime_type": "image/png"}
    broken = {"type": "image", "data": "no base64!", "mime_type": "image/png"}
    step = {"type": "model_output", "content": [video, at_vendor, public, broken]}
    opaque, stored, linked, kept = blocks(await read(*stream(step)))
    assert (opaque.type, opaque.data["item"]) == ("gemini.video", video)
    assert (stored.file_id, stored.provider, stored.url) == (at_vendor["uri"], "gemini", None)
    assert (linked.url, linked.file_id) == (public["uri"], None)
    assert kept.data["item"] == broken
    message = (await read(*stream(step))).message
    assert message is not None
    assert model().encode(ModelRequest.of([Message.user("go"), message]))["input"][1:] == [step]


async def test_pieces_of_audio_are_one() -> None:
    def sound(*values: int) -> dict[str, Any]:
        return {
            "type": "audio",
            "data": base64.b64encode(bytes(values)).decode(),
            "mime_type": "audio/l16",
            "sample_rate": 24000,
        }

    events = [
        start(0, {"type": "model_output"}),
        {"event_type": "step.delta", "index": 0, "delta": sound(1)},
        {"event_type": "step.delta", "index": 0, "delta": sound(2, 3)},
        stop(0),
        ended(),
    ]
    whole = {"type": "model_output", "content": [sound(1, 2, 3)]}
    same(await read(*events), await read(*stream(whole)))


async def test_empty_steps_leave_no_block() -> None:
    steps: list[dict[str, Any]] = [
        {"type": "thought"},
        {"type": "model_output"},
        {"type": "model_output", "content": []},
        {"type": "user_input", "content": [{"type": "text", "text": "an echo"}]},
    ]
    got = await play(model(), body(*steps), streaming=False)
    assert got.completion is not None
    assert got.completion.message is None
    assert got.completion.stop_reason == "end_turn"


# -- failures -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "kind", "retryable"),
    [
        ({"code": "internal_error", "message": "Oops"}, ServerError, True),
        ({"code": "overloaded", "message": "Oops"}, ServerError, True),
        ({"code": "invalid_request", "message": "Oops"}, InvalidRequestError, False),
        ({"code": "rate_limit_exceeded", "message": "Oops"}, RateLimitError, True),
        ({"code": 429, "message": "Oops", "status": "RESOURCE_EXHAUSTED"}, RateLimitError, True),
        ({"code": "strange", "message": "Oops"}, APIStatusError, False),
    ],
)
async def test_error_events(error: dict[str, Any], kind: type[LamellaError], retryable: bool) -> None:
    """F-N06: an error event ends the stream as a typed error, with what came before."""
    events = [start(0, {"type": "model_output"}), delta(0, "text", text="Hel")]
    found = await failure(*events, {"event_type": "error", "error": error})
    assert type(found) is kind
    assert "Oops" in found.message
    assert found.context["code"] == error["code"]
    assert found.retryable is retryable
    assert found.partial is not None
    assert found.partial.content == "Hel"
    assert type(await failure({"error": error})) is kind


@pytest.mark.parametrize("status", ["failed", "cancelled"])
async def test_f_n05_failed_interactions(status: str) -> None:
    """F-N05: never a normal end."""
    found = await failure(*stream(SAID, status=status))
    assert isinstance(found, APIStatusError)
    assert status in found.message
    assert found.partial is not None
    assert found.partial.usage is not None
    assert found.partial.usage.total_tokens == 200
    whole = await play(model(), body(SAID, status=status), streaming=False)
    assert isinstance(whole.error, APIStatusError)
    update = {"event_type": "interaction.status_update", "interaction_id": "v1_1", "status": status}
    assert isinstance(await failure(created(), update), APIStatusError)


@pytest.mark.parametrize(
    "reason",
    [
        {"error": {"code": 503, "message": "no room", "status": "UNAVAILABLE"}},
        {"errors": [{"code": "service_unavailable", "message": "no room"}]},
        {"steps": [{"type": "model_output", "error": {"code": 503, "message": "no room"}}]},
    ],
)
async def test_why_an_interaction_failed(reason: dict[str, Any]) -> None:
    found = await failure(created(), ended("failed", **reason))
    assert isinstance(found, ServerError)
    assert "no room" in found.message
    whole = await play(model(), json.dumps(interaction(status="failed", **reason)).encode(), streaming=False)
    assert isinstance(whole.error, ServerError)


async def test_keys_are_hidden_in_errors() -> None:
    error = {"code": "invalid_request", "message": "bad key AIza-very-secret-1"}
    asked = model(api_key="AIza-very-secret-1")
    got = await play(asked, sse({"event_type": "error", "error": error}))
    assert isinstance(got.error, InvalidRequestError)
    shown = f"{got.error!r} {got.error.context} {got.events!r} {[e.raw_event for e in got.events]}"
    assert "very-secret" not in shown


@pytest.mark.parametrize(
    "event",
    [
        [],
        "text",
        3,
        {"event_type": "step.start", "index": 0},
        {"event_type": "step.start", "index": 0, "step": "thought"},
        {"event_type": "step.start", "index": 0, "step": {"type": "model_output", "content": "x"}},
        {"event_type": "interaction.completed"},
        {"event_type": "interaction.completed", "interaction": {"status": "completed", "steps": {}}},
        {"event_type": "interaction.completed", "interaction": {"status": "completed", "steps": [1]}},
    ],
)
def test_bad_shapes_are_parsing_errors(event: Any) -> None:
    with pytest.raises(AgentParsingError):
        InteractionsDecoder("gemini").feed(event)


@pytest.mark.parametrize("found", [[], "x", None, {}, {"id": "v1"}, {"status": "completed", "steps": "x"}])
def test_bad_bodies_are_parsing_errors(found: Any) -> None:
    with pytest.raises(AgentParsingError):
        InteractionsDecoder("gemini").whole(found)


@pytest.mark.parametrize(
    "event",
    [
        {"event_type": "step.delta", "index": "x", "delta": {"type": "text", "text": 3}},
        {"event_type": "step.delta", "delta": {"type": "text_annotation_delta", "annotations": 3}},
        {"event_type": "step.delta", "delta": {"type": "thought_summary", "content": 3}},
        {"event_type": "step.delta", "delta": {"type": "arguments_delta", "arguments": 3}},
        {"event_type": "step.delta", "delta": {}},
        {"event_type": "step.stop", "index": 99},
        {"event_type": 7},
        {},
    ],
)
def test_odd_events_do_no_harm(event: Any) -> None:
    decoder = InteractionsDecoder("gemini")
    assert all(isinstance(each, OtherEvent) for each in decoder.feed(event))
    decoder.feed(ended())
    assert decoder.complete
    assert isinstance(decoder.finish()[-1], ResponseDone)


async def test_f_evt02_raw_events_are_the_chunks() -> None:
    """F-EVT02: unaltered, and no chunk is changed by what comes after it."""
    chunks = stream(*STEPS, status="requires_action")
    copies = json.loads(json.dumps(chunks))
    decoder = InteractionsDecoder("gemini")
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    assert chunks == copies
    assert all(event.raw_event in copies for event in events)


async def test_what_was_read_goes_back_as_it_came() -> None:
    """F-N37: as it came, in its place."""
    message = (await read(*stream(*STEPS, status="requires_action"))).message
    assert message is not None
    payload = model().encode(ModelRequest.of([Message.user("go"), message, Message.user("on")]))
    assert payload["input"][1:-1] == STEPS
