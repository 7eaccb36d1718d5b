"""``Completion``: one model response, the fold of its events."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from lamella._frozen import Wire
from lamella.content import ReasoningBlock, TextBlock, ToolCallBlock
from lamella.events import AttemptRollback, Event, ResponseDone, StopReason
from lamella.losses import Loss
from lamella.messages import Message
from lamella.models.assemble import ResponseAssembler
from lamella.response import ResponseFold
from lamella.usage import TokenUsage, add_usage

__all__ = ["Completion", "fold_response"]


@attrs.frozen(kw_only=True)
class Completion:
    """What a model answered.

    ``content`` is the visible text, ``message`` the whole answer as a message (``None`` when the
    model said nothing), ``usage`` what all attempts cost. ``stop_reason`` is ``None`` when the
    response broke off.
    """

    id: str | None = None
    model: str | None = None
    provider: str | None = None
    content: str = ""
    tool_calls: tuple[ToolCallBlock, ...] = ()
    stop_reason: StopReason | None = None
    raw_stop_reason: str | None = None
    usage: TokenUsage | None = None
    reasoning: tuple[ReasoningBlock, ...] = ()
    message: Message | None = None
    losses: tuple[Loss, ...] = ()

    @property
    def raw(self) -> Wire | None:
        """The provider's payloads."""
        return None if self.message is None else self.message.raw


def fold_response(events: Iterable[Event]) -> Completion:
    """The completion of one response's events, complete or cut."""
    assembler = ResponseAssembler()
    folding = ResponseFold()
    done: ResponseDone | None = None
    spent: TokenUsage | None = None
    current: TokenUsage | None = None
    for event in events:
        current = event.token_usage or current
        if isinstance(event, AttemptRollback):
            folding, assembler = ResponseFold(), ResponseAssembler()
            spent, current = add_usage(spent, event.token_usage), None
        elif isinstance(event, ResponseDone):
            done = event
        for settled in assembler.feed(event):
            folding.feed(settled)
    for settled in assembler.abort():
        folding.feed(settled)
    return _completion(folding, done, add_usage(spent, done.token_usage if done is not None else current))


def _completion(folding: ResponseFold, done: ResponseDone | None, usage: TokenUsage | None) -> Completion:
    blocks = folding.blocks
    message = folding.message(done)
    completion = Completion(
        content="".join(block.text for block in blocks if isinstance(block, TextBlock)),
        tool_calls=tuple(block for block in blocks if isinstance(block, ToolCallBlock)),
        usage=usage,
        reasoning=tuple(block for block in blocks if isinstance(block, ReasoningBlock)),
        message=message,
    )
    if done is None:
        return completion
    return attrs.evolve(
        completion,
        id=done.response_id,
        model=done.model,
        provider=done.provider,
        stop_reason=done.stop_reason,
        raw_stop_reason=done.raw_stop_reason,
        losses=done.losses,
    )
