"""Processes that are killed while they write: nothing that was acknowledged is lost, nothing is there twice."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from lamella_sql import SQLStore

from killing import check, kill_writers, make_store

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="writers are forked"),
]

KILLS = 50


async def test_f_sto01_a_killed_writer_loses_nothing(url: str) -> None:
    """F-STO01: stored while streaming: after ``kill -9`` what was acknowledged is there exactly once."""
    killed = kill_writers(url, KILLS, seed=7)
    assert len(killed) == KILLS
    store = SQLStore(url)
    assert await check(store, killed) > KILLS // 10, "some writers must have come to write"
    assert any(one.acknowledged > 50 for one in killed)


async def test_the_harness_takes_other_stores(tmp_path: Path) -> None:
    pytest.importorskip("lamella_jsonl")
    spec = f"jsonl:{tmp_path}"
    assert await check(make_store(spec), kill_writers(spec, 5)) > 0


async def test_a_killed_run_can_be_gone_on_with_at_once(url: str) -> None:
    """The dead writer's claim holds nobody up, and the derived tables are those of the events."""
    from itertools import islice

    from killing import stream
    from sql_runs import derived

    killed = kill_writers(url, 5, seed=3)
    store: Any = SQLStore(url)
    for one in killed:
        if one.acknowledged < 0:
            continue
        have = len(await store.load(one.run_id))
        await store.claim(one.run_id)
        await store.open()
        await store.write(list(islice(stream(one.run_id), have - 1, have + 200)))
        await store.close()
        assert list(await store.load(one.run_id)) == list(islice(stream(one.run_id), have + 200))
    before = await derived(url)
    await store.rebuild()
    assert await derived(url) == before
