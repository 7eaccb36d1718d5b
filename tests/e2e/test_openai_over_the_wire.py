"""The real plugin on the real SDK against a real server: what comes over the wire is what the script says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from lamella import (
    Agent,
    APIConnectionError,
    RateLimitError,
    RunResult,
    check_history,
    fold,
    repair_history,
    tool,
)
from lamella_openai import ChatOpenAI, ChatOpenAICompletions
from lamella_sim import (
    ChatSim,
    Delay,
    Reasoning,
    Refusal,
    ResetFault,
    Script,
    SimServer,
    SlowFault,
    StatusFault,
    Text,
    ToolCall,
)

from fakes import Recorder, bare

WIRES = [ChatOpenAI, ChatOpenAICompletions]


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool
def fail(why: str) -> str:
    """Fail for a reason."""
    raise RuntimeError(why)


SCRIPT = Script.of(
    [Text("Adding. "), ToolCall("add", {"a": 1, "b": 2}), ToolCall("add", {"a": 3, "b": 4})],
    [ToolCall("fail", {"why": "no reason"})],
    "3 and 7.",
)


@pytest.fixture
def server() -> Iterator[SimServer]:
    with SimServer(SCRIPT) as running:
        yield running


def model(kind: Any, server: SimServer, **options: Any) -> Any:
    return kind(
        model="gpt-5-nano", api_key="sk-canary", base_url=server.base_url, **{"max_retries": 0, **options}
    )


def shape(result: RunResult) -> list[tuple[str, object]]:
    """What a run said and did, without ids."""
    return [
        (
            block.type,
            getattr(block, "text", None)
            or getattr(block, "arguments", None)
            or getattr(block, "output", None),
        )
        for message in result.messages
        for block in message.content
    ]


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("kind", WIRES)
async def test_a_run_over_the_wire_equals_the_run_in_process(
    kind: Any, streaming: bool, server: SimServer
) -> None:
    in_process = await Agent(ChatSim(script=SCRIPT), tools=[add, fail], project=bare()).arun("go")
    async with model(kind, server) as wire:
        over_wire = await Agent(wire, tools=[add, fail], streaming=streaming, project=bare()).arun("go")
    assert shape(over_wire) == shape(in_process)
    assert over_wire.stop_reason == in_process.stop_reason
    assert over_wire.token_usage is not None
    assert over_wire.token_usage.total_tokens
    assert check_history(over_wire.messages[:-1]) == ()


@pytest.mark.parametrize("kind", WIRES)
async def test_f_n27_the_key_is_nowhere_but_in_the_request(kind: Any, server: SimServer) -> None:
    sink = Recorder()
    async with model(kind, server) as wire:
        result = await Agent(wire, tools=[add, fail], sinks=[sink], project=bare()).arun("go")
        texts = [repr(wire), str(wire), repr(wire.settings), repr(result), repr(sink.events)]
    assert not [text for text in texts if "canary" in text]


@pytest.mark.parametrize("kind", WIRES)
async def test_f_n08_leaving_early_disconnects_at_once(kind: Any) -> None:
    script = Script.of([Text("one "), Delay(30), Text("two")])
    with SimServer(script) as server:
        sink = Recorder()
        async with model(kind, server) as wire:
            async with Agent(wire, sinks=[sink], project=bare()).astream("count") as stream:
                async for event in stream:
                    if event.type == "message.output.delta":
                        break
            assert sink.types[-1] == "stream.error"
            assert fold(sink.events).status == "cancelled"
            await asyncio.wait_for(_disconnected(server), 5)


async def _disconnected(server: SimServer) -> None:
    while server.connections:
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("kind", WIRES)
async def test_a_reset_in_mid_stream_is_typed_with_the_text_so_far(kind: Any) -> None:
    with SimServer(
        Script.of("one two three four five six"), faults=[ResetFault(8), SlowFault(0.01)]
    ) as server:
        async with model(kind, server) as wire:
            with pytest.raises(APIConnectionError) as caught:
                await Agent(wire, project=bare()).arun("count")
    assert caught.value.partial.output.startswith("one")
    assert caught.value.partial.status == "failed"


@pytest.mark.parametrize("kind", WIRES)
async def test_f_n40_a_rate_limit_carries_its_wait(kind: Any) -> None:
    fault = StatusFault(429, headers={"retry-after": "0.01"}, times=None)
    with SimServer(Script.of("ok"), faults=[fault]) as server:
        async with model(kind, server) as wire:
            with pytest.raises(RateLimitError) as caught:
                await wire.complete("hi")
    assert (caught.value.status_code, caught.value.retry_after, caught.value.retryable) == (429, 0.01, True)


@pytest.mark.parametrize("kind", WIRES)
async def test_f_prv02_a_passing_failure_is_retried(kind: Any) -> None:
    fault = StatusFault(503, headers={"retry-after": "0.01"}, times=2)
    with SimServer(Script.of("ok"), faults=[fault]) as server:
        async with model(kind, server, max_retries=3) as wire:
            sink = Recorder()
            result = await Agent(wire, sinks=[sink], project=bare()).arun("hi")
    assert result.output == "ok"
    assert sink.types.count("attempt.rollback") == 2


async def test_f_n37_encrypted_reasoning_is_replayed_between_tool_turns() -> None:
    script = Script.of(
        [Reasoning(summary="I must add.", signature="ZW5jcnlwdGVk"), ToolCall("add", {"a": 1, "b": 2})], "3."
    )
    with SimServer(script) as server:
        async with model(ChatOpenAI, server, reasoning_effort="low") as wire:
            result = await Agent(wire, tools=[add], project=bare()).arun("1 + 2?")
        second = server.requests[1].json["input"]
    assert result.messages[0].content[0].type == "reasoning"  # type: ignore[attr-defined]
    kinds = [item.get("type", "message") for item in second]
    assert kinds == ["message", "reasoning", "function_call", "function_call_output"]
    assert second[1]["encrypted_content"] == "ZW5jcnlwdGVk"


@pytest.mark.parametrize("kind", WIRES)
async def test_f_n05_a_refusal_is_a_stop_reason(kind: Any) -> None:
    with SimServer(Script.of([Refusal("I will not.")])) as server:
        async with model(kind, server) as wire:
            result = await Agent(wire, project=bare()).arun("do it")
    assert (result.output, result.stop_reason) == ("I will not.", "refusal")


@pytest.mark.parametrize("kind", WIRES)
def test_one_model_serves_sync_calls_and_any_number_of_loops(kind: Any, server: SimServer) -> None:
    with model(kind, server) as wire:
        agent = Agent(wire, tools=[add, fail], project=bare())
        assert agent.run("go").output == "3 and 7."
        assert asyncio.run(agent.arun("go")).output == "3 and 7."
        assert fold(agent.stream("go")).output == "3 and 7."
        assert asyncio.run(agent.arun("go")).output == "3 and 7."


def test_an_interrupted_conversation_goes_on_after_repair(server: SimServer) -> None:
    with model(ChatOpenAI, server) as wire:
        agent = Agent(wire, tools=[add, fail], max_iterations=1, on_limit="return", project=bare())
        first = agent.run("go")
        history = repair_history([*first.input, *first.messages])
        assert check_history(history) == ()
        assert Agent(wire, tools=[add, fail], project=bare()).run(history).output == "3 and 7."
