"""An agent as a tool of another: its events stream live under its own path, its run nests in the tree."""

from __future__ import annotations

from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING

import attrs

from lamella.agent.scope import RunScope
from lamella.errors import AgentExecutionError, AgentInputError, LamellaError
from lamella.events import AgentEnd, AgentStart, Event
from lamella.messages import Message
from lamella.models.inputs import ParsedInput
from lamella.tools import Tool, aemit
from lamella.tools.channel import current_scope

if TYPE_CHECKING:
    from lamella.agent.agent import Agent
    from lamella.agent.prepare import Prepared

__all__ = ["AgentCall", "agent_tool", "bound"]


def agent_tool(agent: Agent, name: str | None, description: str | None) -> Tool:
    """The tool that runs ``agent`` on a ``prompt``.

    :raises AgentInputError: without a name.
    """
    if not name:
        raise AgentInputError("an agent that is used as a tool needs a name: Agent(…, name='researcher')")
    return Tool(
        coroutine=AgentCall(agent, name),
        name=name,
        description=description
        or f"Ask the agent {name}; give it everything it needs to know in the prompt.",
    )


def bound(tool: Tool, scope: RunScope) -> Tool:
    """The tool for one run: an agent behind it learns where it is called from."""
    call = tool.coroutine
    if isinstance(call, AgentCall):
        return attrs.evolve(tool, coroutine=attrs.evolve(call, scope=scope))
    return tool


@attrs.frozen(eq=False)
class AgentCall:
    """What the tool calls. Without a ``scope`` (outside a run) the agent runs by itself."""

    agent: Agent
    name: str
    scope: RunScope | None = None

    async def __call__(self, prompt: str) -> str:
        """Run the agent on a prompt and return its output."""
        if self.scope is None:
            return (await self.agent.arun(prompt)).output
        return await _Nested(self.agent, self.scope.child(self.name)).run(prompt)


class _Nested:
    """One call of an agent by another."""

    def __init__(self, agent: Agent, scope: RunScope) -> None:
        self._agent = agent
        self._scope = scope

    async def run(self, prompt: str) -> str:
        from lamella.agent.prepare import prepare

        given = ParsedInput(messages=(Message.user(prompt),))
        async with AsyncExitStack() as stack:
            prepared = await prepare(self._agent, self._scope, stack)
            await self._send(self._start(prepared, given))
            turns = prepared.turns(given)
            try:
                async with aclosing(turns.events()) as emitted:
                    async for item in emitted:
                        await self._send(item.event, item.path)
            except Exception as error:
                await self._fail(error)
                raise
            except SystemExit as error:  # of the nested agent, not of the process
                await self._fail(error)
                raise AgentExecutionError("the agent raised SystemExit", cause=error) from error
            await self._send(
                AgentEnd(agent=self._agent.name, output=turns.output, stop_reason=turns.stop_reason)
            )
            return turns.output

    def _start(self, prepared: Prepared, given: ParsedInput) -> AgentStart:
        call = current_scope.get()
        return AgentStart(
            agent=self._agent.name,
            provider=prepared.model.provider,
            model=prepared.model.model,
            settings=prepared.model.settings,
            system_instruction=self._agent.system_instruction,
            call_id=None if call is None else call.call_id,
            input=given.messages,
        )

    async def _fail(self, error: BaseException) -> None:
        assembler = self._scope.state.open.pop(self._scope.path, None)
        for event in () if assembler is None else assembler.abort():
            await self._send(event)
        await self._send(
            AgentEnd(
                agent=self._agent.name,
                stop_reason="other",
                error=str(error),
                code=error.error_code.value if isinstance(error, LamellaError) else "unknown",
                token_usage=getattr(getattr(error, "partial", None), "usage", None),
            )
        )

    async def _send(self, event: Event, path: tuple[str, ...] = ()) -> None:
        await aemit(event, path=(self._scope.path[-1], *path))
