"""Agents of every shape, each with the same input and the same end each time: what is stored, resumed and verified in tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import attrs

from lamella import (
    Agent,
    AgentRun,
    Message,
    Model,
    ServerError,
    StreamInterruptedError,
    ToolRuntime,
    Verdict,
    areport_progress,
    chain,
    committee,
    fallback,
    handoffs,
    parallel,
    route,
    static,
    tool,
)
from lamella.agent.base import BaseAgent
from lamella.layers import FunctionAgent
from lamella.models.wrapped import WrappedModel
from lamella_sim import Audio, ChatSim, Document, Image, Reasoning, Script, Text, ToolCall

__all__ = ["SCENARIOS", "effects", "made"]

effects: list[Any] = []
"""What tools have done."""


@tool
async def add(a: int, b: int) -> int:
    """Add two numbers."""
    effects.append(("add", a, b))
    await asyncio.sleep(0.002 if a == 1 else 0)
    return a + b


@tool
def pay(amount: int, runtime: ToolRuntime) -> str:
    """Pay an amount."""
    effects.append(("pay", amount))
    return f"paid {amount}"


@tool
async def load(name: str) -> str:
    """Load something, slowly."""
    await areport_progress("load", details=name)
    effects.append(("load", name))
    await areport_progress("load", 1.0)
    return f"{name} loaded"


@tool
async def fail(why: str) -> str:
    """Fail."""
    effects.append(("fail", why))
    raise ValueError(why)


@tool(requires_approval=True)
async def drop(table: str) -> str:
    """Drop a table."""
    effects.append(("drop", table))
    return f"dropped {table}"


@tool(final=True)
async def answer(text: str) -> str:
    """Answer at once."""
    return text


def sim(*turns: Any, **options: Any) -> ChatSim:
    return ChatSim(script=Script.of(*turns), **options)


# -- one agent ----------------------------------------------------------------------------------------


def plain() -> Agent:
    return Agent(sim("Hello there, how are you?"), name="plain", system_instruction="Be kind.")


def reasoning() -> Agent:
    return Agent(sim([Reasoning(summary="I think.", text="Long."), "So it is."]), name="reasoning")


def tools() -> Agent:
    turns = (
        [Text("Let me see. "), ToolCall("add", {"a": 1, "b": 2}), ToolCall("add", {"a": 3, "b": 4})],
        "Three, seven.",
    )
    return Agent(sim(*turns), name="tools", tools=[add])


def many_turns() -> Agent:
    calls = [[ToolCall("add", {"a": n, "b": n})] for n in range(2, 6)]
    return Agent(sim(*calls, "Done."), name="many", tools=[add])


def mixed() -> Agent:
    turns = (
        [
            ToolCall("load", {"name": "x"}),
            ToolCall("fail", {"why": "no"}),
            ToolCall("nothing", {}),
            ToolCall("add", {"a": "one", "b": 2}),
            ToolCall("pay", {"amount": 3}),
        ],
        "All tried.",
    )
    return Agent(sim(*turns), name="mixed", tools=[load, fail, add, pay])


def approvals() -> Agent:
    turns = ([ToolCall("drop", {"table": "a"}), ToolCall("drop", {"table": "b"})], "Dropped one.")
    return Agent(
        sim(*turns), name="approvals", tools=[drop], approve=lambda asked: asked.arguments["table"] == "a"
    )


def final_tool() -> Agent:
    return Agent(sim([ToolCall("answer", {"text": "forty-two"})]), name="final", tools=[answer])


@attrs.frozen
class Point:
    x: int
    y: int


def structured() -> Agent[Point]:
    return Agent(
        sim("nonsense", '{"x": 1, "y": 2}'),
        name="point",
        output_type=Point,
        output_strategy="prompt",
        output_retries=2,
    )


def structured_by_tool() -> Agent[Point]:
    turns = ([ToolCall("structured_output", {"x": "a"})], [ToolCall("structured_output", {"x": 1, "y": 2})])
    return Agent(
        sim(*turns), name="point", output_type=Point, output_strategy="tool", output_retries=2, tools=[add]
    )


@attrs.frozen
class Censor:
    name: str = "censor"

    async def check_input(self, text: str) -> Verdict:
        return Verdict(block=True, reason="no") if "forbidden" in text else Verdict()

    async def check_output(self, text: str) -> Verdict:
        return Verdict(replace=text.replace("secret", "******"), reason="secrets")


def guarded() -> Agent:
    return Agent(sim("It is a secret."), name="guarded", guardrails=[Censor()])


def media() -> Agent:
    turns = (["Here: ", Image(), Audio(transcript="spoken"), Document()],)
    return Agent(sim(*turns), name="media")


@attrs.define(kw_only=True, eq=False, slots=False)
class Breaks(WrappedModel):
    """Breaks off in the middle of its answer."""

    error: Callable[[], Exception] = lambda: StreamInterruptedError("gone")

    async def stream(self, request: Any) -> Any:
        async for event in self.inner.stream(request):
            if event.type == "message.output.done":
                raise self.error()
            yield event


def falls_back() -> Agent:
    return Agent(
        fallback(Breaks(inner=sim("Never all of this.")), sim("The second answers.")), name="fallback"
    )


def fails() -> Agent:
    model = Breaks(
        inner=sim([ToolCall("add", {"a": 2, "b": 2})], "Half an"), error=lambda: ServerError("down")
    )
    return Agent(model, name="fails", tools=[add])


def raises() -> Agent:
    stopping = attrs.evolve(fail, on_error="raise")
    return Agent(
        sim([ToolCall("add", {"a": 2, "b": 2}), ToolCall("fail", {"why": "end"})]),
        name="raises",
        tools=[add, stopping],
    )


def limit() -> Agent:
    calls = [[ToolCall("add", {"a": n, "b": n})] for n in range(2, 6)]
    return Agent(sim(*calls), name="limit", tools=[add], max_iterations=3)


# -- several ------------------------------------------------------------------------------------------


def _worker(name: str = "worker") -> Agent:
    return Agent(
        sim([ToolCall("add", {"a": 1, "b": 1})], f"{name} says two.", f"{name} again.", f"{name} once more."),
        name=name,
        tools=[add],
        description=f"the {name}",
    )


def nested() -> Agent:
    first = [
        ToolCall("worker", {"prompt": "x"}),
        ToolCall("worker", {"prompt": "y"}),
        ToolCall("add", {"a": 9, "b": 9}),
    ]
    return Agent(
        sim(first, [ToolCall("worker", {"prompt": "z"})], "All done."), name="boss", tools=[_worker(), add]
    )


def deep() -> Agent:
    middle = Agent(sim([ToolCall("worker", {"prompt": "m"})], "Middle."), name="middle", tools=[_worker()])
    return Agent(sim([ToolCall("middle", {"prompt": "t"})], "Top."), name="top", tools=[middle])


def chained() -> BaseAgent[Any]:
    return chain(_worker("one"), _worker("two"), name="line")


def side_by_side() -> BaseAgent[Any]:
    return parallel(_worker("left"), _worker("right"), name="both")


def collecting() -> BaseAgent[Any]:
    return parallel(_worker("good"), fails(), name="some", on_error="collect")


def routed() -> BaseAgent[Any]:
    return route(Agent(sim("law"), name="router"), {"law": _worker("lawyer"), "tax": _worker("accountant")})


def handing() -> BaseAgent[Any]:
    triage = Agent(sim([ToolCall("transfer_to_expert", {})]), name="triage")
    expert = Agent(sim("", "The expert answers.", "Again."), name="expert", description="knows")
    return handoffs(triage, expert)


def judged() -> BaseAgent[Any]:
    return committee(_worker("a"), _worker("b"), judge=Agent(sim("a it is.", "b it is."), name="judge"))


def fixed() -> BaseAgent[Any]:
    return chain(static("Always this."), _worker("after"))


def function() -> BaseAgent[Any]:
    one, two = _worker("one"), _worker("two")

    async def both(model: Model, emit: Any, prev_runs: list[AgentRun]) -> AgentRun:
        first = await one(model, emit, prev_runs)
        return await two(model, emit, [first])

    return FunctionAgent(function=both)


SCENARIOS: dict[str, Callable[[], BaseAgent[Any]]] = {
    make.__name__: make
    for make in (
        plain, reasoning, tools, many_turns, mixed, approvals, final_tool, structured, structured_by_tool, guarded,
        media, falls_back, fails, raises, limit, nested, deep, chained, side_by_side, collecting, routed, handing,
        judged, fixed, function,
    )
}  # fmt: skip
"""The agents, by name; each is made anew, as another process would."""

INPUT = [Message.user("Please do it.")]


def made(name: str, **changes: Any) -> BaseAgent[Any]:
    """The agent of that name, with other attributes."""
    agent = SCENARIOS[name]()
    return attrs.evolve(agent, **changes) if changes else agent  # type: ignore[type-var]  # all are attrs classes
