"""Agents of every shape, each with the same input and the same end each time: what is stored, resumed and verified in tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeAlias

import attrs

from lamella import (
    Agent,
    AgentRun,
    Budget,
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
from lamella.caching import MemoryCache, cached, cached_run
from lamella.layers import FunctionAgent
from lamella.memory import keep_messages, with_memory
from lamella.models import RetryPolicy
from lamella.models.wrapped import WrappedModel
from lamella_image import ImageContent
from lamella_sim import Audio, ChatSim, Document, Image, Reasoning, Refusal, Script, Text, ToolCall, Turn

__all__ = ["INPUT", "SCENARIOS", "WIRED", "effects", "made"]

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


PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cf500f0003"
    "860180b34fcd6e0000000049454e44ae426082"
)


@tool
async def chart() -> list[Any]:
    """Draw a chart."""
    return ["the chart:", ImageContent.from_bytes(PIXEL, "image/png")]


@tool
async def count(n: int) -> AsyncIterator[str]:
    """Count, piece by piece."""
    effects.append(("count", n))
    for index in range(n):
        yield f"{index} "


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


def refuses() -> Agent:
    return Agent(sim([Refusal("I will not.")]), name="refuses")


def cut() -> Agent:
    """The answer is longer than the model may make it."""
    return Agent(sim(Turn(["Once upon a"], stop_reason="max_tokens")), name="cut")


def forbidden() -> Agent:
    """The guardrail lets no request through."""
    model = sim("Never asked.")
    return Agent(model, name="forbidden", guardrails=[Refuses()])


@attrs.frozen
class Refuses:
    name: str = "refuses"

    async def check_input(self, text: str) -> Verdict:
        return Verdict(block=True, reason="not that")

    async def check_output(self, text: str) -> Verdict:
        return Verdict()


def structured_natively() -> Agent[Point]:
    return Agent(
        sim('{"x": "one"}', '{"x": 1, "y": 2}'),
        name="point",
        output_type=Point,
        output_strategy="native",
        output_retries=1,
    )


def shown() -> Agent:
    """A tool gives a picture."""
    return Agent(sim([ToolCall("chart", {})], "A pixel."), name="shown", tools=[chart])


def pieces() -> Agent:
    """A tool gives its output piece by piece."""
    calls = [ToolCall("count", {"n": 3}), ToolCall("add", {"a": 1, "b": 2})]
    return Agent(sim(calls, "Counted."), name="pieces", tools=[count, add])


def spent() -> Agent:
    """The budget is used up in the middle."""
    calls = [[ToolCall("add", {"a": n, "b": n})] for n in range(2, 6)]
    return Agent(sim(*calls, "Done."), name="spent", tools=[add], budget=Budget(turns=2))


def calls_spent() -> Agent:
    """There is no budget for the second call."""
    calls = [ToolCall("add", {"a": 2, "b": 2}), ToolCall("add", {"a": 3, "b": 3})]
    return Agent(sim(calls, "Done."), name="spent", tools=[add], budget=Budget(tool_calls=1))


def forgets() -> Agent:
    """What is sent of the history is cut to its end."""
    calls = [[ToolCall("add", {"a": n, "b": n})] for n in range(2, 5)]
    return Agent(with_memory(_counting(*calls, "Done."), keep_messages, 3), name="forgets", tools=[add])


def summarizes() -> Agent:
    """What is left out of the history is summarised by another model."""
    calls = [[Text(f"Step {n}."), ToolCall("add", {"a": n, "b": n})] for n in range(2, 5)]
    teller = ChatSim(script=lambda request: Turn(["Two was added to two."]))
    model = with_memory(_counting(*calls, "Done."), keep_messages, 4, summarize=teller)
    return Agent(model, name="summarizes", tools=[add])


def _counting(*turns: Any) -> ChatSim:
    """Its turns go by what was added last: the history that it sees is not whole."""
    outputs = {str(2 * n): n - 1 for n in range(2, 5)}

    def play(request: Any) -> Any:
        given = [output.output for message in request.messages for output in message.tool_outputs]
        return turns[outputs[str(given[-1])] if given else 0]

    return ChatSim(script=play)


class Unreachable:
    """A source of tools that cannot be opened."""

    async def open(self) -> Any:
        raise ServerError("the tools are away")

    async def close(self) -> None:
        """Nothing was opened."""


def unready() -> Agent:
    """The run fails before it begins."""
    return Agent(sim("Never asked."), name="unready", tools=[Unreachable()])


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


def deeper() -> Agent:
    """An agent of an agent of an agent's agent, and one below fails."""
    low = Agent(sim([ToolCall("worker", {"prompt": "l"}), ToolCall("fails", {"prompt": "f"})], "Low."),
                name="low", tools=[_worker(), fails()])  # fmt: skip
    middle = Agent(sim([ToolCall("low", {"prompt": "m"})], "Middle."), name="middle", tools=[low])
    return Agent(sim([ToolCall("middle", {"prompt": "t"})], "Top."), name="top", tools=[middle])


