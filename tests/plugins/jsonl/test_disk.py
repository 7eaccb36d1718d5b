"""The disk: when it is waited for, and what it refuses."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lamella.errors import ErrorCode, StoreError
from lamella.events import RunStreamEvent
from lamella.fold import fold
from lamella_jsonl import JSONLStore
from lamella_jsonl import _log_file as log_file
from lamella_jsonl.settings import FsyncPolicy, Layout

from json_lines import give, numbers, open_descriptors, story

RUN = "3f2a9c"


@pytest.fixture(params=["run", "rotating"])
def layout(request: pytest.FixtureRequest) -> Layout:
    chosen: Layout = request.param
    return chosen


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was synced: ``file`` or ``folder``."""
    found: list[str] = []
    sync = os.fsync

    def noted(descriptor: int) -> None:
        found.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    return found


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("end", ["file", "folder"]), ("never", []), ("batch", ["file", "folder", "file", "file"])],
)
async def test_the_disk_is_waited_for_as_the_policy_says(
    tmp_path: Path, layout: Layout, policy: FsyncPolicy, expected: list[str], synced: list[str]
) -> None:
    """The folder's entry is synced with the file that is new in it."""
    await give(JSONLStore(tmp_path, layout=layout, fsync=policy), story())
    assert synced == expected


async def test_a_new_folder_is_on_the_disk_too(tmp_path: Path, synced: list[str]) -> None:
    await give(JSONLStore(tmp_path / "a" / "b"), story())
    assert synced == ["folder", "folder", "file", "folder"]


async def test_a_run_that_is_let_go_of_is_synced(tmp_path: Path, layout: Layout, synced: list[str]) -> None:
    await give(JSONLStore(tmp_path, layout=layout), story()[:4])
    assert synced == ["file", "folder"]


async def test_at_an_interval_what_was_written_is_synced_without_another_write(
    tmp_path: Path, layout: Layout, synced: list[str]
) -> None:
    store = JSONLStore(tmp_path, layout=layout, fsync="interval", fsync_seconds=0.02)
    await give(store, story()[:4], closes=False)
    async with asyncio.timeout(10):
        while synced != ["file", "folder"]:
            await asyncio.sleep(0.005)
    await store.close()
    assert synced == ["file", "folder"]


