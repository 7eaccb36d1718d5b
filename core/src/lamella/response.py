"""One model response, put together from its events: the blocks of its message, and their items."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from lamella.content import Block, ReasoningBlock, ToolCallBlock, ToolOutputBlock
from lamella.events import (
    AgentEnd,
    AttemptRollback,
    Event,
    MediaOutputDone,
    MessageOutputDone,
    OtherEvent,
    ReasoningDone,
    ResponseDone,
    StreamError,
    ToolCallDone,
)
from lamella.messages import Message
from lamella.runs import MessageOutputItem, ReasoningItem, RunItem, ToolCallItem, ToolCallOutputItem
from lamella.usage import TokenUsage

__all__ = ["ResponseFold", "item_of", "spent"]


_SPENDING: Final = frozenset({ResponseDone, AttemptRollback, StreamError, AgentEnd})


def spent(event: Event) -> TokenUsage | None:
    """The usage that an event adds to its run: of a response, a failed attempt, or one that broke off."""
    return event.token_usage if type(event) in _SPENDING else None


class ResponseFold:
    """Collects one model response: its blocks and items, until ``response.done`` makes the message."""

    def __init__(self, turn: int = 0) -> None:
        self.turn = turn
        self.blocks: list[Block] = []
        self.items: list[RunItem] = []

    def copy(self) -> ResponseFold:
        """A collector with the same content."""
        twin = ResponseFold(self.turn)
        twin.blocks, twin.items = list(self.blocks), list(self.items)
        return twin

    def feed(self, event: Event) -> bool:
        """Take an event that completes a block; say whether it was one."""
        make = _BLOCK_MAKERS.get(type(event))
        block = None if make is None else make(event)
        if block is None:
            return False
        self.blocks.append(block)
        self.items.append(item_of(block, event, self.turn))
        return True

    def message(self, done: ResponseDone | None) -> Message | None:
        """The assistant message, ``None`` when the response had no content.

        Without ``response.done`` the message is what had come, marked ``meta["incomplete"]``.
        """
        if not self.blocks:
            return None
        if done is None:
            return Message(role="assistant", content=self.blocks, meta={"incomplete": True})
        raw = done._raw if done._raw is not None else done._raw_event
        return Message(role="assistant", content=self.blocks, usage=done.token_usage, raw=raw)


def _other_block(event: OtherEvent) -> Block | None:
    return event.block


_BLOCK_MAKERS: Final[dict[type[Event], Callable[[Any], Block | None]]] = {
    MessageOutputDone: MessageOutputDone.block,
    ReasoningDone: ReasoningDone.block,
    ToolCallDone: ToolCallDone.block,
    MediaOutputDone: MediaOutputDone.block,
    OtherEvent: _other_block,
}


_ITEMS: Final[Mapping[type[Block], Callable[..., RunItem]]] = {
    ToolCallBlock: ToolCallItem,
    ReasoningBlock: ReasoningItem,
    ToolOutputBlock: ToolCallOutputItem,
}


def item_of(block: Block, event: Event, turn: int) -> RunItem:
    """The item of a completed block."""
    kind: Callable[..., RunItem] = _ITEMS.get(type(block), MessageOutputItem)
    return kind(block=block, id=event.id, turn=turn, raw_item=event._raw_event, token_usage=event.token_usage)
