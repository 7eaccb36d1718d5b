"""``Child``: one run of an agent below another, its events under a path of its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING, Any

from lamella.agent.base import BaseAgent
from lamella.errors import AgentExecutionError, ErrorCode, LamellaError
from lamella.events import AgentEnd, AgentStart, Event, RunStreamEvent, StopReason, StreamEnd, StreamStart
from lamella.fold import Fold
from lamella.models.inputs import ParsedInput
from lamella.runs import NO_VALUE, AgentRun, RunResult
from lamella.tools import Emitted

if TYPE_CHECKING:
    from lamella.agent.scope import RunScope
    from lamella.runlog import LoggedAgent, RunLog

__all__ = ["Child"]


class Child:
    """An agent at work below another. After ``events()`` is exhausted, the rest stands.

    :param scope: the child's own place.
    :param call_id: the call that it answers, where it is a tool.
    """

    def __init__(
        self, agent: BaseAgent, scope: RunScope, given: ParsedInput, *, call_id: str | None = None
    ) -> None:
        self.agent = agent
        self.scope = scope
        self.given = given
        self.output = ""
        self.result: Any = None
        self.value: Any = NO_VALUE
        self.stop_reason: StopReason = "end_turn"
        self.error: LamellaError | None = None
        self._call_id = call_id
        self.begun = False
        self._fold = Fold()
        self._seq = 0

    @property
    def name(self) -> str:
        """What it is called in the paths below its parent."""
        return self.scope.path[-1]

    @property
    def run(self) -> AgentRun:
        """Its run so far, with all below it."""
        return self._so_far.run

    @property
    def history(self) -> tuple[Any, ...]:
        """Its conversation so far: what it was given, and what it made."""
        return self._so_far.history

    @property
    def _so_far(self) -> RunResult:
        return self._fold.result()

    async def events(self) -> AsyncGenerator[Emitted, None]:
        """``agent.start``, its events, ``agent.end``; on every path.

        :raises LamellaError: it failed; ``error`` has it too.
        """
        rerun = self.scope.state.rerun
        if rerun is not None and (logged := rerun.completed(self.scope.path)) is not None:
            for item in self._again(rerun.log, logged):
                yield item
            if self.error is not None:
                raise self.error
            return
        try:
            async with AsyncExitStack() as stack:
                ready = await self.agent.prepare(self.scope, stack)
                yield self._started(ready.facts())
                turns = ready.turns(self.given)
                async with aclosing(turns.events()) as emitted:
                    async for item in emitted:
                        yield self._below(item)
        except (Exception, SystemExit) as error:  # of the agent, not of the process
            self.error = _typed(error)
            for event in self._broken_off(str(self.error), self.error):
                yield event
            if self.error is error:
                raise
            raise self.error from error
        self.output, self.result, self.stop_reason = turns.output, turns.result, turns.stop_reason
        self.value = getattr(turns, "value", NO_VALUE)
        ended: dict[str, Any] = {
            "output": self.output,
            "stop_reason": self.stop_reason,
            "result": self.result,
            "kind": getattr(turns, "kind", None),
        }
        self._record(StreamEnd(**ended))
        yield Emitted((self.name,), AgentEnd(agent=self.agent.name, **ended))

    def _again(self, log: RunLog, ended: LoggedAgent) -> Iterator[Emitted]:
        """What the log has of it, to the end: it is not run."""
        depth = len(self.scope.path)
        for envelope in log.below(self.scope.path):
            event, path = envelope.event, envelope.path[depth:]
            if event.durable:
                self._record(_framed(event) if not path else event, path)
            self.begun = True
            yield Emitted(envelope.path[depth - 1 :], event)
        end = ended.end
        assert isinstance(end, AgentEnd)
        self.error = ended.failure()
        self.output, self.result, self.stop_reason = end.output, end.result, end.stop_reason
        output = getattr(self.agent, "_output", None)
        if output is not None and end.result is not None:
            self.value = output.read(end.result).value

    def cancelled(self) -> list[Emitted]:
        """What is left to say of one that was cancelled: what had come, and its end."""
        return self._broken_off("cancelled: another agent beside it failed", None)

    def _started(self, facts: dict[str, Any]) -> Emitted:
        self.begun = True
        self._record(StreamStart(**facts, input=self.given.messages))
        start = AgentStart(**facts, call_id=self._call_id, input=self.given.messages)
        return Emitted((self.name,), start)

    def _below(self, item: Emitted) -> Emitted:
        if item.event.durable:
            self._record(item.event, item.path)
        return Emitted((self.name, *item.path), item.event)

    def _record(self, event: Event, path: tuple[str, ...] = ()) -> None:
        state = self.scope.state
        envelope = RunStreamEvent(event=event, run_id=state.run_id, seq=self._seq, path=path)
        self._seq += 1
        self._fold.feed(envelope)

    def _broken_off(self, why: str, error: LamellaError | None) -> list[Emitted]:
        """What had come when it broke off, and its end; nothing where it never began."""
        if not self.begun:
            return []
        assembler = self.scope.state.open.pop(self.scope.path, None)
        cut = [Emitted((), event) for event in (() if assembler is None else assembler.abort())]
        end = AgentEnd(
            agent=self.agent.name,
            stop_reason="other",
            error=why,
            code=(ErrorCode.CANCELLED if error is None else error.error_code).value,
            token_usage=getattr(getattr(error, "partial", None), "usage", None),
        )
        return [*map(self._below, cut), Emitted((self.name,), end)]


def _framed(event: Event) -> Event:
    """The beginning and end of a nested agent as those of a run of its own."""
    if isinstance(event, AgentStart):
        facts = ("kind", "agent", "provider", "model", "settings", "system_instruction", "input")
        return StreamStart(**{name: getattr(event, name) for name in facts})
    if isinstance(event, AgentEnd):
        return StreamEnd(
            output=event.output, stop_reason=event.stop_reason, result=event.result, kind=event.kind
        )
    return event


def _typed(error: BaseException) -> LamellaError:
    if isinstance(error, LamellaError):
        return error
    what = (
        "raised SystemExit" if isinstance(error, SystemExit) else f"failed: {type(error).__name__}: {error}"
    )
    return AgentExecutionError(f"the agent {what}", cause=error)
