"""Runs the calls of one turn by themselves, without an agent; that tools begin is left out of what they show."""

from __future__ import annotations

from typing import Any

from lamella import Tool, ToolCallBlock
from lamella.events import Event, ToolEnd, ToolOutputDone, ToolStart
from lamella.tools import Approvals, run_calls


async def turn(made: Tool, *calls: dict[str, Any], **options: Any) -> list[Event]:
    """The events of a turn in which a tool is called with each of these arguments."""
    settings: dict[str, Any] = {
        "runtime_context": {},
        "mode": "run_async",
        "approvals": Approvals(),
        **options,
    }
    blocks = [
        ToolCallBlock(call_id=f"c{index}", name=made.name, arguments=arguments)
        for index, arguments in enumerate(calls or ({},))
    ]
    running = run_calls(blocks, {made.name: made}, **settings)
    return [item.event async for item in running if not isinstance(item.event, ToolStart | ToolEnd)]


async def done(made: Tool, *calls: dict[str, Any], **options: Any) -> list[ToolOutputDone]:
    """The last events of the calls."""
    return [event for event in await turn(made, *calls, **options) if isinstance(event, ToolOutputDone)]


async def outputs(made: Tool, *calls: dict[str, Any], **options: Any) -> list[Any]:
    """The outputs of the calls, none of which may have failed."""
    ended = await done(made, *calls, **options)
    assert not any(event.is_error for event in ended), [event.output for event in ended]
    return [event.output for event in ended]


async def failed(made: Tool, *calls: dict[str, Any], **options: Any) -> str:
    """The output of the one call, which must have failed."""
    (event,) = await done(made, *calls, **options)
    assert event.is_error, event.output
    return str(event.output)
