"""Agents that answer with a value of a type: validated, corrected, typed, and a fold of their events."""

from __future__ import annotations

import json
from typing import Any, Literal

import attrs
import pytest

from lamella import (
    Agent,
    AgentInputError,
    AgentMaxIterationsError,
    Capabilities,
    ExtractionRun,
    Guardrail,
    OutputParserError,
    RunResult,
    Tool,
    Verdict,
    check_history,
    fold,
    from_json,
    to_json,
    tool,
)
from lamella.agent import aask, aextract, ask, extract
from lamella.events import (
    Event,
    MessageOutputDelta,
    OutputRejected,
    ReasoningDelta,
    RunStreamEvent,
    ToolCallDelta,
)
from lamella.layers import chain

from fakes import ScriptedModel, bare, calls, says, usage

ABLE = Capabilities(structured_output=True)
TOOLS = Capabilities()
WORDS = Capabilities(tools=False, parallel_tools=False, forced_tools=False)
EACH = pytest.mark.parametrize("able", [ABLE, TOOLS, WORDS], ids=["native", "tool", "prompt"])


@attrs.frozen
class Person:
    name: str
    age: int


@tool
def age_of(name: str) -> int:
    """How old somebody is."""
    return 36


def turn(data: Any, able: Capabilities, text: str | None = None) -> list[Event]:
    said = json.dumps(data) if text is None else text
    if able is TOOLS:
        return calls(("c", "structured_output", said), tokens=usage(3, 2))
    return says(said, usage(3, 2))


def agent(*turns: Any, able: Capabilities = ABLE, kind: Any = Person, **options: Any) -> Agent[Any]:
    return Agent(ScriptedModel(*turns, capabilities=able), output_type=kind, project=bare(), **options)


@EACH
def test_f_x01_the_run_is_an_extraction_with_a_typed_value(able: Capabilities) -> None:
    stream = agent(turn({"name": "Ada", "age": 36}, able), able=able).stream("?")
    events = list(stream)
    result = stream.result
    assert result.value == Person("Ada", 36)
    assert isinstance(result.run, ExtractionRun)
    assert result.run.result == {"name": "Ada", "age": 36}
    assert json.loads(result.output) == {"name": "Ada", "age": 36}
    assert result.stop_reason == "end_turn"
    assert fold(events) == result
    assert fold(event for event in events if event.event.durable) == result
    check_history(result.history)


def test_the_value_is_not_stored_and_the_stored_run_has_its_json() -> None:
    result = agent(turn({"name": "Ada", "age": 36}, ABLE)).run("?")
    stored = from_json(to_json(result), RunResult)
    assert stored == result
    assert stored.value == {"name": "Ada", "age": 36}
    assert "Person" not in to_json(result)


@EACH
def test_f_x01_f_n25_a_wrong_answer_goes_back_to_the_model_and_is_counted(able: Capabilities) -> None:
    made = agent(turn({"name": "Ada"}, able), turn({"name": "Ada", "age": 36}, able), able=able)
    stream = made.stream("?")
    events = list(stream)
    result = stream.result
    assert result.value == Person("Ada", 36)
    assert result.token_usage == usage(6, 4)
    assert fold(events) == result
    told = next(message for message in result.messages if message.role == "user")
    assert ".age: required" in (told.tool_outputs[0].text if able is TOOLS else told.text)
    rejected = [event.event for event in events if isinstance(event.event, OutputRejected)]
    assert len(rejected) == (0 if able is TOOLS else 1)


@EACH
def test_f_n25_the_error_has_the_run_so_far(able: Capabilities) -> None:
    made = agent(*[turn({"name": "Ada"}, able)] * 3, able=able, output_retries=2)
    with pytest.raises(OutputParserError, match=r"at \.age") as caught:
        made.run("?")
    partial = caught.value.partial
    assert isinstance(partial, RunResult)
    assert partial.token_usage == usage(9, 6)
    assert partial.status == "failed"
    assert isinstance(partial.run, ExtractionRun)
    assert caught.value.context["tries"] == 3
    assert caught.value.context["raw"] == '{"name": "Ada"}'
    with pytest.raises(OutputParserError, match="made no value"):
        _ = partial.value


