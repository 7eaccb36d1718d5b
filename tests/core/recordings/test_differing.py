"""Diff: where two runs differ, and nothing of where they do not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from lamella import Agent, Project, tool, use_project
from lamella.content import MediaContent
from lamella.errors import AgentInputError
from lamella.events import (
    AgentEnd,
    AgentStart,
    ApprovalResolved,
    AttemptRollback,
    Event,
    GuardrailOverride,
    MediaOutputDone,
    MessageOutputDone,
    OutputRejected,
    ResponseDone,
    RunStreamEvent,
    StreamEnd,
    StreamError,
    StreamStart,
    ToolCallDone,
    ToolOutputDone,
)
from lamella.fold import fold
from lamella.layers import chain, parallel
from lamella.messages import Message
from lamella.recordings import RunDiff, diff
from lamella_sim import ChatSim

from recorded_runs import Item, cut, envelopes, used, whole_run

HELPER = ("helper",)


def run(*items: Item, end: Event | None = None, **start: Any) -> list[RunStreamEvent]:
    told = {"agent": "a", "provider": "acme", "model": "m", "input": (Message.user("Hello"),), **start}
    return envelopes([StreamStart(**told), *items, end or StreamEnd()])


def said(text: str, **fields: Any) -> list[Item]:
    return [MessageOutputDone(output=text), ResponseDone(token_usage=used(1, 1), **fields)]


def called(*calls: tuple[str, str], output: Any = "5") -> list[Item]:
    asked = [
        ToolCallDone(call_id=f"c{place}", name=name, arguments_json=arguments)
        for place, (name, arguments) in enumerate(calls)
    ]
    outputs = [
        ToolOutputDone(call_id=f"c{place}", name=name, output=output) for place, (name, _) in enumerate(calls)
    ]
    return [*asked, ResponseDone(stop_reason="tool_use", token_usage=used(1, 1)), *outputs]


def found(one: Any, other: Any, **options: Any) -> list[tuple[tuple[str, ...], int | None, str, Any, Any]]:
    return [
        (each.path, each.turn, each.what, each.before, each.after)
        for each in diff(one, other, **options).differences
    ]


def test_other_ids_times_and_vendor_state_are_the_same_run() -> None:
    one, other = whole_run("a"), whole_run("b")
    assert diff(one, other).same
    assert diff(one, other).first is None
    assert list(diff(one, other).lines()) == ["a and b are the same"]
    strict = {(path, what) for path, _, what, _, _ in found(one, other, strict=True)}
    assert {((), "response_id"), ((), "raw"), (HELPER, "call_id"), ((), "output 1 call_id")} <= strict
    assert diff(one, one, strict=True).same


@pytest.mark.parametrize("read", [list, fold])
@pytest.mark.parametrize("read_other", [list, fold])
def test_events_and_results_in_any_mix(read: Any, read_other: Any) -> None:
    assert diff(read(whole_run("a")), read_other(whole_run("b"))).same
    assert diff(read(whole_run("a")), read_other(whole_run("a")), strict=True).same
    others = found(read(whole_run()), read_other(whole_run(question="Who?", answer="Me.")))
    assert [(what, after) for _, _, what, _, after in others] == [
        ("input", [{"role": "user", "content": ["Who?"]}]), ("text", "Me.")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "what", "before", "after"),
    [
        ({"system_instruction": "Be kind."}, "system", None, "Be kind."),
        ({"settings": {"temperature": 1}}, "settings.temperature", None, 1),
        ({"model": "n"}, "model", "m", "n"),
        ({"provider": "other"}, "provider", "acme", "other"),
        ({"agent": "b"}, "agent", "a", "b"),
        ({"meta": {"case": 7}}, "meta.case", None, 7),
    ],
)
def test_what_an_agent_was_given(changes: Any, what: str, before: Any, after: Any) -> None:
    assert found(run(), run(**changes)) == [((), None, what, before, after)]


def test_calls_by_name_and_arguments() -> None:
    one = run(*called(("add", '{"a": 1}'), ("add", '{"a": 2}')))
    assert diff(one, run(*called(("add", '{ "a":1 }'), ("add", '{"a": 2}')))).same, "spaces say nothing"
    other = run(*called(("mul", '{"a": 1}'), ("add", '{"a": 3}'), ("add", "{")))
    assert found(one, other) == [
        ((), 0, "call 1 name", "add", "mul"),
        ((), 0, "call 2 arguments", {"a": 2}, {"a": 3}),
        ((), 0, "call 3", None, {"name": "add", "arguments": "{"}),
        ((), 0, "output 1", {"name": "add", "output": "5", "is_error": False},
         {"name": "mul", "output": "5", "is_error": False}),
        ((), 0, "output 3", None, {"name": "add", "output": "5", "is_error": False}),
    ]  # fmt: skip


def test_outputs_media_and_what_was_decided() -> None:
    def picture(data: bytes) -> MediaOutputDone:
        return MediaOutputDone(media=MediaContent(data=data * 300, mime_type="image/png"))

    approved = ApprovalResolved(call_id="c0", name="add", approved=True)
    denied = ApprovalResolved(call_id="c0", name="add", approved=False, reason="no")
    one = run(*called(("add", "{}"), output={"n": [1]}), approved, picture(b"x"), *said("Hi"))
    other = run(*called(("add", "{}"), output={"n": [2]}), denied, picture(b"y"), *said("Hi"))
    assert diff(one, list(one)).same
    assert [what for _, _, what, _, _ in found(one, other)] == ["output 1", "approval of add", "media 1"]
    assert "sha256:" in str(diff(one, other).differences[-1].before)


def test_a_response_more() -> None:
    one, other = run(*said("Hi")), run(*said("Hi"), *called(("add", '{"a": 1}')))
    assert found(one, other) == [
        ((), 1, "response", None, {"call 1": {"name": "add", "arguments": {"a": 1}}})
    ]
    assert found(run(*said("Hi"), *said("you")), one) == [((), 1, "response", "you", None)]


def test_how_it_ended() -> None:
    failed = run(
        *said("Hi"), end=StreamError(error="no more", code="api.rate_limited", token_usage=used(1, 0))
    )
    assert found(run(*said("Hi")), failed) == [
        ((), None, "status", "completed", "failed"),
        ((), None, "error", None, "no more [api.rate_limited]"),
        ((), None, "stop_reason", "end_turn", None),
        ((), None, "usage", None, {"input_tokens": 1, "output_tokens": 0, "total_tokens": 1}),
    ]
    interrupted = [what for _, _, what, _, _ in found(whole_run(), cut(whole_run()))]
    assert interrupted == ["status", "stop_reason"]
    half = run(MessageOutputDone(output="Hal"))[:-1]
    assert found(run(MessageOutputDone(output="Hal"))[:-1], half) == []
    assert ((), 0, "stop_reason", "end_turn", "cut") in found(run(*said("Hal")), half)


def test_what_was_used_and_lost_and_tried() -> None:
    one = run(
        MessageOutputDone(output="x"),
        ResponseDone(token_usage=used(1, 1), request={"tools": "t1", "system": "s"}),
    )
    other = run(
        AttemptRollback(code="api.server", token_usage=used(9, 0)),
        MessageOutputDone(output="x"),
        ResponseDone(token_usage=used(1, 2), cached=True, stop_reason="max_tokens", request={"tools": "t2", "system": "z"}),
    )  # fmt: skip
    with use_project(Project.bare(overrides={"prices": {"acme:m": [1, 1]}})):
        names = [what for _, _, what, _, _ in found(one, other)]
        money = [(before, after) for _, _, what, before, after in found(run(*said("x")), run(*said("x"), model="n"))
                 if what == "cost"]  # fmt: skip
    assert sorted(names) == ["attempts", "cached", "cost", "stop_reason", "tools", "usage"]
    assert money == [("$0.000002", None)]


def test_a_guardrail_replaced_the_answer() -> None:
    one, other = run(*said("Hi"), GuardrailOverride(output="Sorry.")), run(*said("Sorry."))
    assert diff(one, other).same
    assert diff(fold(one), other).same


def test_an_answer_that_went_back_to_the_model() -> None:
    one = run(*said("{"), OutputRejected(told="no JSON"), *said("{}"))
    other = run(*said("{"), OutputRejected(told="not closed"), *said("{}"))
    assert (
        found(one, other) == found(fold(one), fold(other)) == [((), 0, "rejected", "no JSON", "not closed")]
    )


def nested(*names: str, text: str = "5", below: bool = False) -> list[RunStreamEvent]:
    items: list[Item] = []
    for name in names:
        items += [((name,), AgentStart(agent=name, provider="sim", model="demo"))]
        if below:
            deep = (name, "deep")
            items += [
                (deep, AgentStart(agent="deep")),
                (deep, MessageOutputDone(output="x")),
                (deep, AgentEnd()),
            ]
        items += [((name,), event) for event in said(text) if isinstance(event, Event)]
        items += [((name,), AgentEnd(agent=name, output=text))]
    return run(*called(("helper", "{}")), *items, *said("It is " + text))


def test_agents_are_aligned_by_their_paths() -> None:
    assert found(nested("helper", text="5"), nested("helper", text="6")) == [
        (HELPER, 0, "text", "5", "6"), ((), 1, "text", "It is 5", "It is 6")
    ], "in the order in which it happened"  # fmt: skip


@pytest.mark.parametrize("read", [list, fold])
def test_agents_on_one_side_are_said_once(read: Any) -> None:
    one, other = read(nested("helper")), read(nested("helper", "checker", below=True))
    assert [each for each in found(one, other) if each[2] == "agent"] == [
        (("helper", "deep"), None, "agent", None, "deep"),
        (("checker",), None, "agent", None, "checker on sim:demo"),
    ]
    assert all(what == "agent" for _, _, what, _, _ in found(one, other))
    assert found(other, one)[0][2:] == ("agent", "deep", None)


def test_the_lines_are_a_unified_diff() -> None:
    before = "\n".join(f"line {number}" for number in range(40))
    after = before.replace("line 5\n", "").replace("line 30", "line thirty")
    assert list(diff(run(*said(before)), run(*said(after))).lines()) == [
        "--- r", "+++ r", "", "run, response 1: text",
        "  @@ line 4 @@", "   line 3", "   line 4", "  -line 5", "   line 6", "   line 7",
        "  @@ line 29 @@", "   line 28", "   line 29", "  -line 30", "  +line thirty", "   line 31", "   line 32",
    ]  # fmt: skip


def test_of_very_long_texts_the_first_line_that_differs() -> None:
    lines = [f"line {number}" for number in range(5000)]
    changed = [*lines[:10], *(f"other {number}" for number in range(4000)), "end"]
    (difference,) = diff(run(*said("\n".join(lines))), run(*said("\n".join(changed)))).differences
    assert list(difference.lines()) == [
        "5000 lines before, 4011 after; the first that differs is line 11:", "-line 10", "+other 0"
    ]  # fmt: skip


def test_a_run_without_events_is_refused() -> None:
    with pytest.raises(AgentInputError, match="without an event"):
        diff([], whole_run())


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@pytest.mark.parametrize("read", [list, fold])
@pytest.mark.parametrize("read_other", [list, fold])
def test_layers_whose_parts_have_no_names(read: Any, read_other: Any) -> None:
    one, two = Agent(ChatSim(), tools=[add]), Agent(ChatSim())
    layers = chain(parallel(one, two, one), two)
    runs = [list(layers.stream("What is 2 + 3?")) for _ in range(2)]
    assert diff(read(runs[0]), read_other(runs[1])).same


def test_runs_of_real_agents() -> None:
    def asked(prompt: str) -> Sequence[RunStreamEvent]:
        helper = Agent(ChatSim(), name="helper", tools=[add])
        return list(Agent(ChatSim(), tools=[helper.as_tool(description="Adds."), add]).stream(prompt))

    one, other = asked("What is 2 + 3?"), asked("What is 2 + 4?")
    assert diff(one, asked("What is 2 + 3?")).same
    difference: RunDiff = diff(one, other)
    assert difference.first is not None
    assert difference.first.what == "input"
    assert {each.what for each in difference.differences} == {
        each.what for each in diff(fold(one), fold(other)).differences
    }
