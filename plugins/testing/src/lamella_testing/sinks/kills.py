"""``kill -9`` while a run is written: what was acknowledged is there, exactly once."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Sequence
from typing import Final

from lamella.events import MessageOutputDelta, MessageOutputDone, RunStreamEvent, StreamEnd, StreamStart
from lamella.serial import to_dict
from lamella.specs import ClaimingStore, RunStore
from lamella_testing.sinks.elsewhere import Elsewhere
from lamella_testing.sinks.keeping import KeepingBase, wanted_from
from lamella_testing.sinks.stories import Told, tell
from lamella_testing.verdict import require, run, skip

__all__ = ["KillContract"]

_EVENTS: Final = 1500
_SEED: Final = 20260707


class KillContract(KeepingBase):
    """What holds when the process dies."""

    def test_what_was_acknowledged_survives_a_kill(self) -> None:
        """Killed at a random moment, again and again: the storage opens, and nothing is lost, doubled or unreadable."""
        if sys.platform == "win32":
            skip("there is no kill -9 on Windows")

        async def killed() -> None:
            store = self.store()
            dice = random.Random(_SEED)
            for attempt in range(1, self.kills + 1):
                told = _long(attempt)
                with self.elsewhere() as process:
                    acknowledged = self._kill_while_it_writes(process, told, dice)
                await self._require_whole(self.again(), told, acknowledged, attempt)
                await self._go_on(store, told)

        run(killed())  # without a limit: it starts processes, and each part of it is bounded

    def _kill_while_it_writes(self, process: Elsewhere, told: Told, dice: random.Random) -> int:
        """How many events were acknowledged when the process was killed."""
        batches, place = [], 0
        while place < len(told.events):
            size = dice.choice((1, 2, 7, 30))
            batches.append(told.events[place : place + size])
            place += size
        process.tell("write", batches=[[to_dict(each) for each in batch] for batch in batches], closes=False)
        answers = [process.answer()]
        require(answers == ["open"], f"another process cannot write a run: {answers[0]}")
        wanted = dice.randrange(len(batches) // 2)
        while answers[-1] not in (wanted, "done") and not isinstance(answers[-1], dict):
            answers.append(process.answer())
        time.sleep(dice.random() * 0.01)
        answers += process.kill()
        failed = [answer for answer in answers if isinstance(answer, dict)]
        require(not failed, f"another process cannot write a run: {failed}")
        done = max((answer for answer in answers if isinstance(answer, int)), default=-1)
        return sum(len(batch) for batch in batches[: done + 1])

    async def _require_whole(self, store: RunStore, told: Told, acknowledged: int, attempt: int) -> None:
        when = f"killed for the {attempt}. time, with {acknowledged} events acknowledged"
        found = await self.loaded(store, told.run_id, f"a run that was {when}")
        must = [each.seq for each in wanted_from(store, told.events[:acknowledged])]
        numbers = [each.seq for each in found]
        require(
            numbers[: len(must)] == must and len(set(numbers)) == len(numbers),
            f"{when}: {_missing(must, numbers)}; write() returns when the batch is safe, and a batch cut off is made good "
            "or dropped when the storage is opened",
        )
        wanted = wanted_from(store, told.events[: numbers[-1] + 1] if numbers else [])
        require(_same(found, wanted), f"{when}: what is read is not what was written")
        summaries = await self.patiently(store.list(), "list() after a kill")
        status = [each.status for each in summaries if each.run_id == told.run_id]
        allowed = ["completed"] if numbers and numbers[-1] == told.events[-1].seq else ["interrupted"]
        require(status == allowed, f"{when}: list() says {status}; the run is {allowed}")

    async def _go_on(self, store: RunStore, told: Told) -> None:
        """The run can be gone on with, by another process than the one that was killed: this one."""
        if isinstance(store, ClaimingStore):
            await self.patiently(store.open(), "open() after a kill")
            await self.patiently(store.claim(told.run_id), "claim() of a run whose process was killed")
            await self.patiently(store.write(list(told.events)), "write() of a run whose process was killed")
            await self.patiently(store.close(), "close() after a run whose process was killed")
        else:
            await self.give(store, told.events, what="a run whose process was killed")
        await self.require_kept(store, told, "gone on with after a kill")


def _long(attempt: int) -> Told:
    """A run of many events, that no two attempts share."""
    pieces = [f"{attempt}:{number} " for number in range(_EVENTS)]
    events = [
        event
        for piece in pieces
        for event in (MessageOutputDelta(delta=piece), MessageOutputDone(output=piece))
    ]
    return tell(
        "killed", [StreamStart(started_at=1_790_000_000.0 + attempt), *events, StreamEnd(output="end")]
    )


def _same(found: Sequence[RunStreamEvent], wanted: Sequence[RunStreamEvent]) -> bool:
    return [each.event for each in found] == [each.event for each in wanted]


def _missing(must: Sequence[int], numbers: Sequence[int]) -> str:
    lost = sorted(set(must) - set(numbers))
    twice = (
        sorted({number for number in numbers if numbers.count(number) > 1}) if len(numbers) < 10_000 else []
    )
    if lost:
        return f"{len(lost)} acknowledged events are lost, from {lost[0]}"
    return (
        f"{len(twice)} events are there twice, from {twice[0]}"
        if twice
        else "events are not in the order of seq"
    )
