"""What a user's type checker must see. Checked by mypy --strict, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import assert_type

from lamella import (
    Agent,
    Completion,
    Event,
    Message,
    MessageOutputDelta,
    Model,
    ModelRequest,
    ResponseDone,
    RunResult,
    RunStreamEvent,
    TokenUsage,
    Tool,
    fold,
    get_model,
    tool,
)


class Echo(Model):
    provider = "echo"

    async def stream(self, request: ModelRequest) -> AsyncIterator[Event]:
        yield MessageOutputDelta(delta=request.messages[-1].text)
        yield ResponseDone()


@tool
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


@tool(name="sub", timeout=1.0)
def subtract(a: int, b: int) -> int:
    """Subtract."""
    return a - b


agent = Agent(Echo(), tools=[add, subtract], system_instruction="Be brief.")

assert_type(add(1, 2), int)
assert_type(agent.run("hi"), RunResult)
assert_type(agent.run([Message.user("hi")]).output, str)
assert_type(agent.run("hi").token_usage, TokenUsage | None)
assert_type(get_model("sim:demo"), Model)
assert_type(fold(agent.stream("hi")), RunResult)
as_tool: Tool = agent.as_tool(name="helper")

for event in agent.stream("hi"):
    assert_type(event, RunStreamEvent)
    if isinstance(event.event, MessageOutputDelta):
        assert_type(event.event.delta, str)


async def main() -> None:
    assert_type(await agent.arun("hi"), RunResult)
    async for event in agent.astream("hi"):
        assert_type(event, RunStreamEvent)
    assert_type(await Echo().complete("hi"), Completion)
