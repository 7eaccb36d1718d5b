"""The functional form of an agent: any ``async (model, emit, prev_runs) -> AgentRun`` is one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from lamella.errors import AgentInputError
from lamella.events import RunStreamEvent
from lamella.messages import Message
from lamella.models.model import Model
from lamella.runs import AgentRun, ChainRun, ExtractionRun, MessagesRun, ParallelRun

if TYPE_CHECKING:
    from lamella.agent.base import BaseAgent

__all__ = ["AgentFunction", "Emit", "flat_messages", "run_as_function"]

Emit: TypeAlias = Callable[[RunStreamEvent], Awaitable[None]]

AgentFunction: TypeAlias = Callable[[Model, Emit, list[AgentRun]], Awaitable[AgentRun]]


def flat_messages(runs: Sequence[AgentRun]) -> list[Message]:
    """The messages of runs in order; chains and parallel runs are walked, agents called as tools are not."""
    messages: list[Message] = []
    for run in runs:
        if isinstance(run, MessagesRun | ExtractionRun):
            messages.extend(run.messages)
        elif isinstance(run, ChainRun | ParallelRun):
            messages.extend(flat_messages(run.runs))
    return messages


async def run_as_function(
    agent: BaseAgent, model: Model, emit: Emit, prev_runs: Sequence[AgentRun]
) -> AgentRun:
    """Run ``agent`` on ``model``, continuing the messages of ``prev_runs``.

    :raises AgentInputError: the previous runs hold no message.
    """
    messages = flat_messages(prev_runs)
    if not messages:
        raise AgentInputError("an agent needs something to answer: prev_runs hold no message")
    return (await agent.on(model).arun(messages, emit=emit)).run
