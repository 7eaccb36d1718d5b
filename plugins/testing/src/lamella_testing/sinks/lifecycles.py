"""Lifecycles: one run, several, at once, from several loops; and nothing left behind."""

from __future__ import annotations

import asyncio
import gc
import random
import threading
import warnings
from collections.abc import Sequence
from typing import Final

import pytest

from lamella.events import MessageOutputDelta, MessageOutputDone, StreamEnd, StreamStart
from lamella.specs import ClaimingStore, Sink
from lamella_testing.sinks.keeping import KeepingBase
from lamella_testing.sinks.stories import Told, new_story, stories, tell
from lamella_testing.tools.leaks import Held
from lamella_testing.verdict import fail, require, skip

__all__ = ["LifecycleContract"]

_RUNS: Final = 20


class LifecycleContract(KeepingBase):
    """What holds of opening, writing and closing."""

    def test_a_run(self) -> None:
        """Open, write, close."""

        async def one() -> None:
            sink, told = self.make_sink(), new_story()
            await self.give(sink, told.events)
            await self.require_kept(sink, told, "after close()")

        self.play(one)

    @pytest.mark.parametrize("size", [1, 2, 256])
    def test_batches_of_any_size(self, size: int) -> None:
        """The core gives what there is: one event, or 256."""

        async def batches() -> None:
            sink = self.make_sink()
            told = new_story("word " * 40) if size < 256 else _long_story()
            await self.give(sink, told.events, size=size, what=f"a run in batches of {size}")
            await self.require_kept(sink, told, f"in batches of {size}")

        self.play(batches)

    def test_an_empty_batch(self) -> None:
        """It is nothing."""

        async def empty() -> None:
            told = new_story()
            async with self.opened("a run with empty batches") as sink:
                await self.patiently(sink.write([]), "write([]) before the first event")
                await self.patiently(sink.write(list(told.events)), "write() after write([])")
                await self.patiently(sink.write(()), "write(()) after the last event")
            await self.require_kept(sink, told, "with empty batches")

        self.play(empty)

    def test_a_run_without_an_event(self) -> None:
        """A run that cannot begin is opened and closed; the next one is as if it had not been."""

        async def nothing() -> None:
            sink, told = self.make_sink(), new_story()
            await self.give(sink, [], what="a run without an event")
            await self.give(sink, told.events, what="a run after one without an event")
            await self.require_kept(sink, told, "after a run without an event")

        self.play(nothing)

    def test_runs_one_after_the_other(self) -> None:
        """One object serves all runs of a program."""

        async def several() -> None:
            sink = self.make_sink()
            runs = [new_story(f"This is run {number}.") for number in range(3)]
            for number, told in enumerate(runs, start=1):
                await self.give(sink, told.events, size=3, what=f"run {number} through one object")
            for number, told in enumerate(runs, start=1):
                await self.require_kept(sink, told, f"as run {number} through one object")

        self.play(several)

    def test_runs_at_once(self) -> None:
        """Twenty runs through one object, their batches mixed: ``open`` and ``close`` come once for each."""

        async def together() -> None:
            sink = self.make_sink()
            runs = [*(new_story(f"This is run {number}.") for number in range(_RUNS - 3)), *stories()[:3]]
            await asyncio.gather(*(self._in_pieces(sink, told, seed) for seed, told in enumerate(runs)))
            for told in runs:
                await self.require_kept(sink, told, "beside 19 others")

        self.play(together)

    def test_runs_from_two_loops(self) -> None:
        """``Agent.run`` in a thread and ``arun`` in a loop may share an object: two threads, each with a loop."""
        sink = self.make_sink()
        runs = [new_story(f"This is run {number}.") for number in range(_RUNS)]
        failures: list[BaseException] = []

        def loop(mine: Sequence[Told]) -> None:
            async def together() -> None:
                await asyncio.gather(*(self._in_pieces(sink, told, seed) for seed, told in enumerate(mine)))

            try:
                self.play(together)
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=loop, args=(runs[half::2],)) for half in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            fail(
                f"from two loops at once: {failures[0]}; keep nothing that belongs to a loop between two calls"
            )

        async def kept() -> None:
            for told in runs:
                await self.require_kept(sink, told, "from two loops at once")

        self.play(kept)

    async def _in_pieces(self, sink: Sink, told: Told, seed: int) -> None:
        """A run in batches of random sizes, which gives way to others between them."""
        dice, place, what = random.Random(seed), 0, "one of several runs at once"
        await self.patiently(sink.open(), f"open() for {what}")
        while place < len(told.events):
            size = dice.randint(1, 4)
            await self.patiently(sink.write(told.events[place : place + size]), f"write() of {what}")
            place += size
            await asyncio.sleep(0)
        await self.patiently(sink.close(), f"close() after {what}")

    def test_a_run_that_ends_without_a_last_event(self) -> None:
        """The sink is closed whatever happened to the run."""

        async def cut() -> None:
            sink, told, other = self.make_sink(), new_story(ends=False), new_story("Another.")
            await self.give(sink, told.events, what="a run without a last event")
            await self.give(sink, other.events, what="a run after one without a last event")
            await self.require_kept(sink, told, "without a last event")
            await self.require_kept(sink, other, "after one without a last event")

        self.play(cut)

    def test_nothing_is_left_after_close(self) -> None:
        """No task, thread, process, socket or file is there when the last run was closed."""

        async def held() -> None:
            await self.give(
                self.make_sink(), new_story().events
            )  # what is imported and kept for good is not counted
            before = Held.now()
            sink = self.make_sink()
            await self.give(
                sink, new_story(ends=isinstance(sink, ClaimingStore)).events
            )  # a claim may be held
            await asyncio.gather(*(self._in_pieces(sink, new_story(), seed) for seed in range(3)))
            left = await Held.left(before, self.patience)
            require(
                not left,
                f"after close() there is left: {', '.join(left)}; end it in the close() of the last run, and wait until "
                "it has ended",
            )
            del sink

        self.play(held)

    def test_nothing_is_warned_of(self) -> None:
        """No coroutine that nobody awaited, no file that nobody closed, nothing deprecated."""

        async def used() -> None:
            sink = self.make_sink()
            await self.give(sink, new_story().events)
            await self.give(sink, new_story(ends=isinstance(sink, ClaimingStore)).events)

        self.play(used)
        gc.collect()
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            self.play(used)
            gc.collect()
        said = sorted({f"{each.category.__name__}: {each.message}" for each in found})
        require(not said, f"a run gives warnings: {'; '.join(said)}; await and close what is begun")

    def test_nothing_is_printed(self, capfd: pytest.CaptureFixture[str]) -> None:
        """Standard output belongs to the program."""
        if self.prints:
            skip("prints is set: it writes to standard output")
        capfd.readouterr()

        async def used() -> None:
            sink = self.make_sink()
            for told in stories():
                await self.give(sink, told.events)

        self.play(used)
        out = capfd.readouterr().out
        require(not out, f"the sink writes {out!r:.100} to standard output; log it, or set prints = True")


def _long_story() -> Told:
    """A run of more events than a batch holds."""
    pieces = [f"{number} " for number in range(600)]
    deltas = [MessageOutputDelta(delta=piece) for piece in pieces]
    output = "".join(pieces)
    return tell("long", [StreamStart(), *deltas, MessageOutputDone(output=output), StreamEnd(output=output)])