def handing_on() -> BaseAgent[Any]:
    """The conversation is handed on twice."""
    first = Agent(sim([ToolCall("transfer_to_second", {})]), name="first")
    second = Agent(sim("", [Text("Rather not me. "), ToolCall("transfer_to_third", {})]), name="second")
    third = Agent(sim("", "", "The third answers."), name="third")
    return handoffs(first, second, third)


def cached_model() -> BaseAgent[Any]:
    """The second is answered what the first was."""
    model = cached(sim([Reasoning(summary="Hm."), "Kept."]), MemoryCache())
    return _one_after_the_other(Agent(model, name="first"), Agent(model, name="second"))


def cached_agent() -> BaseAgent[Any]:
    """A run below is played again."""
    kept = cached_run(_worker("kept"), MemoryCache(), cache_tools=True)
    return _one_after_the_other(kept, kept)


def _one_after_the_other(first: BaseAgent[Any], second: BaseAgent[Any]) -> BaseAgent[Any]:
    async def both(model: Model, emit: Any, prev_runs: list[AgentRun]) -> AgentRun:
        await first(model, emit, prev_runs)
        return await second(model, emit, prev_runs)

    return FunctionAgent(function=both)


SCENARIOS: dict[str, Callable[[], BaseAgent[Any]]] = {
    make.__name__: make
    for make in (
        plain, reasoning, tools, many_turns, mixed, approvals, final_tool, structured, structured_by_tool, guarded,
        media, falls_back, fails, raises, limit, nested, deep, chained, side_by_side, collecting, routed, handing,
        judged, fixed, function, refuses, cut, forbidden, structured_natively, shown, pieces, spent, calls_spent,
         forgets, summarizes, unready, deeper, handing_on, cached_model, cached_agent,
    )
}  # fmt: skip
"""The agents, by name; each is made anew, as another process would."""

# -- over a wire --------------------------------------------------------------------------------------


Address: TypeAlias = Callable[[str], str]
"""Where the server of a wire is, by the wire's name."""


def over_responses(address: Address) -> Agent:
    """The plugin of OpenAI's Responses on the real SDK."""
    from lamella_openai import ChatOpenAI

    return _over(
        ChatOpenAI("gpt-5-nano", api_key="sk-canary", base_url=address("openai.responses"), max_retries=2)
    )


def over_completions(address: Address) -> Agent:
    """The plugin of OpenAI's Chat Completions on the real SDK."""
    from lamella_openai import ChatOpenAICompletions

    return _over(
        ChatOpenAICompletions(
            "gpt-5-nano", api_key="sk-canary", base_url=address("openai.chat"), max_retries=2
        )
    )


def over_messages(address: Address) -> Agent:
    """The plugin of Anthropic's Messages on the real SDK."""
    from lamella_anthropic import ChatAnthropic

    return _over(
        ChatAnthropic("claude-x", api_key="sk-canary", base_url=address("anthropic.messages"), max_retries=2)
    )


def _over(model: Any) -> Agent:
    model.retry = RetryPolicy(max_retries=2, base=0.001)
    return Agent(model, name="wired", tools=[add])


@attrs.define(kw_only=True, eq=False, slots=False)
class BreaksLater(Breaks):
    """Answers the first request, and breaks off in the middle of every other."""

    async def stream(self, request: Any) -> Any:
        answered = any(message.role == "assistant" for message in request.messages)
        events = super().stream(request) if answered else self.inner.stream(request)
        async for event in events:
            yield event


def over_both(address: Address) -> Agent:
    """Another vendor goes on with the conversation, and cannot take all of it."""
    first: Any = over_messages(address).model
    second: Any = over_responses(address).model
    return Agent(fallback(BreaksLater(inner=first), second), name="wired", tools=[add])


WIRED: dict[str, Callable[[Address], Agent]] = {
    make.__name__: make for make in (over_responses, over_completions, over_messages, over_both)
}
"""Agents whose model is asked at an address, where :data:`WIRE_SCRIPT` is served; the test closes the model."""

WIRE_SCRIPT = Script.of(
    [
        Reasoning(summary="I add.", signature="c2ln"),
        Text("Adding. "),
        ToolCall("add", {"a": 2, "b": 2}),
        ToolCall("add", {"a": 3, "b": 4}),
    ],
    "Four, seven.",
)

INPUT = [Message.user("Please do it.")]


def made(name: str, **changes: Any) -> BaseAgent[Any]:
    """The agent of that name, with other attributes."""
    agent = SCENARIOS[name]()
    return attrs.evolve(agent, **changes) if changes else agent  # type: ignore[type-var]  # all are attrs classes
