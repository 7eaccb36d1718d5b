"""``Stage``: a layer at work on one input; it runs the layer's parts and lets their events through."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, Literal, TypeAlias

import attrs

from lamella.agent.base import BaseAgent
from lamella.agent.child import Child
from lamella.agent.scope import RunScope
from lamella.errors import LamellaError
from lamella.events import RunKind, StopReason
from lamella.models.inputs import Input, ParsedInput, parse_input
from lamella.runs import NO_VALUE, AgentRun, MessagesRun
from lamella.tools import Emitted
from lamella.tools.channel import Channel

__all__ = ["OnError", "Stage"]

OnError: TypeAlias = Literal["cancel", "collect"]
"""What a failing part does to those beside it: they are cancelled, or the failure is collected and they go on."""


@attrs.define(kw_only=True, eq=False)
class Stage:
    """What a layer has while it works. It sets ``output``, ``result`` and ``stop_reason``."""

    scope: RunScope
    given: ParsedInput
    runs: list[AgentRun] = attrs.field(factory=list, init=False)
    """The runs of its parts so far, in the order in which they were begun."""

    output: str = attrs.field(default="", init=False)
    result: Any = attrs.field(default=None, init=False)
    value: Any = attrs.field(default=NO_VALUE, init=False)
    stop_reason: StopReason = attrs.field(default="end_turn", init=False)
    kind: RunKind | None = attrs.field(default=None, init=False)

    @property
    def prev_runs(self) -> list[AgentRun]:
        """What was there before: the layer's input as a run, and the runs of its parts so far."""
        return [*self.scope.prev_runs, *self.asked, *self.runs]

    @property
    def asked(self) -> list[AgentRun]:
        """The input as a run; none where what ran before already says it."""
        return [] if self.scope.prev_runs else [MessagesRun(messages=self.given.messages)]

    def part(self, agent: BaseAgent, given: Input | ParsedInput, *, name: str | None = None) -> Child:
        """A part, ready to run.

        :param name: what it is called in paths where it has no name of its own.
        :raises AgentExecutionError: layers are nested too deep.
        """
        parsed = given if isinstance(given, ParsedInput) else parse_input(given)
        scope = self.scope.child(agent.name or name or "agent", prev_runs=tuple(self.prev_runs))
        return Child(agent, scope, parsed)

    async def play(self, part: Child) -> AsyncGenerator[Emitted, None]:
        """Run one part to its end.

        :raises LamellaError: it failed.
        """
        async with aclosing(part.events()) as events:
            async for event in events:
                yield event
        self.runs.append(part.run)

    async def together(
        self, parts: Sequence[Child], *, on_error: OnError, limit: int | None = None
    ) -> AsyncGenerator[Emitted, None]:
        """Run parts side by side; their events come as they happen.

        :param limit: how many may run at once, ``None`` for all.
        :raises LamellaError: the first failure, with ``on_error="cancel"``; never a group.
        """
        channel = Channel()
        room = asyncio.Semaphore(limit or max(1, len(parts)))
        tasks = [asyncio.create_task(_run(part, channel, room)) for part in parts]
        watching = asyncio.create_task(_watch(tasks, channel, stop_early=on_error == "cancel"))
        try:
            while (event := await channel.get()) is not None:
                yield event
            await watching
        finally:
            await _stop([*tasks, watching], channel)
        for part, task in zip(parts, tasks, strict=True):
            if task.cancelled():
                for event in part.cancelled():
                    yield event
        self.runs.extend(part.run for part in parts if part.begun)
        failures = [part.error for part in parts if part.error is not None]
        if failures and on_error == "cancel":
            raise failures[0]


async def _run(part: Child, channel: Channel, room: asyncio.Semaphore) -> None:
    async with room, aclosing(part.events()) as events:
        async for event in events:
            await channel.put(event)


async def _watch(tasks: Sequence[asyncio.Task[None]], channel: Channel, *, stop_early: bool) -> None:
    """Wait for the parts, and end the channel behind the last."""
    waiting = set(tasks)
    while waiting:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        failed = any(not task.cancelled() and task.exception() is not None for task in done)
        if failed and stop_early:
            for task in waiting:
                task.cancel()
    for task in tasks:
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, LamellaError):
            channel.end()
            raise error  # nothing that a part does: a fault of this module, or the end of the process
    channel.end()


async def _stop(tasks: Sequence[asyncio.Task[None]], channel: Channel) -> None:
    """Nobody listens any more: end what still runs."""
    channel.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
