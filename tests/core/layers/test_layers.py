"""Layers: agents put together are an agent again, in one live stream, one tree, one sum of usage."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from lamella import (
    Agent,
    AgentExecutionError,
    AgentInputError,
    AgentRun,
    ChainRun,
    ConfigError,
    Event,
    Message,
    MessagesRun,
    Model,
    ModelRequest,
    ParallelRun,
    RunResult,
    RunStreamEvent,
    ServerError,
    fold,
    from_json,
    to_json,
)
from lamella.excerpts import last_output
from lamella.layers import (
    as_agent,
    bind,
    binder,
    chain,
    committee,
    conversation,
    handoffs,
    majority,
    parallel,
    partial_binder,
    route,
    static,
)

from fakes import ScriptedModel, bare, calls, says, usage


class Script(ScriptedModel):
    """Plays one turn for each request, whatever the history."""

    async def stream(self, request: ModelRequest) -> AsyncIterator[Event]:
        turn = self.turns[len(self.requests)]
        self.requests.append(request)
        for step in turn:
            if isinstance(step, BaseException):
                raise step
            assert isinstance(step, Event)
            yield step


def agent(name: str, *turns: Any, **options: Any) -> Agent:
    return Agent(Script(*turns), name=name, project=bare(), **options)


def asked(each: Agent) -> list[str]:
    """The last text of each request of a scripted agent."""
    assert isinstance(each.model, ScriptedModel)
    return [request.messages[-1].text for request in each.model.requests]


class Slow(Model):
    """Answers when it is let, or never."""

    provider = "slow"
    model = "slow"

    def __init__(self, *, fails: bool = False) -> None:
        self.begun, self.gone, self.fails = asyncio.Event(), False, fails

    async def stream(self, request: ModelRequest) -> AsyncIterator[Event]:
        from lamella import MessageOutputDelta

        self.begun.set()
        try:
            yield MessageOutputDelta(delta="hm")
            await asyncio.sleep(30)
        finally:
            self.gone = True


def shape(run: AgentRun) -> Any:
    """A run as nested names."""
    children = [shape(child) for child in run.children]
    return (run.type, run.agent, children) if children else (run.type, run.agent)


async def collected(runnable: Any, text: str = "?") -> tuple[list[RunStreamEvent], RunResult]:
    """A run's events and result; what is stored of it folds to the same."""
    stream = runnable.astream(text)
    events = [event async for event in stream]
    assert [event.seq for event in events] == list(range(len(events)))
    stored = [from_json(to_json(event), RunStreamEvent) for event in events]
    again = fold(stored)
    assert (again.run, again.output, again.messages) == (
        stream.result.run,
        stream.result.output,
        stream.result.messages,
    )
    return events, stream.result


# -- chain ----------------------------------------------------------------------------------------


async def test_f_run06_a_chain_hands_on_the_answer() -> None:
    first, second = agent("draft", says("a draft", usage(5, 1))), agent("edit", says("a text", usage(7, 2)))
    events, result = await collected(chain(first, second, name="writer", project=bare()), "Write.")
    assert (result.output, result.stop_reason) == ("a text", "end_turn")
    assert asked(second) == ["a draft"]
    assert shape(result.run) == ("chain", "writer", [("messages", "draft"), ("messages", "edit")])
    assert isinstance(result.run, ChainRun)
    assert result.token_usage is not None
    assert result.token_usage.total_tokens == 15
    assert result.run.token_usage == result.token_usage
    paths = [event.path for event in events if event.type == "message.output.delta"]
    assert set(paths) == {("draft",), ("edit",)}
    assert events[0].type == "stream.start"
    assert events[-1].type == "stream.end"


async def test_a_chain_goes_on_with_a_conversation() -> None:
    result = await chain(agent("a", says("one")), agent("b", says("two")), project=bare()).arun("?")
    assert [message.text for message in result.history] == ["?", "two"]