async def test_a_sync_that_fails_is_told_once_to_who_comes_next(
    tmp_path: Path, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, run = JSONLStore(tmp_path, layout=layout, fsync="interval", fsync_seconds=0.01), story()
    failed = asyncio.Event()
    loop = asyncio.get_running_loop()

    def refuse(_: int) -> None:
        loop.call_soon_threadsafe(failed.set)
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", refuse)
        await give(store, run[:4], closes=False)
        async with asyncio.timeout(10):
            await failed.wait()
            with pytest.raises(StoreError, match=r"cannot sync .*Input/output error"):
                while True:
                    await store.write(run[:4])
                    await asyncio.sleep(0.001)
    await store.write(run[4:])
    await store.close()
    assert fold(await store.load(RUN)) == fold(run)


# -- what it refuses ------------------------------------------------------------------------------


async def failure(store: JSONLStore, batch: list[RunStreamEvent]) -> StoreError:
    with pytest.raises(StoreError) as raised:
        await store.write(batch)
    assert raised.value.context["store"] == "jsonl"
    return raised.value


@pytest.mark.parametrize(
    ("number", "code", "advice", "retryable"),
    [
        (errno.ENOSPC, ErrorCode.STORE_FULL, "free space on the disk", False),
        (errno.EROFS, ErrorCode.STORE_FAILED, "read-only: set another path", False),
        (errno.EACCES, ErrorCode.STORE_FAILED, "make the folder writable", False),
        (errno.EMFILE, ErrorCode.STORE_UNAVAILABLE, "ulimit -n", True),
        (errno.EIO, ErrorCode.STORE_FAILED, "check the disk", False),
    ],
)
async def test_f_sto01_a_batch_that_fails_half_way_leaves_nothing_and_can_be_written_again(
    tmp_path: Path, layout: Layout, number: int, code: ErrorCode, advice: str, retryable: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """F-STO01: what is stored is whole."""
    store, run = JSONLStore(tmp_path, layout=layout), story()
    await store.open()
    await store.write(run[:3])
    before = contents(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(log_file, "_write_all", half_then(OSError(number, os.strerror(number))))
        error = await failure(store, run[3:])
    assert (error.error_code, error.retryable) == (code, retryable)
    assert advice in error.message
    assert str(tmp_path) in error.message
    assert error.context["run_id"] == RUN
    assert contents(tmp_path) == before
    await store.write(run[3:])
    await store.close()
    assert fold(await store.load(RUN)) == fold(run)


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.glob("*.jsonl")}


def half_then(error: OSError) -> Callable[[int, bytes], None]:
    def write(descriptor: int, data: bytes) -> None:
        os.write(descriptor, data[: len(data) // 2])
        raise error

    return write


async def test_a_first_batch_that_fails_leaves_no_run(
    tmp_path: Path, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, run = JSONLStore(tmp_path, layout=layout), story()
    await store.open()
    with monkeypatch.context() as patched:
        patched.setattr(log_file, "_write_all", half_then(OSError(errno.ENOSPC, "No space left on device")))
        await failure(store, run[:4])
    assert await store.list() == []
    await store.write(run)
    await store.close()
    assert fold(await store.load(RUN)) == fold(run)


async def test_of_a_batch_of_two_runs_neither_is_stored_where_one_fails(
    tmp_path: Path, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, one, two = JSONLStore(tmp_path, layout=layout), story("one"), story("two")
    await store.open()
    await store.write([*one[:2], *two[:2]])
    write, calls = log_file._write_all, iter([False, True])

    def second_fails(descriptor: int, data: bytes) -> None:
        write(descriptor, data)
        if next(calls):
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(log_file, "_write_all", second_fails)
        await failure(store, [*one[2:], *two[2:]])
    assert [numbers(await store.load(run_id)) for run_id in ("one", "two")] == [[0, 1], [0, 1]]
    await store.write([*one[2:], *two[2:]])
    await store.close()
    assert fold(await store.load("one")) == fold(one)
    assert fold(await store.load("two")) == fold(two)


async def test_what_cannot_even_be_cut_off_is_when_the_run_goes_on(
    tmp_path: Path, layout: Layout, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    store, run = JSONLStore(tmp_path, layout=layout), story()
    await store.open()
    await store.write(run[:3])
    with caplog.at_level(logging.WARNING), monkeypatch.context() as patched:
        patched.setattr(log_file, "_write_all", half_then(OSError(errno.EIO, "Input/output error")))
        patched.setattr(log_file.LogFile, "cut_back", refuse)
        await failure(store, run[3:])
    assert "could not be cut off" in caplog.text
    await store.write(run[3:])
    await store.close()
    assert fold(await store.load(RUN)) == fold(run)


async def test_a_file_in_the_place_of_the_folder_is_said(tmp_path: Path, layout: Layout) -> None:
    place = tmp_path / "runs"
    place.write_text("mine")
    store = JSONLStore(place, layout=layout)
    for below in (store, JSONLStore(place / "deeper", layout=layout)):
        error = await failure(below, story())
        assert error.error_code is ErrorCode.STORE_FAILED
        assert "a file stands where the folder of the runs should be" in error.message
    for reading in (store.load(RUN), store.list(), store.claim(RUN)):
        with pytest.raises(StoreError, match="a file stands where"):
            await reading
    assert place.read_text() == "mine"


async def test_a_folder_that_is_removed_is_a_failure_and_then_made_anew(
    tmp_path: Path, layout: Layout
) -> None:
    folder, before = tmp_path / "runs", open_descriptors()
    store, run = JSONLStore(folder, layout=layout), story()
    await give(store, run[:4], closes=False)
    shutil.rmtree(folder)
    error = await failure(store, run[4:])
    assert error.error_code is ErrorCode.STORE_FAILED
    assert "was removed" in error.message
    await give(store, story("next"))
    assert [each.run_id for each in await store.list()] == ["next"]
    with pytest.raises(StoreError, match="no longer belongs to this process"):
        await store.write(run[4:])
    await store.close()
    await store.close()
    assert open_descriptors() == before


async def test_a_file_that_something_else_writes_is_not_written_behind_its_back(tmp_path: Path) -> None:
    store, run = JSONLStore(tmp_path), story()
    await give(store, run[:4], closes=False)
    (path,) = contents(tmp_path)
    path.write_bytes(path.read_bytes() + b"#\n")
    assert "something else changed it" in (await failure(store, run[4:])).message
    assert path.read_bytes().endswith(b"#\n")
    await store.close()


_FULL = """
import asyncio, resource, sys
sys.path.insert(0, {support!r})
from json_lines import give, numbers, story
from lamella.errors import StoreError
from lamella.fold import fold
from lamella_jsonl import JSONLStore

async def main():
    store, run = JSONLStore({folder!r}, layout={layout!r}, **{settings!r}), story(words=400)
    await give(store, run[:5], closes=False)
    {fill}
    try:
        await store.write(run[5:])
    except StoreError as error:
        print(error.error_code.value)
    print(numbers(await store.load("3f2a9c")))
    {free}
    await store.write(run[5:])
    await store.close()
    print(fold(await store.load("3f2a9c")) == fold(run))

asyncio.run(main())
"""


def told_by(folder: Path, layout: Layout, fill: str, free: str, **settings: Any) -> list[str]:
    support = str(Path(give.__code__.co_filename).parent)
    code = _FULL.format(
        support=support, folder=str(folder), layout=layout, fill=fill, free=free, settings=settings
    )
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.splitlines()


def test_a_limit_of_file_sizes_is_a_full_disk_and_goes_on_when_there_is_room(
    tmp_path: Path, layout: Layout
) -> None:
    told = told_by(
        tmp_path, layout,
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))",
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))",
    )  # fmt: skip
    assert told == ["store.full", "[0, 1, 2, 3, 4]", "True"]


def test_a_full_disk_goes_on_when_there_is_room(tmp_path: Path, layout: Layout) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here: run as root to try a disk that is full")
    try:
        filler = str(folder / "filler")
        told = told_by(
            folder, layout,
            f"open({filler!r}, 'wb').write(bytes(100_000))",
            f"import os; os.unlink({filler!r})",
        )  # fmt: skip
    finally:
        subprocess.run(["umount", str(folder)], check=True)
    assert told == ["store.full", "[0, 1, 2, 3, 4]", "True"]
