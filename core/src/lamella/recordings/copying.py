"""``copy_runs``: stored runs in another store, event for event, and the proof that they arrived."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, TypeAlias, get_args

import attrs

from lamella._frozen import as_tuple
from lamella.errors import AgentInputError, LamellaError
from lamella.events import RunStreamEvent
from lamella.recordings.comparing import Stored, first_loss, kept_of, stored
from lamella.specs import ClaimingStore, RunStore, RunSummary

__all__ = [
    "CopiedRun",
    "CopyReport",
    "CopyStatus",
    "OnExists",
    "acopy_runs",
    "astore_runs",
    "copy_runs",
    "store_runs",
]

CopyStatus: TypeAlias = Literal["copied", "skipped", "same", "differs", "running", "unreadable"]
"""``skipped``: it was there and was not looked at; ``same``: it was there; ``running``: it is being written."""

OnExists: TypeAlias = Literal["skip", "verify", "error"]
"""What is done with a run that the target has: nothing, it is compared, or none is copied at all."""

_BATCH: Final = 500


@attrs.frozen(kw_only=True)
class CopiedRun:
    """What came of one run. ``detail`` says what is different, or why it was not copied."""

    run_id: str
    status: CopyStatus
    events: int = 0
    detail: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the target has the run, as far as was looked."""
        return self.status in ("copied", "skipped", "same")


@attrs.frozen(kw_only=True)
class CopyReport:
    """What came of each run, oldest first."""

    runs: tuple[CopiedRun, ...] = attrs.field(default=(), converter=as_tuple)

    @property
    def ok(self) -> bool:
        """Whether the target has all runs."""
        return all(run.ok for run in self.runs)

    def of_status(self, status: CopyStatus) -> tuple[CopiedRun, ...]:
        """The runs of which this came."""
        return tuple(run for run in self.runs if run.status == status)


async def acopy_runs(
    source: RunStore,
    target: RunStore,
    run_ids: Sequence[str] | None = None,
    *,
    on_exists: OnExists = "skip",
    lossy: bool = False,
) -> CopyReport:
    """Copy runs from a store to another one: write every event, load the run back, and compare.

    A run that a process is still writing is not copied, one that cannot be read neither: the report says so. A copy
    that was broken off is taken up where it was left.

    :param run_ids: which runs, all unless given.
    :param on_exists: what is done with runs that the target has. ``skip`` looks no further than whether they are
        whole.
    :param lossy: although the target does not keep all that the source has, such as the providers' payloads.
    :raises AgentInputError: the target would lose something, there is no such run, or with ``error`` the target has one
        of them; nothing was written.
    :raises StoreError: the target cannot be written or read.
    """
    if source is target:
        raise AgentInputError("copy_runs: source and target are the same store; give two")
    if isinstance(run_ids, str):
        raise AgentInputError(f"copy_runs: run_ids must be a list of run ids, got the text {run_ids!r}")
    copying = await _prepared(target, on_exists, lossy, source)
    listed = {summary.run_id: summary for summary in reversed(await source.list())}
    wanted = list(listed) if run_ids is None else [await _full_id(source, listed, each) for each in run_ids]
    copying.refuse_existing(wanted)
    return CopyReport(runs=[await _copied(source, copying, listed[run_id]) for run_id in wanted])


async def astore_runs(
    runs: Iterable[Sequence[RunStreamEvent]],
    target: RunStore,
    *,
    on_exists: OnExists = "skip",
    lossy: bool = False,
) -> CopyReport:
    """Put runs into a store, as :func:`acopy_runs` does, from anywhere: such as :func:`~lamella.recordings.read_runs`.

    With ``on_exists="error"`` the first run that the target has ends it; what came before it is stored.
    """
    copying = await _prepared(target, on_exists, lossy, None)
    done = []
    for events in runs:
        if not events:
            continue
        copying.refuse_existing([events[0].run_id])
        done.append(await copying.put(events))
    return CopyReport(runs=done)


def copy_runs(
    source: RunStore,
    target: RunStore,
    run_ids: Sequence[str] | None = None,
    *,
    on_exists: OnExists = "skip",
    lossy: bool = False,
) -> CopyReport:
    """:func:`acopy_runs`, for synchronous code."""
    from lamella.sync import run

    return run(acopy_runs(source, target, run_ids, on_exists=on_exists, lossy=lossy))


def store_runs(
    runs: Iterable[Sequence[RunStreamEvent]],
    target: RunStore,
    *,
    on_exists: OnExists = "skip",
    lossy: bool = False,
) -> CopyReport:
    """:func:`astore_runs`, for synchronous code."""
    from lamella.sync import run

    return run(astore_runs(runs, target, on_exists=on_exists, lossy=lossy))


