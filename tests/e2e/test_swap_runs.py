"""F-MSG07: runs of one agent that move between vendors, over their real SDKs: by hand, and by ``fallback``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from swap.histories import FAILURE, PNG
from swap.targets import TARGETS, Target

from lamella import Agent, RunResult, check_history, fallback, tool
from lamella.config import forget_projects
from lamella.content import Block, OpaqueContent, ReasoningBlock
from lamella.errors import ErrorCode
from lamella.events import AttemptCommit, AttemptRollback, AttemptStart, ResponseDone
from lamella.messages import Message
from lamella.models import ModelRequest
from lamella_image import ImageContent
from lamella_sim import Reasoning, ResetFault, SimServer, StatusFault, Text, ToolCall, Turn
from lamella_sim.faults import Fault

from fakes import Recorder

RING = list(zip(TARGETS, [*TARGETS[1:], TARGETS[0]], strict=True))
PAIRS = list(permutations(TARGETS, 2))
MARKED = ("anthropic.messages", "gemini", "gemini.interactions")
"""The wires that can say that an output is an error."""

UNSIGNED = ("openai.chat", "ollama")
"""The wires whose reasoning is text and nothing else."""


def behave(request: ModelRequest) -> Turn:
    """Think and call three tools for each question, then answer.

    Some wires put the image of an output into a user message of its own behind it.
    """
    roles = [message.role for message in request.messages]
    spoken = len(roles) - roles[::-1].index("assistant") if "assistant" in roles else 0
    if any(message.tool_outputs for message in request.messages[spoken:]):
        return Turn([Reasoning("They say it."), Text(f"Here it is, number {len(request.messages)}.")])
    calls = [ToolCall("weather", {"city": city}) for city in ("Paris", "Rome", "Nice")]
    return Turn([Reasoning("I must ask."), Text("I ask. "), *calls])


@tool
def weather(city: str) -> Any:
    """Say what the weather is in a city."""
    if city == "Rome":
        raise RuntimeError(FAILURE)
    return {"celsius": 21} if city == "Paris" else ["A map:", ImageContent.from_bytes(PNG, "image/png")]


@pytest.fixture(autouse=True)
def no_project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No project but an empty one."""
    (tmp_path / "lamella.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    forget_projects()
    yield
    forget_projects()


@pytest.fixture
def sim() -> Iterator[SimServer]:
    with SimServer(behave) as server:
        yield server


@pytest.fixture
def other() -> Iterator[SimServer]:
    with SimServer(behave) as server:
        yield server


def bodies(server: SimServer) -> list[str]:
    """What a server was sent, each request as text."""
    assert {request.status for request in server.requests} <= {200, 503}
    return [json.dumps([dict(each.headers), each.query, each.json]) for each in server.requests]


def states(messages: tuple[Message, ...]) -> set[str]:
    """Signatures, and the reasoning itself: what only its maker gets."""
    blocks = [block for message in messages for block in message.content]
    return {state for block in blocks for state in _states(block)}


def _states(block: Block) -> Iterator[str]:
    if isinstance(block, ReasoningBlock):
        yield from (
            held for held in (block.signature, block.reasoning_id) if held is not None and len(held) > 8
        )
    elif isinstance(block, OpaqueContent):
        yield json.dumps(block.data)
    else:
        yield from _signatures(block.opaque)


def _signatures(value: Any) -> Iterator[str]:
    if isinstance(value, str) and "signature" in value:
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _signatures(item)


def whole(result: RunResult) -> None:
    """A run that ended well: every call has its output."""
    assert result.status == "completed"
    assert check_history(result.history) == ()
    assert result.output.startswith("Here it is")


@pytest.mark.parametrize(("home", "away"), RING, ids=[f"{a.name}-{b.name}" for a, b in RING])
async def test_f_msg07_an_agent_goes_away_and_comes_back(home: Target, away: Target, sim: SimServer) -> None:
    """Turn 1 here, turn 2 there, turn 3 here: tools run on each, and each vendor sees only its own state."""
    results: list[RunResult] = []
    told: tuple[Message, ...] = ()
    for wire in (home, away, home):
        async with wire.make(sim.base_url_of(wire.name)) as model:
            agent = Agent(model, tools=[weather])
            results.append(await agent.arun([*told, Message.user(f"Question {len(results)}?")]))
        whole(results[-1])
        told = results[-1].history
    first, second, third = results
    mine, theirs = states(first.history), states(second.history) - states(first.history)
    assert bool(mine) is (home.name not in UNSIGNED)
    requests = bodies(sim)
    assert len(requests) == 6
    for body in requests[2:4]:
        assert not [state for state in mine if state in body]
    for body in requests[4:]:
        assert [state for state in mine if state not in body] == []
        assert not [state for state in theirs if state in body]
    assert [call.arguments for message in told for call in message.tool_calls] == [
        {"city": city} for city in ("Paris", "Rome", "Nice")
    ] * 3
    reasons = {loss.what for loss in second.losses if loss.kind == "dropped"}
    assert reasons == ({"reasoning"} if any(_thoughts(first.history)) else set())
    assert third.losses or not theirs


def _thoughts(messages: tuple[Message, ...]) -> Iterator[ReasoningBlock]:
    for message in messages:
        yield from (block for block in message.content if isinstance(block, ReasoningBlock))


@pytest.mark.parametrize(("down", "up"), PAIRS, ids=[f"{a.name}-{b.name}" for a, b in PAIRS])
async def test_a_fallback_moves_a_conversation_in_mid_run(
    down: Target, up: Target, sim: SimServer, other: SimServer
) -> None:
    """The first vendor calls tools, and breaks off in its answer; the second goes on from the outputs."""
    await moved(down, up, sim, other, ResetFault(3))


@pytest.mark.parametrize(("down", "up"), RING, ids=[f"{a.name}-{b.name}" for a, b in RING])
async def test_a_fallback_from_a_vendor_that_is_overloaded(
    down: Target, up: Target, sim: SimServer, other: SimServer
) -> None:
    """The same, where the second answer of the first vendor is a 503."""
    await moved(down, up, sim, other, StatusFault(503))


async def moved(down: Target, up: Target, sim: SimServer, other: SimServer, fault: Fault) -> None:
    """Run, with the fault in the second request, and check what the events, the report and the server say."""

    @tool
    def weather(city: str) -> Any:
        """Say what the weather is in a city."""
        if city == "Paris":
            sim.inject(fault)
        if city == "Rome":
            raise RuntimeError(FAILURE)
        return {"celsius": 21} if city == "Paris" else ["A map:", ImageContent.from_bytes(PNG, "image/png")]

    sink = Recorder()
    first, second = down.make(sim.base_url_of(down.name)), up.make(other.base_url_of(up.name))
    async with first, second:
        chain = fallback(first, second)
        result = await Agent(chain, tools=[weather], sinks=[sink]).arun("Where is it warmest?")
    whole(result)
    events = [envelope.event for envelope in sink.events]
    starts = [event.provider for event in events if isinstance(event, AttemptStart)]
    assert starts == [first.provider, first.provider, second.provider]
    (rolled,) = [event for event in events if isinstance(event, AttemptRollback)]
    assert rolled.code == (
        ErrorCode.API_STREAM_INTERRUPTED if isinstance(fault, ResetFault) else ErrorCode.API_SERVER_ERROR
    )
    assert len([event for event in events if isinstance(event, AttemptCommit)]) == 2
    done = [event for event in events if isinstance(event, ResponseDone)]
    assert [event.provider for event in done] == [first.provider, second.provider]
    check_moved(result, done[1], down, up, other)


def check_moved(result: RunResult, done: ResponseDone, down: Target, up: Target, other: SimServer) -> None:
    """The second server got the outputs and nothing of the first vendor's own; the report says what is missing."""
    (body,) = bodies(other)
    assert not [state for state in states(result.history[:3]) if state in body]
    assert FAILURE in body
    dropped = {loss.what for loss in done.losses if loss.kind == "dropped"}
    assert dropped == ({"reasoning"} if any(_thoughts(result.history[:2])) else set())
    assert any("mark of an error" in loss.reason for loss in done.losses) is (up.name not in MARKED)
    unsigned = any("did not sign" in loss.reason for loss in done.losses)
    assert unsigned is (up.name == "gemini"), "Gemini 3 wants a signature on the calls of a turn that goes on"
    (output,) = [output for output in result.history[2].tool_outputs if output.is_error]
    assert FAILURE in output.text
    assert result.losses[-len(done.losses) :] == done.losses
