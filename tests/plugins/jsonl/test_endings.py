"""How files end after a crash, and what is made of it."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from lamella.errors import ErrorCode, StoreError
from lamella.fold import fold
from lamella_jsonl import JSONLStore
from lamella_jsonl.settings import Layout

from json_lines import give, numbers, story

RUN = "3f2a9c"

ENDINGS = {
    "cut": b'{"v":1,"run_id":"3f2a9c","seq":5,"event":{"type":"mess',
    "nul": b"\0" * 5000,
    "cut and nul": b'{"v":1,"run_id":"3f2a9c","se' + b"\0" * 9000,
    "nul up to the newline": b"\0" * 700 + b'"at":3.0}\n',
    "lines of nul": b"\0" * 300 + b"\n" + b"\0" * 300 + b"\n\0\0",
    "half a character": '{"v":1,"run_id":"3f2a9c","seq":5,"event":{"delta":"世'.encode()[:-1],
    "a number": b"17",
}


@pytest.fixture(params=["run", "rotating"])
def layout(request: pytest.FixtureRequest) -> Layout:
    chosen: Layout = request.param
    return chosen


def only_file(folder: Path) -> Path:
    (path,) = folder.glob("*.jsonl")
    return path


async def begun(folder: Path, layout: Layout) -> JSONLStore:
    store = JSONLStore(folder, layout=layout)
    await give(store, story()[:5])
    return store


@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_torn_end_is_passed_over_when_read_and_moved_aside_when_written(
    tmp_path: Path, layout: Layout, ending: str, caplog: pytest.LogCaptureFixture
) -> None:
    store, run = await begun(tmp_path, layout), story()
    path = only_file(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole + ENDINGS[ending])
    with caplog.at_level(logging.WARNING):
        assert numbers(await JSONLStore(tmp_path, layout=layout).load(RUN)) == [0, 1, 2, 3, 4]
        assert "torn" in caplog.text
        (summary,) = await store.list()
        assert (summary.status, summary.events) == ("interrupted", 5)
        assert path.read_bytes() == whole + ENDINGS[ending]  # reading changes nothing
        caplog.clear()
        await give(JSONLStore(tmp_path, layout=layout), run[5:])
    told = [record.message for record in caplog.records if "which was cut off" in record.message]
    assert len(told) == 1
    assert path.read_bytes().startswith(whole)
    assert fold(await JSONLStore(tmp_path, layout=layout).load(RUN)) == fold(run)
    kept = path.with_name(f"{path.name}.torn")
    torn = ENDINGS[ending].rstrip(b"\0")
    assert (kept.read_bytes() if kept.exists() else b"") == (torn + b"\n" if torn else b"")


async def test_a_line_that_lacks_its_newline_gets_it(tmp_path: Path, layout: Layout) -> None:
    await begun(tmp_path, layout)
    path = only_file(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"\0" * 100)
    store = JSONLStore(tmp_path, layout=layout)
    assert numbers(await store.load(RUN)) == [0, 1, 2, 3, 4]
    await give(store, story()[5:])
    assert path.read_bytes().startswith(whole)
    assert fold(await store.load(RUN)) == fold(story())


async def test_a_damaged_line_before_the_last_is_an_error_that_says_which(
    tmp_path: Path, layout: Layout
) -> None:
    await begun(tmp_path, layout)
    path = only_file(tmp_path)
    found = path.read_bytes().splitlines(keepends=True)
    for damage in (b"\0" * 80 + b"\n", found[2][:30] + b"\n", b"[]\n", found[2][:60] + b"#" + found[2][61:]):
        path.write_bytes(b"".join([*found[:2], damage, *found[3:]]))
        store = JSONLStore(tmp_path, layout=layout)
        if json_of(damage):
            continue
        with pytest.raises(
            StoreError, match=rf"{path.name}:3: .*restore it from a copy, or delete this line"
        ) as raised:
            await store.load(RUN)
        assert raised.value.error_code is ErrorCode.STORE_CORRUPT
        assert [summary.run_id for summary in await store.list()] == [RUN]


def json_of(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


async def test_a_last_line_that_no_crash_made_is_not_written_behind(tmp_path: Path) -> None:
    await begun(tmp_path, "run")
    path = only_file(tmp_path)
    path.write_bytes(path.read_bytes() + b"written by hand\n")
    with pytest.raises(StoreError, match=rf"{path.name}:6") as raised:
        await give(JSONLStore(tmp_path), story()[5:])
    assert raised.value.error_code is ErrorCode.STORE_CORRUPT
    assert path.read_bytes().endswith(b"written by hand\n")
