"""``RunLog``: a stored run as what each of its agents was answered: responses of its model, outcomes of its tools.

It is how a run is done again from its own log: every call is answered from here as long as the log lasts.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeAlias

import attrs

from lamella import errors
from lamella.errors import AgentInputError, ErrorCode, LamellaError
from lamella.events import (
    AgentEnd,
    AgentStart,
    ApprovalPending,
    ApprovalResolved,
    AttemptRollback,
    Event,
    GuardrailOverride,
    OutputRejected,
    ProgressEnd,
    ProgressStart,
    ProgressUpdate,
    ResponseDone,
    RunStreamEvent,
    StreamEnd,
    StreamError,
    StreamResumed,
    StreamStart,
    ToolCallDone,
    ToolEnd,
    ToolOutputDone,
    ToolStart,
)

__all__ = ["RESUMED", "LoggedAgent", "LoggedTurn", "Outcome", "RunLog"]

RESUMED: Final = "run.resumed"
"""The code of the rollback that takes back a response whose process died."""

Path: TypeAlias = tuple[str, ...]

_FRAME: Final = (StreamStart, StreamResumed, StreamEnd, StreamError, AgentStart, AgentEnd)
_OF_CALLS: Final = (
    ToolStart,
    ToolEnd,
    ToolOutputDone,
    ApprovalPending,
    ApprovalResolved,
    ProgressStart,
    ProgressUpdate,
    ProgressEnd,
)
_BETWEEN: Final = (GuardrailOverride, OutputRejected)


@attrs.define(eq=False)
class Outcome:
    """What the log has of one call. ``events`` came before its output, with paths relative to the agent that called."""

    call_id: str
    events: list[tuple[Path, Event]] = attrs.field(factory=list)
    started: bool = False
    decision: ApprovalResolved | None = None
    ended: ToolEnd | None = None
    output: ToolOutputDone | None = None
    children: deque[Path] = attrs.field(factory=deque)
    """The paths of the agents that it ran."""

    @property
    def answer(self) -> ToolOutputDone | None:
        """Its output, also where the log stops before it could be shown."""
        if self.output is not None or self.ended is None:
            return self.output
        end = self.ended
        return ToolOutputDone(
            id=end.id, call_id=end.call_id, name=end.name, output=end.output, is_error=end.is_error
        )


@attrs.define(eq=False)
class LoggedTurn:
    """One response of a model and the calls that it asked for; ``done`` is ``None`` where the log stops in it."""

    events: list[Event] = attrs.field(factory=list)
    done: ResponseDone | None = None
    calls: list[Outcome] = attrs.field(factory=list)

    @property
    def over(self) -> bool:
        """Whether all of its calls have an output."""
        return self.done is not None and all(call.output is not None for call in self.calls)

    def call(self, event: Event) -> Outcome | None:
        """The call that an event is of. A provider may give one id twice: then the first that still waits for it."""
        found = [call for call in self.calls if call.call_id == getattr(event, "call_id", None)]
        waiting = [call for call in found if call.output is None]
        if isinstance(event, ToolStart):
            waiting = [call for call in waiting if not call.started] or waiting
        elif isinstance(event, ToolEnd):
            waiting = [call for call in waiting if call.ended is None]
        return next(iter(waiting or found), None)


class LoggedAgent:
    """One agent of a stored run: its turns, in order, and how it ended."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.turns: list[LoggedTurn] = []
        self.start: StreamStart | AgentStart | None = None
        self.end: StreamEnd | StreamError | AgentEnd | None = None
        self._next = 0

    # -- while it is read ------------------------------------------------------------------------

    def feed(self, event: Event) -> None:
        """Take the next event of the agent."""
        if isinstance(event, StreamStart | AgentStart):
            self.start = event
        elif isinstance(event, StreamEnd | StreamError | AgentEnd):
            self.end = event
        elif isinstance(event, (*_FRAME, *_BETWEEN)):
            return
        elif isinstance(event, _OF_CALLS) or self._among_calls:
            self._feed_call(event)
        else:
            self._feed_response(event)

    @property
    def _among_calls(self) -> bool:
        last = self.turns[-1] if self.turns else None
        return last is not None and last.done is not None and not last.over

    def _feed_response(self, event: Event) -> None:
        if not self.turns or self.turns[-1].done is not None:
            self.turns.append(LoggedTurn())
        turn = self.turns[-1]
        turn.events.append(event)
        if isinstance(event, ToolCallDone):
            turn.calls.append(Outcome(event.call_id))
        elif isinstance(event, AttemptRollback):
            turn.calls.clear()
        elif isinstance(event, ResponseDone):
            turn.done = event

    def _feed_call(self, event: Event) -> None:
        call = self.turns[-1].call(event) if self.turns else None
        if call is None:
            call = self.turns[-1].calls[-1] if self._among_calls else None
        if call is None:
            return
        if isinstance(event, ToolOutputDone):
            call.output = event
            return
        call.events.append(((), event))
        if isinstance(event, ToolStart):
            call.started = True
        elif isinstance(event, ToolEnd):
            call.ended = event
        elif isinstance(event, ApprovalResolved):
            call.decision = event

    def adopt(self, child: Path, start: AgentStart) -> Outcome | None:
        """The call that a nested agent answers."""
        call = self.turns[-1].call(start) if start.call_id is not None and self.turns else None
        if call is not None:
            call.children.append(child)
        return call

    # -- while it is done again -------------------------------------------------------------------

    def take(self) -> LoggedTurn | None:
        """The next turn, ``None`` where the log has no more."""
        if self._next >= len(self.turns):
            return None
        self._next += 1
        return self.turns[self._next - 1]

    @property
    def number(self) -> int:
        """How many turns were taken."""
        return self._next

    def failure(self) -> LamellaError | None:
        """The error that the agent ended in, made again; ``None`` where the log has none."""
        end = self.end
        if isinstance(end, StreamError) and end.code != ErrorCode.CANCELLED.value:
            return _error(end.error, end.code, end.error_type, end)
        if isinstance(end, AgentEnd) and end.error is not None:
            return _error(end.error, end.code or ErrorCode.UNKNOWN.value, None, end)
        return None


