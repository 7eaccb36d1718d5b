"""Layers over real SDKs and in great numbers: a recursive planner on three vendors, a thousand runs at once."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from swap.targets import target

from lamella import (
    Agent,
    AgentRun,
    ChainRun,
    Event,
    Message,
    MessageOutputDelta,
    MessageOutputDone,
    MessagesRun,
    Model,
    ModelRequest,
    ParallelRun,
    ResponseDone,
    TokenUsage,
    fold,
    tool,
)
from lamella.budgets import Budget
from lamella.config import forget_projects
from lamella.excerpts import last_output, total_usage
from lamella.layers import FunctionAgent, chain, parallel
from lamella_sim import SimServer, Text, Turn

VENDORS = ("openai.responses", "anthropic.messages", "mistral.chat")
BRANCHES, DEPTH = 3, 3


@pytest.fixture(autouse=True)
def no_project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No project but an empty one."""
    (tmp_path / "lamella.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    forget_projects()
    yield
    forget_projects()


def planner(models: list[Model], depth: int) -> FunctionAgent:
    """Asks its own model, and below it as many planners as there are branches, each on the next vendor."""

    async def plan(model: Any, emit: Any, prev_runs: list[AgentRun]) -> AgentRun:
        own = models[depth % len(models)]
        thought = await Agent(own, name="think")(own, emit, prev_runs)
        if depth == 0:
            return thought
        below = parallel(*(planner(models, depth - 1) for _ in range(BRANCHES)), name="below")
        return ChainRun(runs=(thought, await below(model, emit, [*prev_runs, thought])))

    return FunctionAgent(function=plan, name=f"planner{depth}")


async def test_f_run06_f_use05_a_recursive_planner_on_three_vendors() -> None:
    """Depth 3, 40 planners: the tree is right, the usage is the sum of its leaves, one stream in order."""
    with SimServer(lambda request: Turn([Text(f"step {len(request.messages)}")])) as sim:
        models: list[Model] = [target(name).make(sim.base_url_of(name)) for name in VENDORS]
        stream = planner(models, DEPTH).astream("Plan it.")
        events = [event async for event in stream]
        for model in models:
            await model.aclose()
        asked = Counter(request.path for request in sim.requests)
    result = stream.result
    planners = sum(BRANCHES**level for level in range(DEPTH + 1))
    assert planners == 40
    runs = list(result.run.walk())
    assert sum((run.agent or "").startswith("planner") for run in runs) == planners
    leaves = [run for run in runs if not run.children and run.agent == "think"]
    assert len(leaves) == planners == sum(asked.values())
    assert {run.provider for run in leaves} == {"openai", "anthropic", "mistral"}
    assert len(asked) == 3
    assert total_usage(leaves) == result.token_usage == result.run.token_usage
    assert [event.seq for event in events] == list(range(len(events)))
    assert max(len(event.path) for event in events) == 2 * DEPTH + 1
    assert fold(events).run == result.run
    groups = [run for run in runs if isinstance(run, ParallelRun)]
    assert {len(group.runs) for group in groups} == {BRANCHES}
    kinds = Counter((run.agent, run.type) for run in runs if (run.agent or "").startswith("planner"))
    assert kinds[f"planner{DEPTH}", "chain"] == 1
    assert last_output(leaves).startswith("step")


class Echo(Model):
    """Gives back the last text, in pieces, with other tasks in between."""

    provider, model = "echo", "echo"

    async def stream(self, request: ModelRequest) -> AsyncIterator[Event]:
        text = request.messages[-1].text or str(request.messages[-1].tool_outputs[0].output)
        for word in text.split(" "):
            await asyncio.sleep(0)
            yield MessageOutputDelta(delta=f"{word} ")
        yield MessageOutputDone(output=f"{text} ")
        count = len(text)
        yield ResponseDone(
            stop_reason="end_turn", token_usage=TokenUsage(input_tokens=count, output_tokens=count)
        )


async def test_f_n33_a_thousand_runs_of_one_agent_share_nothing() -> None:
    """Each gets its own answer, usage and tree; what they held is gone afterwards."""

    @tool
    def unused() -> None:
        """Never called."""

    shared = chain(
        Agent(Echo(), name="first", tools=[unused]),
        parallel(Agent(Echo(), name="a"), Agent(Echo(), name="b"), name="both"),
        budget=Budget(turns=3),
    )
    results = await asyncio.gather(*(shared.arun(f"this is run {number}") for number in range(1000)))
    for number, result in enumerate(results):
        said = f"this is run {number}"
        assert result.output.split() == f"{said} {said}".split()
        assert [run.agent for run in result.run.walk()] == [None, "first", "both", "a", "b"]
        assert result.token_usage is not None
        lengths = [len(said), *[len(f"{said} ")] * 2]
        assert result.token_usage.resolved_total_tokens == 2 * sum(lengths)
    assert len({result.run_id for result in results}) == 1000
    del results, result
    assert await growth(shared, 200) < 500_000


async def growth(agent: Any, runs: int) -> int:
    """Bytes that are held after so many runs and were not before; the first of them fill what is kept for reuse."""
    gc.collect()
    tracemalloc.start()
    try:
        await asyncio.gather(*(agent.arun("?") for _ in range(runs)))
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        await asyncio.gather(*(agent.arun("?") for _ in range(runs)))
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


async def test_a_message_is_told_once_however_deep() -> None:
    async def inner(model: Any, emit: Any, prev_runs: list[AgentRun]) -> AgentRun:
        return MessagesRun(messages=(Message.assistant("told"),))

    async def outer(model: Any, emit: Any, prev_runs: list[AgentRun]) -> AgentRun:
        return ChainRun(runs=(await FunctionAgent(function=inner)(model, emit, prev_runs),))

    stream = FunctionAgent(function=outer).astream("?")
    events = [event async for event in stream]
    assert [event.event.output for event in events if isinstance(event.event, MessageOutputDone)] == ["told"]
    assert stream.result.output == "told"
