"""An agent as a tool of another: its events stream live under its own path, its run nests in the tree."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any, ClassVar

import attrs

from lamella.agent.base import BaseAgent
from lamella.agent.child import Child
from lamella.agent.scope import RunScope
from lamella.errors import AgentInputError
from lamella.messages import Message
from lamella.models.inputs import ParsedInput
from lamella.runs import ExtractionRun
from lamella.tools import Tool, aemit
from lamella.tools.channel import current_scope

__all__ = ["AgentCall", "agent_tool", "bound"]


def agent_tool(agent: BaseAgent, name: str | None, description: str | None) -> Tool:
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

    runs_agent: ClassVar[bool] = True

    agent: BaseAgent
    name: str
    scope: RunScope | None = None

    async def __call__(self, prompt: str) -> Any:
        """Run the agent on a prompt and return its output; the JSON of an agent that answers with a structure."""
        if self.scope is None:
            result = await self.agent.arun(prompt)
            return result.run.result if isinstance(result.run, ExtractionRun) else result.output
        call = current_scope.get()
        logged = call.children.popleft() if call is not None and call.children else None
        path = self.scope.state.new_path(self.scope.path, self.name) if logged is None else logged
        child = Child(
            self.agent,
            self.scope.child(self.name, path=path),
            ParsedInput(messages=(Message.user(prompt),)),
            call_id=None if call is None else call.call_id,
        )
        async with aclosing(child.events()) as events:
            async for item in events:
                await aemit(item.event, path=item.path)
        return child.output if child.result is None else child.result
