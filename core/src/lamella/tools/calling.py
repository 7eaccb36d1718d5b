"""One call of a tool: through its wrappers to its function, within its time, back as an output."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

from lamella.errors import AgentToolExecutionError, ToolTimeoutError
from lamella.events import ProgressUpdate
from lamella.tools.channel import aemit, emit
from lamella.tools.invocation import Proceed, ToolInvocation, ToolWrapper
from lamella.tools.limits import limited
from lamella.tools.results import check_result, normalise_result
from lamella.tools.threads import in_thread
from lamella.tools.tool import ExecutionMode, RunMode, Tool

__all__ = ["Pieces", "call_tool"]


class Pieces(list[str]):
    """What a tool that gives its output in pieces has given so far."""


async def call_tool(call: ToolInvocation, mode: RunMode, pieces: Pieces, max_chars: int | None) -> Any:
    """The output of a call that may run: text, JSON, or a tuple of blocks, within the tool's limits.

    :param pieces: takes what comes before the end, for whoever has to tell of a failure.
    :param max_chars: the limit of tools that have none of their own.
    :raises Exception: whatever the function or a wrapper raised.
    """
    tool = call.tool
    proceed: Proceed = functools.partial(_function, mode=mode, pieces=pieces)
    for wrapper in reversed(tool.wrappers):
        proceed = functools.partial(_through, wrapper, proceed)
    output = await proceed(call)
    if tool.wrappers:  # which may have put anything in its place
        output = _settled(output, tool)
    limit = max_chars if tool.max_output_chars is None else tool.max_output_chars
    return limited(output, tool.name, limit, tool.max_output_bytes)


async def _through(wrapper: ToolWrapper, proceed: Proceed, call: ToolInvocation) -> Any:
    return await wrapper(call, proceed)


async def _function(call: ToolInvocation, *, mode: RunMode, pieces: Pieces) -> Any:
    """The end of the way: the function itself."""
    tool = call.tool
    pieces.clear()  # of an attempt before
    function, execution = tool.callable_for(mode)
    args, kwargs = tool.bind(call.arguments, call.runtime)
    running = functools.partial(function, *args, **kwargs)
    if tool.timeout is None:
        return _settled(await _called(running, execution, tool.name, pieces), tool)
    try:
        async with asyncio.timeout(tool.timeout) as deadline:
            return _settled(await _called(running, execution, tool.name, pieces), tool)
    except TimeoutError as error:
        if not deadline.expired():
            raise
        raise ToolTimeoutError(
            f"tool {tool.name} did not finish within {tool.timeout:g} s", cause=error
        ) from error


def _settled(value: Any, tool: Tool) -> Any:
    output = normalise_result(value, tool.name)
    check_result(output, tool.output_schema, tool.name)
    return output


async def _called(running: Callable[[], Any], execution: ExecutionMode, name: str, pieces: Pieces) -> Any:
    if execution == "sync":
        return await in_thread(functools.partial(_run_sync, running, name, pieces), name)
    try:
        made: Any = running()
        return await _drained(made, name, pieces) if inspect.isasyncgen(made) else await made
    except asyncio.CancelledError as error:
        if (task := asyncio.current_task()) is None or task.cancelling():
            raise
        raise AgentToolExecutionError(
            f"tool {name} ended in a CancelledError although nobody cancelled it; "
            "what it awaits was cancelled elsewhere",
            cause=error,
        ) from error


def _run_sync(running: Callable[[], Any], name: str, pieces: Pieces) -> Any:
    """In the tool's thread."""
    result: Any = running()
    if inspect.isgenerator(result):
        return _drained_sync(result, name, pieces)
    if asyncio.iscoroutine(result):
        result.close()
        raise _not_async(name, "a coroutine")
    if inspect.isasyncgen(result):
        raise _not_async(name, "an async generator")
    return result


def _not_async(name: str, what: str) -> AgentToolExecutionError:
    return AgentToolExecutionError(
        f"tool {name} returned {what}; make the function async and pass it as coroutine=…"
    )


async def _drained(stream: Any, name: str, pieces: Pieces) -> str:
    async with contextlib.aclosing(stream):
        async for piece in stream:
            for event in _taken(piece, name, pieces):
                await aemit(event)
    return "".join(pieces)


def _drained_sync(stream: Any, name: str, pieces: Pieces) -> str:
    with contextlib.closing(stream):
        for piece in stream:
            for event in _taken(piece, name, pieces):
                emit(event)
    return "".join(pieces)


def _taken(piece: Any, name: str, pieces: Pieces) -> Iterable[ProgressUpdate]:
    if not isinstance(piece, str):
        raise AgentToolExecutionError(
            f"tool {name} yielded a {type(piece).__name__}; what a tool yields is text, piece by piece"
        )
    pieces.append(piece)
    return [ProgressUpdate(key=name, text=piece)] if piece else []
