"""Failures: typed, soon, in words, once; and the sink works on where it can."""

from __future__ import annotations

import asyncio

from lamella.errors import LamellaError
from lamella.events import MessageOutputDone, RunStreamEvent, StreamStart
from lamella.specs import Sink
from lamella_testing.seen import text_of_error
from lamella_testing.sinks.keeping import KeepingBase
from lamella_testing.sinks.stories import new_story, tell
from lamella_testing.tools.leaks import Held
from lamella_testing.verdict import fail, require, skip

__all__ = ["FailureContract"]


class FailureContract(KeepingBase):
    """What holds of what goes wrong."""

    def test_an_event_that_cannot_be_stored(self) -> None:
        """A payload that is no JSON: it is taken, or refused with a typed error; other runs go on as they were."""

        async def refused() -> None:
            sink, other = self.make_sink(), new_story("Another.")
            bad = tell(
                "bad", [StreamStart(), MessageOutputDone(output="x", raw_event={"x": b"\xff", "y": object()})]
            )
            await self.patiently(sink.open(), "open() for a run")
            await self.patiently(sink.open(), "open() for a second run")
            await self.patiently(sink.write(other.events[:2]), "write() of the second run")
            await self._written_or_refused(sink, bad.events)
            await self.patiently(sink.close(), "close() after a write() that failed")
            await self.patiently(
                sink.write(other.events[2:]), "write() of another run, after one that failed,"
            )
            await self.patiently(sink.close(), "close() of another run, after a write() that failed,")
            await self.require_kept(sink, other, "beside a run that could not be stored")

        self.play(refused)

    async def _written_or_refused(self, sink: Sink, events: list[RunStreamEvent]) -> None:
        try:
            async with asyncio.timeout(self.patience):
                await sink.write(events)
        except LamellaError:
            return  # typed, as it should be
        except TimeoutError:
            fail(f"write() takes longer than {self.patience:g} s where a payload is no JSON; refuse it")
        except Exception as error:
            fail(
                f"write() raises {type(error).__name__}: {error!s:.200} where a payload is no JSON; let the "
                "AgentSerializationError of lamella.to_json through"
            )

    def test_a_storage_that_is_broken(self) -> None:
        """Nothing can be written from the beginning: a typed error that names the sink, and ``close`` ends."""
        self._breakable()

        async def broken() -> None:
            kind, remedy = self.typed()
            self.break_storage()
            sink = self.make_sink()
            error = await self.refused(_all_of(sink), kind, "writing where nothing can be written", remedy)
            self._require_named(sink, error)

        self.play(broken)

    def test_a_storage_that_breaks(self) -> None:
        """Nothing can be written any more: a typed error from ``write`` or ``close``; and no more from a second ``close``."""
        self._breakable()

        async def breaks() -> None:
            kind, remedy = self.typed()
            sink, told = self.make_sink(), new_story()
            await self.patiently(sink.open(), "open() for a run")
            await self.patiently(sink.write(told.events[:2]), "write() of a run")
            self.break_storage()
            error = await self.refused(
                _rest(sink, told.events), kind, "writing when the storage broke under it", remedy
            )
            self._require_named(sink, error)

        self.play(breaks)

    def test_a_failure_leaves_nothing(self) -> None:
        """No task, thread, file or socket of a sink that failed is there after ``close``."""
        self._breakable()

        async def held() -> None:
            self.break_storage()
            await _try(_all_of(self.make_sink()))
            before = Held.now()
            sink = self.make_sink()
            await _try(_all_of(sink))
            left = await Held.left(before, self.patience)
            require(
                not left, f"after a failure there is left: {', '.join(left)}; end it in close() all the same"
            )
            del sink

        self.play(held)

    def _require_named(self, sink: Sink, error: LamellaError) -> None:
        require(
            self.named(sink, error),
            f"the error says {error.message!r:.300}, and not whose it is; name {type(sink).__name__} or the storage in "
            "it",
        )
        if self.secret:
            require(
                self.secret not in text_of_error(error),
                "the secret is in the error of a storage that is broken; take it out, also of its cause",
            )

    def _breakable(self) -> None:
        """Skip the test where the author gave no way to break the storage."""
        if type(self).break_storage is KeepingBase.break_storage:
            skip("write break_storage(): make it impossible to write to the storage")


async def _all_of(sink: Sink) -> None:
    """A whole run; ``close`` comes where ``open`` went well, as the core does it."""
    await sink.open()
    try:
        await sink.write(new_story().events)
    finally:
        await sink.close()


async def _rest(sink: Sink, events: list[RunStreamEvent]) -> None:
    try:
        await sink.write(events[2:])
    finally:
        await sink.close()


async def _try(work: object) -> None:
    try:
        await work  # type: ignore[misc]  # a coroutine
    except Exception:
        return
