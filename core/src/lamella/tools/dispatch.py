"""Running the calls of one turn: concurrently and bounded, events live, outputs in call order."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import Any

import attrs

from lamella.content import ToolCallBlock
from lamella.errors import AgentInputError, AgentToolCallError
from lamella.events import ApprovalPending, ApprovalResolved, ToolEnd, ToolOutputDone, ToolStart
from lamella.specs import Executor
from lamella.tools.approval import Approvals
from lamella.tools.calling import Pieces, call_tool
from lamella.tools.channel import CallScope, Channel, Emitted, current_scope
from lamella.tools.failure import ErrorDetail, Redaction, failure_of, log_failure
from lamella.tools.invocation import Deny, ToolInvocation
from lamella.tools.ledger import Entry, Ledger
from lamella.tools.limits import cut
from lamella.tools.runtime import ToolRuntime
from lamella.tools.tool import RunMode, Tool

__all__ = ["run_calls"]

_UNKNOWN_ID = "unknown"


async def run_calls(
    calls: Sequence[ToolCallBlock],
    tools: Mapping[str, Tool],
    *,
    runtime_context: Mapping[str, Any],
    mode: RunMode,
    limit: int = 8,
    approvals: Approvals,
    executor: Executor | None = None,
    key_prefix: str = "",
    error_detail: ErrorDetail = "message",
    max_output_chars: int | None = None,
    ledger: Ledger | None = None,
) -> AsyncGenerator[Emitted, None]:
    """Run the calls of one turn and yield what happens.

    Approval, progress and nested agents' events come as they happen, ``tool.output.done`` once per
    call in call order. A failing tool gives an error output, or raises with ``on_error="raise"``; then,
    and when the iterator is closed or cancelled, the other calls are cancelled and awaited. Functions
    running in threads cannot be stopped: their outcome is dropped.

    :param limit: how many calls run at once; waiting for approval does not count.
    :param executor: runs the effect of each call under ``key_prefix + call_id``; it sees neither bad
        arguments nor denied calls.
    :param error_detail: ``class`` gives the model only the class of a failure.
    :param max_output_chars: where the outputs of tools are cut that have no such limit themselves.
    :param ledger: what is stored of the calls, and what must be stored before they run.
    :raises ToolError: a tool with ``on_error="raise"`` failed.
    """
    if limit < 1:
        raise AgentInputError(f"the limit of concurrent tool calls must be at least 1, got {limit}")
    turn = _Turn(
        tools=tools,
        runtime_context=runtime_context,
        mode=mode,
        limit=limit,
        approvals=approvals,
        executor=executor,
        key_prefix=key_prefix,
        error_detail=error_detail,
        max_output_chars=max_output_chars,
        ledger=ledger,
    )
    entries = [Entry() if ledger is None else ledger.entry(call, tools.get(call.name)) for call in calls]
    for entry in entries:
        for path, event in entry.events:
            yield Emitted(path, event)
    try:
        turn.start(calls, entries)
        while (item := await turn.next()) is not None:
            yield item
    finally:
        await turn.stop()


class _Turn:
    """The calls of one turn, their tasks and their channel."""

    def __init__(
        self,
        *,
        tools: Mapping[str, Tool],
        runtime_context: Mapping[str, Any],
        mode: RunMode,
        limit: int,
        approvals: Approvals,
        executor: Executor | None,
        key_prefix: str,
        error_detail: ErrorDetail,
        max_output_chars: int | None,
        ledger: Ledger | None,
    ) -> None:
        self._tools = tools
        self._runtime = ToolRuntime(runtime_context)
        self._redact = Redaction(runtime_context)
        self._mode = mode
        self._slots = asyncio.Semaphore(limit)
        self._approvals = approvals
        self._executor = executor
        self._key_prefix = key_prefix
        self._detail = error_detail
        self._max_chars = max_output_chars
        self._ledger = ledger
        self._channel = Channel()
        self._tasks: list[asyncio.Task[None]] = []
        self._running = 0
        self._error: BaseException | None = None

    def start(self, calls: Sequence[ToolCallBlock], entries: Sequence[Entry]) -> None:
        """Start every call; each knows the one whose output goes before its own."""
        previous, line = _set_event(), _set_event()
        for call, entry in zip(calls, entries, strict=True):
            tool = self._tools.get(call.name)
            sequential = tool is not None and tool.sequential
            slot = _Slot(
                call=call,
                call_id=call.call_id or _UNKNOWN_ID,
                tool=tool,
                previous=previous,
                waits_for=line if sequential else None,
                leaves=asyncio.Event() if sequential else None,
                entry=entry,
            )
            line = slot.leaves or line
            # Not a coroutine yet: a task that is cancelled before it starts must leave none unawaited.
            work = functools.partial(self._in_line, slot)
            task = asyncio.create_task(self._show(work, slot), name=f"tool {call.name}")
            task.add_done_callback(self._finished)
            self._tasks.append(task)
            previous = slot.shown
        self._running = len(self._tasks)
        if not self._tasks:
            self._channel.end()

    async def next(self) -> Emitted | None:
        """What happens next, ``None`` when all calls are done."""
        item = await self._channel.get()
        if item is None and self._error is not None:
            raise self._error
        return item

    async def stop(self) -> None:
        """Cancel what still runs and wait for it."""
        self._channel.close()
        running = [task for task in self._tasks if not task.done()]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running -= 1
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is not None and self._error is None:
            self._error = error
        if error is not None or not self._running:
            self._channel.end()

    async def _show(self, work: Callable[[], Awaitable[ToolOutputDone]], slot: _Slot) -> None:
        output = await work()
        if slot.begun and not slot.previous.is_set():
            end = ToolEnd(
                id=output.id,
                call_id=output.call_id,
                name=slot.call.name,
                output=output.output,
                is_error=output.is_error,
            )
            await self._channel.put(Emitted((), end))
        await slot.previous.wait()
        await self._channel.put(Emitted((), output))
        slot.shown.set()

    async def _in_line(self, slot: _Slot) -> ToolOutputDone:
        try:
            if slot.waits_for is not None:
                await slot.waits_for.wait()
            return await self._guarded(slot)
        finally:
            if slot.leaves is not None:
                slot.leaves.set()

    async def _guarded(self, slot: _Slot) -> ToolOutputDone:
        call, call_id, tool = slot.call, slot.call_id, slot.tool
        execution = None if tool is None else tool.callable_for(self._mode)[1]
        pieces = Pieces()
        if slot.entry.output is not None:
            return slot.entry.output
        if slot.entry.error is not None:
            await slot.previous.wait()
            raise slot.entry.error
        try:
            return await self._call(slot, pieces)
        except Deny as denial:
            return self._refused(call, call_id, "refused", denial.reason)
        except Exception as error:
            failure = failure_of(error, self._redact, tool_name=call.name, call_id=call_id, mode=execution)
            if tool is not None and tool.on_error == "raise":
                raise failure.error from failure.error.cause
            log_failure(failure.error)
            text = failure.text(self._redact, self._detail)
            if pieces:
                text += f"\nBefore it failed it gave:\n{self._redact(''.join(pieces))}"
            return _output(call, call_id, cut(text, self._limit(tool)), is_error=True)

    def _limit(self, tool: Tool | None) -> int | None:
        return self._max_chars if tool is None or tool.max_output_chars is None else tool.max_output_chars

    async def _call(self, slot: _Slot, pieces: Pieces) -> ToolOutputDone:
        call, call_id, tool = slot.call, slot.call_id, slot.tool
        if tool is None:
            known = ", ".join(self._tools) or "none"
            raise AgentToolCallError(
                f"the model called {call.name!r}, which is no tool of this run; its tools: {known}",
                cause=KeyError(call.name),
            )
        values = tool.check(call)
        if tool.needs_approval(values) and (denial := await self._denial(slot)) is not None:
            return denial
        async with self._slots:
            step = functools.partial(self._run, slot, tool, values, pieces)
            if self._executor is None:
                return await step()
            return await self._executor(f"{self._key_prefix}{call_id}", step)

    async def _denial(self, slot: _Slot) -> ToolOutputDone | None:
        """Ask for approval; the output of a denied call, ``None`` when it may run."""
        call, call_id = slot.call, slot.call_id
        resolved = slot.entry.decision
        if resolved is None:
            pending = ApprovalPending(call_id=call_id, name=call.name, arguments=call.arguments or {})
            with self._approvals.expecting(pending) as decided:
                await self._channel.put(Emitted((), pending))
                decision = await decided()
            reason = None if decision.reason is None else self._redact(decision.reason)
            resolved = ApprovalResolved(
                call_id=call_id, name=call.name, approved=decision.approved, reason=reason
            )
            await self._channel.put(Emitted((), resolved))
        return None if resolved.approved else self._refused(call, call_id, "not approved", resolved.reason)

    def _refused(self, call: ToolCallBlock, call_id: str, how: str, reason: str | None) -> ToolOutputDone:
        why = f": {self._redact(reason)}" if reason else ""
        return _output(call, call_id, f"the call of {call.name} was {how}{why}", is_error=True)

    async def _run(
        self, slot: _Slot, tool: Tool, values: Mapping[str, Any], pieces: Pieces
    ) -> ToolOutputDone:
        call, call_id = slot.call, slot.call_id
        await self._begin(slot)
        scope = CallScope(self._channel, call_id, slot.entry.children)
        token = current_scope.set(scope)
        try:
            invocation = ToolInvocation(
                tool=tool, call_id=call_id, arguments=values, runtime=self._runtime, run=self._key_prefix
            )
            return _output(call, call_id, await call_tool(invocation, self._mode, pieces, self._max_chars))
        finally:
            scope.open = False
            current_scope.reset(token)

    async def _begin(self, slot: _Slot) -> None:
        """Say that the tool begins; with a journal, when that is stored."""
        slot.begun = True
        if slot.entry.started:
            return
        start = ToolStart(id=slot.call_id, call_id=slot.call_id, name=slot.call.name)
        put = functools.partial(self._channel.put, Emitted((), start))
        await (put() if self._ledger is None else self._ledger.announce(start, put))


@attrs.define(kw_only=True, eq=False)
class _Slot:
    """One call of the turn, and its place in the line."""

    call: ToolCallBlock
    call_id: str
    tool: Tool | None
    previous: asyncio.Event
    waits_for: asyncio.Event | None
    leaves: asyncio.Event | None
    shown: asyncio.Event = attrs.field(factory=asyncio.Event)
    entry: Entry
    begun: bool = False


def _output(call: ToolCallBlock, call_id: str, output: Any, *, is_error: bool = False) -> ToolOutputDone:
    return ToolOutputDone(id=call_id, call_id=call_id, name=call.name, output=output, is_error=is_error)


def _set_event() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event
