"""Every type ⇄ JSON: equal after a round trip, unknown things kept or refused by name."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lamella import events as ev
from lamella._json import loads
from lamella.content import (
    Block,
    MediaContent,
    OpaqueContent,
    ReasoningBlock,
    TextBlock,
    ToolCallBlock,
    ToolOutputBlock,
)
from lamella.errors import AgentInputError, AgentSerializationError, PluginError
from lamella.events import Event, MessageOutputDelta, OpaqueEvent, RunStreamEvent
from lamella.fold import fold
from lamella.losses import Loss
from lamella.messages import Message
from lamella.prompt import PromptTemplate
from lamella.runs import AgentRun, MessagesRun, RunItem, RunResult
from lamella.serial import (
    _tags,
    from_dict,
    from_json,
    messages_from_json,
    messages_to_json,
    register_content,
    register_event,
    restore,
    set_content_resolver,
    to_dict,
    to_json,
)
from lamella.usage import Cost, Timing, TokenUsage

import strategies as strat

slow_enough = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def assert_round_trip(value: Any, cls: type[Any]) -> None:
    text = to_json(value)
    text.encode()  # whatever the value holds, the text can be written to a file
    assert from_json(text, cls) == value
    assert from_json(text, cls, unknown="keep") == value
    data = to_dict(value)
    assert data == loads(text)
    assert from_dict(data, cls) == value


# -- round trips ----------------------------------------------------------------------------------


@slow_enough
@given(strat.blocks)
def test_f_msg02_blocks_round_trip(block: Block) -> None:
    assert_round_trip(block, Block)
    assert_round_trip(block, type(block))
    assert to_dict(block)["type"] == block.type  # type: ignore[attr-defined]


@slow_enough
@given(strat.messages)
def test_f_sto01_messages_round_trip(message: Message) -> None:
    assert_round_trip(message, Message)


@slow_enough
@given(st.lists(strat.messages, max_size=3))
def test_message_lists_are_versioned_documents(messages: list[Message]) -> None:
    text = messages_to_json(messages)
    assert loads(text)["v"] == 1
    assert messages_from_json(text) == messages
    assert messages_from_json(messages_to_json(PromptTemplate(messages))) == messages


@slow_enough
@given(strat.events)
def test_f_sto01_events_round_trip(event: Event) -> None:
    assert_round_trip(event, Event)
    assert_round_trip(event, type(event))
    assert to_dict(event)["type"] == event.type


@slow_enough
@given(strat.envelopes)
def test_f_sto01_envelopes_round_trip(envelope: RunStreamEvent) -> None:
    assert_round_trip(envelope, RunStreamEvent)
    assert to_dict(envelope)["v"] == 1


@slow_enough
@given(strat.items)
def test_f_sto02_items_round_trip(item: RunItem) -> None:
    assert_round_trip(item, RunItem)
    assert to_dict(item)["role"] == item.role


@slow_enough
@given(strat.runs)
def test_runs_round_trip(run: AgentRun) -> None:
    assert_round_trip(run, AgentRun)
    assert to_dict(run)["v"] == 1


@slow_enough
@given(strat.results)
def test_f_sto01_f_sto02_results_round_trip(result: RunResult) -> None:
    assert_round_trip(result, RunResult)
    assert to_dict(result)["v"] == 1


@slow_enough
@given(strat.usages, strat.timings, strat.costs, strat.losses)
def test_f_sto02_usage_timing_cost_and_losses_round_trip(
    usage: TokenUsage, timing: Timing, cost: Cost, loss: Loss
) -> None:
    assert_round_trip(usage, TokenUsage)
    assert_round_trip(timing, Timing)
    assert_round_trip(cost, Cost)
    assert_round_trip(loss, Loss)


def test_every_event_type_of_the_core_has_a_strategy() -> None:
    public = {getattr(ev, name) for name in ev.__all__}
    core = {cls for cls in public if isinstance(cls, type) and issubclass(cls, Event)}
    assert core - {Event, OpaqueEvent} == strat.EVENT_TYPES


@slow_enough
@given(strat.run_envelopes())
def test_the_result_of_a_whole_run_round_trips(envelopes: list[RunStreamEvent]) -> None:
    assert_round_trip(fold(envelopes), RunResult)


# -- how it looks ---------------------------------------------------------------------------------


def test_f_sto03_a_delta_envelope_is_one_short_line() -> None:
    """F-STO03: the stored form is a contract; this is a line of it."""
    envelope = RunStreamEvent(
        event=MessageOutputDelta(delta="Hi"),
        run_id="r1",
        seq=3,
        path=("c1",),
        at=2.5,
        start_time=1.0,
        first_token=2.0,
    )
    assert loads(to_json(envelope)) == {
        "v": 1,
        "run_id": "r1",
        "seq": 3,
        "path": ["c1"],
        "at": 2.5,
        "start_time": 1.0,
        "first_token": 2.0,
        "event": {"type": "message.output.delta", "delta": "Hi"},
    }
    assert "\n" not in to_json(envelope)
    assert "\n" in to_json(envelope, indent=2)


def test_f_msg02_arguments_json_is_stored_character_for_character() -> None:
    exact = '{"b":1 ,\t"a": 2.50}'
    stored = to_dict(ToolCallBlock(call_id="c", name="n", arguments_json=exact))
    assert stored["arguments_json"] == exact
    assert stored["arguments"] == {"b": 1, "a": 2.5}
    assert from_dict(stored, ToolCallBlock).arguments_json == exact


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": NaN}', '{"a": 1e999}'])
def test_arguments_that_are_no_object_survive_and_never_become_one(text: str) -> None:
    block = from_json(to_json(ToolCallBlock(call_id="c", name="n", arguments_json=text)), ToolCallBlock)
    assert block.arguments_json == text
    assert block.arguments == ({} if text == "" else None)


def test_arguments_alone_are_enough_to_read_a_call() -> None:
    block = from_dict(
        {"type": "tool_call", "call_id": "c", "name": "n", "arguments": {"a": 1}}, ToolCallBlock
    )
    assert block.arguments_json == '{"a": 1}'


def test_a_view_that_contradicts_the_truth_is_refused() -> None:
    data = {"call_id": "c", "name": "n", "arguments_json": '{"a": 1}', "arguments": {"a": 2}}
    with pytest.raises(AgentInputError, match="disagree"):
        from_dict(data, ToolCallBlock)


def test_views_are_written_for_readers() -> None:
    assert to_dict(ev.ToolCallDone(call_id="c", name="n", arguments_json='{"a": 1}'))["output"] == {"a": 1}
    assert to_dict(ev.ReasoningDone(summary="s", text="t"))["output"] == "st"
    assert to_dict(Timing(start_time=1.0, end_time=3.5))["duration"] == 2.5


def test_f_use01_none_and_zero_and_empty_stay_apart() -> None:
    assert to_dict(TokenUsage(input_tokens=0)) == {"input_tokens": 0}
    assert from_dict({"input_tokens": None}, TokenUsage) == TokenUsage()
    assert from_json(to_json(ReasoningBlock(summary="", text=None)), ReasoningBlock).summary == ""


def test_media_is_standard_base64() -> None:
    assert to_dict(MediaContent(data=b"\xfb\xff", mime_type="a/b")) == {
        "type": "media",
        "data": "+/8=",
        "mime_type": "a/b",
    }


def test_a_media_output_is_stored_as_parts() -> None:
    stored = to_dict(ToolOutputBlock(call_id="c", output=[TextBlock(text="x")]))
    assert stored == {"type": "tool_output", "call_id": "c", "parts": [{"type": "text", "text": "x"}]}
    assert to_dict(ToolOutputBlock(call_id="c", output=None))["output"] is None
    with pytest.raises(AgentSerializationError, match="either output"):
        from_dict({**stored, "output": "x"}, ToolOutputBlock)


def test_media_given_as_a_list_to_the_event_becomes_parts_too() -> None:
    event = ev.ToolOutputDone(call_id="c", output=[TextBlock(text="x")])
    assert event.output == (TextBlock(text="x"),)
    assert event.block().parts == event.output


def test_to_dict_is_plain_and_yours_to_change() -> None:
    message = Message(role="user", content="x", meta={"a": {"b": [1]}})
    stored = to_dict(message)
    stored["meta"]["a"]["b"].append(2)
    assert type(stored["meta"]["a"]) is dict
    assert message.meta == {"a": {"b": [1]}}


# -- what is refused ------------------------------------------------------------------------------

TEXT = {"type": "text", "text": "x"}


@pytest.mark.parametrize(
    ("data", "error", "said"),
    [
        ({"role": "tool", "content": [TEXT]}, AgentInputError, "unknown role 'tool'"),
        ({"role": "user", "content": [TEXT], "name": "n"}, AgentSerializationError, "Message has no field 'name'"),
        ({"role": "user", "content": [{**TEXT, "foo": 1}]}, AgentSerializationError, r"content\[0\]: TextBlock has no field 'foo'"),
        ({"role": "user", "content": [TEXT, {"type": "text"}]}, AgentSerializationError, r"Message.content\[1\].text: the field is missing"),
        ({"role": "user", "content": [{"type": "text", "text": 3}]}, AgentSerializationError, "expected text, got int 3"),
        ({"role": "user", "content": "x"}, AgentSerializationError, "expected a list"),
        ({"role": "user", "content": [{"text": "x"}]}, AgentSerializationError, '"type" tag'),
        ({"role": "user", "content": []}, AgentInputError, "empty"),
        ({"role": "system", "content": [{"type": "tool_call", "call_id": "c", "name": "n"}]}, AgentInputError, "holds text"),
        ({"role": "user", "content": [None]}, AgentSerializationError, "got null"),
        ([], AgentSerializationError, "expected a JSON object"),
    ],
)  # fmt: skip
def test_f_msg01_malformed_messages_are_refused_by_name(data: Any, error: type[Exception], said: str) -> None:
    """F-MSG01: unknown fields are refused from JSON too; a bad role stays an AgentInputError."""
    with pytest.raises(error, match=said):
        from_dict(data, Message)


@pytest.mark.parametrize(
    ("data", "cls"),
    [
        ({"input_tokens": True}, TokenUsage),
        ({"input_tokens": 1.5}, TokenUsage),
        ({"start_time": "1"}, Timing),
        ({"type": "tool_output", "call_id": "c", "output": 1, "is_error": 1}, ToolOutputBlock),
        ({"type": "media", "data": "?"}, MediaContent),
        ({"amount": "much", "priced": True, "source": "s"}, Cost),
        ({"amount": "NaN", "priced": True, "source": "s"}, Cost),
        ({"type": "response.done", "stop_reason": "tired"}, Event),
        ({"type": "tool.call.delta", "call_id": "c", "name": "n", "delta": 1}, Event),
        ({"type": "media.output.done", "media": {"type": "text", "text": "x"}}, Event),
        ({"type": "stream.end", "token_usage": []}, Event),
        ({"type": "stream.start", "settings": []}, Event),
        ({"type": "stream.end"}, TextBlock),
        ({"type": "banquet"}, AgentRun),
        ({"type": "banquet"}, RunItem),
    ],
)
def test_nothing_is_coerced(data: Any, cls: type[Any]) -> None:
    with pytest.raises(AgentSerializationError):
        from_dict(data, cls)


@pytest.mark.parametrize("foreign", [float("nan"), float("inf"), b"x", object()])
def test_what_json_cannot_hold_is_refused_with_its_place(foreign: Any) -> None:
    event = MessageOutputDelta(delta="x", raw_event={"a": [foreign]})
    for write in (to_json, to_dict):
        with pytest.raises(AgentSerializationError, match=r"MessageOutputDelta\.raw_event\.a\[0\] is"):
            write(event)


@pytest.mark.parametrize("text", ["", "{", '{"a": NaN}', b"\xff\xfe\x00"])
def test_malformed_json_is_a_typed_error(text: str | bytes) -> None:
    with pytest.raises(AgentSerializationError, match="not valid JSON"):
        from_json(text, Message)


def test_objects_without_a_stored_form_are_refused() -> None:
    with pytest.raises(AgentSerializationError, match="str has no stored form"):
        to_dict("x")
    with pytest.raises(AgentSerializationError, match="int has no stored form"):
        from_dict({}, int)
    with pytest.raises(AgentSerializationError, match='"refuse" or "keep"'):
        from_dict({}, TokenUsage, unknown="ignore")  # type: ignore[arg-type]


# -- versions -------------------------------------------------------------------------------------


def test_f_sto03_a_newer_document_says_to_upgrade() -> None:
    newer = {**to_dict(MessagesRun()), "v": 2}
    with pytest.raises(AgentSerializationError, match="pip install --upgrade lamella"):
        from_dict(newer, AgentRun)
    with pytest.raises(AgentSerializationError, match="pip install --upgrade lamella"):
        messages_from_json('{"v": 2, "messages": []}')


def test_f_sto03_a_document_without_a_version_is_of_the_first() -> None:
    assert from_dict({"type": "messages"}, AgentRun) == MessagesRun()
    assert messages_from_json("[]") == []
    with pytest.raises(AgentSerializationError, match="expected a number"):
        from_dict({"type": "messages", "v": "1"}, AgentRun)
    with pytest.raises(AgentSerializationError, match="list of messages"):
        messages_from_json('{"messages": [], "more": 1}')


# -- what a reader does not know ------------------------------------------------------------------


@slow_enough
@given(st.one_of(strat.messages, strat.events, strat.usages, strat.text_blocks), strat.unknown_fields)
def test_f_sto03_unknown_fields_are_kept_and_written_back(value: Any, fields: dict[str, Any]) -> None:
    newer = {**to_dict(value), **fields}
    kept = from_dict(newer, type(value), unknown="keep")
    assert kept == strat.with_unknown_fields(value, fields)
    assert to_dict(kept) == newer
    if fields:
        with pytest.raises(AgentSerializationError, match="has no field"):
            from_dict(newer, type(value))


def test_classes_without_extra_skip_what_they_do_not_know() -> None:
    newer = {"start_time": 1.0, "lunar": True}
    assert from_dict(newer, Timing, unknown="keep") == Timing(start_time=1.0)
    with pytest.raises(AgentSerializationError, match="Timing has no field 'lunar'"):
        from_dict(newer, Timing)


def test_extra_never_overwrites_a_field() -> None:
    with pytest.raises(AgentSerializationError, match="holds 'text'"):
        to_dict(TextBlock(text="x", extra={"text": "y"}))


@slow_enough
@given(strat.opaque_contents, st.booleans())
def test_f_med08_unknown_content_survives(block: OpaqueContent, keep: bool) -> None:
    message = Message(role="user", content=[block])
    assert from_json(to_json(message), Message, unknown="keep" if keep else "refuse") == message


def test_f_med08_unknown_content_survives_exactly() -> None:
    stored = {
        "type": "hologram",
        "data": "AAAA",
        "provider": None,
        "opaque": {"acme": 1},
        "depth": {"z": [1, None]},
    }
    block = from_dict(stored, Block)
    assert isinstance(block, OpaqueContent)
    assert block.type == "hologram"
    assert block.opaque_for("acme") == 1
    assert to_dict(block) == stored


def test_opaque_content_cannot_hide_its_tag() -> None:
    with pytest.raises(AgentSerializationError, match="holds 'type'"):
        to_dict(OpaqueContent(type="a.b", data={"type": "text"}))


@slow_enough
@given(strat.opaque_events)
def test_unknown_events_are_kept_or_refused_by_name(event: OpaqueEvent) -> None:
    stored = to_dict(event)
    assert from_dict(stored, Event, unknown="keep") == event
    with pytest.raises(AgentSerializationError, match=event.type):
        from_dict(stored, Event)


def test_unknown_events_survive_exactly_in_their_envelope() -> None:
    event = {"type": "acme.thing", "id": 7, "token_usage": {"input_tokens": "?"}, "more": [1]}
    stored = {"v": 1, "run_id": "r", "seq": 0, "at": 0.0, "start_time": 0.0, "event": event}
    envelope = from_dict(stored, RunStreamEvent, unknown="keep")
    assert to_dict(envelope) == stored
    with pytest.raises(
        AgentSerializationError, match=r"RunStreamEvent\.event: unknown event type 'acme\.thing'"
    ):
        from_dict(stored, RunStreamEvent)


# -- types of third parties -----------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Weather(Event):
    type: ClassVar[str] = "acme.weather"
    at: datetime
    price: Decimal
    chart: bytes
    places: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Scent(MediaContent):
    type: ClassVar[str] = "acme.scent"
    notes: tuple[str, ...] = ()


def test_registered_events_read_as_themselves() -> None:
    assert register_event(Weather) is Weather
    assert register_event(Weather) is Weather
    weather = Weather(
        at=datetime(2026, 1, 2, 3, tzinfo=UTC), price=Decimal("1.50"), chart=b"\x00", places=("x",)
    )
    assert_round_trip(weather, Event)
    assert to_dict(weather)["at"] == "2026-01-02T03:00:00+00:00"
    assert to_dict(weather)["price"] == "1.50"


def test_a_time_needs_its_offset() -> None:
    with pytest.raises(AgentSerializationError, match="no UTC offset"):
        to_dict(Weather(at=datetime(2026, 1, 2), price=Decimal(1), chart=b""))
    stored = {"type": "acme.weather", "at": "2026-01-02T03:00:00", "price": "1", "chart": ""}
    with pytest.raises(AgentSerializationError, match="no UTC offset"):
        from_dict(stored, Weather)
    with pytest.raises(AgentSerializationError, match="ISO 8601"):
        from_dict({**stored, "at": "noon"}, Weather)


def make_event(tag: str) -> type[Event]:
    return attrs.frozen(kw_only=True)(
        type("Made", (Event,), {"type": tag, "__annotations__": {"type": ClassVar[str]}})
    )


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: register_event(make_event("plain")), "prefix of its own"),
        (lambda: register_event(make_event("stream.other")), "belongs to the core"),
        (
            lambda: (register_event(make_event("acme.twice")), register_event(make_event("acme.twice"))),
            "claimed by",
        ),
        (lambda: register_event(TextBlock), "takes a subclass of Event"),  # type: ignore[type-var]
        (lambda: register_content(TextBlock), "takes a subclass of MediaContent"),  # type: ignore[type-var]
        (lambda: register_content(type("Untagged", (MediaContent,), {})), "set a type of your own"),
    ],
)
def test_f_err04_a_bad_registration_is_a_plugin_error(make: Callable[[], Any], said: str) -> None:
    with pytest.raises(PluginError, match=said):
        make()


def test_registered_content_reads_as_itself() -> None:
    register_content(Scent)
    scent = Scent(data=b"x", notes=("moss", "rain"))
    assert_round_trip(Message.user(["smell:", scent]), Message)
    assert_round_trip(ev.MediaOutputDone(media=scent), Event)
    assert_round_trip(scent, MediaContent)
    other = attrs.frozen(kw_only=True)(type("Other", (MediaContent,), {"type": "acme.scent"}))
    with pytest.raises(PluginError, match=r"acme\.scent.*claimed by"):
        register_content(other)


def test_a_content_class_without_a_tag_cannot_be_written() -> None:
    untagged = attrs.frozen(kw_only=True)(type("Untagged", (MediaContent,), {}))
    with pytest.raises(AgentSerializationError, match="tag of its own"):
        to_dict(untagged(data=b"x"))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tags that the resolver was asked for; it knows ``acme.taste`` and is wrong about ``acme.wrong``."""
    tags: list[str] = []

    def resolve(tag: str) -> type[MediaContent] | None:
        tags.append(tag)
        made = type("Taste", (MediaContent,), {"type": "acme.taste"})
        return attrs.frozen(kw_only=True)(made) if tag in ("acme.taste", "acme.wrong") else None

    monkeypatch.setattr(_tags, "_resolver", None)  # puts back whoever was asked before
    set_content_resolver(resolve)
    return tags