@EACH
def test_f_x01_it_works_with_tools_in_the_same_agent(able: Capabilities) -> None:
    if able is WORDS:
        able = Capabilities(forced_tools=False)
    made = agent(
        calls(("a", "age_of", '{"name": "Ada"}')),
        turn({"name": "Ada", "age": 36}, able),
        able=able,
        tools=[age_of],
    )
    result = made.run("How old is Ada?")
    assert result.value == Person("Ada", 36)
    model = made.model
    assert isinstance(model, ScriptedModel)
    names = [each.name for each in model.requests[0].tools]
    assert names == (["age_of", "structured_output"] if able is TOOLS else ["age_of"])
    assert {request.tool_choice for request in model.requests} == (
        {"required"} if able is TOOLS else {"auto"}
    )
    check_history(result.history)


def test_calls_beside_the_answer_are_run_and_the_run_ends() -> None:
    both = calls(("a", "age_of", '{"name": "Ada"}'), ("c", "structured_output", '{"name": "Ada", "age": 36}'))
    result = agent(both, able=TOOLS, tools=[age_of]).run("?")
    assert result.value == Person("Ada", 36)
    assert [output.call_id for output in result.messages[-1].tool_outputs] == ["a", "c"]
    check_history(result.history)


def test_the_first_choice_of_a_tool_holds_before_the_answer_is_forced() -> None:
    made = agent(
        calls(("a", "age_of", '{"name": "Ada"}')),
        turn({"name": "Ada", "age": 36}, TOOLS),
        able=TOOLS,
        tools=[age_of],
        tool_choice="age_of",
    )
    made.run("?")
    assert isinstance(made.model, ScriptedModel)
    assert [request.tool_choice for request in made.model.requests] == ["age_of", "required"]


def test_a_text_from_a_model_that_was_to_call_is_read_too() -> None:
    assert agent(says('{"name": "Ada", "age": 36}'), able=TOOLS).run("?").value == Person("Ada", 36)


@EACH
def test_the_cap_of_iterations_counts_corrections(able: Capabilities) -> None:
    turns = [turn({"name": "Ada"}, able)] * 3
    with pytest.raises(OutputParserError, match=r"at \.age") as caught:
        agent(*turns, able=able, max_iterations=2, output_retries=9).run("?")
    assert caught.value.context["tries"] == 2
    returned = agent(*turns, able=able, max_iterations=2, output_retries=9, on_limit="return").run("?")
    assert returned.status == "completed"
    with pytest.raises(OutputParserError, match="made no value"):
        _ = returned.value


def test_tools_without_end_are_still_the_iteration_limit() -> None:
    turns = [calls(("a", "age_of", '{"name": "Ada"}'))] * 3
    with pytest.raises(AgentMaxIterationsError):
        agent(*turns, tools=[age_of], max_iterations=3).run("?")


def test_a_refusal_is_not_asked_again() -> None:
    made = agent(says("No.", usage(3, 2), stop_reason="refusal"), output_retries=5)
    with pytest.raises(OutputParserError, match="refused"):
        made.run("?")


def test_a_tool_that_ends_the_run_must_give_the_answer() -> None:
    def answer(name: str) -> dict[str, Any]:
        """Answer."""
        return {"name": name, "age": 36} if name else {}

    final = Tool(func=answer, final=True)
    good = agent(calls(("a", "answer", '{"name": "Ada"}')), tools=[final]).run("?")
    assert good.value == Person("Ada", 36)
    with pytest.raises(OutputParserError):
        agent(calls(("a", "answer", '{"name": ""}')), tools=[final]).run("?")


class Says(Guardrail):
    """Puts a text in the place of every answer."""

    name = "says"

    def __init__(self, text: str, block: bool = False) -> None:
        self._text = text
        self._block = block

    async def check_input(self, text: str) -> Verdict:
        return Verdict()

    async def check_output(self, text: str) -> Verdict:
        return Verdict(replace=self._text, block=self._block)


@EACH
def test_guardrails_see_the_answer_and_what_they_say_is_read_again(able: Capabilities) -> None:
    given = turn({"name": "Ada", "age": 36}, able)
    other = agent(given, able=able, guardrails=[Says('{"name": "X", "age": 1}')]).run("?")
    assert other.value == Person("X", 1)
    assert isinstance(other.run, ExtractionRun)
    assert other.run.result == {"name": "X", "age": 1}
    blocked = agent(given, able=able, guardrails=[Says("withheld", block=True)]).run("?")
    assert blocked.output == "withheld"
    with pytest.raises(OutputParserError, match="withheld"):
        _ = blocked.value