async def _prepared(target: RunStore, on_exists: OnExists, lossy: bool, source: RunStore | None) -> _Copying:
    if on_exists not in get_args(OnExists):
        listed = ", ".join(repr(choice) for choice in get_args(OnExists))
        raise AgentInputError(f"on_exists must be one of {listed}, got {on_exists!r}")
    lost = None if lossy else _would_lose(target, source)
    if lost is not None:
        raise AgentInputError(
            f'the target store {lost}, so that copies would not be whole; give it raw = "full" and deltas = true, '
            "or say that this is meant with lossy=True (--lossy)"
        )
    return _Copying(target, on_exists, {summary.run_id: summary for summary in await target.list()})


def _would_lose(target: RunStore, source: RunStore | None) -> str | None:
    """What the target does not keep of what the source has."""
    raw = getattr(target, "raw", "full")
    if raw != "full" and getattr(source, "raw", "full") != "dropped":
        return f"keeps the providers' payloads {raw}"
    if not getattr(target, "deltas", True) and getattr(source, "deltas", True):
        return "keeps no deltas"
    return None


async def _full_id(source: RunStore, listed: Mapping[str, RunSummary], run_id: str) -> str:
    """The id of a run, which may be given by its beginning, as the store allows."""
    if run_id in listed:
        return run_id
    events = await source.load(run_id)
    if not events or events[0].run_id not in listed:
        raise AgentInputError(f"run {run_id!r} is stored without an event: there is nothing to copy")
    return events[0].run_id


async def _copied(source: RunStore, copying: _Copying, summary: RunSummary) -> CopiedRun:
    run_id = summary.run_id
    if summary.status == "running":
        why = "a process is still writing it; copy it when it has ended"
        return CopiedRun(run_id=run_id, status="running", detail=why)
    if copying.has(summary):
        return CopiedRun(run_id=run_id, status="skipped", events=summary.events or 0)
    try:
        events = await source.load(run_id)
    except LamellaError as error:
        return CopiedRun(run_id=run_id, status="unreadable", detail=error.message)
    if not events:
        return CopiedRun(run_id=run_id, status="unreadable", detail="it is stored without an event")
    return await copying.put(events)


class _Copying:
    """Puts runs into a store; ``there`` are those that it has."""

    def __init__(self, target: RunStore, on_exists: OnExists, there: dict[str, RunSummary]) -> None:
        self._target = target
        self._on_exists = on_exists
        self._there = there

    def refuse_existing(self, run_ids: Iterable[str]) -> None:
        """With ``on_exists="error"``, refuse runs that are there."""
        found = [run_id for run_id in run_ids if self._on_exists == "error" and run_id in self._there]
        if found:
            raise AgentInputError(
                f"the target store has {', '.join(found[:5])}{' and more' if found[5:] else ''} already; "
                'on_exists="verify" compares them, "skip" leaves them as they are'
            )

    def has(self, summary: RunSummary) -> bool:
        """Whether a run is there and is left as it is, without loading it."""
        there = self._there.get(summary.run_id)
        if there is None or self._on_exists != "skip":
            return False
        return there.status == summary.status and there.events == summary.events

    async def put(self, events: Sequence[RunStreamEvent]) -> CopiedRun:
        """Write a run and compare what arrived; of one that is there, what is missing at its end."""
        run_id = events[0].run_id
        expected = kept_of(events, self._target)
        if run_id in self._there:
            found = stored(await self._target.load(run_id))
            difference = first_loss(expected, found)
            if difference is None:
                return CopiedRun(run_id=run_id, status="same", events=len(expected))
            if self._on_exists == "skip" and _is_beginning(expected, found):
                more = "it is there with more events"
                return CopiedRun(run_id=run_id, status="skipped", events=len(found), detail=more)
            if self._on_exists == "verify" or not _is_beginning(found, expected):
                return CopiedRun(run_id=run_id, status="differs", events=len(expected), detail=difference)
            await self._claim(run_id)
        await self._write(events)
        self._there[run_id] = RunSummary(run_id=run_id, status="copied")
        lost = first_loss(expected, stored(await self._target.load(run_id)))
        status: CopyStatus = "differs" if lost else "copied"
        return CopiedRun(run_id=run_id, status=status, events=len(expected), detail=lost)

    async def _write(self, events: Sequence[RunStreamEvent]) -> None:
        await self._target.open()
        try:
            for start in range(0, len(events), _BATCH):
                await self._target.write(events[start : start + _BATCH])
        finally:
            await self._target.close()

    async def _claim(self, run_id: str) -> None:
        if isinstance(self._target, ClaimingStore):
            await self._target.claim(run_id)


def _is_beginning(part: Sequence[Stored], whole: Sequence[Stored]) -> bool:
    """Whether ``part`` is how ``whole`` begins: what a copy leaves that was broken off, or a run before it went on."""
    return len(part) < len(whole) and first_loss(whole[: len(part)], part) is None