def test_the_resolver_is_asked_for_a_class_that_nobody_registered(asked: list[str]) -> None:
    stored: Mapping[str, Any] = {"type": "acme.taste", "data": "AAAA", "mime_type": "a/b"}
    assert type(from_dict(stored, Block)).__name__ == "Taste"
    assert type(from_dict(stored, Block)).__name__ == "Taste"
    assert isinstance(from_dict({"type": "acme.nobody"}, Block), OpaqueContent)
    assert asked == ["acme.taste", "acme.taste", "acme.nobody"]


def test_a_resolver_that_answers_with_another_type_is_refused(asked: list[str]) -> None:
    with pytest.raises(PluginError, match=r"acme\.wrong"):
        from_dict({"type": "acme.wrong", "data": "AAAA"}, Block)


# -- restoring ------------------------------------------------------------------------------------


@slow_enough
@given(strat.run_envelopes())
def test_f_sto01_restored_envelopes_show_the_same_output(envelopes: list[RunStreamEvent]) -> None:
    restored = restore([to_dict(envelope) for envelope in envelopes])
    assert restored == envelopes
    assert [envelope.output for envelope in restored] == [envelope.output for envelope in envelopes]


def test_restore_keeps_runs_apart() -> None:
    def delta(run_id: str, text: str) -> dict[str, Any]:
        return to_dict(RunStreamEvent(event=MessageOutputDelta(delta=text), run_id=run_id, seq=0))

    restored = restore([delta("a", "x"), delta("b", "y"), delta("a", "z")])
    assert [envelope.output for envelope in restored] == ["x", "y", "xz"]


# -- weight ---------------------------------------------------------------------------------------


def test_cattrs_is_imported_only_when_used() -> None:
    code = (
        "import sys, lamella.serial as s, lamella.usage as u; "
        "assert not {'cattrs', 'msgspec', 'pluggy'} & set(sys.modules); "
        "s.to_dict(u.TokenUsage()); assert 'cattrs' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
