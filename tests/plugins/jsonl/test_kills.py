"""``kill -9`` while a run is written: what was acknowledged is there, exactly once."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from lamella.fold import fold
from lamella_jsonl import JSONLStore
from lamella_jsonl.settings import Layout

from json_lines import give, numbers, story, writing_process

KILLS = 10
WORDS = 3000


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["run", "rotating"])
async def test_f_sto01_no_kill_loses_or_doubles_what_was_acknowledged(tmp_path: Path, layout: Layout) -> None:
    """F-STO01, the hard way: 20 kills, 10 for each layout, and each run goes on to its end."""
    dice = random.Random(7)
    store = JSONLStore(tmp_path, layout=layout, max_bytes=100_000)
    for kill in range(KILLS):
        run_id, run = f"run{kill}", story(f"run{kill}", WORDS)
        with writing_process(
            tmp_path,
            run_id,
            words=WORDS,
            end=len(run),
            batch=dice.choice([1, 3, 16]),
            layout=layout,
            max_bytes=100_000,
        ) as process:
            assert process.stdout is not None
            acknowledged = 0
            for _ in range(dice.randrange(1, 60)):
                acknowledged = int(process.stdout.readline())
            process.kill()
            acknowledged = max([acknowledged, *(int(line) for line in process.stdout if line[:-1].isdigit())])
        found = numbers(await store.load(run_id))
        assert found == list(range(len(found)))
        assert len(found) >= acknowledged > 0
        assert next(each for each in await store.list() if each.run_id == run_id).status == "interrupted"
        await store.claim(run_id)
        await give(store, run[max(0, len(found) - 2) :], batch=256)
        assert fold(await store.load(run_id)) == fold(run)
