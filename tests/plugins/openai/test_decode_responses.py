"""Reading the Responses API: goldens, stop reasons, server-side work, and what gateways leave out."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from openai_wires import (
    CALL,
    EMPTY_CALL,
    MESSAGE,
    NOTE,
    REASONING,
    RESPONSES_OUTPUT,
    RESPONSES_STREAM,
    RESPONSES_USAGE,
    SEARCH,
    ended,
    part,
    response,
    sse,
)
from wire_player import play

from lamella.content import OpaqueContent, ReasoningBlock, TextBlock
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
from lamella_image import ImageContent
from lamella_openai import ChatOpenAI
from lamella_openai.decode_responses import ResponsesDecoder


def model(**fields: Any) -> ChatOpenAI:
    return ChatOpenAI("gpt-5-nano", **{"api_key": "sk-x", "max_retries": 0, **fields})


async def events_of(*events: Any, asked: ChatOpenAI | None = None) -> list[Event]:
    got = await play(asked or model(), sse(*events))
    if got.error is not None:
        raise got.error
    return got.events


async def read(*events: Any, asked: ChatOpenAI | None = None) -> Completion:
    got = await play(asked or model(), sse(*events))
    if got.error is not None:
        raise got.error
    assert got.completion is not None
    return got.completion


def text_item(text: str, **fields: Any) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {"id": "msg_1", "type": "message", "role": "assistant", "content": content, **fields}


async def test_golden() -> None:
    """F-EVT02, F-EVT03, F-EVT04, F-EVT05, F-EVT15, F-EVT07."""
    events = await events_of(*RESPONSES_STREAM)
    assert [event.type for event in events] == [
        "attempt.start",
        "other.event",
        "other.event",
        *["reasoning.delta"] * 3,
        "reasoning.done",
        "other.event",
        "other.event",
        "message.output.delta",
        "tool.call.delta",
        "message.output.delta",
        "message.output.done",
        "tool.call.delta",
        "tool.call.done",
        "tool.call.done",
        "attempt.commit",
        "response.done",
    ]
    others = [event.name for event in events if isinstance(event, OtherEvent)]
    assert others == [
        "response.created",
        "response.in_progress",
        "response.web_search_call.searching",
        "web_search_call",
    ]
    (thought,) = [event for event in events if isinstance(event, ReasoningDone)]
    assert (thought.summary, thought.signature, thought.reasoning_id) == ("one zwei ü", "final", "rs_1")
    assert thought.provider == "openai"
    deltas = [event for event in events if isinstance(event, ToolCallDelta)]
    assert [(event.call_id, event.name, event.delta) for event in deltas] == [
        ("call_1", "weather", '{"city": '),
        ("call_1", "weather", '"Rome"}'),
    ]
    first, second = (event for event in events if isinstance(event, ToolCallDone))
    assert (first.id, first.output, second.arguments_json, second.output) == (
        "fc_1",
        {"city": "Rome"},
        "",
        {},
    )
    last = events[-1]
    assert isinstance(last, ResponseDone)
    assert (last.stop_reason, last.raw_stop_reason, last.response_id, last.model, last.provider) == (
        "tool_use",
        "completed",
        "resp_1",
        "gpt-5-nano-2025",
        "openai",
    )
    assert last.raw == RESPONSES_STREAM[-1]["response"]
    assert last.token_usage is not None
    assert (last.token_usage.input_tokens, last.token_usage.cached_read_tokens) == (100, 400)


async def test_f_n37_the_answer_goes_back_item_by_item() -> None:
    """F-N37: verbatim, in order, encrypted content of the last event; streamed or not."""
    streamed = (await read(*RESPONSES_STREAM)).message
    whole = ResponsesDecoder("openai").whole(response(*RESPONSES_OUTPUT))
    blocks = [event.block() for event in whole[:-1] if not isinstance(event, OtherEvent)]  # type: ignore[attr-defined]
    assert streamed is not None
    assert [block for block in streamed.content if not isinstance(block, OpaqueContent)] == blocks
    sent = model().encode(ModelRequest(messages=(Message.user("x"), streamed)))["input"][1:]
    parts = [{key: value for key, value in MESSAGE["content"][0].items() if key != "logprobs"}]
    assert sent == [REASONING, SEARCH, {**MESSAGE, "content": parts}, CALL, EMPTY_CALL]


async def test_f_n37_empty_summary() -> None:
    """F-N37, F-OAI04: nothing but the encrypted form."""
    item = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "enc"}
    found = await read(
        part("output_item.done", 0, item=item), part("output_item.done", 1, item=CALL), ended()
    )
    assert found.reasoning[0].summary is None
    assert found.message is not None
    sent = model().encode(ModelRequest(messages=(found.message,)))["input"]
    assert sent == [item, CALL]


async def test_reasoning_text_of_open_models() -> None:
    item = {
        "id": "r",
        "type": "reasoning",
        "summary": [],
        "content": [{"type": "reasoning_text", "text": "hmm"}],
    }
    events = await events_of(
        part("output_item.added", 0, item={**item, "content": []}),
        part("reasoning_text.delta", 0, item_id="r", content_index=0, delta="hm"),
        part("reasoning_text.delta", 0, item_id="r", content_index=0, delta="m"),
        part("reasoning_text.done", 0, item_id="r", content_index=0, text="hmm"),
        part("output_item.done", 0, item=item),
        ended(item, text_item("a")),
    )
    deltas = [event for event in events if isinstance(event, ReasoningDelta)]
    assert [(event.delta, event.kind) for event in deltas] == [("hm", "text"), ("m", "text")]
    (block,) = [event.block() for event in events if isinstance(event, ReasoningDone)]
    assert (block.text, block.summary) == ("hmm", None)
    sent = model().encode(ModelRequest(messages=(Message.assistant([block, TextBlock(text="a")]),)))["input"]
    assert sent[0] == item


# -- stop reasons ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("output", "status", "reason", "stop", "raw"),
    [
        ([text_item("a")], "completed", None, "end_turn", "completed"),
        ([text_item("a"), CALL], "completed", None, "tool_use", "completed"),
        ([text_item("a")], "incomplete", "max_output_tokens", "max_tokens", "max_output_tokens"),
        (
            [{**CALL, "arguments": '{"ci'}],
            "incomplete",
            "max_output_tokens",
            "max_tokens",
            "max_output_tokens",
        ),
        ([text_item("a")], "incomplete", "content_filter", "content_filter", "content_filter"),
        ([text_item("a")], "incomplete", "steered", "other", "steered"),
        ([text_item("a")], "incomplete", None, "other", "incomplete"),
    ],
)
async def test_f_loop11_stop_reasons(output: Any, status: str, reason: Any, stop: str, raw: str) -> None:
    """F-LOOP11, W4, F-N05: streamed as in one piece."""
    details = None if reason is None else {"reason": reason}
    found = await read(ended(*output, status=status, incomplete_details=details))
    whole = ResponsesDecoder("openai").whole(response(*output, status=status, incomplete_details=details))[-1]
    assert isinstance(whole, ResponseDone)
    assert (
        (found.stop_reason, found.raw_stop_reason)
        == (whole.stop_reason, whole.raw_stop_reason)
        == (stop, raw)
    )


def test_a_background_response_is_not_an_end() -> None:
    done = ResponsesDecoder("openai").whole(response(status="queued"))[-1]
    assert isinstance(done, ResponseDone)
    assert (done.stop_reason, done.raw_stop_reason) == ("other", "queued")


async def test_f_n05_a_refusal_is_text_that_goes_back_as_a_refusal() -> None:
    """F-N05."""
    item = {**text_item(""), "status": "completed", "content": [{"type": "refusal", "refusal": "I won't"}]}
    events = await events_of(
        part("output_item.added", 0, item={**item, "content": []}),
        part("refusal.delta", 0, item_id="msg_1", content_index=0, delta="I "),
        part("refusal.delta", 0, item_id="msg_1", content_index=0, delta="won't"),
        part("refusal.done", 0, item_id="msg_1", content_index=0, refusal="I won't"),
        part("output_item.done", 0, item=item),
        ended(item),
    )
    assert "".join(event.delta for event in events if isinstance(event, MessageOutputDelta)) == "I won't"
    (block,) = [event.block() for event in events if isinstance(event, MessageOutputDone)]
    assert events[-1].stop_reason == "refusal"  # type: ignore[attr-defined]
    sent = model().encode(ModelRequest(messages=(Message.assistant([block]),)))["input"]
    assert sent == [item]


async def test_f_evt14_nothing_is_no_message() -> None:
    """F-EVT14: no text in the answer is no block."""
    found = await read(
        ended(text_item(""), status="incomplete", incomplete_details={"reason": "content_filter"})
    )
    assert (found.message, found.content, found.stop_reason) == (None, "", "content_filter")


# -- what servers leave out -----------------------------------------------------------------------


def shown(events: list[Event]) -> str:
    return "".join(event.delta for event in events if isinstance(event, MessageOutputDelta))


async def test_f_n07_a_stream_of_only_done_events() -> None:
    """F-N07, F-EVT09: the answer is there, and who joins deltas sees it."""
    items = [part("output_item.done", index, item=item) for index, item in enumerate(RESPONSES_OUTPUT)]
    events = await events_of(*items, ended(*RESPONSES_OUTPUT))
    full = await events_of(*RESPONSES_STREAM)
    durable = [event for event in events if event.durable and not isinstance(event, OtherEvent)]
    expected = [event for event in full if event.durable and not isinstance(event, OtherEvent)]
    assert [event.type for event in durable] == [event.type for event in expected]
    assert shown(events) == shown(full) == "Grüße 🌍"
    assert [event.delta for event in events if isinstance(event, ReasoningDelta)] == ["one ", "zwei ü"]


async def test_only_the_final_response() -> None:
    """F-N07."""
    events = await events_of(ended(*RESPONSES_OUTPUT))
    assert shown(events) == "Grüße 🌍"
    assert [event.name for event in events if isinstance(event, ToolCallDone)] == ["weather", "now"]


async def test_only_pieces_and_a_final_response_without_output() -> None:
    """F-N07: gateways that send no last event of an item."""
    dropped = ("output_item.done", "content_part.done", "output_text.done", "function_call_arguments.done")
    kept = [event for event in RESPONSES_STREAM[:-1] if not event["type"].endswith(dropped)]
    found = await read(*kept, ended())
    assert found.content == "Grüße 🌍"
    assert [(call.name, call.arguments_json) for call in found.tool_calls] == [
        ("weather", '{"city": "Rome"}'),
        ("now", ""),
    ]
    assert [block.summary for block in found.reasoning] == ["one zwei ü"]
    assert found.message is not None
    assert found.message.content[-1].opaque["openai"]["item"]["id"] == "fc_2"
    texts = [block for block in found.message.content if isinstance(block, TextBlock)]
    assert list(texts[0].annotations) == [NOTE]


async def test_text_of_which_no_item_is_known() -> None:
    found = await read(part("output_text.delta", 0, content_index=0, delta="a"), ended())
    assert found.content == "a"


async def test_without_output_index_the_item_id_is_the_key() -> None:
    stream = [
        {key: value for key, value in event.items() if key != "output_index"} for event in RESPONSES_STREAM
    ]
    events, expected = await events_of(*stream), await events_of(*RESPONSES_STREAM)
    assert [event.type for event in events] == [event.type for event in expected]
    assert shown(events) == shown(expected)


async def test_item_ids_may_differ_between_first_and_last_event() -> None:
    """State is kept by ``output_index``."""
    events = await events_of(
        part("output_item.added", 0, item={**CALL, "id": "other", "arguments": ""}),
        part("function_call_arguments.delta", 0, item_id="third", delta='{"city": "Rome"}'),
        part("output_item.done", 0, item=CALL),
        ended(CALL),
    )
    assert [event.delta for event in events if isinstance(event, ToolCallDelta)] == ['{"city": "Rome"}']
    assert sum(isinstance(event, ToolCallDone) for event in events) == 1


async def test_f_n19_missing_call_ids_are_invented_once() -> None:
    """F-N19."""
    call = {key: value for key, value in CALL.items() if key != "call_id"}
    events = await events_of(
        part("output_item.added", 0, item={**call, "arguments": ""}),
        part("function_call_arguments.delta", 0, delta=call["arguments"]),
        part("output_item.done", 0, item={**call, "call_id": ""}),
        ended(),
    )
    ids = {event.call_id for event in events if isinstance(event, ToolCallDelta | ToolCallDone)}
    assert len(ids) == 1
    assert ids.pop().startswith("call_")


async def test_arguments_as_an_object() -> None:
    found = await read(ended({**CALL, "arguments": {"city": "Rome"}}))
    assert found.tool_calls[0].arguments == {"city": "Rome"}


async def test_f_n11_truncated_arguments_stay_as_they_are() -> None:
    """F-N11."""
    item = {**CALL, "arguments": '{"city": "Ro', "status": "incomplete"}
    found = await read(ended(item, status="incomplete", incomplete_details={"reason": "max_output_tokens"}))
    assert found.tool_calls[0].arguments is None
    assert found.message is not None
    assert model().encode(ModelRequest(messages=(found.message,)))["input"] == [item]


# -- server-side work -----------------------------------------------------------------------------


async def test_f_evt07_unknown_events_and_items_are_kept() -> None:
    """F-EVT07: by name, with their payload; items as content that goes back."""
    item = {"id": "n1", "type": "new_thing_call", "secret_sauce": [1, None]}
    strange = {"type": "response.new_thing.progress", "item_id": "n1", "x": 1}
    events = await events_of(
        {"type": "keepalive"}, strange, part("output_item.done", 0, item=item), ended(item)
    )
    others = [event for event in events if isinstance(event, OtherEvent)]
    assert [event.name for event in others] == ["keepalive", "response.new_thing.progress", "new_thing_call"]
    assert others[1].raw_event == strange
    block = others[2].block
    assert block is not None
    assert (block.type, block.provider, block.data) == ("openai.new_thing_call", "openai", {"item": item})
    sent = model().encode(ModelRequest(messages=(Message.assistant([block]),)))["input"]
    assert sent == [item]


async def test_server_side_work_names_the_issuer_of_a_compatible_server() -> None:
    asked = model(base_url="https://api.compat.example/v1")
    found = await read(ended(SEARCH, REASONING, text_item("a")), asked=asked)
    assert found.message is not None
    work, thought, _ = found.message.content
    assert isinstance(work, OpaqueContent)
    assert work.type == "api.compat.example.web_search_call"
    assert isinstance(thought, ReasoningBlock)
    assert thought.provider == "api.compat.example"
    request = ModelRequest(messages=(found.message,))
    report = model().report(request)
    assert model().encode(request, report)["input"] == [
        {"role": "assistant", "content": [{"type": "output_text", "text": "a"}]}
    ]
    assert [loss.kind for loss in report.losses] == ["dropped", "dropped"]


PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
IMAGE = {
    "id": "ig_1",
    "type": "image_generation_call",
    "status": "completed",
    "output_format": "png",
    "result": PNG,
}


async def test_a_generated_image_is_media_that_goes_back() -> None:
    events = await events_of(part("output_item.done", 0, item=IMAGE), ended(IMAGE))
    (made,) = [event.media for event in events if isinstance(event, MediaOutputDone)]
    assert isinstance(made, ImageContent)
    assert (made.base64_data, made.mime_type) == (PNG, "image/png")
    assert model().encode(ModelRequest(messages=(Message.assistant([made]),)))["input"] == [IMAGE]


@pytest.mark.parametrize("result", ["not base64!", "", None])
async def test_an_image_that_cannot_be_read_stays_opaque(result: Any) -> None:
    found = await read(ended({**IMAGE, "result": result}))
    assert found.message is not None
    assert isinstance(found.message.content[0], OpaqueContent)


def test_an_image_without_the_content_plugin_stays_opaque() -> None:
    (event, _) = ResponsesDecoder("openai").whole(response(IMAGE))
    assert isinstance(event, OtherEvent)


async def test_custom_tool_calls() -> None:
    item = {"id": "ctc_1", "type": "custom_tool_call", "call_id": "c1", "name": "shell", "input": "ls -l"}
    events = await events_of(
        part("output_item.added", 0, item={**item, "input": ""}),
        part("custom_tool_call_input.delta", 0, item_id="ctc_1", delta="ls "),
        part("custom_tool_call_input.delta", 0, item_id="ctc_1", delta="-l"),
        part("custom_tool_call_input.done", 0, item_id="ctc_1", input="ls -l"),
        part("output_item.done", 0, item=item),
        ended(item),
    )
    (done,) = [event for event in events if isinstance(event, ToolCallDone)]
    assert (done.arguments_json, done.output) == ("ls -l", None)
    assert model().encode(ModelRequest(messages=(Message.assistant([done.block()]),)))["input"] == [item]


async def test_f_oai06_logprobs_and_citations_come_back() -> None:
    """F-OAI06."""
    entries = [{"token": "a", "logprob": -0.1, "bytes": [97], "top_logprobs": []}]
    item = text_item("a")
    item["content"][0] |= {"logprobs": entries, "annotations": [NOTE]}
    found = await read(ended(item))
    assert found.message is not None
    block = found.message.content[0]
    assert isinstance(block, TextBlock)
    assert (list(block.logprobs or ()), list(block.annotations)) == (entries, [NOTE])


# -- errors ---------------------------------------------------------------------------------------

TEXT = part("output_text.delta", 0, item_id="m", content_index=0, delta="Hel")


@pytest.mark.parametrize(
    ("error", "kind", "retryable"),
    [
        ({"code": "rate_limit_exceeded", "message": "slow"}, RateLimitError, True),
        ({"code": "insufficient_quota", "message": "no money"}, RateLimitError, False),
        ({"code": "server_error", "message": "oops"}, ServerError, True),
        ({"code": "vector_store_timeout", "message": "late"}, ServerError, True),
        ({"code": "invalid_prompt", "message": "bad"}, InvalidRequestError, False),
        ({"code": "invalid_image_format", "message": "bad"}, InvalidRequestError, False),
        ({"code": "image_too_large", "message": "big"}, InvalidRequestError, False),
        ({"code": "bio_policy", "message": "no"}, InvalidRequestError, False),
        ({"code": "brand_new", "message": "what"}, APIStatusError, False),
    ],
)
async def test_f_n05_failures_in_the_stream(error: Any, kind: type[LamellaError], retryable: bool) -> None:
    """F-N05, F-N06, F-N25: ``error`` nested and flat, ``response.failed``; typed, with the text and usage so far."""
    forms = (
        {"type": "error", "error": {"type": "x", "param": None, **error}},
        {"type": "error", **error},
        ended(status="failed", error=error),
    )
    for form in forms:
        got = await play(model(), sse(TEXT, form, ended(text_item("lost"))))
        assert type(got.error) is kind
        assert got.error.retryable is retryable
        assert error["message"] in got.error.message
        assert got.error.partial.content == "Hel"
    assert got.error is not None
    assert got.error.partial.usage.raw == RESPONSES_USAGE
    with pytest.raises(kind):
        ResponsesDecoder("openai").whole(response(status="failed", error=error))


async def test_a_failure_without_a_reason_is_an_error() -> None:
    """F-N05."""
    for form in (ended(status="failed"), ended(status="failed", error=None), {"type": "error"}):
        assert type((await play(model(), sse(form))).error) is APIStatusError


@pytest.mark.parametrize("body", ["text", [], 7, {}, {"output": None}])
def test_what_is_no_response(body: Any) -> None:
    with pytest.raises(AgentParsingError):
        ResponsesDecoder("openai").whole(body)


async def test_f_n05_no_end_is_an_interruption() -> None:
    """F-N05."""
    for chunks in ([], [TEXT], ["[DONE]"], [part("output_item.done", 0, item=CALL)]):
        with pytest.raises(StreamInterruptedError):
            await read(*chunks)


async def test_f_n07_a_stream_of_only_whole_texts() -> None:
    """F-N07: neither deltas nor the ends of items nor an output in the final response."""
    whole = {"item_id": "m", "output_index": 0, "content_index": 0}
    got = await read({"type": "response.output_text.done", "text": "full", **whole}, ended(output=[]))
    assert got.content == "full"
    got = await read(
        {"type": "response.output_text.delta", "delta": "fu", **whole},
        {"type": "response.output_text.done", "text": "full", **whole},
        ended(output=[]),
    )
    assert got.content == "full"


async def test_f_evt07_a_delta_that_is_no_text_is_an_other_event() -> None:
    odd = {"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "delta": 5}
    events = await events_of(odd, ended(output=[]))
    assert [event.raw_event for event in events if isinstance(event, OtherEvent)] == [odd]
