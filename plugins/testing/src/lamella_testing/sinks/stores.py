"""A run store gives back what it got: to another object, to another process, when it was given twice."""

from __future__ import annotations

from pathlib import Path

from lamella.fold import fold
from lamella.serial import restore, to_dict, to_json
from lamella_testing.sinks.keeping import KeepingBase
from lamella_testing.sinks.stories import WORDS, Told, every_event, new_story, stories, tell
from lamella_testing.tools.leaks import Held
from lamella_testing.verdict import fail, require

__all__ = ["StoreContract"]


class StoreContract(KeepingBase):
    """What holds of reading."""

    def test_another_object_reads_the_same(self) -> None:
        """The storage opened again gives every run of the catalogue as it was; nothing needs to be opened to read."""

        async def again() -> None:
            store, catalogue = self.store(), stories()
            fresh = self.again()
            for told in catalogue:
                await self.give(store, told.events)
            for told in catalogue:
                found = await self.loaded(fresh, told.run_id, f"{told.name!r} by another object")
                self.require_equal(store, found, told, "read by another object")

        self.play(again)

    def test_another_process_reads_the_same(self) -> None:
        """Nothing of a run is only in the memory of the process that wrote it."""

        async def read() -> None:
            store, catalogue = self.store(), stories()
            for told in catalogue:
                await self.give(store, told.events)
            with self.elsewhere() as process:
                for told in catalogue:
                    answer = process.ask("load", run_id=told.run_id)
                    if isinstance(answer, dict):
                        fail(f"load() of {told.name!r} in another process: {answer['said']}")
                    self.require_equal(store, restore(answer), told, "read by another process")

        self.play(read)

    def test_what_is_acknowledged_can_be_read(self) -> None:
        """When ``write`` returns the batch is there for others, while the run goes on."""

        async def acknowledged() -> None:
            store, told = self.store(), new_story("One two three four.")
            fresh = self.again()
            await self.patiently(store.open(), "open() for a run")
            for count in range(1, len(told.events) + 1):
                await self.patiently(store.write([told.events[count - 1]]), "write() of a run")
                found = await self.loaded(fresh, told.run_id, "a run that goes on")
                events = told.events[:count]
                self.require_equal(store, found, Told("plain", events, fold(events)), "while it goes on")
            await self.patiently(store.close(), "close() after a run")

        self.play(acknowledged)

    def test_a_batch_written_twice(self) -> None:
        """The second time changes nothing: by the same object, and by another."""

        async def twice() -> None:
            store, told = self.store(), new_story("Twice.")
            await self.patiently(store.open(), "open() for a run")
            for batch in (told.events[:3], told.events[:3], told.events[3:], told.events):
                await self.patiently(store.write(list(batch)), "write() of a batch for the second time")
            await self.patiently(store.close(), "close() after a run")
            await self.require_kept(store, told, "with a batch that was written twice")
            await self.give(store, told.events, what="a run that is stored already")
            await self.require_kept(store, told, "written twice")
            other = self.make_store()
            if other is not None:
                await self.give(other, told.events, what="a run that is stored already, by another object,")
                await self.require_kept(store, told, "written twice, by two objects")

        self.play(twice)

    def test_batches_that_overlap(self) -> None:
        """What is new of a batch is stored, what is there already is passed over."""

        async def overlapping() -> None:
            store, told = self.store(), new_story("Over and over.")
            await self.patiently(store.open(), "open() for a run")
            for low, high in ((0, 3), (1, 5), (2, 4), (4, len(told.events)), (0, len(told.events))):
                await self.patiently(store.write(told.events[low:high]), "write() of a batch that overlaps")
            await self.patiently(store.close(), "close() after a run")
            await self.require_kept(store, told, "in batches that overlap")

        self.play(overlapping)

    def test_another_object_goes_on_with_a_run(self) -> None:
        """A run that was interrupted is continued: more batches of the same run, from another object."""

        async def goes_on() -> None:
            store, told = self.store(), new_story("And on it goes.")
            fresh = self.again()
            await self.give(store, told.events[:4], what="the first part of a run")
            await self.give(fresh, told.events[4:], what="the second part of a run")
            await self.require_kept(store, told, "continued by another object")
            summaries = await self.patiently(store.list(), "list()")
            require(
                [(each.run_id, each.status) for each in summaries] == [(told.run_id, "completed")],
                "a run that another object went on with is in the list as "
                f"{[(each.run_id, each.status) for each in summaries]!r:.200}; it is one run, completed",
            )

        self.play(goes_on)

    def test_payloads_are_kept_as_raw_says(self) -> None:
        """``full`` keeps the providers' payloads, ``redacted`` not their words, ``dropped`` nothing."""

        async def kept() -> None:
            store = self.store()
            raw = getattr(store, "raw", "full")
            told = tell("payloads", [event for event in every_event() if event.durable])
            await self.give(store, told.events)
            found = "\n".join(map(to_json, await self.loaded(store, told.run_id)))
            if raw == "full":
                require(WORDS in found, "raw is 'full', and the providers' payloads are not there")
                return
            files = [path for path in self.folder.rglob("*") if path.is_file() and _holds(path, WORDS)]
            require(
                WORDS not in found and not files,
                f"raw is {raw!r}, and the words of the payloads are still {'read back' if WORDS in found else 'in the file'};"
                " lamella.serial.stored.stored_form(envelope, raw) leaves them out",
            )

        self.play(kept)

    def test_deltas_are_kept_as_deltas_says(self) -> None:
        """``deltas=False`` keeps durable events only, and the run is whole."""

        async def kept() -> None:
            store, told = self.store(), new_story("A text that grows.")
            deltas = getattr(store, "deltas", True)
            await self.give(store, told.events, size=2)
            found = await self.loaded(store, told.run_id)
            has = any(not envelope.event.durable for envelope in found)
            require(
                has == deltas,
                f"deltas is {deltas}, and deltas are {'' if has else 'not '}there; make both agree",
            )

        self.play(kept)

    def test_reading_leaves_nothing(self) -> None:
        """``load`` and ``list`` of a store that is not open end what they begin."""

        async def held() -> None:
            store, told = self.store(), new_story()
            await self.give(store, told.events)
            await self.loaded(self.again(), told.run_id)
            before = Held.now()
            fresh = self.again()
            await self.loaded(fresh, told.run_id)
            await self.patiently(fresh.list(), "list()")
            left = await Held.left(before, self.patience)
            require(
                not left,
                f"after load() and list() there is left: {', '.join(left)}; end it before they return",
            )
            del fresh

        self.play(held)

    def test_what_is_read_can_be_written_again(self) -> None:
        """Export and import: what ``load`` gives is a run like any other."""

        async def again() -> None:
            store, told = self.store(), new_story("Again.")
            await self.give(store, told.events)
            found = await self.loaded(store, told.run_id)
            moved = [restore([{**to_dict(each), "run_id": "moved"}])[0] for each in found]
            await self.give(store, moved, what="a run that was read")
            back = await self.loaded(store, "moved", "a run that was read and written again")
            require(
                [each.event for each in back] == [each.event for each in found],
                "a run that was read and written again under another id is another; write what load() gives as it is",
            )

        self.play(again)


def _holds(path: Path, text: str) -> bool:
    return text.encode() in path.read_bytes()
