"""The metrics of the convention, with its units, attributes and bucket boundaries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("opentelemetry.sdk")

from lamella import Agent, LamellaError, tool
from lamella_sim import ChatSim, Error, Script

if TYPE_CHECKING:
    from tests.plugins.otel.conftest import Collected


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
AGENT_SECONDS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6)
TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)


async def test_f_x26_a_run_is_measured(collected: Collected) -> None:
    """F-X26: durations, tokens, time to the first chunk."""
    agent = Agent(ChatSim(), name="adder", tools=[add], sinks=[collected.sink()])
    result = await agent.arun("What is 2 + 3?")

    (operation,) = collected.points("gen_ai.client.operation.duration")
    chat = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "sim",
        "gen_ai.request.model": "demo",
        "gen_ai.response.model": "sim-demo",
    }
    assert dict(operation.attributes or {}) == chat
    assert operation.count == 2
    assert tuple(operation.explicit_bounds) == SECONDS
    assert operation.sum == pytest.approx(
        sum(
            ((s.end_time or 0) - (s.start_time or 0)) / 1e9 for s in collected.spans if s.name == "chat demo"
        ),
        abs=1e-5,
    )

    taken, made = sorted(
        collected.points("gen_ai.client.token.usage"),
        key=lambda point: str((point.attributes or {})["gen_ai.token.type"]),
    )
    assert result.token_usage is not None
    assert dict(taken.attributes or {}) == {**chat, "gen_ai.token.type": "input"}
    assert (taken.count, taken.sum) == (2, result.token_usage.input_tokens)
    assert (made.count, made.sum) == (2, result.token_usage.output_tokens)
    assert tuple(made.explicit_bounds) == TOKENS

    (first,) = collected.points("gen_ai.client.operation.time_to_first_chunk")
    assert (dict(first.attributes or {}), first.count, tuple(first.explicit_bounds)) == (chat, 2, SECONDS)

    (run,) = collected.points("gen_ai.invoke_agent.duration")
    assert dict(run.attributes or {}) == {"gen_ai.agent.name": "adder", "gen_ai.request.model": "demo"}
    assert tuple(run.explicit_bounds) == AGENT_SECONDS
    (called,) = collected.points("gen_ai.execute_tool.duration")
    assert dict(called.attributes or {}) == {
        "gen_ai.tool.name": "add",
        "gen_ai.tool.type": "function",
        "gen_ai.agent.name": "adder",
    }


async def test_failures_are_measured_apart_and_their_tokens_are_not(collected: Collected) -> None:
    model = ChatSim(script=Script.of(["So far", Error(status=500, message="down")]))
    with pytest.raises(LamellaError):
        await Agent(model, sinks=[collected.sink()]).arun("Go.")
    (operation,) = collected.points("gen_ai.client.operation.duration")
    assert (operation.attributes or {})["error.type"] == "api.server_error"
    (run,) = collected.points("gen_ai.invoke_agent.duration")
    assert (run.attributes or {})["error.type"] == "api.server_error"
    assert not collected.points("gen_ai.client.token.usage")


async def test_metrics_may_be_switched_off(collected: Collected) -> None:
    await Agent("sim:echo", sinks=[collected.sink(metrics=False)]).arun("Hello")
    assert collected.spans
    assert not collected.points("gen_ai.client.operation.duration")


async def test_an_unstreamed_response_has_no_first_chunk(collected: Collected) -> None:
    await Agent("sim:echo", streaming=False, sinks=[collected.sink()]).arun("Hello")
    assert not collected.points("gen_ai.client.operation.time_to_first_chunk")
    assert "gen_ai.request.stream" not in collected.attributes("chat echo")
