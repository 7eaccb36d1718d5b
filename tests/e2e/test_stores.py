"""Runs of every shape in every store: what is read back is what was live, wherever it was carried. F-STO01, F-STO02."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest

from lamella import Agent, Message, RunStreamEvent, ServerError, StreamInterruptedError, fold
from lamella.events import AttemptRollback, ResponseDone
from lamella.memory import Conversation, keep_messages, with_memory
from lamella.models.wrapped import WrappedModel
from lamella.recordings import Recording, acopy_runs, astore_runs, export_lines, import_lines
from lamella.serial import from_dict, to_dict
from lamella.specs import RunStore
from lamella_sim import ChatSim, Script, SimServer, Turn

from memory_store import MemoryStore
from scenarios import INPUT, SCENARIOS, WIRE_SCRIPT, WIRED, effects, made
from stores import KINDS, Shelf, ended, names, outcome


@pytest.fixture(scope="module")
def databases(postgres_server: Any) -> Callable[[], str]:
    numbers = itertools.count()

    def create() -> str:
        name = f"shelf_{next(numbers)}"
        postgres_server.psql(f"CREATE DATABASE {name}")
        return str(postgres_server.get_uri(database=name))

    return create


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory, databases: Callable[[], str]) -> Iterator[Shelf]:
    with SimServer(WIRE_SCRIPT) as server:
        yield Shelf(tmp_path_factory.mktemp("shelf"), databases, server)


# -- what is read back -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", names())
async def test_f_sto01_what_is_stored_is_what_was_live(name: str, kind: str, shelf: Shelf) -> None:
    """F-STO01: as journal and as ordinary sink; the result is the fold of the events."""
    live = await shelf.live(kind, name)
    journal = await shelf.store(kind).load(live.run_id)
    sink = await shelf.store(kind, "sink").load(live.run_id)
    assert fold(journal) == live
    assert fold(sink) == live
    assert list(journal) == list(sink)
    assert [each.seq for each in journal] == list(range(len(journal)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", names())
async def test_f_sto02_a_stored_run_comes_out_of_its_log_again(name: str, kind: str, shelf: Shelf) -> None:
    live = await shelf.live(kind, name)
    effects.clear()
    recording = await Recording.aload(shelf.store(kind), live.run_id)
    async with shelf.agent(name) as agent:
        found = await recording.averify(agent)
    assert found.ok, found.problems
    assert found.whole
    assert effects == []


@pytest.mark.parametrize("name", WIRED)
async def test_what_was_tried_again_is_in_the_log(name: str, shelf: Shelf) -> None:
    live = await shelf.live("jsonl", name)
    events = await shelf.store("jsonl").load(live.run_id)
    codes = [each.event.code for each in events if isinstance(each.event, AttemptRollback)]
    assert "api.rate_limited" in codes, codes
    assert len(codes) >= 2
    losses = [loss for each in events if isinstance(each.event, ResponseDone) for loss in each.event.losses]
    assert bool(losses) == (name == "over_both")
    assert live.output == "Four, seven."


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_listed_is_what_is_there(kind: str, shelf: Shelf) -> None:
    store = await shelf.filled(kind)
    listed = {each.run_id: each for each in await store.list()}
    for name in names():
        live = await shelf.live(kind, name)
        summary = listed.pop(live.run_id)
        assert summary.status == live.status
        assert summary.agent == live.run.agent
        assert summary.events == len(await store.load(live.run_id))
        tokens = None if live.token_usage is None else live.token_usage.resolved_total_tokens
        assert summary.total_tokens == tokens, name
        assert summary.prompt == "Please do it."
    assert not listed


def test_f_sto02_results_and_usage_are_dicts_and_come_back(shelf: Shelf) -> None:
    """F-STO02: results, usage and timing convert to plain dicts, and back."""
    for name in names():
        live = asyncio.run(shelf.live("jsonl", name))
        document = to_dict(live)
        assert from_dict(document, type(live)) == live
        usage = document["token_usage"]
        assert (usage is None) == (live.token_usage is None)


# -- carried from store to store --------------------------------------------------------------------


@asynccontextmanager
async def held(*stores: Any) -> AsyncIterator[None]:
    """Keep stores open: each run need not connect anew."""
    for store in stores:
        await store.open()
    try:
        yield
    finally:
        for store in stores:
            await store.close()


async def same(one: RunStore, other: RunStore) -> int:
    """Both have the same runs, event for event."""
    left = {each.run_id: each for each in await one.list()}
    right = {each.run_id: each for each in await other.list()}
    assert {run_id: left[run_id] for run_id in right} == right
    for run_id in right:
        before, after = await one.load(run_id), await other.load(run_id)
        assert list(before) == list(after), run_id
        assert fold(before) == fold(after)
    return len(right)


RING = dict(zip(KINDS, (*KINDS[1:], KINDS[0]), strict=True))
"""On these ways all runs are carried, on the others some."""


@pytest.mark.parametrize("target", KINDS)
@pytest.mark.parametrize("source", KINDS)
async def test_f_sto01_runs_are_carried_without_loss(source: str, target: str, shelf: Shelf) -> None:
    """F-STO01: from every store to every other."""
    here, there = await shelf.filled(source), shelf.fresh(target)
    every = 1 if RING[source] == target else 5
    wanted = [(await shelf.live(source, name)).run_id for name in names()[KINDS.index(target) :: every]]
    async with held(here, there):
        report = await acopy_runs(here, there, wanted)
        assert report.ok, [run for run in report.runs if not run.ok]
        assert {run.status for run in report.runs} == {"copied"}
        assert await same(here, there) == len(wanted)
        again = await acopy_runs(here, there, wanted[:5], on_exists="verify")
        assert {run.status for run in again.runs} == {"same"}


@pytest.mark.parametrize("target", KINDS)
async def test_f_sto01_a_store_made_of_lines_is_the_one_that_they_are_of(target: str, shelf: Shelf) -> None:
    """F-STO01: exported as JSON lines, and rebuilt from them."""
    here, there = await shelf.filled(target), shelf.fresh(target)
    async with held(here, there):
        lines = await exported(here)
        report = await astore_runs(import_lines(lines), there)
        assert report.ok, [run for run in report.runs if not run.ok]
        assert await same(here, there) == len(names())
        assert await exported(there) == lines


async def exported(store: RunStore) -> list[bytes]:
    listed = reversed(await store.list())
    return [line for summary in listed for line in export_lines(await store.load(summary.run_id))]


# -- going on ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
async def test_what_cannot_begin_again_stays_interrupted(kind: str, shelf: Shelf) -> None:
    live = await shelf.live(kind, "unready")
    whole = await shelf.store(kind).load(live.run_id)
    store = shelf.fresh(kind)
    await leave(store, list(whole[:1]))
    recording = await Recording.aload(store, live.run_id)
    async with shelf.agent("unready") as agent:
        with pytest.raises(ServerError, match="away"):
            await recording.aresume(agent)
    assert list(await store.load(live.run_id)) == list(whole[:1])
    assert [each.status for each in await store.list()] == ["interrupted"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [name for name in names() if name != "unready"])
async def test_f_x18_a_stored_run_that_was_cut_goes_on(name: str, kind: str, shelf: Shelf) -> None:
    """F-X18: from each store; nothing is lost, nothing twice, and it verifies."""
    live = await shelf.live(kind, name)
    whole = await shelf.store(kind).load(live.run_id)
    store = shelf.store(kind, "cut")
    cuts = {max(1, len(whole) // 2), len(whole) - 1} if kind in ("jsonl", "sqlite") else {len(whole) * 2 // 3}
    for cut in sorted(cuts):
        run_id = f"{live.run_id}x{cut}"
        await leave(store, [attrs.evolve(each, run_id=run_id) for each in whole[:cut]])
        recording = await Recording.aload(store, run_id)
        unknown = list(recording.log.unknown())
        async with shelf.agent(name) as agent:
            stream = recording.resume_astream(agent)
            resumed = await ended(stream)
        stored = await store.load(run_id)
        assert fold(stored) == resumed
        assert [each.seq for each in stored] == list(range(len(stored)))
        assert list(stored[:cut]) == list(recording.events[:cut])
        if not unknown:
            assert outcome(resumed) == outcome(live), cut
        async with shelf.agent(name) as agent:
            found = await (await Recording.aload(store, run_id)).averify(agent)
        assert found.ok, (cut, found.problems)


async def leave(store: RunStore, events: list[RunStreamEvent]) -> None:
    """What a process left that died behind these events."""
    await store.open()
    await store.write(events)
    await store.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_what_has_no_end_is_listed_as_interrupted(kind: str, shelf: Shelf) -> None:
    store = shelf.fresh(kind)
    live = await shelf.live(kind, "tools")
    whole = await shelf.store(kind).load(live.run_id)
    for cut in range(1, len(whole) + 1):
        await leave(store, [attrs.evolve(each, run_id=f"cut{cut}") for each in whole[:cut]])
    listed = {each.run_id: (each.status, each.events) for each in await store.list()}
    expected = {f"cut{cut}": ("interrupted", cut) for cut in range(1, len(whole))}
    assert listed == {**expected, f"cut{len(whole)}": ("completed", len(whole))}


# -- runs that nobody lets end ----------------------------------------------------------------------


@pytest.mark.parametrize("role", ["journal", "sink"])
@pytest.mark.parametrize("way", ["cancelled", "abandoned"])
@pytest.mark.parametrize("kind", KINDS)
async def test_f_sto01_a_run_that_is_broken_off_is_stored_to_its_end(
    kind: str, way: str, role: str, shelf: Shelf
) -> None:
    store = shelf.store(kind, "broken")
    given: dict[str, Any] = {"journal": store} if role == "journal" else {"sinks": [store]}
    stream = made("many_turns", **given).astream(INPUT)
    began = asyncio.Event()

    async def watch() -> None:
        async with stream:
            async for event in stream:
                if event.type == "tool.output.done":
                    began.set()
                    if way == "abandoned":
                        return
                    await asyncio.sleep(60)

    task = asyncio.create_task(watch())
    await began.wait()
    if way == "cancelled":
        task.cancel()
    await asyncio.wait({task})
    assert task.cancelled() == (way == "cancelled")
    assert stream.result.status == "cancelled"
    stored = await store.load(stream.run_id)
    assert fold(stored) == stream.result
    summary = next(each for each in await store.list() if each.run_id == stream.run_id)
    assert summary.status == "cancelled"
    found = await Recording(stored).averify(made("many_turns"))
    assert found.ok, found.problems


# -- conversations ----------------------------------------------------------------------------------


@attrs.define(kw_only=True, eq=False, slots=False)
class Falters(WrappedModel):
    """Breaks off while ``broken``."""

    broken: bool = False

    async def stream(self, request: Any) -> Any:
        async for event in self.inner.stream(request):
            if self.broken and event.type == "message.output.done":
                raise StreamInterruptedError("gone")
            yield event


def talker() -> Agent:
    """Remembers the last messages, and a summary of the others."""
    inner = Falters(inner=ChatSim(script=lambda request: Turn([f"You said: {request.messages[-1].text}"])))
    teller = ChatSim(script=lambda request: Turn(["They greeted each other."]))
    model = with_memory(inner, keep_messages, 3, summarize=teller)
    return Agent(model, name="talker", system_instruction="Talk.")


@pytest.mark.parametrize("kind", KINDS)
async def test_f_sto02_a_conversation_is_found_again(kind: str, shelf: Shelf) -> None:
    """F-STO02: the context is rebuilt from what is stored, also after a summary, and after a send that failed."""
    store = shelf.fresh(kind)
    talk = Conversation(talker(), id="chat", store=store)
    results = [await talk.asend(text) for text in ("one", "two", "three")]
    agent: Any = talk.agent
    agent.model.inner.broken = True
    with pytest.raises(StreamInterruptedError) as failed:
        await talk.asend("four")
    assert failed.value.partial is not None
    results.append(failed.value.partial)
    agent.model.inner.broken = False
    before = talk.messages
    assert [message.text for message in before][::2] == ["one", "two", "three"]

    other = await Conversation(talker(), id="chat", store=store).aload()
    assert other.messages == before
    results.append(await other.asend("five"))
    assert results[-1].output == "You said: five"
    events = [each for result in results for each in await store.load(result.run_id)]
    summarised = [each for each in events if getattr(each.event, "code", None) == "memory.summarized"]
    assert summarised
    assert all(each.event.token_usage is not None for each in summarised)
    for result in results:
        assert fold(await store.load(result.run_id)) == result
    listed = await store.list()
    assert {each.conversation for each in listed} == {"chat"}
    assert [each.run_id for each in listed] == [result.run_id for result in reversed(results)]
    copied = MemoryStore()
    assert (await acopy_runs(store, copied)).ok
    again = await Conversation(talker(), id="chat", store=store).aload()
    assert again.messages == other.messages


def test_every_scenario_is_told_apart() -> None:
    assert len(names()) == len(set(names())) == len(SCENARIOS) + len(WIRED)
    assert all(isinstance(each, Message) for each in INPUT)
    assert isinstance(WIRE_SCRIPT, Script)
