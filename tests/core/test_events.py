"""The event types and their envelope."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given

from lamella import events as ev
from lamella.content import OpaqueContent, ReasoningBlock, TextBlock, ToolCallBlock, ToolOutputBlock
from lamella.errors import AgentInputError
from lamella.events import Event, RunStreamEvent, TextSoFar
from lamella.running_text import RunningText
from lamella.usage import TokenUsage

import strategies as strat

ELEVEN = [
    "stream.start",
    "message.output.delta",
    "message.output.done",
    "tool.call.delta",
    "tool.call.done",
    "tool.output.done",
    "reasoning.delta",
    "reasoning.done",
    "stream.end",
    "stream.error",
    "other.event",
]
OTHERS = [
    "response.done",
    "attempt.start",
    "attempt.rollback",
    "attempt.commit",
    "agent.start",
    "agent.end",
    "progress.start",
    "progress.update",
    "progress.end",
    "approval.pending",
    "approval.resolved",
    "guardrail.override",
    "output.rejected",
    "media.output.done",
    "tool.start",
    "tool.end",
    "stream.resumed",
]


def test_f_evt01_f_evt10_the_event_types_are_exactly_those_of_the_table() -> None:
    assert sorted(cls.type for cls in strat.EVENT_TYPES) == sorted(ELEVEN + OTHERS)
    assert all(type(cls.type) is str for cls in strat.EVENT_TYPES)


def test_everything_but_deltas_is_durable() -> None:
    for cls in strat.EVENT_TYPES:
        assert cls.durable is not cls.type.endswith(".delta")


@given(strat.events)
def test_f_evt02_every_event_has_the_shared_fields(event: Event) -> None:
    assert isinstance(event.type, str)
    assert event.id is None or isinstance(event.id, str)
    assert event.token_usage is None or isinstance(event.token_usage, TokenUsage)
    assert event.raw_event == event._raw_event


def test_f_evt02_the_raw_event_is_the_chunk_unaltered_and_immutable() -> None:
    chunk = {"choices": [{"delta": {"content": "x"}}]}
    event = ev.MessageOutputDelta(delta="x", raw_event=chunk)
    assert event.raw_event == chunk
    with pytest.raises(TypeError, match="immutable"):
        event.raw_event["choices"][0]["delta"]["content"] = "y"  # type: ignore[index]
    assert "choices" not in repr(event)


def test_f_evt02_events_without_provider_have_no_id_raw_or_usage() -> None:
    event = ev.ProgressStart(key="k")
    assert event.id is event.raw_event is event.token_usage is None


def test_f_evt03_done_events_complete_their_blocks() -> None:
    assert ev.MessageOutputDone(output="Hi", annotations=[{"url": "u"}]).block() == TextBlock(
        text="Hi", annotations=({"url": "u"},)
    )
    done = ev.ReasoningDone(summary="s", text="t", signature="g", provider="p")
    assert done.output == "st"
    assert done.block() == ReasoningBlock(summary="s", text="t", signature="g", provider="p")


def test_f_evt04_calls() -> None:
    assert ev.ToolCallDelta(call_id="c", name="n", delta={"a": 1}).delta == {"a": 1}
    done = ev.ToolCallDone(call_id="c", name="n", arguments_json='{"a": 1}')
    assert done.output == {"a": 1}
    assert done.block() == ToolCallBlock(call_id="c", name="n", arguments_json='{"a": 1}')
    for bad in ("[1]", "{", "7"):
        assert ev.ToolCallDone(call_id="c", name="n", arguments_json=bad).output is None
    assert ev.ToolCallDone(call_id="c", name="n", output={"a": 1}).arguments_json == '{"a": 1}'
    with pytest.raises(AgentInputError, match="disagree"):
        ev.ToolCallDone(call_id="c", name="n", arguments_json="{", output={"a": 1})


def test_a_tool_output_event_completes_its_block() -> None:
    event = ev.ToolOutputDone(id="c", call_id="c", name="n", output={"a": 1}, is_error=True)
    assert event.block() == ToolOutputBlock(call_id="c", name="n", output={"a": 1}, is_error=True)


def test_f_evt07_an_unmapped_event_keeps_its_name_and_block() -> None:
    block = OpaqueContent(type="openai.web_search_call", provider="openai", data={"item": {"id": "ws"}})
    event = ev.OtherEvent(name="response.web_search_call.done", block=block, raw_event={"x": 1})
    assert (event.name, event.block, event.raw_event) == ("response.web_search_call.done", block, {"x": 1})


@pytest.mark.parametrize("cls", sorted(strat.EVENT_TYPES, key=lambda cls: cls.type))
def test_f_loop08_events_are_frozen(cls: type[Event]) -> None:
    assert cls.__setattr__ is not object.__setattr__
    field = attrs.fields(cls)[0].name
    event = object.__new__(cls)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(event, field, None)


def test_f_n27_secrets_of_vendors_and_payloads_are_in_no_repr() -> None:
    """F-N27: opaque state, signatures and raw payloads stay out of reprs, which end in logs and traces."""
    secret = "sk-very-secret"
    shown = [
        ev.ReasoningDone(text="t", signature=secret, opaque={"p": secret}),
        ev.MessageOutputDone(output="x", opaque={"p": secret}, raw_event={"key": secret}),
        ev.ResponseDone(raw={"key": secret}),
        ReasoningBlock(text="t", signature=secret, opaque={"p": secret}),
        OpaqueContent(type="a.b", data={"key": secret}),
        TokenUsage(raw={"key": secret}),
    ]
    assert secret not in repr(shown)


# -- the envelope ---------------------------------------------------------------------------------


def test_f_evt08_the_envelope() -> None:
    usage = TokenUsage(input_tokens=1)
    envelope = RunStreamEvent(
        event=ev.StreamEnd(),
        run_id="r",
        seq=4,
        path=("c",),
        token_usage=usage,
        at=3.0,
        start_time=1.0,
        first_token=2.0,
    )
    assert (envelope.type, envelope.run_id, envelope.seq, envelope.path) == ("stream.end", "r", 4, ("c",))
    assert envelope.token_usage is usage
    assert (envelope.timing.start_time, envelope.timing.end_time, envelope.timing.first_token) == (
        1.0,
        3.0,
        2.0,
    )
    assert envelope.timing.duration == 2.0
    assert envelope.output == ""


def outputs(events: list[Event], path: tuple[str, ...] = ()) -> list[str]:
    """The ``output`` of each envelope, read only after the last was made."""
    text = RunningText()
    envelopes = [
        RunStreamEvent(event=event, run_id="r", seq=seq, path=path, text=text.feed(path, event))
        for seq, event in enumerate(events)
    ]
    return [envelope.output for envelope in envelopes]


def deltas(*pieces: str) -> list[Event]:
    return [ev.MessageOutputDelta(delta=piece) for piece in pieces]


def done(text: str) -> Event:
    return ev.MessageOutputDone(output=text)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (deltas("He", "llo"), ["He", "Hello"]),
        ([*deltas("He", "llo"), done("Hello")], ["He", "Hello", "Hello"]),
        ([done("Hello"), done(" you")], ["Hello", "Hello you"]),
        ([*deltas("a"), done("a"), done("b"), *deltas("c"), done("c")], ["a", "a", "ab", "abc", "abc"]),
        ([ev.AttemptStart(), *deltas("a"), ev.AttemptRollback(), *deltas("b")], ["", "a", "", "b"]),
        (
            [
                ev.AttemptStart(),
                done("a"),
                ev.ResponseDone(),
                ev.AttemptStart(),
                *deltas("b"),
                ev.AttemptRollback(),
            ],
            ["", "a", "a", "a", "ab", "a"],
        ),
        (
            [*deltas("bad"), done("bad"), ev.ResponseDone(), ev.GuardrailOverride(output="good")],
            ["bad"] * 3 + ["good"],
        ),
        ([*deltas("a"), ev.ReasoningDelta(delta="x"), ev.ToolCallDelta(call_id="c", name="n")], ["a"] * 3),
        ([ev.StreamStart(), ev.StreamEnd(output="all")], ["", "all"]),
        ([done("own"), ev.StreamEnd(output="own")], ["own", "own"]),
        ([ev.AttemptRollback()], [""]),
        ([done("")], [""]),
    ],
)
def test_f_evt08_output_is_the_text_so_far(events: list[Event], expected: list[str]) -> None:
    assert outputs(events) == expected


def test_f_n07_done_events_alone_fill_the_output() -> None:
    live = [*deltas("He", "llo"), done("Hello"), *deltas("!"), done("!")]
    durable = [event for event in live if event.durable]
    assert outputs(durable)[-1] == outputs(live)[-1] == "Hello!"


def test_deltas_that_were_shed_are_made_up_by_the_done_event() -> None:
    assert outputs([*deltas("x"), done("x"), *deltas("lo"), done("Hello")])[-1] == "xHello"


def test_each_agent_has_a_text_of_its_own() -> None:
    text = RunningText()
    text.feed((), deltas("root")[0])
    pieces, count = text.feed(("c",), deltas("inner")[0])
    assert "".join(pieces[:count]) == "inner"
    pieces, count = text.feed((), deltas("!")[0])
    assert "".join(pieces[:count]) == "root!"


def test_the_text_so_far_is_not_copied() -> None:
    """No quadratic copying: marks of one text share its pieces."""
    text = RunningText()
    marks = [text.feed((), event) for event in deltas(*"abcdef")]
    assert len({id(pieces) for pieces, _ in marks}) == 1
    assert [count for _, count in marks] == [1, 2, 3, 4, 5, 6]


def test_replacing_keeps_what_earlier_marks_showed() -> None:
    text = TextSoFar()
    text.append("old")
    pieces, count = text.mark()
    text.replace(["new"])
    text.append("!")
    assert "".join(pieces[:count]) == "old"
    pieces, count = text.mark()
    assert "".join(pieces[:count]) == "new!"


def test_text_marks_are_no_part_of_an_envelopes_value() -> None:
    def envelope(**fields: Any) -> RunStreamEvent:
        return RunStreamEvent(event=ev.StreamEnd(), run_id="r", seq=0, **fields)

    assert envelope(text=(["a"], 1)) == envelope()