async def test_f_x04_an_extractor_says_what_is_handed_on() -> None:
    second = agent("b", says("two"))
    await chain(agent("a", says("one")), second, extract=conversation, project=bare()).arun("?")
    assert isinstance(second.model, ScriptedModel)
    assert [message.text for message in second.model.requests[0].messages] == ["?", "one"]
    third = agent("c", says("three"))
    await chain(
        agent("a", says("one")), third, extract=lambda runs: f"<{last_output(runs)}>", project=bare()
    ).arun("?")
    assert asked(third) == ["<one>"]


async def test_a_chain_ends_where_a_part_fails() -> None:
    never = agent("b", says("two"))
    failing = chain(agent("a", [ServerError("down", status_code=503)]), never, project=bare())
    with pytest.raises(ServerError, match="down") as caught:
        await failing.arun("?")
    assert asked(never) == []
    partial = caught.value.partial
    assert isinstance(partial, RunResult)
    assert (partial.status, shape(partial.run)) == ("failed", ("chain", None, [("messages", "a")]))


# -- parallel -------------------------------------------------------------------------------------


async def test_f_run06_agents_side_by_side() -> None:
    both = parallel(
        agent("a", says("one", usage(1, 1))), agent("b", says("two", usage(2, 2))), project=bare()
    )
    _, result = await collected(both)
    assert result.output == "one\n\ntwo"
    assert isinstance(result.run, ParallelRun)
    assert [run.agent for run in result.run.runs] == ["a", "b"]
    assert result.token_usage is not None
    assert result.token_usage.total_tokens == 6


async def test_a_failure_cancels_the_others_and_leaves_no_group() -> None:
    slow = Slow()
    failing = agent("bad", [ServerError("down", status_code=503)])
    layer = parallel(failing, Agent(slow, name="slow", project=bare()), project=bare())
    events: list[RunStreamEvent] = []
    with pytest.raises(ServerError) as caught:
        async for event in layer.astream("?"):
            events.append(event)
    assert slow.gone
    assert not isinstance(caught.value, BaseExceptionGroup)
    ends = {event.path: event.event for event in events if event.type == "agent.end"}
    assert {path: end.code for path, end in ends.items()} == {  # type: ignore[attr-defined]
        ("bad",): "api.server_error",
        ("slow",): "agent.cancelled",
    }
    assert events[-1].type == "stream.error"


async def test_failures_can_be_collected() -> None:
    layer = parallel(
        agent("bad", [ServerError("down", status_code=503)]),
        agent("good", says("fine")),
        on_error="collect",
        project=bare(),
    )
    _, result = await collected(layer)
    assert result.output == "fine"
    assert shape(result.run) == ("parallel", None, [("messages", "bad"), ("messages", "good")])
    both = parallel(
        agent("a", [ServerError("down", status_code=503)]),
        agent("b", [ServerError("out", status_code=503)]),
        on_error="collect",
        project=bare(),
    )
    with pytest.raises(ServerError, match="down"):
        await both.arun("?")


async def test_leaving_the_stream_stops_every_part() -> None:
    models = [Slow(), Slow()]
    layer = parallel(
        *(Agent(model, name=f"m{i}", project=bare()) for i, model in enumerate(models)), project=bare()
    )
    async with layer.astream("?") as stream:
        async for event in stream:
            if event.type == "message.output.delta" and all(model.begun.is_set() for model in models):
                break
    assert [model.gone for model in models] == [True, True]


async def test_few_at_once() -> None:
    running, most = 0, 0

    async def counted(messages: Any) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return "x"

    parts = [static(counted, name=f"s{place}") for place in range(6)]
    await parallel(*parts, max_concurrency=2, project=bare()).arun("?")
    assert most == 2


# -- route ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", ["tax", " Tax. ", "I would ask tax", "**tax**"])
async def test_f_x03_an_agent_chooses_who_answers(said: str) -> None:
    tax, law = agent("accountant", says("pay")), agent("lawyer", says("sue"))
    layer = route(agent("router", says(said)), {"law": law, "tax": tax}, project=bare())
    _, result = await collected(layer, "Who pays?")
    assert result.output == "pay"
    assert asked(tax) == ["Who pays?"]
    assert asked(law) == []
    assert shape(result.run) == ("chain", None, [("messages", "router"), ("messages", "accountant")])


