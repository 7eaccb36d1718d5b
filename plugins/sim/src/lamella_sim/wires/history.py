"""Collects what a wire lists item by item into messages: what one side says in a row is one message."""

from __future__ import annotations

from lamella.content import Block, ToolOutputBlock
from lamella.messages import Message

__all__ = ["History"]


class History:
    """Messages in the making. Assistant items in a row are one response, outputs in a row one user message."""

    def __init__(self) -> None:
        self._done: list[Message] = []
        self._said: list[Block] = []
        self._outputs: list[ToolOutputBlock] = []

    def assistant(self, *blocks: Block) -> None:
        """Something the model said or called."""
        self._close_outputs()
        self._said.extend(blocks)

    def output(self, block: ToolOutputBlock) -> None:
        """The output of a call."""
        self._close_said()
        self._outputs.append(block)

    def add(self, message: Message) -> None:
        """A whole message of another side."""
        self._close_said()
        self._close_outputs()
        self._done.append(message)

    def messages(self) -> tuple[Message, ...]:
        """All of it."""
        self._close_said()
        self._close_outputs()
        return tuple(self._done)

    def _close_said(self) -> None:
        if self._said:
            self._done.append(Message(role="assistant", content=self._said))
            self._said = []

    def _close_outputs(self) -> None:
        if self._outputs:
            self._done.append(Message(role="user", content=self._outputs))
            self._outputs = []
