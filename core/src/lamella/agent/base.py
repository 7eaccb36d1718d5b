"""``BaseAgent``: whatever can be run like an agent, and the four ways to run it.

A model with tools, several agents as layers, or a plain function: what is behind it is said by
``prepare``, and everything else (sinks, approvals, envelopes, the end of a run) is the same for all.
"""

from __future__ import annotations

import abc
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol

from lamella._frozen import EMPTY
from lamella.events import RunStreamEvent, StopReason
from lamella.models.inputs import Input, ParsedInput
from lamella.runs import AgentRun, Out_co, RunResult
from lamella.tools import Emitted, Tool

if TYPE_CHECKING:
    from lamella.agent.fanout import SlowSinkPolicy
    from lamella.agent.functional import Emit
    from lamella.agent.journal import Journal
    from lamella.agent.scope import RunScope
    from lamella.agent.stream import AgentStream, SyncAgentStream
    from lamella.config import Project
    from lamella.models.model import Model
    from lamella.specs import Sink
    from lamella.tools import ApprovalPolicy

__all__ = ["BaseAgent", "Ready", "Turns"]


class Turns(Protocol):
    """An agent at work on one input. After ``events()`` is exhausted, the rest stands."""

    @property
    def output(self) -> str:
        """The answer as text."""

    @property
    def result(self) -> Any:
        """The answer as JSON, where it is more than text."""

    @property
    def stop_reason(self) -> StopReason:
        """Why it ended."""

    def events(self) -> AsyncGenerator[Emitted, None]:
        """The events, with paths relative to this agent. The first and last of a run are not among them."""


class Ready(Protocol):
    """An agent with everything open that it needs."""

    def facts(self) -> dict[str, Any]:
        """What ``stream.start`` and ``agent.start`` say of it: kind, agent, provider, model, settings, instruction."""

    def turns(self, given: ParsedInput) -> Turns:
        """The work on one input."""


class BaseAgent(abc.ABC, Generic[Out_co]):
    """What runs like an agent. Write ``prepare``, and give the attributes; ``Agent`` and the layers do."""

    __slots__ = ()

    name: str | None
    description: str | None
    approve: ApprovalPolicy | None
    approval_timeout: float
    sinks: Sequence[Sink]
    slow_sinks: SlowSinkPolicy
    project: Project | None
    journal: Journal | str | Literal[False] | None = None
    meta: Mapping[str, Any] = EMPTY

    @abc.abstractmethod
    async def prepare(self, scope: RunScope, stack: AsyncExitStack) -> Ready:
        """Build and open what a run needs; ``stack`` closes it when the run ends."""

    def run(self, messages: Input, runtime_context: Mapping[str, Any] | None = None) -> RunResult[Out_co]:
        """Run to the end and return the result.

        :param messages: text, a template, messages, or provider-native dicts; never changed.
        :param runtime_context: values that tools see through ``ToolRuntime`` and the model never does.
        :raises LamellaError: the run failed; ``partial`` is the ``RunResult`` so far.
        """
        from lamella.agent.run import start
        from lamella.agent.stream import collect
        from lamella.sync import run

        return run(collect(start(self, messages, runtime_context, "run_sync")))

    async def arun(
        self,
        messages: Input,
        runtime_context: Mapping[str, Any] | None = None,
        *,
        emit: Callable[[RunStreamEvent], Awaitable[None]] | None = None,
    ) -> RunResult[Out_co]:
        """:meth:`run`, asynchronously; ``emit`` is awaited for each event before the next is made."""
        from lamella.agent.run import start
        from lamella.agent.stream import collect

        return await collect(start(self, messages, runtime_context, "run_async"), emit)

    def stream(
        self, messages: Input, runtime_context: Mapping[str, Any] | None = None
    ) -> SyncAgentStream[Out_co]:
        """Iterate the events of a run. Leaving the loop early cancels the run and closes its connections.

        A failed run yields ``stream.error`` and then raises the error.
        """
        from lamella.agent.run import start
        from lamella.agent.stream import SyncAgentStream

        return SyncAgentStream(start(self, messages, runtime_context, "stream_sync"))

    def astream(
        self, messages: Input, runtime_context: Mapping[str, Any] | None = None
    ) -> AgentStream[Out_co]:
        """:meth:`stream`, asynchronously: ``async for event in agent.astream(…)``."""
        from lamella.agent.run import start

        return start(self, messages, runtime_context, "stream_async")

    async def __call__(self, model: Model, emit: Emit, prev_runs: list[AgentRun]) -> AgentRun:
        """The functional form: run on ``model`` after ``prev_runs``, hand each event to ``emit``."""
        from lamella.agent.functional import run_as_function

        return await run_as_function(self, model, emit, prev_runs)

    def on(self, model: Model) -> BaseAgent:
        """This agent on ``model``; of layers, their unbound parts. Itself where there is nothing to put on it."""
        return self

    def as_tool(self, name: str | None = None, description: str | None = None) -> Tool:
        """This agent as a tool of another: it takes a ``prompt`` and answers with its output.

        :raises AgentInputError: neither the agent nor the call gives a name.
        """
        from lamella.agent.nested import agent_tool

        return agent_tool(self, name or self.name, description or self.description)
