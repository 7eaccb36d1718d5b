"""A run that is there as messages, told as events: what a functional agent made by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from lamella.agent.scope import RunScope
from lamella.content import MediaContent, ReasoningBlock, TextBlock, ToolCallBlock
from lamella.events import (
    AgentEnd,
    AgentStart,
    Event,
    MediaOutputDone,
    MessageOutputDone,
    OtherEvent,
    ReasoningDone,
    ResponseDone,
    ToolCallDone,
    ToolOutputDone,
)
from lamella.excerpts import last_output
from lamella.messages import Message
from lamella.runs import AgentRun, ExtractionRun, MessagesRun
from lamella.tools import Emitted

__all__ = ["told"]


def told(run: AgentRun, known: Sequence[AgentRun], scope: RunScope) -> Iterator[Emitted]:
    """The events of a run, without those of the parts that are ``known`` from events.

    :param scope: the place of the run itself.
    """
    if isinstance(run, MessagesRun | ExtractionRun):
        for message in run.messages:
            yield from (Emitted((), event) for event in _of_message(message))
    for child in run.children:
        if not any(child is other or child == other for other in known):
            yield from _below(child, known, scope.child(child.agent or "agent"))


def _below(run: AgentRun, known: Sequence[AgentRun], scope: RunScope) -> Iterator[Emitted]:
    name = scope.path[-1]
    yield Emitted(
        (name,),
        AgentStart(
            kind=run.type,  # type: ignore[arg-type]  # the tag of each class is one of the kinds
            agent=run.agent,
            provider=run.provider,
            model=run.model,
            settings=run.settings or {},
        ),
    )
    for item in told(run, known, scope):
        yield attrs.evolve(item, path=(name, *item.path))
    result = run.result if isinstance(run, ExtractionRun) else None
    yield Emitted((name,), AgentEnd(agent=run.agent, output=last_output([run]), result=result))


def _of_message(message: Message) -> Iterator[Event]:
    if message.role == "user":
        for output in message.tool_outputs:
            yield ToolOutputDone(
                id=output.call_id,
                call_id=output.call_id,
                name=output.name or "",
                output=output.output,
                is_error=output.is_error,
            )
        return
    if message.role == "assistant":
        yield from map(_of_block, message.content)
        yield ResponseDone(
            stop_reason="tool_use" if message.tool_calls else "end_turn", token_usage=message.usage
        )


def _of_block(block: Any) -> Event:
    match block:
        case TextBlock():
            return MessageOutputDone(
                output=block.text, annotations=block.annotations, logprobs=block.logprobs, opaque=block.opaque
            )
        case ReasoningBlock():
            fields = attrs.asdict(block, recurse=False)
            return ReasoningDone(**{name: fields[name] for name in _REASONING})
        case ToolCallBlock():
            return ToolCallDone(
                call_id=block.call_id,
                name=block.name,
                arguments_json=block.arguments_json,
                opaque=block.opaque,
            )
        case MediaContent():
            return MediaOutputDone(media=block)
    return OtherEvent(name=block.type, block=block)


_REASONING = (
    "summary", "text", "signature", "reasoning_id", "redacted", "provider", "provider_meta", "opaque",
)  # fmt: skip
