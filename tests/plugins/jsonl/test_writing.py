"""Who writes what, in both layouts: each event once, in order, by one store at a time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import attrs
import pytest

from lamella.errors import AgentInputError, AgentSerializationError, ErrorCode, StoreError
from lamella.events import MessageOutputDone
from lamella.fold import fold
from lamella.specs import ClaimingStore
from lamella_jsonl import JSONLStore
from lamella_jsonl.settings import Layout

from json_lines import STARTED, give, numbers, open_descriptors, story, wait_until_open, writing_process

RUN = "3f2a9c"


@pytest.fixture(params=["run", "rotating"])
def layout(request: pytest.FixtureRequest) -> Layout:
    chosen: Layout = request.param
    return chosen


def lines(folder: Path) -> list[bytes]:
    return [line for path in sorted(folder.glob("*.jsonl")) for line in path.read_bytes().splitlines()]


def everything(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def status(store: JSONLStore) -> str:
    (summary,) = await store.list()
    return summary.status


async def conflict_of(store: JSONLStore, run_id: str = RUN, *, force: bool = False) -> str:
    with pytest.raises(StoreError) as raised:
        await store.claim(run_id, force=force)
    assert raised.value.error_code is ErrorCode.STORE_CONFLICT
    return str(raised.value)


async def test_f_sto01_a_run_comes_back_as_it_was(tmp_path: Path, layout: Layout) -> None:
    """F-STO01, in both layouts."""
    store, run = JSONLStore(tmp_path, layout=layout), story()
    await give(store, run)
    assert fold(await store.load(RUN)) == fold(run)
    assert isinstance(store, ClaimingStore)
    assert [path.suffix for path in everything(tmp_path)] == [".jsonl"]  # nothing is left of the locks


async def test_a_batch_that_is_written_twice_changes_nothing(tmp_path: Path, layout: Layout) -> None:
    store, run = JSONLStore(tmp_path, layout=layout), story()
    await store.open()
    await store.write(run[:3])
    await store.write(run[:3])
    await store.write(run[1:6])
    await store.write(run[2:4])
    await store.close()
    assert numbers(await store.load(RUN)) == list(range(6))
    await give(JSONLStore(tmp_path, layout=layout), run)  # another store, from the beginning
    before = lines(tmp_path)
    assert len(before) == len(run)
    await give(store, run)
    await give(store, run[-2:])  # and after the end
    assert lines(tmp_path) == before
    assert await status(store) == "completed"


async def test_events_that_are_missing_at_the_beginning_are_a_conflict(
    tmp_path: Path, layout: Layout
) -> None:
    store, run = JSONLStore(tmp_path, layout=layout), story()
    with pytest.raises(StoreError, match="goes on with event 3, but event 0 is to be written next") as raised:
        await give(store, run[3:])
    assert raised.value.error_code is ErrorCode.STORE_CONFLICT
    assert raised.value.context["run_id"] == RUN
    assert lines(tmp_path) == []
    await store.close()
    await give(store, run[:4])
    with pytest.raises(StoreError, match="goes on with event 6, but event 4"):
        await give(store, run[6:])
    await store.close()
    await give(store, run)
    assert numbers(await store.load(RUN)) == numbers(run)


async def test_deltas_that_a_busy_host_shed_are_no_conflict(tmp_path: Path, layout: Layout) -> None:
    store, run = JSONLStore(tmp_path, layout=layout), story()
    await store.open()
    await store.write(run[:3])
    await store.write(run[5:])
    await store.close()
    assert fold(await store.load(RUN)).output == fold(run).output


async def test_without_deltas_a_gap_is_none(tmp_path: Path, layout: Layout) -> None:
    store, run = JSONLStore(tmp_path, layout=layout, deltas=False), story()
    await give(store, run[:4])
    await give(store, run[4:])
    assert fold(await store.load(RUN)) == fold(run)


async def test_a_run_belongs_to_one_of_two_stores_in_a_process(tmp_path: Path, layout: Layout) -> None:
    mine, other, run = JSONLStore(tmp_path, layout=layout), JSONLStore(tmp_path, layout=layout), story()
    await give(mine, run[:3], closes=False)
    assert await status(mine) == await status(other) == "running"
    with pytest.raises(StoreError, match=r"being written by another store of this process \(\d+\)"):
        await other.write(run[:4])
    await mine.close()
    assert await status(other) == "interrupted"
    await other.claim(RUN)
    assert await status(mine) == "running"
    await give(other, run[3:])
    assert await status(mine) == "completed"
    assert fold(await mine.load(RUN)) == fold(run)


async def test_a_run_of_another_process_is_its_own_while_it_lives(tmp_path: Path, layout: Layout) -> None:
    store, run = JSONLStore(tmp_path, layout=layout), story()
    with writing_process(tmp_path, RUN, layout=layout) as process:
        wait_until_open(process)
        assert await status(store) == "running"
        assert f"is being written by process {process.pid} on" in await conflict_of(store)
        process.kill()
        process.wait()
    assert await status(store) == "interrupted"
    await store.claim(RUN[:3])
    await give(store, run[3:])
    assert fold(await store.load(RUN)) == fold(run)


async def test_a_run_that_is_taken_by_force_is_no_longer_written_by_the_other(
    tmp_path: Path, layout: Layout
) -> None:
    first, second, run = JSONLStore(tmp_path, layout=layout), JSONLStore(tmp_path, layout=layout), story()
    await give(first, run[:3], closes=False)
    await second.claim(RUN, force=True)
    with pytest.raises(StoreError, match="another one has taken it over") as raised:
        await first.write(run[3:5])
    assert raised.value.error_code is ErrorCode.STORE_CONFLICT
    await first.close()
    assert await status(first) == "running"
    assert "another store of this process" in await conflict_of(first)
    await give(second, run[3:])
    assert fold(await first.load(RUN)) == fold(run)


async def test_claims_by_force_lose_and_double_nothing(tmp_path: Path, layout: Layout) -> None:
    """Two stores take a run from each other while both write it: what either was told is stored is there once."""
    run = story(words=300)
    stores = [JSONLStore(tmp_path, layout=layout), JSONLStore(tmp_path, layout=layout)]
    await give(stores[0], run[:1], closes=False)
    acknowledged: list[int] = []

    async def write(store: JSONLStore) -> None:
        while True:
            try:
                await store.claim(RUN, force=True)
                begin = len(await store.load(RUN))
                for place in range(begin, len(run), 3):
                    await store.write(run[place : place + 3])
                    acknowledged.extend(numbers(run[place : place + 3]))
                return
            except StoreError:
                await store.close()

    async with asyncio.timeout(60):
        await asyncio.gather(*map(write, stores))
    assert numbers(await stores[0].load(RUN)) == numbers(run)
    assert set(acknowledged) >= set(numbers(run[1:]))
    for store in stores:
        await store.close()


async def test_a_claim_waits_for_its_run_and_ends_with_close(tmp_path: Path, layout: Layout) -> None:
    store, other, run = JSONLStore(tmp_path, layout=layout), JSONLStore(tmp_path, layout=layout), story()
    await give(store, run[:3])
    await store.claim(RUN)
    await store.claim(RUN)
    await give(store, story("77aa", started=STARTED - 9))  # whose end is not the end of the claim
    assert "another store" in await conflict_of(other)
    await store.close()
    await other.claim(RUN)
    await other.close()


async def test_a_claim_of_nothing_names_what_is_near(tmp_path: Path, layout: Layout) -> None:
    store = JSONLStore(tmp_path / "runs", layout=layout)
    with pytest.raises(AgentInputError, match="nothing is stored there"):
        await store.claim(RUN)
    await give(store, story())
    with pytest.raises(AgentInputError, match=r"did you mean 3f2a9c\?"):
        await store.claim("3f2a9d")


async def test_no_descriptor_is_left_open(tmp_path: Path, layout: Layout) -> None:
    store = JSONLStore(tmp_path, layout=layout, fsync="interval", fsync_seconds=60)
    await give(store, story("first"))
    before = open_descriptors()
    await asyncio.gather(*(give(store, story(f"run{number}")) for number in range(20)))
    await give(store, story(ends := "open")[:3], closes=False)
    other = JSONLStore(tmp_path, layout=layout)
    for _ in range(5):
        await conflict_of(other, ends)
    await store.close()
    assert len(await store.list()) == 22
    assert open_descriptors() == before


async def test_an_event_without_a_stored_form_takes_its_batch_with_it(tmp_path: Path, layout: Layout) -> None:
    store, run = JSONLStore(tmp_path, layout=layout), story()
    await store.open()
    await store.write(run[:3])
    before = lines(tmp_path)
    broken = attrs.evolve(run[4], event=MessageOutputDone(output="x", raw_event={"x": object()}))
    with pytest.raises(AgentSerializationError, match="raw_event"):
        await store.write([run[3], broken])
    assert lines(tmp_path) == before
    with pytest.raises(StoreError, match="goes on with event 5, but event 3"):
        await store.write(run[5:])  # what failed is not passed over
    await store.write(run[3:])
    await store.close()
    assert fold(await store.load(RUN)) == fold(run)


async def test_many_stores_and_runs_at_once_tear_nothing(tmp_path: Path, layout: Layout) -> None:
    runs = {f"run{number}": story(f"run{number}", 50, started=STARTED + number) for number in range(12)}
    stores = [JSONLStore(tmp_path, layout=layout, max_bytes=20_000) for _ in range(3)]
    await asyncio.gather(
        *(give(stores[place % 3], run, batch=1 + place) for place, run in enumerate(runs.values()))
    )
    reader = JSONLStore(tmp_path, layout=layout)
    for run_id, run in runs.items():
        assert fold(await reader.load(run_id)) == fold(run)
    assert [summary.run_id for summary in await reader.list()] == list(reversed(runs))


async def test_a_claim_while_the_store_is_open_ends_with_that(tmp_path: Path, layout: Layout) -> None:
    """A resume that cannot begin leaves the run interrupted, and to others."""
    store, other, run = JSONLStore(tmp_path, layout=layout), JSONLStore(tmp_path, layout=layout), story()
    await give(store, run[:3])
    await store.open()
    await store.claim(RUN)
    assert "another store" in await conflict_of(other)
    await store.close()
    assert [each.status for each in await store.list()] == ["interrupted"]
    await other.claim(RUN)
    await other.close()