def test_f_x01_a_typed_agent_as_a_tool_gives_json_and_its_run_is_in_the_tree() -> None:
    inner = agent(turn({"name": "Ada", "age": 36}, ABLE), name="inner")
    outer = agent(
        calls(("a", "inner", '{"prompt": "?"}')),
        turn("ok", ABLE, '{"value": "yes"}'),
        kind=Literal["yes", "no"],
        tools=[inner],
    )
    result = outer.run("?")
    assert result.value == "yes"
    assert result.messages[1].tool_outputs[0].output == {"name": "Ada", "age": 36}
    (child,) = result.run.children
    assert isinstance(child, ExtractionRun)
    assert child.result == {"name": "Ada", "age": 36}
    assert result.token_usage == usage(6, 4)


async def test_layers_pass_the_result_on() -> None:
    last = agent(turn({"name": "Ada", "age": 36}, ABLE))
    result = await chain(Agent(ScriptedModel(says("hm")), project=bare()), last, project=bare()).arun("?")
    assert result.value == Person("Ada", 36)


@EACH
async def test_f_x01_an_agents_answer_grows_as_typed_partials(able: Capabilities) -> None:
    pytest.importorskip("jiter")
    text = json.dumps({"name": "Ada", "age": 36})
    deltas: list[Event] = [
        ToolCallDelta(call_id="c", name="structured_output", delta=char)
        if able is TOOLS
        else MessageOutputDelta(delta=char)
        for char in text
    ]
    made = agent(
        turn({"name": 1}, able), [*deltas, *turn(None, able, text)[-1 - (able is TOOLS) :]], able=able
    )
    parts = [partial async for partial in made.astream("?").partials()]
    assert parts[-1].complete
    assert parts[-1].value == Person("Ada", 36)
    assert parts[-1].attempt == 2
    assert {"name": "A"} in [partial.data for partial in parts]
    assert Person("Ada", 3) in [partial.value for partial in parts[:-1]]
    assert [partial.value for partial in made.stream("?").partials()][-1] == Person("Ada", 36)


async def test_partials_need_a_type() -> None:
    with pytest.raises(AgentInputError, match="output_type"):
        async for _ in Agent(ScriptedModel(says("x")), project=bare()).astream("?").partials():
            raise AssertionError("nothing can be yielded")


async def test_deltas_come_as_they_happen_and_reasoning_is_events_f_n36() -> None:
    seen: list[RunStreamEvent] = []
    given = [ReasoningDelta(delta="hm"), *turn({"name": "Ada", "age": 36}, ABLE)]
    async for event in agent(given).astream("?"):
        seen.append(event)
        if isinstance(event.event, MessageOutputDelta):
            break
    assert [event.type for event in seen][:2] == ["stream.start", "reasoning.delta"]
    assert seen[-1].type == "message.output.delta"


def test_an_agent_without_a_type_has_its_text_as_value() -> None:
    assert Agent(ScriptedModel(says("hello")), project=bare()).run("?").value == "hello"


def test_what_does_not_fit_is_refused_when_the_agent_is_made() -> None:
    for options in ({"output_retries": -1}, {"output_strategy": "best"}, {"output_type": lambda: 0}):
        with pytest.raises(AgentInputError):
            Agent("sim:demo", **options)
    named = Tool.from_callable(lambda: 0, name="structured_output", description="x")
    with pytest.raises(AgentInputError, match="structured_output"):
        agent(says("x"), tools=[named]).run("?")


def test_the_generic_form_can_be_written_out() -> None:
    made = Agent[Person](ScriptedModel(says('{"name": "Ada", "age": 1}')), output_type=Person, project=bare())
    assert made.run("?").value.name == "Ada"


# -- one-liners -----------------------------------------------------------------------------------


def test_f_x07_ask_and_extract_are_one_line_each() -> None:
    seen: list[str] = []
    model = ScriptedModel(calls(("a", "age_of", '{"name": "Ada"}')), says("36"))
    assert (
        ask("?", model, tools=[age_of], on_event=lambda event: seen.append(event.type), project=bare())
        == "36"
    )
    assert seen[0] == "stream.start"
    assert seen[-1] == "stream.end"
    assert "tool.output.done" in seen
    people = ScriptedModel(says('{"name": "Ada", "age": 36}'), capabilities=ABLE)
    assert extract("?", Person, people, project=bare()) == Person("Ada", 36)


async def test_f_x07_the_async_forms_take_async_callbacks() -> None:
    seen: list[str] = []

    async def note(event: RunStreamEvent) -> None:
        seen.append(event.type)

    assert await aask("?", ScriptedModel(says("hi")), on_event=note, project=bare()) == "hi"
    assert seen[-1] == "stream.end"
    people = ScriptedModel(says('{"name": "Ada", "age": 36}'), capabilities=ABLE)
    assert await aextract("?", Person, people, on_event=note, project=bare()) == Person("Ada", 36)