async def test_a_model_is_told_whom_to_choose_from() -> None:
    model = Script(says("law"))
    law = agent("lawyer", says("sue"), description="Knows the law.")
    result = await route(model, {"law": law, "tax": static("pay")}, project=bare()).arun("?")
    assert result.output == "sue"
    assert "- law: Knows the law.\n- tax" in str(model.requests[0].system_instruction)


async def test_a_function_chooses_who_answers() -> None:
    def by_length(messages: Any) -> str:
        return "long" if len(messages[-1].text) > 3 else "short"

    async def never(messages: Any) -> str:
        return "nobody"

    agents = {"long": static("l"), "short": static("s")}
    assert (await route(by_length, agents, project=bare()).arun("hi")).output == "s"
    assert (await route(by_length, agents, project=bare()).arun("hello")).output == "l"
    assert (await route(never, agents, default="long", project=bare()).arun("hi")).output == "l"
    with pytest.raises(AgentExecutionError, match="names none of long, short"):
        await route(never, agents, project=bare()).arun("hi")
    with pytest.raises(AgentExecutionError, match="names several"):
        await route(lambda messages: "long or short", agents, project=bare()).arun("hi")


# -- committee ------------------------------------------------------------------------------------


async def test_f_run06_a_judge_reads_the_answers() -> None:
    judge = agent("judge", says("42 it is"))
    group = committee(agent("a", says("42")), agent("b", says("41")), judge=judge, project=bare())
    _, result = await collected(group, "6 x 7?")
    assert result.output == "42 it is"
    assert asked(judge)[0].startswith(
        "6 x 7?\n\nThe answers to the question above:\n\n[a]\n42\n\n[b]\n41\n\n"
    )
    members = ("parallel", "members", [("messages", "a"), ("messages", "b")])
    assert shape(result.run) == ("chain", None, [members, ("messages", "judge")])


async def test_a_vote_picks_one() -> None:
    parts = [static("Yes"), static("no"), static(" yes ")]
    assert (await committee(*parts, project=bare()).arun("?")).output == "Yes"
    shortest = committee(*parts, vote=lambda answers: min(answers.values(), key=len), project=bare())
    assert (await shortest.arun("?")).output == "no"
    assert majority({"a": "x", "b": "y"}) == "x"


async def test_a_member_that_fails_is_left_out() -> None:
    judge = agent("judge", says("ok"))
    bad = agent("bad", [ServerError("down", status_code=503)])
    await committee(bad, agent("good", says("fine")), judge=judge, project=bare()).arun("?")
    assert "[good]\nfine" in asked(judge)[0]
    assert "bad" not in asked(judge)[0]


# -- handoffs -------------------------------------------------------------------------------------


async def test_f_run06_agents_hand_the_conversation_over() -> None:
    triage = agent("triage", calls(("c1", "transfer_to_billing", "{}"), text="One moment."))
    billing = agent("billing", says("Paid."), description="Knows invoices.")
    events, result = await collected(handoffs(triage, billing, project=bare()), "My invoice?")
    assert result.output == "Paid."
    assert shape(result.run) == ("chain", None, [("messages", "triage"), ("messages", "billing")])
    assert isinstance(billing.model, ScriptedModel)
    (request,) = billing.model.requests
    assert [message.role for message in request.messages] == ["user", "assistant", "user"]
    assert request.messages[2].tool_outputs[0].output == "billing goes on with the conversation."
    assert isinstance(triage.model, ScriptedModel)
    (offered,) = triage.model.requests[0].tools
    assert (offered.name, offered.description) == (
        "transfer_to_billing",
        "Hand the conversation to billing: Knows invoices.",
    )
    assert [event.type for event in events].count("stream.end") == 1


async def test_the_conversation_does_not_go_round_for_ever() -> None:
    a = agent("a", *[calls((f"a{i}", "transfer_to_b", "{}")) for i in range(5)])
    b = agent("b", *[calls((f"b{i}", "transfer_to_a", "{}")) for i in range(5)])
    with pytest.raises(AgentExecutionError, match="more than 3 times"):
        await handoffs(a, b, max_handoffs=3, project=bare()).arun("?")


