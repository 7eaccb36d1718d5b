"""``Seat``: an agent as a conversation runs it: its runs name the conversation, and the store gets them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

from lamella.agent.base import BaseAgent, Ready, Turns
from lamella.agent.scope import RunScope
from lamella.models.inputs import ParsedInput
from lamella.runs import Out_co
from lamella.specs import Sink

__all__ = ["Seat"]


class Seat(BaseAgent[Out_co]):
    """The agent, with a sink more, and the conversation's id in ``stream.start``."""

    def __init__(self, agent: BaseAgent[Out_co], conversation: str, sinks: Sequence[Sink]) -> None:
        self.name = agent.name
        self.description = agent.description
        self.approve = agent.approve
        self.approval_timeout = agent.approval_timeout
        self.slow_sinks = agent.slow_sinks
        self.project = agent.project
        self.journal = agent.journal
        self.meta = agent.meta
        self.sinks = (*agent.sinks, *(sink for sink in sinks if not _among(sink, agent.sinks)))
        self._agent = agent
        self._conversation = conversation

    async def prepare(self, scope: RunScope, stack: AsyncExitStack) -> Ready:
        """What the agent needs, told that it is in a conversation."""
        return _Seated(await self._agent.prepare(scope, stack), self._conversation)


def _among(sink: Sink, sinks: Sequence[Sink]) -> bool:
    return any(sink is other for other in sinks)


class _Seated:
    """What the agent made ready, with the id of the conversation among its facts."""

    def __init__(self, ready: Ready, conversation: str) -> None:
        self._ready = ready
        self._conversation = conversation

    def facts(self) -> dict[str, Any]:
        """What ``stream.start`` says."""
        return {**self._ready.facts(), "conversation": self._conversation}

    def turns(self, given: ParsedInput) -> Turns:
        """The agent's work."""
        return self._ready.turns(given)
