"""A stored run in words: who asked what of whom, what was said and done, what it used, how it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Final

from lamella._json import dumps
from lamella.content import Block, ReasoningBlock, TextBlock, ToolCallBlock, ToolOutputBlock
from lamella.events import RunStreamEvent
from lamella.fold import fold
from lamella.messages import Message
from lamella.runs import AgentRun, RunResult
from lamella.serial import to_dict
from lamella_console.plain import cut, describe_media, describe_output, printable
from lamella_console.summary import Tally, describe_cost, describe_usage

__all__ = ["event_lines", "report_lines"]

_OUTPUT_WIDTH: Final = 2000
_EVENT_WIDTH: Final = 160
_ENVELOPE_PARTS: Final = ("type", "raw_event", "token_usage", "raw", "input")


def report_lines(events: Sequence[RunStreamEvent], draw: Callable[[Block], str]) -> Iterator[str]:
    """The run as people read it.

    :param draw: the text that draws a block in this terminal, or "".
    """
    result = fold(events)
    for name, value in _facts(result, events):
        yield f"{name:<9} {printable(value)}"
    for message in (*result.input, *result.messages):
        yield ""
        yield from _message_lines(message, draw)
    if cut_off := _cut_off(result, events):
        yield ""
        yield from _message_lines(Message.assistant(cut_off), draw)
    nested = list(_nested(result.run, 0))
    if nested:
        yield from ("", "agents:", *nested)


def _cut_off(result: RunResult, events: Sequence[RunStreamEvent]) -> str:
    """What the model of an interrupted run had said of a response that no message was made of."""
    if result.status != "interrupted":
        return ""
    said = next(envelope.output for envelope in reversed(events) if not envelope.path)
    kept = "".join(message.text for message in result.messages if message.role == "assistant")
    return said.removeprefix(kept) if said.startswith(kept) else ""


def _facts(result: RunResult, events: Sequence[RunStreamEvent]) -> Iterator[tuple[str, str]]:
    run = result.run
    stopped = f" ({result.stop_reason})" if result.stop_reason else ""
    yield "run", result.run_id
    yield "status", f"{result.status}{stopped}"
    if result.error is not None:
        yield "error", f"{result.error.message} [{result.error.code}]"
    if run.agent:
        yield "agent", run.agent
    yield "model", ":".join(filter(None, (run.provider, run.model))) or "unknown"
    if result.started_at is not None:
        yield "started", f"{datetime.fromtimestamp(result.started_at):%Y-%m-%d %H:%M:%S}"
    if result.timing.duration is not None:
        yield "time", f"{result.timing.duration:.1f} s"
    yield "tokens", describe_usage(result.token_usage)
    yield "cost", _cost(events)
    for loss in result.losses:
        yield "loss", str(loss)
    yield "events", str(len(events))


def _cost(events: Sequence[RunStreamEvent]) -> str:
    tally = Tally()
    for envelope in events:
        tally.feed(envelope.path, envelope.event)
    amount = tally.cost()
    if tally.simulated:
        return (
            "none, it was simulated"
            if amount is None
            else f"{describe_cost(amount)}, simulated: nothing was billed"
        )
    return "unknown" if amount is None else describe_cost(amount)


def _message_lines(message: Message, draw: Callable[[Block], str]) -> Iterator[str]:
    for block in message.content:
        who = "tool" if isinstance(block, ToolOutputBlock) else message.role
        lines = printable(_block_text(block)).split("\n")
        yield f"{who + ':':<10} {lines[0]}".rstrip()
        for line in lines[1:]:
            yield f"{'':<10} {line}".rstrip()
        output = block.output if isinstance(block, ToolOutputBlock) else ()
        yield from filter(None, map(draw, (block, *(output if isinstance(output, tuple) else ()))))


def _block_text(block: Block) -> str:
    if isinstance(block, TextBlock):
        return block.text
    if isinstance(block, ReasoningBlock):
        text = "\n".join(filter(None, (block.summary, block.text)))
        return f"(thinking) {text or 'withheld'}"
    if isinstance(block, ToolCallBlock):
        return f"{block.name}({block.arguments_json})"
    if isinstance(block, ToolOutputBlock):
        failed = " failed:" if block.is_error else ":"
        return f"{block.name or block.call_id}{failed} {cut(describe_output(block.output), _OUTPUT_WIDTH)}"
    return describe_media(block)


def _nested(run: AgentRun, depth: int) -> Iterator[str]:
    for child in run.children:
        model = ":".join(filter(None, (child.provider, child.model)))
        name = printable(child.agent or "agent")
        on = f" on {model}" if model else ""
        yield f"{'  ' * (depth + 1)}{name}{on}: {describe_usage(child.token_usage)}"
        yield from _nested(child, depth + 1)


def event_lines(events: Sequence[RunStreamEvent]) -> Iterator[str]:
    """One line for each event: number, seconds since the start, agent, type, and what it says."""
    for envelope in events:
        said = {name: value for name, value in to_dict(envelope.event).items() if name not in _ENVELOPE_PARTS}
        where = f"[{' > '.join(envelope.path)}] " if envelope.path else ""
        words = cut(dumps(said), _EVENT_WIDTH) if said else ""
        yield printable(
            f"{envelope.seq:>5} {envelope.at - envelope.start_time:>8.3f} {where}{envelope.type} {words}".rstrip()
        )
