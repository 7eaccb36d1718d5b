"""One call of a tool on the command line, from the opening of its source to an exit code."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import attrs
import click

from lamella.content import MediaContent, OpaqueContent, TextBlock, ToolCallBlock
from lamella.errors import AgentToolCallError, ConfigError, ErrorCode
from lamella.events import ApprovalPending, ProgressStart, ProgressUpdate, ToolOutputDone
from lamella.tools import Approvals, Tool, run_calls
from lamella_cli.approving import ApprovalMode, Approver
from lamella_cli.exits import Exit
from lamella_cli.interrupts import Interrupts
from lamella_cli.opening import one_tool, opened
from lamella_cli.output import error_line, notice, write_json
from lamella_cli.saving import MadeMedia, save_media
from lamella_cli.tool_arguments import read_pairs
from lamella_console.plain import describe_media, printable

if TYPE_CHECKING:
    from lamella.config import Project
    from lamella.specs import ToolSource

__all__ = ["Call", "call"]


@attrs.frozen(kw_only=True)
class Call:
    """The arguments of ``lamella tools call``. ``save_media`` is the folder for media in the result."""

    source: str
    tool: str
    pairs: Sequence[str] = ()
    json: str | None = None
    approve: ApprovalMode = "ask"
    save_media: Path | None = None


async def call(asked: Call, source: ToolSource, project: Project, output: TextIO) -> Exit:
    """Open the source, call the tool, print the result on ``output``; the source is closed whatever happens.

    :raises LamellaError: the source cannot be opened, or has no such tool.
    :raises click.UsageError: the arguments do not fit; the tool was not called.
    """
    with Interrupts() as interrupts:
        try:
            async with opened(source, project) as tools:
                tool = one_tool(tools, asked.tool, asked.source)
                done = await _called(tool, _arguments(asked, tool), Approver(asked.approve, yes="--yes"))
        except asyncio.CancelledError:
            if interrupts.received is None:
                raise
            interrupts.settle()
            notice("interrupted")
            return interrupts.received
    return _show(done, asked, output)


def _arguments(asked: Call, tool: Tool) -> ToolCallBlock:
    arguments = read_pairs(asked.pairs, asked.json, tool.input_schema)
    made = ToolCallBlock(call_id="call", name=tool.name, arguments=arguments)
    try:
        tool.check(made)
    except AgentToolCallError as error:
        raise click.UsageError(f"{error.message} (lamella tools show {asked.source}.{tool.name})") from error
    return made


async def _called(tool: Tool, block: ToolCallBlock, approver: Approver) -> ToolOutputDone:
    approvals = Approvals()
    running = run_calls([block], {tool.name: tool}, runtime_context={}, mode="run_async", approvals=approvals)
    done: ToolOutputDone | None = None
    try:
        async with aclosing(running):
            async for item in running:
                event = item.event
                if isinstance(event, ApprovalPending):
                    approver.answer(approvals, event)
                elif isinstance(event, ToolOutputDone):
                    done = event
                else:
                    _progress(event)
    finally:
        approver.close()
    if done is None:
        raise ConfigError(
            f"the call of {tool.name} ended without an output; a plugin that wraps tools took it"
        )
    return done


def _progress(event: Any) -> None:
    """Say what a tool says it is doing; the pieces of its output come in the result."""
    if isinstance(event, ProgressStart | ProgressUpdate) and event.details:
        part = getattr(event, "fraction", None)
        notice(printable(event.details if part is None else f"{event.details} ({part:.0%})"))


def _show(done: ToolOutputDone, asked: Call, output: TextIO) -> Exit:
    """The result alone on standard output: text as it is, anything else as JSON; media become files."""
    if done.is_error:
        error_line(printable(str(done.output)), ErrorCode.TOOL_EXECUTION_FAILED.value)
        return Exit.FAILED
    if not isinstance(done.output, tuple):
        _print(done.output, output)
        return Exit.OK
    for block in done.output:
        if isinstance(block, TextBlock):
            _print(block.text, output)
    media = [block for block in done.output if isinstance(block, MediaContent | OpaqueContent)]
    return _save(media, asked)


def _print(value: Any, output: TextIO) -> None:
    if isinstance(value, str):
        # A tool's text must not steer the terminal.
        output.write(f"{printable(value) if output.isatty() else value}\n")
    else:
        write_json(value, file=output)


def _save(media: Sequence[MediaContent | OpaqueContent], asked: Call) -> Exit:
    if asked.save_media is None:
        for each in media:
            notice(describe_media(each))
        return Exit.OK
    failure = save_media(
        MadeMedia.of(asked.tool, media), asked.save_media, "give another folder: --save-media DIR"
    )
    if failure is None:
        return Exit.OK
    error_line(failure.message, failure.error_code.value)
    return Exit.FAILED
