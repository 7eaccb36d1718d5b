"""The layout ``rotating``: runs in files of some size."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from lamella.errors import AgentInputError, ConfigError
from lamella.fold import fold
from lamella_jsonl import JSONLStore
from lamella_jsonl import _contents as contents

from json_lines import STARTED, give, numbers, story, wait_until_open, writing_process


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("runs-*.jsonl"))


def rotating(
    folder: Path, *, max_bytes: int = 2_000, keep: int | None = None, max_age: float | None = None
) -> JSONLStore:
    return JSONLStore(folder, layout="rotating", max_bytes=max_bytes, keep=keep, max_age=max_age)


async def test_runs_share_files_and_each_is_whole_over_several(tmp_path: Path) -> None:
    store = rotating(tmp_path)
    one, two = story("one", 60), story("two", 60, started=STARTED + 1)
    await store.open()
    await store.open()
    for place in range(0, 64, 2):
        await store.write(one[place : place + 2])
        await store.write(two[place : place + 2])
    await store.close()
    await store.close()
    assert len(files(tmp_path)) > 4
    for path in files(tmp_path)[:-1]:
        found = {json.loads(line)["run_id"] for line in path.read_bytes().splitlines()}
        assert found == {"one", "two"}
        assert 2_000 <= path.stat().st_size < 4_000
    for reader in (store, rotating(tmp_path)):
        assert fold(await reader.load("one")) == fold(one)
        assert fold(await reader.load("two")) == fold(two)
        assert [(each.run_id, each.status, each.events) for each in await reader.list()] == [
            ("two", "completed", 64), ("one", "completed", 64),
        ]  # fmt: skip
        assert [each.run_id for each in await reader.list(limit=1)] == ["two"]


async def test_the_next_store_goes_on_with_the_file(tmp_path: Path) -> None:
    for number in range(5):
        await give(rotating(tmp_path, max_bytes=100_000), story(f"run{number}"))
    assert len(files(tmp_path)) == 1


async def test_a_file_that_another_process_writes_is_left_to_it(tmp_path: Path) -> None:
    with writing_process(tmp_path, "theirs", layout="rotating") as process:
        wait_until_open(process)
        await give(rotating(tmp_path, max_bytes=100_000), story("ours"))
        assert len(files(tmp_path)) == 2
    await give(rotating(tmp_path, max_bytes=100_000), story("later"))
    assert len(files(tmp_path)) == 2
    found = {each.run_id: each.status for each in await rotating(tmp_path).list()}
    assert found == {"ours": "completed", "later": "completed", "theirs": "interrupted"}


async def test_an_old_file_is_followed_by_another(tmp_path: Path) -> None:
    await give(rotating(tmp_path, max_bytes=100_000), story("one"))
    old = files(tmp_path)[0].rename(tmp_path / "runs-20200101T000000.000Z-1-0.jsonl")
    await give(rotating(tmp_path, max_bytes=100_000), story("two"))
    assert files(tmp_path) == [old]
    await give(rotating(tmp_path, max_bytes=100_000, max_age=3600.0), story("three"))
    assert len(files(tmp_path)) == 2
    assert len(await rotating(tmp_path).list()) == 3


async def test_only_so_many_old_files_are_kept(tmp_path: Path) -> None:
    store = rotating(tmp_path, max_bytes=700, keep=2)
    for number in range(8):
        await give(store, story(f"run{number}", started=STARTED + number))
    assert len(files(tmp_path)) == 3
    listed = [each.run_id for each in await store.list()]
    assert listed[0] == "run7"
    assert 2 <= len(listed) < 8
    for run_id in listed:
        assert numbers(await store.load(run_id)) == list(range(10))
    with pytest.raises(AgentInputError, match="no run 'run0'"):
        await store.load("run0")


async def test_what_is_being_written_is_kept_whole(tmp_path: Path) -> None:
    store, long = rotating(tmp_path, max_bytes=700, keep=1), story("long", 100)
    await store.open()
    for place in range(0, 100, 4):
        await store.write(long[place : place + 4])
        await give(store, story(f"short{place}"))
    await store.write(long[100:])
    await store.close()
    assert fold(await store.load("long")) == fold(long)
    await give(store, story("last", 40))
    await give(store, story("very last", 40))
    assert "long" not in [each.run_id for each in await store.list()]


@pytest.mark.parametrize("index", ["none", "garbage", "of an older file", "of another file", "as it is"])
async def test_an_index_is_no_more_than_a_short_cut(
    tmp_path: Path, index: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(contents, "_WORTHWHILE", 1)
    store = rotating(tmp_path, max_bytes=100_000)
    await give(store, story("one"))
    place = files(tmp_path)[0].with_suffix(".index")
    older = place.read_bytes()
    await give(store, story("two", started=STARTED + 1))
    if index == "none":
        place.unlink()
    elif index == "garbage":
        place.write_text('{"v": 1, "si')
    elif index == "of an older file":
        place.write_bytes(older)
    elif index == "of another file":
        place.write_text(place.read_text().replace("[0, 0,", "[5, 0,").replace('\\"seq\\":9', '\\"seq\\":8'))
    with caplog.at_level(logging.WARNING):
        reader = rotating(tmp_path)
        assert [(each.run_id, each.events) for each in await reader.list()] == [("two", 10), ("one", 10)]
        assert fold(await reader.load("one")) == fold(story("one"))
    assert ("cannot be read" in caplog.text) == (index == "garbage")


async def test_a_long_lived_reader_sees_what_others_write(tmp_path: Path) -> None:
    reader = rotating(tmp_path)
    assert await reader.list() == []
    for number in range(3):
        await give(rotating(tmp_path), story(f"run{number}", 30, started=STARTED + number))
        assert len(await reader.list()) == number + 1
        assert numbers(await reader.load(f"run{number}")) == list(range(34))


async def test_a_reader_is_not_misled_by_what_was_taken_back(tmp_path: Path) -> None:
    """A batch that failed was cut off again after somebody read it, and other lines stand there now."""
    await give(rotating(tmp_path), story("one"))
    reader, (path,) = rotating(tmp_path), files(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(
        whole + b'{"v":1,"run_id":"gone","seq":0,"event":{"type":"stream.start"},"at":1.0,"start_time":1.0}\n'
    )
    assert {each.run_id for each in await reader.list()} == {"one", "gone"}
    path.write_bytes(whole)
    await give(rotating(tmp_path, max_bytes=100_000), story("two", 30))
    assert {each.run_id for each in await reader.list()} == {"one", "two"}
    assert fold(await reader.load("two")) == fold(story("two", 30))


@pytest.mark.parametrize("run_id", ['quo"te', "back\\slash", "ünï", "a/b", "with space"])
async def test_any_id_is_found(tmp_path: Path, run_id: str) -> None:
    store = rotating(tmp_path, max_bytes=100_000)
    await give(store, story("other"))
    await give(store, story(run_id))
    assert fold(await rotating(tmp_path).load(run_id)) == fold(story(run_id))


async def test_the_runs_of_the_other_layout_are_not_its_own(tmp_path: Path) -> None:
    await give(JSONLStore(tmp_path), story("one"))
    await give(rotating(tmp_path), story("two"))
    assert [each.run_id for each in await JSONLStore(tmp_path).list()] == ["one"]
    assert [each.run_id for each in await rotating(tmp_path).list()] == ["two"]


@pytest.mark.parametrize("wrong", [{"max_bytes": 0}, {"max_age": -1.0}, {"keep": -1}, {"fsync_seconds": 0}])
def test_numbers_that_make_no_sense_are_refused(tmp_path: Path, wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        JSONLStore(tmp_path, **wrong)  # type: ignore[arg-type]
