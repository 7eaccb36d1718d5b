"""The journal: written before it is shown or done; batched by time and size; what its failure does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import pytest

from lamella import (
    Agent,
    AgentInputError,
    AgentRun,
    ErrorCode,
    Journal,
    Model,
    RunStreamEvent,
    StoreError,
    bind,
    fold,
    tool,
)
from lamella.layers import FunctionAgent
from lamella_sim import ChatSim, Script, ToolCall

from memory_store import MemoryStore
from scenarios import INPUT, SCENARIOS, effects, made


class Watched(MemoryStore):
    """Knows what was acknowledged."""

    def __init__(self) -> None:
        super().__init__()
        self.acknowledged: set[int] = set()

    async def write(self, batch: Sequence[RunStreamEvent]) -> None:
        await asyncio.sleep(0.001)  # what is not waited for comes too early
        await super().write(batch)
        self.acknowledged.update(each.seq for each in batch)


class Failing(MemoryStore):
    """Fails from its nth write on."""

    def __init__(self, after: int, error: Exception) -> None:
        super().__init__()
        self.left = after
        self.error = error
        self.failures = 0

    async def write(self, batch: Sequence[RunStreamEvent]) -> None:
        if self.left <= 0:
            self.failures += 1
            raise self.error
        self.left -= 1
        await super().write(batch)


@pytest.mark.parametrize("name", SCENARIOS)
async def test_nothing_is_shown_that_is_not_written(name: str) -> None:
    store = Watched()
    stream = made(name, journal=store).astream(INPUT)
    try:
        async for event in stream:
            assert event.seq in store.acknowledged
    except Exception:
        assert stream.result.status == "failed"
    assert fold(await store.load(stream.run_id)) == stream.result


async def test_no_tool_runs_before_its_start_is_written() -> None:
    store = Watched()
    begun: list[str] = []

    @tool
    async def work(key: str) -> str:
        """Work."""
        written = [
            each.event.call_id for batch in store.batches for each in batch if each.type == "tool.start"
        ]
        assert len(written) > len(begun)
        begun.append(key)
        return key

    calls = [ToolCall("work", {"key": str(n)}) for n in range(8)]
    agent = Agent(ChatSim(script=Script.of(calls, "Done.")), tools=[work], journal=store)
    assert (await agent.arun("go")).output == "Done."
    assert sorted(begun) == [str(n) for n in range(8)]


async def test_deltas_are_written_together_and_shown_within_the_window() -> None:
    text = "word " * 200
    for window, fewest, most in ((0.0, 60, 10_000), (0.5, 2, 12)):
        store = Watched()
        agent = Agent(ChatSim(script=Script.of(text), delay=0.002), journal=Journal(store, window=window))
        result = await agent.arun("go")
        assert result.output == text
        assert fewest <= len(store.batches) <= most
        assert max(map(len, store.batches)) <= 257


async def test_a_slow_stream_is_not_held_back() -> None:
    store = Watched()
    agent = Agent(ChatSim(script=Script.of("one two three"), delay=0.05), journal=Journal(store, window=0.02))
    shown = [event.seq async for event in agent.astream("go") if event.type == "message.output.delta"]
    written = [[each.seq for each in batch if not each.event.durable] for batch in store.batches]
    assert [seqs for seqs in written if seqs] == [[seq] for seq in shown]


async def test_the_run_does_not_act_ahead_of_who_watches() -> None:
    effects.clear()
    store = Watched()
    async for event in made("many_turns", journal=store).astream(INPUT):
        if event.type == "response.done":
            seen = len(effects)
            await asyncio.sleep(0.01)
            assert len(effects) == seen


@pytest.mark.parametrize(
    "error", [StoreError("full", error_code=ErrorCode.STORE_FULL), OSError("no space"), SystemExit(3)]
)
@pytest.mark.parametrize("after", [0, 1, 2, 4])
async def test_a_journal_that_fails_stops_the_run(after: int, error: Exception) -> None:
    effects.clear()
    store = Failing(after, error)
    stream = made("tools", journal=store).astream(INPUT)
    seen = []
    with pytest.raises(StoreError) as raised:
        async for event in stream:
            seen.append(event)
    assert seen[-1].type == "stream.error"
    assert [event.type for event in seen].count("stream.error") == 1
    assert raised.value.partial == stream.result
    assert store.failures == 1
    assert stream.result.error is not None
    assert stream.result.error.code == ("store.full" if isinstance(error, StoreError) else "store.failed")
    started = [event for event in seen if event.type == "tool.start"]
    assert len(effects) <= len(started)


@pytest.mark.parametrize("after", [0, 1, 3])
async def test_a_journal_that_may_fail_is_reported_once(after: int, caplog: pytest.LogCaptureFixture) -> None:
    store = Failing(after, OSError("no space"))
    with caplog.at_level(logging.WARNING):
        result = await made("many_turns", journal=Journal(store, on_error="continue")).arun(INPUT)
    assert result.output == "Done."
    assert store.failures == 1
    assert [record.getMessage() for record in caplog.records] == [
        "journal 'Failing' failed; the run goes on without it and is not stored from here: OSError: no space"
    ]


async def test_a_run_whose_end_is_not_written_says_so() -> None:
    whole = MemoryStore()
    await made("plain", journal=Journal(whole, window=0)).arun(INPUT)
    store = Failing(len(whole.batches) - 1, OSError("no space"))
    stream = made("plain", journal=Journal(store, window=0)).astream(INPUT)
    types = []
    with pytest.raises(StoreError) as raised:
        async for event in stream:
            types.append(event.type)
    assert types[-1] == "stream.end"
    assert raised.value.partial.output == "Hello there, how are you?"


async def test_who_walks_away_or_is_cancelled_leaves_a_whole_run() -> None:
    for way in ("leave", "cancel"):
        store = MemoryStore()
        stream = made("many_turns", journal=store).astream(INPUT)

        async def watch(stream: Any = stream) -> None:
            async with stream:
                async for event in stream:
                    if event.type == "tool.start":
                        await asyncio.sleep(30)

        if way == "leave":
            async for event in stream:
                if event.type == "tool.start":
                    break
            await stream.aclose()
        else:
            task = asyncio.create_task(watch())
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        stored = fold(await store.load(stream.run_id))
        assert stored == stream.result
        assert stored.status == "cancelled"
        assert store.opened == store.closed == 1
        names = [task.get_name() for task in asyncio.all_tasks()]
        assert not [name for name in names if name.startswith(("lamella", "tool"))]


@pytest.mark.parametrize("kind", ["swallowed", "passed on", "changed"])
async def test_what_a_functional_agent_does_with_events_holds_no_tool_up(kind: str) -> None:
    worker = made("tools")

    async def boss(model: Model, emit: Any, prev_runs: list[AgentRun]) -> AgentRun:
        async def silent(event: RunStreamEvent) -> None:
            if kind != "swallowed" and (kind != "changed" or event.type != "tool.start"):
                await emit(event)

        return await worker(model, silent, prev_runs)

    store = Watched()
    async with asyncio.timeout(10):
        result = await FunctionAgent(function=boss, journal=store).arun("go")
    assert result.output == "Three, seven."


async def test_the_store_that_is_the_journal_is_no_sink_too() -> None:
    store = MemoryStore()
    agent = made("plain", journal=store, sinks=[store])
    result = await agent.arun(INPUT)
    assert store.opened == 1
    assert sum(map(len, store.batches)) == len(await store.load(result.run_id))


def test_all_ways_to_run_write_the_journal() -> None:
    store = MemoryStore()
    agent = made("tools", journal=store, meta={"user": "ada"})
    first = agent.run(INPUT)
    for _ in (stream := agent.stream(INPUT)):
        pass
    assert len(store.lines) == 2
    for run_id in (first.run_id, stream.run_id):
        events = asyncio.run(store.load(run_id))
        assert fold(events).status == "completed"
        assert events[0].event.meta == {"user": "ada"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda: Agent("sim:demo", journal=object()), "a journal needs a run store"),
        (lambda: Journal(MemoryStore(), window=-1), "window must be a number of seconds from 0 to 10"),
        (lambda: Journal(MemoryStore(), max_batch=0), "max_batch must be an int from 1"),
        (lambda: Journal(MemoryStore(), on_error="ignore"), 'must be "stop" or "continue"'),
    ],
)
def test_what_is_no_journal_is_refused(given: Any, said: str) -> None:
    with pytest.raises(AgentInputError, match=said):
        given()


async def test_layers_and_bound_agents_have_journals_too() -> None:
    store = MemoryStore()
    for agent in (made("side_by_side", journal=store), bind(made("plain"), "sim", "demo")):
        await agent.arun(INPUT)
    assert len(store.lines) == 1


class Closed(MemoryStore):
    """Cannot be opened."""

    async def open(self) -> None:
        raise OSError("no such disk")


async def test_a_journal_that_cannot_be_opened_ends_the_run_as_any_failure_does() -> None:
    sink = MemoryStore()
    stream = made("tools", journal=Closed(), sinks=[sink]).astream(INPUT)
    seen = []
    with pytest.raises(StoreError, match="no such disk") as raised:
        async for event in stream:
            seen.append(event)
    assert [event.type for event in seen] == ["stream.start", "stream.error"]
    assert raised.value.partial == stream.result == fold(await sink.load(stream.run_id))
    assert stream.result.error is not None
    assert stream.result.error.code == "store.failed"


async def test_a_run_without_the_journal_that_cannot_be_opened(caplog: pytest.LogCaptureFixture) -> None:
    result = await made("tools", journal=Journal(Closed(), on_error="continue")).arun(INPUT)
    assert result.output == "Three, seven."
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 1
