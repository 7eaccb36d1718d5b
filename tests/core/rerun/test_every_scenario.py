"""Runs of every shape, cut at every event: resumed, forked, verified. F-X18, F-STO02."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from lamella import RunResult, RunStreamEvent, fold
from lamella.agent.base import BaseAgent
from lamella.recordings import Recording

import stores
from memory_store import MemoryStore
from scenarios import INPUT, SCENARIOS, effects, made
from stores import ended


async def run(agent: BaseAgent[Any]) -> RunResult[Any]:
    """The result, also of a run that fails."""
    return await ended(agent.astream(INPUT))


def outcome(result: RunResult[Any]) -> Any:
    """What two runs that went the same way have in common, their trees too."""
    return (*stores.outcome(result), [type(each).__name__ for each in result.run.walk()])


def begun(events: Any) -> Counter[Any]:
    """How often each call began."""
    return Counter((e.path, e.event.call_id) for e in events if e.type == "tool.start")


@pytest.mark.parametrize("name", SCENARIOS)
async def test_what_is_stored_is_what_was_live(name: str) -> None:
    store = MemoryStore()
    live = await run(made(name, journal=store))
    events = await store.load(live.run_id)
    assert fold(events) == live
    assert [event.seq for event in events] == list(range(len(events)))
    assert store.opened == store.closed == 1


@pytest.mark.parametrize("raw", ["full", "redacted", "dropped"])
@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_run_comes_out_of_its_log_again(name: str, raw: Any) -> None:
    store = MemoryStore(raw)
    live = await run(made(name, journal=store))
    effects.clear()
    recording = await Recording.aload(store, live.run_id)
    found = await recording.averify(made(name))
    assert found.ok, found.problems
    assert found.whole
    assert found.unchecked == (name == "fixed")  # where one answer is nobody's
    assert found.requests + found.unchecked == sum(each.type == "response.done" for each in recording.events)
    assert effects == []


NEVER_READY = {"unready"}
"""What cannot even begin cannot be gone on with either: it stays interrupted."""


@pytest.mark.parametrize("name", sorted(set(SCENARIOS) - NEVER_READY))
async def test_f_x18_a_run_that_was_cut_anywhere_goes_on_to_the_same_end(name: str) -> None:
    store = MemoryStore()
    live = await run(made(name, journal=store))
    whole = dict(store.lines[live.run_id])
    for cut in range(1, len(whole)):
        store.lines[live.run_id] = dict(whole)
        store.cut(live.run_id, cut)
        before = await Recording.aload(store, live.run_id)
        unknown = {call.call_id for _, call in before.log.unknown()}
        stream = before.resume_astream(made(name))
        resumed = await ended(stream)
        after = await store.load(live.run_id)
        assert fold(after) == resumed, cut
        assert [each.seq for each in after] == list(range(len(after)))
        if not unknown:  # the model is told, and may say something else
            assert outcome(resumed)[:4] == outcome(live)[:4], cut
            assert outcome(resumed)[5] == outcome(live)[5], cut
        repeated = [call for call, times in begun(after).items() if times > 1]
        assert not repeated or name.startswith("handing"), cut  # whose tool is idempotent
        again = await (await Recording.aload(store, live.run_id)).averify(made(name))
        assert again.ok, (cut, again.problems)


@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_fork_at_any_event_comes_to_the_same_end(name: str) -> None:
    store = MemoryStore()
    live = await run(made(name, journal=store))
    recording = await Recording.aload(store, live.run_id)
    for at in range(1, recording.events[-1].seq + 2):
        stream = recording.fork_astream(made(name), at=at)
        forked = await ended(stream)
        stored = await store.load(forked.run_id)
        assert fold(stored) == forked
        assert outcome(forked) == outcome(live), at
        start: RunStreamEvent = stored[0]
        assert (start.event.forked_from, start.event.forked_at) == (live.run_id, _kept(recording, at))


def _kept(recording: Recording, at: int) -> int:
    return recording.until(at)[-1].seq + 1
