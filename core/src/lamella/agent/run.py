"""A run: an agent's turns between ``stream.start`` and the terminal event, in envelopes, handed to the sinks.

Every path ends in exactly one terminal event that every sink has got: success, failure, cancellation,
and a consumer that walks away.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING, Any, Final

import attrs

from lamella.agent.base import BaseAgent, Turns
from lamella.agent.emitter import Emitter, new_run_id
from lamella.agent.fanout import FanOut, NamedSink
from lamella.agent.journal import Intents, Journal, JournalWriter
from lamella.agent.rerun import Rerun
from lamella.agent.scope import RunScope, RunState
from lamella.agent.stream import AgentStream
from lamella.errors import (
    AgentExecutionError,
    AgentInputError,
    ErrorCode,
    LamellaError,
    ReplayMismatchError,
)
from lamella.events import Event, RunStreamEvent, StreamEnd, StreamError, StreamResumed, StreamStart
from lamella.models.inputs import Input, ParsedInput, parse_input
from lamella.runs import NO_VALUE, Out_co, RunResult
from lamella.tools import Approvals
from lamella.tools.tool import RunMode

if TYPE_CHECKING:
    from lamella.config import Project
    from lamella.runlog import RunLog

__all__ = ["error_event", "restart", "start", "typed_error"]


_OF_THE_START: Final = ("kind", "agent", "provider", "model", "conversation")


def start(
    agent: BaseAgent[Out_co], messages: Input, runtime_context: Mapping[str, Any] | None, mode: RunMode
) -> AgentStream[Out_co]:
    """Check the input and make the stream; nothing runs before the first event is asked for."""
    if runtime_context is not None and not isinstance(runtime_context, Mapping):
        raise AgentInputError(f"runtime_context must be a dict, got {type(runtime_context).__name__}")
    return AgentStream(_Run(agent, parse_input(messages), dict(runtime_context or {}), mode))


def restart(
    agent: BaseAgent[Out_co],
    rerun: Rerun,
    runtime_context: Mapping[str, Any] | None,
    mode: RunMode,
    *,
    journal: Journal | None = None,
    begin: Callable[[], Awaitable[RunLog]] | None = None,
) -> AgentStream[Out_co]:
    """The stream of a run that is done again from its log.

    :param journal: where it is written, in the place of the agent's and the project's own.
    :param begin: called before anything else; gives the log as it stands then.
    """
    if runtime_context is not None and not isinstance(runtime_context, Mapping):
        raise AgentInputError(f"runtime_context must be a dict, got {type(runtime_context).__name__}")
    start = rerun.log.start
    given = ParsedInput(messages=start.input, native=start.native_input, plain=start.plain_input)
    watched = rerun.kind != "verify"
    run = _Run(
        agent,
        given,
        dict(runtime_context or {}),
        mode,
        rerun=rerun,
        watched=watched,
        journal=journal,
        begin=begin,
    )
    return AgentStream(run)


def _project_of(agent: BaseAgent) -> Project:
    if agent.project is not None:
        return agent.project
    from lamella.config import current_project

    return current_project()


class _Run:
    """One run of an agent at the top.

    :param rerun: what it is done again from; the run of a log that is gone on with has its id.
    :param watched: ``False`` keeps sinks and journals out of it.
    """

    def __init__(
        self,
        agent: BaseAgent,
        given: ParsedInput,
        runtime_context: dict[str, Any],
        mode: RunMode,
        *,
        rerun: Rerun | None = None,
        watched: bool = True,
        journal: Journal | None = None,
        begin: Callable[[], Awaitable[RunLog]] | None = None,
    ) -> None:
        self.agent = agent
        self._begin = begin
        self.given = given
        self.rerun = rerun
        resumed = rerun is not None and rerun.kind != "fork"
        self.emitter = Emitter(rerun.log.run_id if rerun is not None and resumed else new_run_id())
        project = _project_of(agent)
        kept = _journal_of(agent, project, journal) if watched else None
        self.fanout = FanOut(self._sinks(project, kept) if watched else [], policy=agent.slow_sinks)
        intents = None if kept is None else Intents()
        self.journal = None if kept is None or intents is None else JournalWriter(*kept, intents)
        self.state = RunState(
            run_id=self.emitter.run_id,
            project=project,
            approvals=Approvals(agent.approve, timeout=agent.approval_timeout),
            intents=intents,
            rerun=rerun,
            listened=kept is not None or not self.fanout.idle,
        )
        self.scope = RunScope(state=self.state, mode=mode, runtime_context=runtime_context)
        self._turns: Turns | None = None
        self._unwritten: LamellaError | None = None
        self._silent = False  # of a run that is gone on with, until there is something new
        if rerun is not None and rerun.kind == "resume":
            self._go_on(rerun.log)

    def _sinks(self, project: Project, journal: tuple[Journal, str] | None) -> list[NamedSink]:
        """The sinks; the store that is the journal is not one too."""
        kept = None if journal is None else journal[1]
        enabled = [
            NamedSink(name, project.build_sink(name)) for name in project.enabled_sinks() if name != kept
        ]
        own = [NamedSink(type(sink).__name__, sink) for sink in self.agent.sinks]
        return [*enabled, *(named for named in own if journal is None or named.sink is not journal[0].store)]

    @property
    def run_id(self) -> str:
        """The id under which sinks and stores know the run."""
        return self.emitter.run_id

    @property
    def approvals(self) -> Approvals:
        """Where calls wait for a decision."""
        return self.state.approvals

    async def events(self) -> AsyncGenerator[RunStreamEvent, None]:
        """The whole run."""
        unopened = await self._open()
        failure: LamellaError | None = None
        terminal: Event
        started = False
        try:
            if unopened is not None:
                raise unopened
            async with AsyncExitStack() as stack:
                ready = await self.agent.prepare(self.scope, stack)
                started = True
                if not self._silent:
                    yield await self._emit(self._first_event(ready.facts()))
                turns = self._turns = ready.turns(self.given)
                listened = not self.fanout.idle
                async with aclosing(self._written(turns)) as emitted:
                    async for envelope in emitted:
                        if listened:
                            await self.fanout.put(envelope)
                        yield envelope
                terminal = StreamEnd(
                    output=turns.output,
                    stop_reason=turns.stop_reason,
                    result=turns.result,
                    kind=getattr(turns, "kind", None),
                )
        except (Exception, SystemExit) as error:  # a plugin may raise anything
            failure = typed_error(error)
            terminal = error_event(failure)
        except BaseException as interruption:
            await self._abandon(interruption)
            raise
        if failure is not None and self._stays_interrupted(failure, started):
            failure.partial = self.emitter.result()
            await self._close()
            raise failure
        for envelope in await self._end(terminal, started):
            yield envelope
        failure = failure or self._unwritten
        if failure is not None:
            failure.partial = self.emitter.result()
            raise failure

    def _written(self, turns: Turns) -> AsyncGenerator[RunStreamEvent, None]:
        """The events between the first and the last, as they may be shown."""
        wrapped = self._wrapped(turns)
        return wrapped if self.journal is None else self.journal.through(wrapped)

    async def _wrapped(self, turns: Turns) -> AsyncGenerator[RunStreamEvent, None]:
        rerun = self.rerun
        async with aclosing(turns.events()) as emitted:
            async for item in emitted:
                event = item.event if rerun is None else rerun.shown(item.path, item.event)
                if event is None:
                    continue
                if self._silent:
                    yield self._resumed()
                yield self.emitter.wrap(event, item.path)

    async def _open(self) -> LamellaError | None:
        """Open what takes the events; a log that is gone on with is read as it stands now.

        Returns why a journal that stops the run cannot be opened: a run that begins says so, and ends with that.
        """
        unopened: LamellaError | None = None
        if self.journal is not None:
            try:
                await self.journal.open()
            except LamellaError as error:
                if self._begin is not None:
                    raise
                unopened = error
        if self._begin is not None and self.rerun is not None:
            try:
                self.rerun.log = await self._begin()
            except BaseException:
                await self._close()
                raise
            self._go_on(self.rerun.log)
        self.fanout.open()
        return unopened

    def _go_on(self, log: RunLog) -> None:
        """Begin behind the events of a log."""
        self._silent = True
        self.emitter = Emitter(log.run_id)
        self.emitter.resume(log.events)

    def _stays_interrupted(self, failure: LamellaError, started: bool) -> bool:
        """Whether a run that was to be resumed is left as it was: it could not begin, or is not that of this agent."""
        resuming = self.rerun is not None and self.rerun.kind == "resume"
        return resuming and (not started or isinstance(failure, ReplayMismatchError))

    def _resumed(self) -> RunStreamEvent:
        """The first new event of a run that is gone on with."""
        assert self.rerun is not None
        self._silent = False
        log = self.rerun.log
        unknown = tuple(call.call_id for _, call in log.unknown())
        begun = {name: getattr(log.start, name) for name in _OF_THE_START}
        return self.emitter.wrap(StreamResumed(**begun, started_at=time.time(), unknown=unknown))

    def result(self) -> RunResult[Any]:
        """The fold so far, with the value that the agent has made."""
        found, turns = self.emitter.result(), self._turns
        if turns is None or found.status != "completed":
            return found
        value = getattr(turns, "value", NO_VALUE)
        return found if value is NO_VALUE else attrs.evolve(found, value=value)

    def _first_event(self, facts: Mapping[str, Any]) -> Event:
        rerun = self.rerun
        forked: dict[str, Any] = {}
        if rerun is not None and rerun.kind == "fork":
            forked = {"forked_from": rerun.log.run_id, "forked_at": rerun.log.events[-1].seq + 1}
        return StreamStart(
            **facts,
            **forked,
            input=self.given.messages,
            native_input=self.given.native,
            plain_input=self.given.plain,
            started_at=time.time(),
            meta=self.agent.meta,
        )

    async def _emit(self, event: Event, path: tuple[str, ...] = ()) -> RunStreamEvent:
        envelope = self.emitter.wrap(event, path)
        if self.journal is not None:
            await self.journal.write([envelope])
        if not self.fanout.idle:
            await self.fanout.put(envelope)
        return envelope

    async def _emit_last(self, event: Event, path: tuple[str, ...] = ()) -> RunStreamEvent:
        """An event at the end of a run, which nothing stops; that it is not in the journal is raised behind it."""
        return await self._put_last(self.emitter.wrap(event, path))

    async def _put_last(self, envelope: RunStreamEvent) -> RunStreamEvent:
        if self.journal is not None:
            try:
                await self.journal.write([envelope])
            except LamellaError as error:
                self._unwritten = error
        if not self.fanout.idle:
            await self.fanout.put(envelope)
        return envelope

    async def _end(self, terminal: Event, started: bool) -> list[RunStreamEvent]:
        """The last envelopes. The sinks have them, and are closed, before the consumer sees them."""
        last = [] if started else [await self._emit_last(self._first_event({"agent": self.agent.name}))]
        if self._silent:
            last.append(await self._put_last(self._resumed()))
        last += await self._close_open_blocks()
        last.append(await self._emit_last(terminal))
        await self._close()
        return last

    async def _close(self) -> None:
        if self.journal is not None:
            await self.journal.close()
        await self.fanout.close()

    async def _close_open_blocks(self) -> list[RunStreamEvent]:
        """Make the text durable that had come when a response broke off."""
        cut = [(path, event) for path, assembler in self.state.open.items() for event in assembler.abort()]
        return [await self._emit_last(event, path) for path, event in cut]

    async def _abandon(self, interruption: BaseException) -> None:
        """Cancelled, or the consumer is gone: the sinks still get the end of the run."""
        if self._silent:  # nothing of it was gone on with
            await self._close()
            return
        await self._close_open_blocks()
        why = "cancelled" if isinstance(interruption, asyncio.CancelledError) else "abandoned by its consumer"
        if not isinstance(interruption, asyncio.CancelledError | GeneratorExit):
            why = f"interrupted by {type(interruption).__name__}"
        await self._emit_last(
            StreamError(
                error=f"the run was {why}",
                code=ErrorCode.CANCELLED.value,
                error_type=type(interruption).__name__,
            )
        )
        await self._close()


def _journal_of(agent: BaseAgent, project: Project, journal: Journal | None) -> tuple[Journal, str] | None:
    """The journal that is given, else the agent's, else the project's, and its name.

    :raises ConfigError: the name is not that of a run store.
    """
    given = journal or (agent.journal if agent.journal is not None else project.journal)
    if given is None or given is False:
        return None
    if isinstance(given, Journal):
        return given, type(given.store).__name__
    return Journal(project.build_store(given)), given


def typed_error(error: BaseException) -> LamellaError:
    """The error itself when it is ours, else an ``AgentExecutionError`` around it."""
    if isinstance(error, LamellaError):
        return error
    return AgentExecutionError(f"the run failed: {type(error).__name__}: {error}", cause=error)


def error_event(error: LamellaError) -> StreamError:
    """The terminal event of a failed run; it carries the usage of the response that broke off."""
    usage = getattr(error.partial, "usage", None)
    return StreamError(
        error=error.message,
        code=error.error_code.value,
        error_type=type(error).__name__,
        retryable=error.retryable,
        context=_plain(error.context),
        token_usage=usage,
    )


def _plain(context: Mapping[str, Any]) -> dict[str, Any]:
    """The context as JSON: what JSON cannot hold becomes its text."""
    return {
        key: value if isinstance(value, str | int | float | bool | None) else str(value)
        for key, value in context.items()
    }