# -- functional agents ----------------------------------------------------------------------------


async def two_steps(model: Any, emit: Any, prev_runs: list[AgentRun]) -> AgentRun:
    first = await Agent(None, name="one")(model, emit, prev_runs)
    second = await Agent(None, name="two")(model, emit, [*prev_runs, first])
    return ChainRun(runs=(first, second))


async def test_f_run03_a_function_is_a_part_and_its_agents_are_its_parts() -> None:
    model = Script(says("1", usage(1, 1)), says("2", usage(2, 2)))
    layer = chain(two_steps, agent("last", says("3")), model=model, project=bare())
    events, result = await collected(layer)
    assert result.output == "3"
    inner = ("chain", "two_steps", [("messages", "one"), ("messages", "two")])
    assert shape(result.run) == ("chain", None, [inner, ("messages", "last")])
    deltas = [event.path for event in events if event.type == "message.output.delta"]
    assert ("two_steps", "one") in deltas
    assert sum(event.type == "stream.start" for event in events) == 1
    assert result.token_usage is not None
    assert result.token_usage.total_tokens == 6


async def test_what_a_function_made_by_itself_is_told() -> None:
    async def speaker(model: Any, emit: Any, prev_runs: list[AgentRun]) -> AgentRun:
        asked = last_output(prev_runs) or prev_runs[0].messages[0].text  # type: ignore[attr-defined]
        return MessagesRun(messages=(Message.assistant(f"You said {asked}."),))

    layer = chain(static("hi"), speaker, project=bare())
    _, result = await collected(layer)
    assert result.output == "You said hi."
    part = result.run.children[1]
    assert isinstance(part, MessagesRun)
    assert [message.text for message in part.messages] == ["You said hi."]


async def test_f_x11_a_coordinating_function_needs_no_model() -> None:
    async def coordinator(model: Any, emit: Any, prev_runs: list[AgentRun]) -> AgentRun:
        run = await agent("worker", says("done"))(model, emit, prev_runs)
        return ChainRun(runs=(run,))

    result = await as_agent(coordinator).arun("?")
    assert result.output == "done"

    async def lazy(model: Any, emit: Any, prev_runs: list[AgentRun]) -> AgentRun:
        await model.complete("?")
        raise AssertionError("not reached")

    with pytest.raises(AgentInputError, match="has no model: bind one"):
        await as_agent(lazy).arun("?")


async def test_a_function_that_returns_no_run_is_named() -> None:
    async def wrong(model: Any, emit: Any, prev_runs: list[AgentRun]) -> Any:
        return "text"

    with pytest.raises(AgentExecutionError, match="functional agent wrong must return an AgentRun, got str"):
        await as_agent(wrong).arun("?")


async def test_f_run06_an_agent_calls_itself_to_a_depth() -> None:
    async def forever(model: Any, emit: Any, prev_runs: list[AgentRun]) -> AgentRun:
        return await as_agent(forever)(model, emit, prev_runs)

    with pytest.raises(AgentExecutionError, match="more than 32 levels deep"):
        await as_agent(forever).arun("?")


# -- unbound agents, binding ----------------------------------------------------------------------


async def test_f_x02_unbound_agents_use_the_callers_model() -> None:
    model = Script(calls(("c1", "helper", '{"prompt": "6 x 7?"}')), says("42"), says("It is 42."))
    boss = Agent(model, name="boss", tools=[Agent(name="helper", description="Helps.")], project=bare())
    _, result = await collected(boss)
    assert result.output == "It is 42."
    assert len(model.requests) == 3
    assert shape(result.run) == ("messages", "boss", [("messages", "helper")])


async def test_f_x02_bound_agents_keep_theirs() -> None:
    own = Script(says("42"))
    model = Script(calls(("c1", "helper", '{"prompt": "?"}')), says("ok"))
    await Agent(model, tools=[Agent(own, name="helper", project=bare())], project=bare()).arun("?")
    assert len(own.requests) == 1


async def test_an_agent_without_any_model_says_so() -> None:
    with pytest.raises(ConfigError, match="agent lonely has no model"):
        await Agent(name="lonely", project=bare()).arun("?")


