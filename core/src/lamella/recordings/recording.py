"""``Recording``: a stored run, to be gone on with, forked, verified, compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from lamella.agent.base import BaseAgent
from lamella.agent.journal import Journal
from lamella.agent.rerun import Rerun
from lamella.agent.run import restart
from lamella.agent.stream import AgentStream, SyncAgentStream, collect
from lamella.errors import AgentInputError
from lamella.events import RunStreamEvent, StreamEnd, StreamError
from lamella.fold import fold
from lamella.history import repair_history
from lamella.models.model import Model
from lamella.models.plan import Plan
from lamella.models.registry import get_model
from lamella.models.request import ModelRequest
from lamella.recordings.verifying import Verification, averify
from lamella.runlog import RunLog
from lamella.runs import Out_co, RunResult
from lamella.specs import ClaimingStore, RunStore
from lamella.tools.tool import RunMode

if TYPE_CHECKING:
    from lamella.recordings.differing import RunDiff
    from lamella.recordings.repricing import Repriced

__all__ = ["Recording"]


class Recording:
    """One run as it stands in a store. Read it with :meth:`load` or :meth:`aload`.

    What is not stored must be given again: the agent, with its tools, and the ``runtime_context``.

    :param events: the run's events, oldest first.
    :param store: where they are from, and where what is made of them is written; ``None`` for events from elsewhere.
    :raises AgentInputError: there is no event, or the first is not the beginning of a run.
    """

    def __init__(self, events: Sequence[RunStreamEvent], store: RunStore | None = None) -> None:
        self.log = RunLog(events)
        self.store = store

    def __repr__(self) -> str:
        return f"Recording({self.run_id!r}, {len(self.events)} events, {self.result.status})"

    @classmethod
    async def aload(cls, store: RunStore, run_id: str) -> Self:
        """Read a run from a store.

        :raises AgentInputError: there is no such run, or nothing of it was stored.
        """
        return cls(await store.load(run_id), store)

    @classmethod
    def load(cls, store: RunStore, run_id: str) -> Self:
        """:meth:`aload` for synchronous code."""
        from lamella.sync import run

        return run(cls.aload(store, run_id))

    @property
    def events(self) -> tuple[RunStreamEvent, ...]:
        """The events, oldest first."""
        return self.log.events

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.log.run_id

    @property
    def result(self) -> RunResult[Any]:
        """The fold of the events."""
        return fold(self.log.events)

    @property
    def output_so_far(self) -> str:
        """The text of the run up to its last event; of an interrupted run also what no block was made of yet."""
        return next(envelope.output for envelope in reversed(self.log.events) if not envelope.path)

    # -- going on ---------------------------------------------------------------------------------

    def resume_astream(
        self,
        agent: BaseAgent[Out_co],
        runtime_context: Mapping[str, Any] | None = None,
        *,
        force: bool = False,
    ) -> AgentStream[Out_co]:
        """Go on with an interrupted run; the events are the new ones, ``result`` is of all.

        What the log has is not done again: no response of a model, no call of a tool. A response that was cut is
        asked for again. A call that was running is *unknown*: it is called again if its tool is ``idempotent``, else
        the model is told.

        :param agent: the agent that made the run.
        :param runtime_context: as in ``Agent.run``; it is never stored.
        :param force: although the agent asks for something else than the log says, or another process seems to be
            writing the run.
        :raises AgentInputError: the run has ended, or was not read from a store.
        :raises ReplayMismatchError: the agent asks for something else than the log says.
        :raises StoreError: another process is writing the run.
        """
        return self._resume(agent, runtime_context, "stream_async", force)

    def resume_stream(
        self,
        agent: BaseAgent[Out_co],
        runtime_context: Mapping[str, Any] | None = None,
        *,
        force: bool = False,
    ) -> SyncAgentStream[Out_co]:
        """:meth:`resume_astream` for synchronous code."""
        return SyncAgentStream(self._resume(agent, runtime_context, "stream_sync", force))

    async def aresume(
        self,
        agent: BaseAgent[Out_co],
        runtime_context: Mapping[str, Any] | None = None,
        *,
        force: bool = False,
    ) -> RunResult[Out_co]:
        """:meth:`resume_astream`, to the end."""
        return await collect(self._resume(agent, runtime_context, "run_async", force))

    def resume(
        self,
        agent: BaseAgent[Out_co],
        runtime_context: Mapping[str, Any] | None = None,
        *,
        force: bool = False,
    ) -> RunResult[Out_co]:
        """:meth:`aresume` for synchronous code."""
        from lamella.sync import run

        return run(collect(self._resume(agent, runtime_context, "run_sync", force)))

    def _resume(
        self, agent: BaseAgent[Out_co], context: Mapping[str, Any] | None, mode: RunMode, force: bool
    ) -> AgentStream[Out_co]:
        store = self.store
        if store is None:
            raise AgentInputError(
                f"run {self.run_id} was not read from a store, so there is none to go on in; fork it, or load it: "
                "Recording.load(store, run_id)"
            )
        _require_interrupted(self.log)

        async def begin() -> RunLog:
            if isinstance(store, ClaimingStore):
                await store.claim(self.run_id, force=force)
            self.log = RunLog(await store.load(self.run_id))  # what was written since
            _require_interrupted(self.log)
            return RunLog(self.events)

        journal = _journal(agent, store)
        rerun = Rerun(RunLog(self.events), "resume", force=force)
        return restart(agent, rerun, context, mode, journal=journal, begin=begin)

    # -- an alternative -----------------------------------------------------------------------------

    def fork_astream(
        self,
        agent: BaseAgent[Out_co],
        runtime_context: Mapping[str, Any] | None = None,
        *,
        at: int | None = None,
        model: Model | str | None = None,
        store: RunStore | None = None,
    ) -> AgentStream[Out_co]:
        """A new run that begins like this one and goes its own way from an event on.

        What stands before costs nothing: its responses are ``cached``. Where it parts within a response, that is
        asked for again; within the calls of a turn, those without an output yet are called.

        :param at: the ``seq`` of the first event that is made anew; by default, of a run that has ended well the
            beginning of its last response, else everything that is there is kept.
        :param model: the model from there on; the history moves to it as any does, with ``losses`` (see
            :meth:`transplant`).
        :param store: where it is written; by default where this run is from.
        :raises AgentInputError: ``at`` is outside the run; or the run has no response of its own to part at.
        """
        return self._fork(agent, runtime_context, "stream_async", at, model, store)

    def fork_stream(
        self,
        agent: BaseAgent[Out_co],
        runtime_context: Mapping[str, Any] | None = None,
        *,
        at: int | None = None,
        model: Model | str | None = None,
        store: RunStore | None = None,
    ) -> SyncAgentStream[Out_co]:
        """:meth:`fork_astream` for synchronous code."""
        return SyncAgentStream(self._fork(agent, runtime_context, "stream_sync", at, model, store))

    async def afork(
        self,
        agent: BaseAgent[Out_co],
        runtime_context: Mapping[str, Any] | None = None,
        *,
        at: int | None = None,
        model: Model | str | None = None,
        store: RunStore | None = None,
    ) -> RunResult[Out_co]:
        """:meth:`fork_astream`, to the end."""
        return await collect(self._fork(agent, runtime_context, "run_async", at, model, store))

    def fork(
        self,
        agent: BaseAgent[Out_co],
        runtime_context: Mapping[str, Any] | None = None,
        *,
        at: int | None = None,
        model: Model | str | None = None,
        store: RunStore | None = None,
    ) -> RunResult[Out_co]:
        """:meth:`afork` for synchronous code."""
        from lamella.sync import run

        return run(collect(self._fork(agent, runtime_context, "run_sync", at, model, store)))

    def transplant(
        self, model: Model | str, *, at: int | None = None, agent: BaseAgent[Any] | None = None
    ) -> Plan:
        """How the conversation up to ``at`` moves to another model: what is kept, changed, lost, and what is impossible.

        :param agent: whose system instruction is sent with it.
        """
        target = get_model(model) if isinstance(model, str) else model
        request = ModelRequest(
            messages=tuple(repair_history(fold(self.until(at)).history)),
            native=self.log.start.native_input,
            system_instruction=getattr(agent, "system_instruction", None),
        )
        return target.plan(request)

    def until(self, at: int | None = None) -> tuple[RunStreamEvent, ...]:
        """The events that a fork keeps; see :meth:`fork_astream`."""
        last = self.events[-1]
        if at is None:
            at = self._last_response() if isinstance(last.event, StreamEnd) else last.seq + 1
        given: object = at
        if isinstance(given, bool) or not isinstance(given, int) or not 1 <= at <= last.seq + 1:
            raise AgentInputError(
                f"run {self.run_id} can be forked at events 1 to {last.seq + 1}, got {at!r}"
            )
        return tuple(
            envelope
            for envelope in self.events
            if envelope.seq < at and not isinstance(envelope.event, StreamEnd | StreamError)
        )

    def _last_response(self) -> int:
        """Where the last response of the run's own agent begins."""
        begins, found = 1, None
        for envelope in self.events:
            if envelope.path:
                continue
            if envelope.type == "response.done":
                found, begins = begins, envelope.seq + 1
            elif envelope.type in ("tool.output.done", "output.rejected"):
                begins = envelope.seq + 1
        if found is None:
            raise AgentInputError(
                f"run {self.run_id} is one of layers: its own agent asks no model; say where it is to be forked (at=SEQ)"
            )
        return found

    def _fork(
        self,
        agent: BaseAgent[Out_co],
        context: Mapping[str, Any] | None,
        mode: RunMode,
        at: int | None,
        model: Model | str | None,
        store: RunStore | None,
    ) -> AgentStream[Out_co]:
        kept = RunLog(self.until(at))
        if model is not None:
            moved: Any = agent.on(get_model(model) if isinstance(model, str) else model)
            agent = moved
        target = self.store if store is None else store
        journal = None if target is None else _journal(agent, target)
        return restart(agent, Rerun(kept, "fork"), context, mode, journal=journal)

    # -- looking back -------------------------------------------------------------------------------

    async def averify(
        self, agent: BaseAgent[Any], runtime_context: Mapping[str, Any] | None = None
    ) -> Verification:
        """Do the run again from its own log, with the network blocked: the same requests, the same events?

        No model and no tool is called: the log answers. Nothing is written.

        :raises LamellaError: the agent cannot be made ready, such as when a tool source needs the network.
        """
        return await averify(RunLog(self.events), agent, runtime_context)  # which is used up by it

    def verify(self, agent: BaseAgent[Any], runtime_context: Mapping[str, Any] | None = None) -> Verification:
        """:meth:`averify` for synchronous code."""
        from lamella.sync import run

        return run(self.averify(agent, runtime_context))

    def diff(self, other: Recording, *, strict: bool = False) -> RunDiff:
        """What differs between this run and another; see :func:`~lamella.recordings.diff`."""
        from lamella.recordings.differing import diff

        return diff(self.events, other.events, strict=strict)

    def reprice(self, **options: Any) -> Repriced:
        """What the run costs at other prices; see :func:`~lamella.recordings.reprice`."""
        from lamella.recordings.repricing import reprice

        return reprice(self.events, **options)


def _journal(agent: BaseAgent[Any], store: RunStore) -> Journal:
    """The store as a journal, with the agent's own way of waiting for it."""
    given = agent.journal
    if isinstance(given, Journal):
        return Journal(store, window=given.window, max_batch=given.max_batch, on_error=given.on_error)
    return Journal(store)


def _require_interrupted(log: RunLog) -> None:
    last = log.events[-1].event
    if isinstance(last, StreamEnd | StreamError):
        ended = "has ended" if isinstance(last, StreamEnd) else f"failed: {last.error}"
        raise AgentInputError(
            f"run {log.run_id} {ended}. Only an interrupted run is resumed; fork it to go on from any of its events"
        )
