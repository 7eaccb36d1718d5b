"""Agents as tools of agents: live events under their own path, one tree, exact usage."""

from __future__ import annotations

import pytest

from lamella import Agent, AgentInputError, MessagesRun, ServerError, fold

from fakes import ScriptedModel, bare, calls, says, usage


def researcher(*turns: object) -> Agent:
    return Agent(ScriptedModel(*turns), name="researcher", description="Finds facts.", project=bare())


def boss(helper: Agent, *turns: object) -> Agent:
    return Agent(ScriptedModel(*turns), name="boss", tools=[helper], project=bare())


ASK = ("c1", "researcher", '{"prompt": "What is 6 x 7?"}')


async def test_nested_events_stream_with_their_path_and_nest_in_the_tree() -> None:
    helper = researcher(says("42", usage(5, 1)))
    events = [
        e
        async for e in boss(helper, calls(ASK, tokens=usage(10, 2)), says("It is 42.", usage(20, 3))).astream(
            "?"
        )
    ]
    nested = [(event.type, event.path) for event in events if event.path]
    assert nested[0] == ("agent.start", ("researcher",))
    assert nested[-1] == ("agent.end", ("researcher",))
    assert ("message.output.delta", ("researcher",)) in nested
    result = fold(events)
    assert result.output == "It is 42."
    assert result.token_usage is not None
    assert result.token_usage.total_tokens == 41
    assert isinstance(result.run, MessagesRun)
    (child,) = result.run.runs
    assert (child.agent, child.model) == ("researcher", "scripted")
    assert child.token_usage is not None
    assert child.token_usage.total_tokens == 6
    assert events[-1].output == "It is 42."
    assert [event.seq for event in events] == list(range(len(events)))


async def test_two_calls_of_one_agent_have_two_paths() -> None:
    again = ("c2", "researcher", '{"prompt": "And 7 x 7?"}')
    result = await boss(researcher(says("some number")), calls(ASK, again), says("done")).arun("?")
    assert isinstance(result.run, MessagesRun)
    assert len(result.run.runs) == 2


async def test_a_nested_agent_nests_another() -> None:
    inner = Agent(ScriptedModel(says("deep")), name="inner", project=bare())
    middle = Agent(
        ScriptedModel(calls(("i1", "inner", '{"prompt": "go"}')), says("middle")),
        name="researcher",
        tools=[inner],
        project=bare(),
    )
    events = [event async for event in boss(middle, calls(ASK), says("top")).astream("?")]
    assert ("researcher", "inner") in {event.path for event in events}
    assert [run.agent for run in fold(events).run.walk()] == ["boss", "researcher", "inner"]


async def test_a_nested_failure_is_an_error_output_and_keeps_its_text() -> None:
    from lamella import MessageOutputDelta

    helper = researcher([MessageOutputDelta(delta="half"), ServerError("down", status_code=503)])
    result = await boss(helper, calls(ASK), says("sorry")).arun("?")
    assert result.output == "sorry"
    assert result.messages[1].tool_outputs[0].is_error
    assert isinstance(result.run, MessagesRun)
    assert result.run.runs[0].messages[0].text == "half"  # type: ignore[attr-defined]


def test_an_agent_tool_needs_a_name() -> None:
    with pytest.raises(AgentInputError, match="name"):
        Agent(ScriptedModel(), project=bare()).as_tool()


async def test_as_tool_renames_and_runs_alone_outside_a_run() -> None:
    helper = researcher(says("42"))
    renamed = helper.as_tool(name="ask")
    assert renamed.name == "ask"
    assert await renamed(prompt="6 x 7?") == "42"


async def test_f_run03_the_functional_form_is_equal() -> None:
    events = []

    async def emit(event: object) -> None:
        events.append(event)

    from lamella import Message

    given = MessagesRun(messages=(Message.user("6 x 7?"),))
    run = await researcher()(ScriptedModel(says("42")), emit, [given])
    assert isinstance(run, MessagesRun)
    assert run.messages[0].text == "42"
    assert run.agent == "researcher"
    assert events
    with pytest.raises(AgentInputError, match="prev_runs"):
        await researcher()(ScriptedModel(says("42")), emit, [])
