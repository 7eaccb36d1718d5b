"""Runs that are played again: the same events in the same tree, nothing asked and nothing done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest

from lamella import (
    Agent,
    AgentInputError,
    ApprovalPending,
    Event,
    ModelRequest,
    ServerError,
    ToolRuntime,
    fold,
    tool,
)
from lamella.caching import DirectoryCache, MemoryCache, cached_run
from lamella.layers import bind, chain, parallel, static
from lamella.memory import Conversation
from lamella.models import Model

from fakes import Recorder, ScriptedModel, bare, calls, says, usage


class Counting(Model):
    provider = "fake"
    model = "counting"

    def __init__(self, *events: Event | Exception) -> None:
        self.events = events or tuple(says("the answer", usage(3, 2)))
        self.asked = 0

    async def stream(self, request: ModelRequest) -> AsyncIterator[Event]:
        self.asked += 1
        for event in self.events:
            if isinstance(event, Exception):
                raise event
            yield event


def kinds(events: list[Any]) -> list[Any]:
    return [(event.type, event.path) for event in events]


async def test_f_x10_a_run_is_played_again_event_by_event() -> None:
    inner, sink = Counting(), Recorder()
    agent = cached_run(
        Agent(inner, name="teller", sinks=[sink], project=bare()), MemoryCache(), replay="timed"
    )
    first = [event async for event in agent.astream("hi")]
    second = [event async for event in agent.astream("hi")]
    assert inner.asked == 1
    assert kinds(first) == kinds(second)
    assert [event.seq for event in second] == list(range(len(second)))
    assert first[0].run_id != second[0].run_id
    assert kinds(sink.events) == kinds(first) * 2
    live, played = fold(first), fold(second)
    assert (played.output, played.stop_reason, played.run.model) == (live.output, "end_turn", "counting")
    assert played.token_usage is not None
    assert played.token_usage.resolved_total_tokens == 0
    assert [each.text for each in played.messages] == [each.text for each in live.messages]
    await agent.arun("hello")
    assert inner.asked == 2


async def test_f_x10_tools_are_not_run_again_and_only_where_that_was_said() -> None:
    paid: list[int] = []

    @tool
    def pay(amount: int) -> str:
        """Pay."""
        paid.append(amount)
        return "paid"

    model = ScriptedModel(calls(("c1", "pay", '{"amount": 5}')), says("Done."))
    agent = Agent(model, tools=[pay], name="payer", project=bare())
    for each in (agent, chain(agent), parallel(Agent(model), chain(agent)), static(lambda messages: "x")):
        with pytest.raises(AgentInputError, match="cache_tools=True"):
            cached_run(each, MemoryCache())
    playing = cached_run(agent, MemoryCache(), cache_tools=True)
    first, second = await playing.arun("Pay."), await playing.arun("Pay.")
    assert (first.output, second.output, paid) == ("Done.", "Done.", [5])
    assert [item.type for item in first.new_items] == [item.type for item in second.new_items]


async def test_f_x10_layers_keep_their_tree() -> None:
    one, two = Counting(), Counting(*says("and more", usage(1, 1)))
    layers = chain(
        Agent(one, name="one", project=bare()),
        parallel(Agent(two, name="two"), Agent(two, name="three")),
        project=bare(),
    )
    agent = cached_run(layers, MemoryCache())
    first, second = await agent.arun("hi"), await agent.arun("hi")
    assert (one.asked, two.asked) == (1, 2)
    assert [type(run) for run in first.run.walk()] == [type(run) for run in second.run.walk()]
    assert first.output == second.output
    assert second.token_usage is not None
    assert second.token_usage.resolved_total_tokens == 0


async def test_f_n30_another_definition_or_tenant_is_another_run() -> None:
    inner, store = Counting(), MemoryCache()
    agents = [
        Agent(inner, project=bare()),
        Agent(inner, system_instruction="Be brief.", project=bare()),
        Agent(inner, name="a", project=bare()),
        Agent(inner, transplant="strict", project=bare()),
    ]
    for agent in [*agents, *agents]:
        await cached_run(agent, store).arun("hi")
    assert inner.asked == len(agents)
    for tenant in ("a", "b", "a", "b"):
        await cached_run(agents[0], store, tenant=tenant).arun("hi")
    assert inner.asked == len(agents) + 2
    sinks = Agent(inner, sinks=[Recorder()], project=bare())
    await cached_run(sinks, store).arun("hi")
    assert inner.asked == len(agents) + 2, "who watches does not count"


async def test_the_runtime_context_is_never_guessed() -> None:
    inner, store = Counting(), MemoryCache()
    agent = Agent(inner, project=bare())
    with pytest.raises(AgentInputError, match=r"does not guess .*\(user, db\)"):
        await cached_run(agent, store).arun("hi", {"user": "ann", "db": object()})
    by_user = cached_run(agent, store, context=["user"])
    for user in ("ann", "bob", "ann", "bob"):
        await by_user.arun("hi", {"user": user, "db": object()})
    assert inner.asked == 2
    with pytest.raises(AgentInputError, match="must be data"):
        await cached_run(agent, store, context=["db"]).arun("hi", {"db": object()})
    by_group = cached_run(agent, store, context=lambda context: context["user"][0])
    for user in ("ann", "art", "bob"):
        await by_group.arun("hi", {"user": user})
    assert inner.asked == 4
    with pytest.raises(AgentInputError, match="list of names"):
        cached_run(agent, store, context="user")


async def test_failures_refusals_and_approved_runs_are_not_kept() -> None:
    failing = Counting(ServerError("down"))
    agent = cached_run(Agent(failing, project=bare()), MemoryCache())
    for _ in range(2):
        with pytest.raises(ServerError):
            await agent.arun("hi")
    assert failing.asked == 2
    refusing = Counting(*says("no", stop_reason="refusal"))
    agent = cached_run(Agent(refusing, project=bare()), MemoryCache())
    await agent.arun("hi")
    await agent.arun("hi")
    assert refusing.asked == 2

    @tool(requires_approval=True)
    def pay() -> str:
        """Pay."""
        return "paid"

    asked: list[str] = []
    model = ScriptedModel(calls(("c1", "pay", "{}")), says("Done."))

    def approve(event: ApprovalPending) -> bool:
        asked.append(event.call_id)
        return True

    paying = Agent(model, tools=[pay], approve=approve, project=bare())
    agent = cached_run(paying, MemoryCache(), cache_tools=True)
    await agent.arun("Pay.")
    await agent.arun("Pay.")
    assert asked == ["c1", "c1"]


async def test_a_run_that_was_left_is_not_kept() -> None:
    inner, store = Counting(), MemoryCache()
    agent = cached_run(Agent(inner, project=bare()), store)
    async with agent.astream("hi") as stream:
        async for _ in stream:
            break
    assert len(store) == 0


async def test_an_identity_stands_for_the_agent_in_another_process(tmp_path: Any) -> None:
    inner = Counting()
    for _ in range(2):
        agent = Agent(Counting() if inner.asked else inner, project=bare())
        result = await cached_run(agent, DirectoryCache(tmp_path), identity="v1").arun("hi")
        assert result.output == "the answer"
    assert inner.asked == 1
    other = Counting()
    await cached_run(Agent(other, project=bare()), DirectoryCache(tmp_path), identity="v2").arun("hi")
    assert other.asked == 1


async def test_what_is_looked_up_needs_an_identity() -> None:
    for agent in (chain("planner"), bind("planner", lambda model: Counting(), "m")):
        with pytest.raises(AgentInputError, match="nobody knows what a NamedAgent does"):
            cached_run(agent, MemoryCache())
        with pytest.raises(AgentInputError, match="'planner' is looked up"):
            cached_run(agent, MemoryCache(), cache_tools=True)
        cached_run(agent, MemoryCache(), cache_tools=True, identity="planner, version 1")
    below = Agent(Counting(), name="below", tools=["files"])
    with pytest.raises(AgentInputError, match="'files' is looked up"):
        cached_run(Agent(Counting(), tools=[below]), MemoryCache(), cache_tools=True)


async def test_unbound_parts_are_told_by_the_model_they_are_given() -> None:
    store = MemoryCache()
    one, two = Counting(), Counting(*says("another"))
    unbound = Agent(name="teller")
    outputs = []
    for model in (one, two, one, two):
        whole = chain(bind(unbound, lambda name, model=model: model, "m"), project=bare())
        outputs.append((await cached_run(whole, store, cache_tools=True).arun("hi")).output)
    assert outputs == ["the answer", "another"] * 2
    outputs = [(await cached_run(unbound.on(model), store).arun("hi")).output for model in (one, two, one)]
    assert outputs == ["the answer", "another", "the answer"]
    assert one.asked == 3


async def test_it_is_an_agent_like_any_other() -> None:
    inner = Counting()
    part = cached_run(Agent(inner, name="part", description="A part."), MemoryCache())
    whole = chain(part, part, project=bare())
    await whole.arun("hi")
    await whole.arun("hi")
    assert inner.asked == 2, "two inputs"
    assert part.as_tool().name == "part"
    conversation = Conversation(cached_run(Agent(inner, project=bare()), MemoryCache()))
    await conversation.asend("a")
    await conversation.asend("b")
    assert len(conversation.messages) == 4


async def test_tools_see_their_runtime_when_the_run_is_live() -> None:
    @tool
    def whoami(runtime: ToolRuntime) -> str:
        """Who."""
        return str(runtime.user)

    model = ScriptedModel(calls(("c1", "whoami", "{}")), says("Done."))
    agent = cached_run(
        Agent(model, tools=[whoami], project=bare()), MemoryCache(), cache_tools=True, context=["user"]
    )
    for user in ("ann", "ann", "bob"):
        result = await agent.arun("hi", {"user": user})
        assert result.messages[1].tool_outputs[0].output == user
    assert len(model.requests) == 4


async def test_typed_answers_are_typed_again() -> None:
    """F-X10 with an ``output_type``: a run that is played again has the value too."""

    @attrs.frozen
    class City:
        name: str

    inner = Counting(*says('{"name": "Jena"}', usage(3, 2)))
    agent = cached_run(Agent(inner, output_type=City, project=bare()), MemoryCache())
    first, second = await agent.arun("Where?"), await agent.arun("Where?")
    assert first.value == second.value == City(name="Jena")
    assert inner.asked == 1
