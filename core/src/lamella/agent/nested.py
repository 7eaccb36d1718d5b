"""An agent as a tool of another: its events stream live under its own path, its run nests in the tree."""

from __future__ import annotations

from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING

from lamella.agent.scope import RunScope
from lamella.errors import AgentInputError, LamellaError
from lamella.events import AgentEnd, AgentStart, Event
from lamella.messages import Message
from lamella.models.inputs import ParsedInput
from lamella.tools import Channel, Emitted, Tool, current_channel

if TYPE_CHECKING:
    from lamella.agent.agent import Agent
    from lamella.agent.prepare import Prepared

__all__ = ["agent_tool"]


def agent_tool(agent: Agent, name: str | None, description: str | None) -> Tool:
    """The tool that runs ``agent`` on a ``prompt``.

    :raises AgentInputError: without a name.
    """
    if not name:
        raise AgentInputError("an agent that is used as a tool needs a name: Agent(…, name='researcher')")

    async def ask(prompt: str) -> str:
        channel = current_channel()
        scope = None if channel is None else channel.scope
        if channel is None or not isinstance(scope, RunScope):
            return (await agent.arun(prompt)).output
        return await _Nested(agent, scope.child(name), channel).run(prompt)

    return Tool(
        coroutine=ask,
        name=name,
        description=description or f"Ask the agent {name}; give it everything it needs to know in the prompt.",
    )


class _Nested:
    """One call of an agent by another."""

    def __init__(self, agent: Agent, scope: RunScope, channel: Channel) -> None:
        self._agent = agent
        self._scope = scope
        self._channel = channel

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
            await self._send(
                AgentEnd(agent=self._agent.name, output=turns.output, stop_reason=turns.stop_reason)
            )
            return turns.output

    def _start(self, prepared: Prepared, given: ParsedInput) -> AgentStart:
        return AgentStart(
            agent=self._agent.name,
            provider=prepared.model.provider,
            model=prepared.model.model,
            settings=prepared.model.settings,
            system_instruction=self._agent.system_instruction,
            call_id=self._channel.call_id,
            input=given.messages,
        )

    async def _fail(self, error: Exception) -> None:
        assembler = self._scope.state.open.pop(self._scope.path, None)
        for event in () if assembler is None else assembler.abort():
            await self._send(event)
        code = error.error_code.value if isinstance(error, LamellaError) else "unknown"
        usage = getattr(getattr(error, "partial", None), "usage", None)
        await self._send(
            AgentEnd(
                agent=self._agent.name,
                stop_reason="other",
                error=str(error),
                code=code,
                token_usage=usage,
            )
        )

    async def _send(self, event: Event, path: tuple[str, ...] = ()) -> None:
        await self._channel.send(Emitted(path=(self._scope.path[-1], *path), event=event))
