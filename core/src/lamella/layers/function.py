"""``FunctionAgent``: any ``async (model, emit, prev_runs) -> AgentRun`` with the face of an agent.

While the function runs, agents that it calls are parts of it: their events stream under its path. What it
returns without having emitted it is told afterwards, so that the run is its events.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import attrs

from lamella.agent.emitter import Emitter
from lamella.agent.functional import AgentFunction, FunctionCall, NoModel, current_function
from lamella.agent.scope import RunScope
from lamella.errors import AgentExecutionError, AgentInputError
from lamella.events import RunStreamEvent
from lamella.excerpts import last_output
from lamella.layers.layer import Layer
from lamella.layers.stage import Stage
from lamella.layers.telling import told
from lamella.runs import AgentRun, ExtractionRun
from lamella.tools import Emitted
from lamella.tools.channel import Channel

__all__ = ["FunctionAgent"]


@attrs.frozen(kw_only=True, eq=False)
class FunctionAgent(Layer):
    """A function that is an agent. Its name is the function's unless it has another."""

    function: AgentFunction

    def __attrs_post_init__(self) -> None:
        if self.name is None:
            name = getattr(self.function, "__name__", type(self.function).__name__)
            object.__setattr__(self, "name", name)

    def facts(self, scope: RunScope) -> dict[str, Any]:
        """With the model that the function is given; what its run is shows when it is over."""
        facts: dict[str, Any] = {"kind": "messages", "agent": self.name}
        if scope.model is not None:
            facts |= {"provider": scope.model.provider, "model": scope.model.model}
            facts |= {"settings": scope.model.settings}
        return facts

    async def work(self, stage: Stage) -> AsyncGenerator[Emitted, None]:
        """Call the function; let through what it emits, and tell what it made by itself."""
        if stage.given.native is not None:
            raise AgentInputError(
                f"the functional agent {self.name} takes messages, not a provider's own dicts; give Message objects"
            )
        channel = Channel()
        call = FunctionCall(scope=stage.scope, emitter=Emitter(stage.scope.state.run_id))
        task = asyncio.create_task(self._called(stage, call, channel))
        try:
            while (item := await channel.get()) is not None:
                yield item
            run = await task
        finally:
            channel.close()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        delegated = any(run is other or run == other for other in call.runs)
        if not delegated:
            for item in told(run, call.runs, stage.scope):
                yield item
        stage.runs.extend(call.runs)
        stage.kind = "chain" if delegated else run.type  # type: ignore[assignment]  # the tags are the kinds
        stage.output = last_output([run])
        stage.result = run.result if isinstance(run, ExtractionRun) else None

    async def _called(self, stage: Stage, call: FunctionCall, channel: Channel) -> AgentRun:
        async def emit(envelope: RunStreamEvent) -> None:
            if (intents := stage.scope.state.intents) is not None:
                intents.passing(envelope.event)
            await channel.put(Emitted(envelope.path, envelope.event))

        current_function.set(call)  # of this task alone
        try:
            run: object = await self.function(stage.scope.model or NoModel(), emit, stage.prev_runs)
        finally:
            channel.end()
        if not isinstance(run, AgentRun):
            raise AgentExecutionError(
                f"the functional agent {self.name} must return an AgentRun, got {type(run).__name__}"
            )
        return run
