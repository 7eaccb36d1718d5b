"""Text rendering of answers and calls."""

from __future__ import annotations

import pytest
from hypothesis import given

from lamella import events as ev
from lamella.events import Event, RunStreamEvent
from lamella.fold import fold
from lamella.rendering import TextRenderer, render_events

import strategies as strat


def delta(call_id: str, fragment: str, name: str = "multiply") -> Event:
    return ev.ToolCallDelta(call_id=call_id, name=name, delta=fragment)


def done(call_id: str, arguments: str, name: str = "multiply") -> Event:
    return ev.ToolCallDone(call_id=call_id, name=name, arguments_json=arguments)


def text(*pieces: str) -> list[Event]:
    return [
        *(ev.MessageOutputDelta(delta=piece) for piece in pieces),
        ev.MessageOutputDone(output="".join(pieces)),
    ]


ONE, TWO = '{"a": 5, "b": 7}', '{"a": 8, "b": 101}'
HELLO = "Hello Ryan! 5 multiplied by 7 is 35."
GOLDEN = f"{HELLO}\n\nmultiply({ONE})\nmultiply({TWO})\n"


def rendered(events: list[Event]) -> str:
    return "".join(render_events(events))


def test_f_evt11_golden() -> None:
    events = [
        *text("Hello Ryan! 5 multiplied", " by 7 is 35."),
        delta("c1", '{"a": 5,'),
        delta("c1", ' "b": 7}'),
        delta("c2", '{"a": 8'),
        delta("c2", ', "b": 101}'),
        done("c1", ONE),
        done("c2", TWO),
        ev.ResponseDone(),
    ]
    assert rendered(events) == GOLDEN


def test_f_evt11_done_events_alone_render_the_same() -> None:
    assert rendered([*text(HELLO)[-1:], done("c1", ONE), done("c2", TWO)]) == GOLDEN


def test_f_evt11_it_is_live() -> None:
    renderer = TextRenderer()
    pieces = [
        renderer.feed(event)
        for event in (
            *text("Hi")[:1],
            delta("c", ""),
            delta("c", '{"a"'),
            delta("c", ": 1}"),
            done("c", '{"a": 1}'),
        )
    ]
    assert pieces == ["Hi", "\n\nmultiply(", '{"a"', ": 1}", ")\n"]


def test_f_evt11_the_blank_line_is_in_the_rendering_only() -> None:
    events = [ev.StreamStart(), *text(HELLO), done("c1", ONE), ev.ResponseDone(), ev.StreamEnd()]
    envelopes = [RunStreamEvent(event=event, run_id="r", seq=seq) for seq, event in enumerate(events)]
    assert "".join(render_events(envelopes)) == f"{HELLO}\n\nmultiply({ONE})\n"
    assert fold(envelopes).messages[0].text == HELLO


def test_f_n04_interleaved_calls_come_out_whole() -> None:
    events = [
        *text(HELLO),
        delta("c1", '{"a": 5,'),
        delta("c2", '{"a": 8'),
        delta("c1", ' "b": 7}'),
        delta("c2", ', "b": 101}'),
        done("c1", ONE),
        done("c2", TWO),
    ]
    assert rendered(events) == GOLDEN
    assert rendered([*events[:-2], done("c2", TWO), done("c1", ONE)]) == GOLDEN


def test_a_call_whose_arguments_are_whole_makes_way_for_the_next() -> None:
    renderer = TextRenderer()
    renderer.feed(delta("c1", ONE))
    assert renderer.feed(delta("c2", '{"a"')) == ')\nmultiply({"a"'
    assert renderer.feed(done("c1", ONE)) == ""


def test_text_during_a_call_waits_for_it() -> None:
    events = [
        delta("c1", '{"a":'),
        *text("and"),
        delta("c1", " 1}"),
        done("c1", '{"a": 1}'),
        ev.ResponseDone(),
    ]
    assert rendered(events) == 'multiply({"a": 1})\nand'


def test_fragments_may_be_objects() -> None:
    assert rendered(
        [ev.ToolCallDelta(call_id="c", name="n", delta={"a": 1}), done("c", '{"a": 1}', "n")]
    ) == ('n({"a": 1})\n')


def test_a_rollback_begins_a_new_line_and_drops_what_waited() -> None:
    events = [*text("half")[:1], delta("c1", '{"a"'), delta("c2", "{"), ev.AttemptRollback(), *text("whole")]
    assert rendered(events) == 'half\n\nmultiply({"a"\nwhole'


@pytest.mark.parametrize("end", [ev.StreamEnd(), ev.StreamError(error="x"), None])
def test_an_open_call_is_closed_at_the_end(end: Event | None) -> None:
    assert rendered([delta("c1", '{"a"'), *([] if end is None else [end])]) == 'multiply({"a")\n'


def test_other_events_are_not_rendered() -> None:
    assert (
        rendered(
            [ev.StreamStart(), ev.ReasoningDelta(delta="hm"), ev.ToolOutputDone(call_id="c", output="x")]
        )
        == ""
    )


@given(strat.run_envelopes())
def test_every_call_of_a_run_is_rendered_once(envelopes: list[RunStreamEvent]) -> None:
    events = [envelope.event for envelope in envelopes if not isinstance(envelope.event, ev.AttemptRollback)]
    begun = {event.call_id for event in events if isinstance(event, ev.ToolCallDelta | ev.ToolCallDone)}
    assert rendered(events).count("t(") >= len(begun)