def _error(text: str, code: str, kind: str | None, end: StreamError | AgentEnd) -> LamellaError:
    named = getattr(errors, kind or "", None)
    made = (
        named
        if isinstance(named, type) and issubclass(named, LamellaError)
        else _CLASSES.get(code, LamellaError)
    )
    error = made(text, error_code=_code(code), context=dict(getattr(end, "context", {})))
    if isinstance(end, StreamError):
        error.retryable = end.retryable
    error.partial = _Spent(end)
    return error


def _code(code: str) -> ErrorCode:
    return ErrorCode(code) if code in {known.value for known in ErrorCode} else ErrorCode.UNKNOWN


def _families(kind: type[LamellaError]) -> Iterator[type[LamellaError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _families(child)


_CLASSES: Final = {kind.default_code.value: kind for kind in reversed(list(_families(LamellaError)))}


class _Spent:
    """In place of what an error had made: the usage that its last event told."""

    def __init__(self, end: StreamError | AgentEnd) -> None:
        self.usage = end.token_usage


class RunLog:
    """The events of one run, oldest first, by agent. A run that is done again uses its log up: each needs one of its own.

    :raises AgentInputError: there is no event, or the first one is not the beginning of a run.
    """

    def __init__(self, events: Sequence[RunStreamEvent]) -> None:
        if not events or not isinstance(events[0].event, StreamStart):
            raise AgentInputError(
                "a run begins with stream.start; these events do not"
                if events
                else "the run is stored without an event: its process ended before the first one was written"
            )
        self.events = tuple(events)
        self.start: StreamStart = events[0].event
        self._agents: dict[Path, LoggedAgent] = {}
        self._open: dict[Path, Outcome] = {}
        self._known = {id(envelope.event) for envelope in events}
        self._ahead: dict[tuple[Path, type[Event]], deque[Event]] = defaultdict(deque)
        for envelope in events:
            self._take(envelope)

    def _take(self, envelope: RunStreamEvent) -> None:
        path, event = envelope.path, envelope.event
        self._ahead[path, type(event)].append(event)
        agent = self._agents.get(path)
        if agent is None:
            agent = self._agents[path] = LoggedAgent(path)
        if isinstance(event, AgentStart) and path and path[:-1] in self._agents:
            call = self._agents[path[:-1]].adopt(path, event)
            if call is not None:
                self._open[path] = call
        agent.feed(event)
        for depth in range(1, len(path) + 1):
            if (call := self._open.get(path[:depth])) is not None:
                call.events.append((path[depth - 1 :], event))

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.events[0].run_id

    def has(self, path: Path) -> bool:
        """Whether an agent of this path is in the log."""
        return path in self._agents

    def agent(self, path: Path) -> LoggedAgent | None:
        """What the log has of an agent."""
        return self._agents.get(path)

    def ended(self, path: Path) -> LoggedAgent | None:
        """The agent, where the log has its end."""
        agent = self._agents.get(path)
        return agent if agent is not None and isinstance(agent.end, AgentEnd) else None

    def below(self, path: Path) -> Iterator[RunStreamEvent]:
        """The events of an agent and of all below it."""
        depth = len(path)
        return (envelope for envelope in self.events if envelope.path[:depth] == path)

    def unknown(self) -> Iterable[tuple[Path, Outcome]]:
        """The calls that had begun, and of which the log has no outcome; those of agents are not unknown."""
        for path, agent in self._agents.items():
            for turn in agent.turns:
                for call in turn.calls:
                    if call.started and call.answer is None and not call.children:
                        yield path, call

    # -- what is in the log already ---------------------------------------------------------------

    def is_known(self, event: Event) -> bool:
        """Whether this very event is of the log."""
        return id(event) in self._known

    def expects(self, path: Path, event: Event) -> Event | None:
        """The next event of this type that the log has of this agent, which is taken; ``None`` where it has no more.

        Of the log's own events, all before it are taken with it.
        """
        ahead = self._ahead.get((path, type(event)))
        if not ahead:
            return None
        if self.is_known(event):
            while ahead:
                if ahead.popleft() is event:
                    break
            return event
        return ahead.popleft()

    def forget(self, path: Path) -> None:
        """What the log still has of an agent is taken back: it goes on by itself."""
        for key in [key for key in self._ahead if key[0] == path]:
            del self._ahead[key]
