"""The functional form of an agent: any ``async (model, emit, prev_runs) -> AgentRun`` is one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeAlias

import attrs

from lamella.agent.child import Child
from lamella.agent.emitter import Emitter
from lamella.errors import AgentInputError
from lamella.events import Event, RunStreamEvent
from lamella.excerpts import flat_messages
from lamella.models.inputs import ParsedInput
from lamella.models.model import Model
from lamella.models.request import ModelRequest
from lamella.runs import AgentRun

if TYPE_CHECKING:
    from lamella.agent.base import BaseAgent
    from lamella.agent.scope import RunScope

__all__ = ["AgentFunction", "Emit", "FunctionCall", "NoModel", "current_function", "run_as_function"]

Emit: TypeAlias = Callable[[RunStreamEvent], Awaitable[None]]

AgentFunction: TypeAlias = Callable[[Model, Emit, list[AgentRun]], Awaitable[AgentRun]]


class NoModel(Model):
    """The model of a functional agent that was given none: agents below it use their own."""

    provider = "none"
    model = "none"

    def stream(self, request: ModelRequest) -> AsyncIterator[Event]:
        """Refuse: there is nobody to ask.

        :raises AgentInputError: always.
        """
        raise AgentInputError(
            "this functional agent has no model: bind one (bind(agent, 'openai', 'gpt-5-nano')), or give one to the "
            "layer around it (model=…)"
        )


@attrs.define
class FunctionCall:
    """A functional agent at work in a run: agents that it calls are parts of it."""

    scope: RunScope
    emitter: Emitter
    runs: list[AgentRun] = attrs.field(factory=list)


current_function: ContextVar[FunctionCall | None] = ContextVar("lamella_function", default=None)


async def run_as_function(
    agent: BaseAgent, model: Model, emit: Emit, prev_runs: Sequence[AgentRun]
) -> AgentRun:
    """Run ``agent`` on ``model``, continuing the messages of ``prev_runs``.

    Below a functional agent it is a part of its run; elsewhere it is a run of its own.

    :raises AgentInputError: the previous runs hold no message.
    """
    messages = flat_messages(prev_runs)
    if not messages:
        raise AgentInputError("an agent needs something to answer: prev_runs hold no message")
    bound = agent if isinstance(model, NoModel) else agent.on(model)
    call = current_function.get()
    if call is None:
        return (await bound.arun(messages, emit=emit)).run
    scope = call.scope.child(agent.name or "agent", prev_runs=tuple(prev_runs))
    part = Child(bound, scope, ParsedInput(messages=tuple(messages)))
    outer = current_function.set(None)  # what the part does is its own business
    try:
        async with aclosing(part.events()) as events:
            async for item in events:
                await emit(call.emitter.wrap(item.event, item.path))
                if scope.state.intents is not None:
                    scope.state.intents.swallowed(item.event)
    finally:
        current_function.reset(outer)
    run = part.run
    call.runs.append(run)
    return run