class MockProvider(Script):
    def __init__(self, model: str, **settings: Any) -> None:
        super().__init__(says("bound"))
        self.given = (model, settings)


async def agent_1(model: Any, emit: Any, prev_runs: list[AgentRun]) -> AgentRun:
    return MessagesRun(messages=(Message.assistant((await model.complete("?")).content),))


async def test_f_run04_f_run05_binding_is_in_the_provenance() -> None:
    bound = bind(agent_1, MockProvider, "some_model", b=6, a="yes")
    run = await bound.after([MessagesRun(messages=(Message.user("?"),))])
    assert (run.agent, run.provider, run.model, run.settings) == (
        "agent_1",
        "MockProvider",
        "some_model",
        {"b": 6, "a": "yes"},
    )
    run = (await bind(agent_1, MockProvider, "some_model").arun("?")).run
    assert run.settings is None or run.settings == {}
    assert isinstance(run, MessagesRun)
    assert run.messages[0].text == "bound"


async def test_f_run04_f_run05_providers_by_name() -> None:
    from lamella import register_provider
    from lamella.plugins import unregister_provider

    register_provider("mock_provider", MockProvider, settings=dict)
    try:
        found = partial_binder("mock_provider")("some_model")(agent_1)
        run = (await found.arun("?")).run
    finally:
        unregister_provider("mock_provider")
    assert (run.agent, run.provider, run.model) == ("agent_1", "mock_provider", "some_model")


async def test_f_x03_a_binder_puts_agents_on_a_model() -> None:
    bound = binder(MockProvider, "m")(Agent(name="any", project=bare()))
    result = await bound.arun("?")
    assert (result.output, result.run.agent, result.run.model) == ("bound", "any", "m")
    layered = bind(chain(Agent(name="a", project=bare()), static("end"), name="both"), MockProvider, "m")
    assert (await layered.arun("?")).output == "end"


# -- in each other --------------------------------------------------------------------------------


async def test_a_layer_is_a_tool() -> None:
    team = chain(agent("a", says("one")), agent("b", says("two")), name="team", description="Works.")
    boss = agent("boss", calls(("c1", "team", '{"prompt": "go"}')), says("done"), tools=[team])
    events, result = await collected(boss)
    assert result.output == "done"
    assert result.messages[1].tool_outputs[0].output == "two"
    assert shape(result.run) == (
        "messages",
        "boss",
        [("chain", "team", [("messages", "a"), ("messages", "b")])],
    )
    assert ("team", "b") in {event.path for event in events}


def test_layers_run_in_sync_code() -> None:
    layer = chain(agent("a", says("one")), static("two"), project=bare())
    assert layer.run("?").output == "two"
    with chain(agent("a", says("one")), static("two"), project=bare()).stream("?") as stream:
        assert list(stream)[-1].type == "stream.end"


async def test_the_same_agent_twice_has_two_paths() -> None:
    one = static("x", name="same")
    events, result = await collected(parallel(one, one, project=bare()))
    assert {event.path for event in events if event.path} == {("same",), ("same#2",)}
    assert len(result.run.children) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: chain(),
        lambda: chain(7),  # type: ignore[arg-type]
        lambda: chain(lambda x: x),  # type: ignore[arg-type,return-value]
        lambda: parallel(static("x"), on_error="ignore"),  # type: ignore[arg-type]
        lambda: parallel(static("x"), max_concurrency=0),
        lambda: route(static("x"), {}),
        lambda: route(static("x"), {"a": static("a")}, default="b"),
        lambda: committee(static("x"), judge=static("y"), vote=majority),
        lambda: handoffs(Agent(name="a")),
        lambda: handoffs(Agent(name="a"), Agent()),
        lambda: bind(7, "p", "m"),  # type: ignore[arg-type]
        lambda: bind(static("x"), 7, "m"),  # type: ignore[arg-type]
        lambda: bind(static("x"), "p", ""),
        lambda: chain(static("x"), name=""),
        lambda: chain(static("x"), model=7),
    ],
)
def test_what_does_not_fit_is_refused(wrong: Any) -> None:
    with pytest.raises(AgentInputError):
        wrong()
