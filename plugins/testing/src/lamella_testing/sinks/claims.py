"""Claims: two processes never write one run."""

from __future__ import annotations

from typing import Any

from lamella.errors import AgentInputError, ErrorCode, StoreError
from lamella.serial import to_dict
from lamella_testing.sinks.elsewhere import Elsewhere
from lamella_testing.sinks.keeping import KeepingBase
from lamella_testing.sinks.stories import Told, new_story
from lamella_testing.verdict import fail, require

__all__ = ["ClaimContract"]

_REMEDY = "raise StoreError(…, error_code=ErrorCode.STORE_CONFLICT), and say who writes the run"


class ClaimContract(KeepingBase):
    """What holds of stores that know who writes a run."""

    def test_claiming_what_is_not_there(self) -> None:
        """An unknown id is an ``AgentInputError``, as for ``load``."""

        async def unknown() -> None:
            store = self.claiming()
            for force in (False, True):
                await self.refused(
                    store.claim("nobody", force=force), AgentInputError, "claim() of an id that is not there",
                    "raise AgentInputError with the ids that come near",
                )  # fmt: skip

        self.play(unknown)

    def test_claiming_an_interrupted_run(self) -> None:
        """The process that wrote it is gone: the run is taken over, gone on with, and ends."""

        async def taken() -> None:
            store, told = self.claiming(), new_story("And on it goes.")
            with self.elsewhere() as process:
                self._begin(process, told)
                process.kill()
            require(
                await self._status(told) == "interrupted",
                f"a run whose process was killed is in the list as {await self._status(told)!r}; it is 'interrupted'",
            )
            await self.patiently(store.open(), "open() to go on with a run")
            await self.patiently(store.claim(told.run_id), "claim() of an interrupted run")
            status = await self._status(told)
            require(
                status == "running",
                f"a run that was claimed is in the list as {status!r}; it is 'running' from then on",
            )
            await self.patiently(
                store.write(told.events[3:]), "write() of the rest of a run that was claimed"
            )
            await self.patiently(store.close(), "close() after a run that was claimed")
            await self.require_kept(store, told, "after it was claimed and gone on with")
            status = await self._status(told)
            require(
                status == "completed", f"a run that ended is in the list as {status!r}; it is 'completed'"
            )

        self.play(taken)

    def test_claiming_a_run_that_goes_on(self) -> None:
        """Another process is writing it: a conflict, and the run is ``running`` in the list."""

        async def refused() -> None:
            store, told = self.claiming(), new_story("Mine.")
            with self.elsewhere() as process:
                self._begin(process, told)
                status = await self._status(told)
                require(
                    status == "running",
                    f"a run that another process is writing is in the list as {status!r}; it is 'running'",
                )
                error = await self.refused(
                    store.claim(told.run_id),
                    StoreError,
                    "claim() of a run that another process writes",
                    _REMEDY,
                )
                require(
                    error.error_code == ErrorCode.STORE_CONFLICT,
                    f"claim() of a run that another process writes has the code {error.error_code.value!r}; "
                    "it is store.conflict",
                )
                answer = process.ask("write", batches=[[to_dict(each) for each in told.events[3:]]])
                require(
                    answer == "open",
                    f"the process that writes a run cannot go on after a claim() was refused: {answer}",
                )
                require(
                    process.answer() == 0,
                    "the process that writes a run cannot go on after a claim() was refused",
                )
                require(process.answer() == "done", "the process that writes a run cannot end it")
            await self.require_kept(store, told, "after a claim() that was refused")

        self.play(refused)

    def test_claiming_by_force(self) -> None:
        """Whoever wrote the run cannot any more."""

        async def forced() -> None:
            store, told = self.claiming(), new_story("Now mine.")
            with self.elsewhere() as process:
                self._begin(process, told)
                await self.patiently(store.open(), "open() to take over a run")
                await self.patiently(store.claim(told.run_id, force=True), "claim(force=True)")
                process.tell("write", batches=[[to_dict(each) for each in told.events[3:5]]])
                first = process.answer()
                answer: Any = process.answer() if first == "open" else first
                require(
                    isinstance(answer, dict) and answer["code"] == "store.conflict",
                    "after claim(force=True) the process that had the run still writes it; refuse that with StoreError "
                    "(store.conflict)",
                )
                await self.patiently(store.write(told.events[3:]), "write() of a run that was taken by force")
                await self.patiently(store.close(), "close() of a run that was taken by force")
            await self.require_kept(store, told, "after it was taken by force")

        self.play(forced)

    def test_one_of_two_claims(self) -> None:
        """Where two want to go on with a run, one gets it."""

        async def one() -> None:
            store, told = self.claiming(), new_story(ends=False)
            with self.elsewhere() as process:
                self._begin(process, told)
                process.kill()
            with self.elsewhere() as process:
                answer = process.ask("claim", run_id=told.run_id)
                require(answer == "done", f"claim() of an interrupted run in another process: {answer}")
                await self.refused(
                    store.claim(told.run_id),
                    StoreError,
                    "claim() of a run that another process has claimed",
                    _REMEDY,
                )

        self.play(one)

    def test_a_run_that_ended_is_not_in_the_way(self) -> None:
        """``claim`` of a run that came to its end changes nothing of it."""

        async def ended() -> None:
            store, told = self.claiming(), new_story()
            await self.give(store, told.events)
            try:
                await store.claim(told.run_id)
            except StoreError:
                pass  # it may be refused: there is nothing to go on with
            except Exception as error:
                fail(
                    f"claim() of a run that ended raises {type(error).__name__}: {error}; take it, or raise StoreError"
                )
            await self.require_kept(store, told, "after a claim()")
            status = await self._status(told)
            require(status == "completed", f"a run that ended is in the list as {status!r} after a claim()")

        self.play(ended)

    def _begin(self, process: Elsewhere, told: Told) -> None:
        """The first three events, written there; the run stays open."""
        said = process.ask("write", batches=[[to_dict(each) for each in told.events[:3]]], closes=False)
        if said == "open":
            said = process.answer()
        require(said == 0, f"another process cannot write a run: {said}")
        process.answer()

    async def _status(self, told: Told) -> str | None:
        found = await self.patiently(self.again().list(), "list()")
        return next((each.status for each in found if each.run_id == told.run_id), None)
