"""Real runs of real agents, as spans."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("opentelemetry.sdk")

from opentelemetry.trace import SpanKind, StatusCode

from lamella import Agent, LamellaError, chain, fallback, parallel, tool
from lamella_otel import OtelSink
from lamella_sim import ChatSim, Delay, Error, Script, SimServer, StatusFault, ToolCall

if TYPE_CHECKING:
    from tests.plugins.otel.conftest import Collected


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool
def broken(a: int) -> int:
    """Fail."""
    raise ValueError(f"no {a}")


@tool
async def slow(seconds: float) -> str:
    """Take a while."""
    await asyncio.sleep(seconds)
    return f"{seconds}"


def scripted(*turns: Any) -> ChatSim:
    return ChatSim("script", script=Script.of(*turns))


async def test_f_x26_a_run_is_an_agent_and_its_requests(collected: Collected) -> None:
    """F-X26: spans of a run with a tool, nested, with the convention's attributes."""
    agent = Agent(ChatSim(), name="adder", tools=[add], sinks=[collected.sink()])
    result = await agent.arun("What is 2 + 3?")

    assert collected.tree() == [("invoke_agent adder", ["chat demo", "execute_tool add", "chat demo"])]
    run = collected.span("invoke_agent adder")
    assert run.kind is SpanKind.INTERNAL
    assert run.status.status_code is StatusCode.UNSET
    assert run.attributes is not None
    assert run.attributes["gen_ai.operation.name"] == "invoke_agent"
    assert run.attributes["gen_ai.provider.name"] == "sim"
    assert run.attributes["gen_ai.request.model"] == "demo"
    assert run.attributes["gen_ai.response.finish_reasons"] == ("stop",)
    assert run.attributes["lamella.run_id"] == result.run_id
    assert result.token_usage is not None
    assert run.attributes["gen_ai.usage.input_tokens"] == result.token_usage.input_tokens
    assert result.started_at is not None
    assert run.start_time == int(result.started_at * 1e9)
    assert result.timing.duration is not None
    assert run.end_time is not None
    assert run.end_time - run.start_time == pytest.approx(result.timing.duration * 1e9, abs=2e3)

    first, second = (span for span in collected.spans if span.name == "chat demo")
    assert first.kind is SpanKind.CLIENT
    assert first.attributes is not None
    assert first.attributes["gen_ai.operation.name"] == "chat"
    assert first.attributes["gen_ai.agent.name"] == "adder"
    assert first.attributes["gen_ai.response.finish_reasons"] == ("tool_call",)
    assert first.attributes["gen_ai.request.stream"] is True
    assert str(first.attributes["gen_ai.response.id"]).startswith("sim_")
    assert first.attributes["gen_ai.response.model"] == "sim-demo"
    assert first.attributes["gen_ai.response.time_to_first_chunk"] >= 0  # type: ignore[operator]
    called = collected.span("execute_tool add")
    assert dict(called.attributes or {}) == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "add",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": result.messages[0].tool_calls[0].call_id,
        "gen_ai.agent.name": "adder",
        "lamella.run_id": result.run_id,
    }
    assert first.end_time is not None
    assert called.end_time is not None
    assert called.start_time is not None
    assert second.start_time is not None
    assert first.end_time <= called.start_time <= called.end_time <= second.start_time


@pytest.mark.parametrize("name", ["adder", None])
async def test_f_log04_the_agents_name_identifies_it_in_traces(
    collected: Collected, name: str | None
) -> None:
    """F-LOG04: ``Agent.name`` is in the name of its span, and on every span and metric that it causes."""
    await Agent(ChatSim(), name=name, tools=[add], sinks=[collected.sink()]).arun("What is 2 + 3?")
    assert collected.spans[0].name == ("invoke_agent" if name is None else f"invoke_agent {name}")
    assert [(span.attributes or {}).get("gen_ai.agent.name") for span in collected.spans] == [name] * 4
    (point,) = collected.points("gen_ai.invoke_agent.duration")
    assert (point.attributes or {}).get("gen_ai.agent.name") == name


async def test_tools_in_parallel_are_beside_each_other(collected: Collected) -> None:
    calls = [
        ToolCall("slow", {"seconds": 0.05}, call_id="one"),
        ToolCall("slow", {"seconds": 0.0}, call_id="two"),
    ]
    agent = Agent(scripted(calls, "Done."), name="both", tools=[slow], sinks=[collected.sink()])
    await agent.arun("Go.")
    assert collected.tree() == [
        ("invoke_agent both", ["chat script", "execute_tool slow", "execute_tool slow", "chat script"])
    ]
    tools = [span for span in collected.spans if span.name == "execute_tool slow"]
    one, two = sorted(tools, key=lambda span: str((span.attributes or {})["gen_ai.tool.call.id"]))
    assert one.start_time is not None
    assert one.end_time is not None
    assert two.end_time is not None
    assert two.end_time < one.end_time  # although its output comes second
    assert (one.end_time - one.start_time) > 40e6


async def test_f_x26_agents_as_tools_nest_below_their_calls(collected: Collected) -> None:
    """F-X26: the trace is the run tree."""
    expert = Agent(ChatSim(), name="expert", description="Adds.", tools=[add])
    boss = Agent(
        scripted([ToolCall("expert", {"prompt": "What is 2 + 3?"}, call_id="c1")], "Five."),
        name="boss",
        tools=[expert],
        sinks=[collected.sink()],
    )
    await boss.arun("Go.")
    assert collected.tree() == [
        (
            "invoke_agent boss",
            [
                "chat script",
                (
                    "execute_tool expert",
                    [("invoke_agent expert", ["chat demo", "execute_tool add", "chat demo"])],
                ),
                "chat script",
            ],
        )
    ]
    transfer = collected.attributes("execute_tool expert")
    assert transfer["gen_ai.transfer.target.name"] == "expert"
    assert transfer["gen_ai.transfer.mode"] == "return_to_caller"
    assert collected.attributes("invoke_agent expert")["lamella.path"] == "expert"
    whole = collected.attributes("invoke_agent boss")["gen_ai.usage.input_tokens"]
    assert whole == sum(
        (span.attributes or {})["gen_ai.usage.input_tokens"]  # type: ignore[misc]
        for span in collected.spans
        if span.name.startswith("chat")
    )


async def test_layers_are_workflows(collected: Collected) -> None:
    writers = parallel(Agent("sim:echo", name="left"), Agent("sim:echo", name="right"), name="both")
    await chain(Agent("sim:echo", name="first"), writers, name="line", sinks=[collected.sink()]).arun("Hello")
    (name, parts) = collected.tree()[0]
    assert name == "invoke_workflow line"
    first, (both, sides) = parts
    assert first == ("invoke_agent first", ["chat echo"])
    assert both == "invoke_workflow both"
    assert sorted(sides) == [("invoke_agent left", ["chat echo"]), ("invoke_agent right", ["chat echo"])]
    line = collected.attributes("invoke_workflow line")
    assert line["gen_ai.operation.name"] == "invoke_workflow"
    assert line["gen_ai.workflow.name"] == "line"
    assert "gen_ai.agent.name" not in line
    assert sorted(
        (point.attributes or {})["gen_ai.workflow.name"]
        for point in collected.points("gen_ai.invoke_workflow.duration")
    ) == ["both", "line"]  # type: ignore[type-var]


async def test_a_failed_run_is_an_error_with_the_stable_code(collected: Collected) -> None:
    agent = Agent(
        scripted([Error(status=429, message="too secret to tell")]), name="unlucky", sinks=[collected.sink()]
    )
    with pytest.raises(LamellaError):
        await agent.arun("Go.")
    assert collected.tree() == [("invoke_agent unlucky", ["chat script"])]
    for span in collected.spans:
        assert span.status.status_code is StatusCode.ERROR
        assert (span.attributes or {})["error.type"] == "api.rate_limited"
        assert "secret" not in span.to_json()
    assert collected.attributes("chat script")["gen_ai.response.finish_reasons"] == ("error",)


async def test_a_failing_tool_is_an_error_of_its_own_only(collected: Collected) -> None:
    agent = Agent(scripted([ToolCall("broken", {"a": 1})], "Well."), tools=[broken], sinks=[collected.sink()])
    await agent.arun("Go.")
    assert collected.span("execute_tool broken").status.status_code is StatusCode.ERROR
    assert collected.attributes("execute_tool broken")["error.type"] == "tool_error"
    assert collected.span("invoke_agent").status.status_code is StatusCode.UNSET
    assert "no 1" not in "".join(span.to_json() for span in collected.spans)


async def test_a_tool_that_ends_the_run(collected: Collected) -> None:
    raising = tool(on_error="raise")(broken.func)  # type: ignore[arg-type]
    agent = Agent(scripted([ToolCall("broken", {"a": 1})]), tools=[raising], sinks=[collected.sink()])
    with pytest.raises(LamellaError):
        await agent.arun("Go.")
    assert collected.attributes("execute_tool broken")["error.type"] == "tool.execution.failed"
    assert collected.attributes("invoke_agent")["error.type"] == "tool.execution.failed"
    assert collected.tree() == [("invoke_agent", ["chat script", "execute_tool broken"])]


async def test_calls_that_do_not_run_are_events_of_their_agent(collected: Collected) -> None:
    agent = Agent(
        scripted([ToolCall("nothing", {}), ToolCall("add", {"a": "x"})], "Well."),
        tools=[add],
        sinks=[collected.sink()],
    )
    await agent.arun("Go.")
    assert collected.tree() == [("invoke_agent", ["chat script", "chat script"])]
    events = collected.span("invoke_agent").events
    assert [(event.name, (event.attributes or {})["gen_ai.tool.name"]) for event in events] == [
        ("lamella.tool.not_run", "nothing"),
        ("lamella.tool.not_run", "add"),
    ]


async def test_approvals_are_events_of_their_agent(collected: Collected) -> None:
    asking = tool(requires_approval=True)(add.func)  # type: ignore[arg-type]
    script = [ToolCall("add", {"a": 1, "b": 2})], [ToolCall("add", {"a": 3, "b": 4})], "Done."
    agent = Agent(
        scripted(*script),
        name="careful",
        tools=[asking],
        approve=lambda pending: pending.arguments["a"] == 1,
        sinks=[collected.sink()],
    )
    await agent.arun("Go.")
    assert collected.tree() == [
        ("invoke_agent careful", ["chat script", "execute_tool add", "chat script", "chat script"])
    ]
    events = collected.span("invoke_agent careful").events
    assert [event.name.removeprefix("lamella.") for event in events] == [
        "approval.pending",
        "approval.resolved",
        "approval.pending",
        "approval.resolved",
        "tool.not_run",
    ]
    assert [(event.attributes or {}).get("approved") for event in events] == [None, True, None, False, None]


async def test_a_cancelled_run_ends_its_spans(collected: Collected) -> None:
    agent = Agent(scripted(["Hello ", Delay(30), "world"]), name="waiting", sinks=[collected.sink()])
    async with agent.astream("Go.") as stream:
        async for event in stream:
            if event.type == "message.output.delta":
                break
    assert collected.tree() == [("invoke_agent waiting", ["chat script"])]
    for span in collected.spans:
        assert span.status.status_code is StatusCode.ERROR
        assert (span.attributes or {})["error.type"] == "agent.cancelled"


async def test_a_tool_in_flight_is_cancelled_with_its_run(collected: Collected) -> None:
    agent = Agent(scripted([ToolCall("slow", {"seconds": 30.0})]), tools=[slow], sinks=[collected.sink()])
    started = asyncio.Event()

    async def watch(event: Any) -> None:
        if event.type == "tool.start":
            started.set()

    run = asyncio.create_task(agent.arun("Go.", emit=watch))
    await started.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert collected.attributes("execute_tool slow")["error.type"] == "agent.cancelled"
    assert collected.attributes("invoke_agent")["error.type"] == "agent.cancelled"


async def test_a_structured_answer_says_that_it_is_json(collected: Collected) -> None:
    import attrs

    @attrs.frozen
    class Sum:
        total: int

    model = scripted("not json", '{"total": 5}')
    result = await Agent(model, output_type=Sum, name="sum", sinks=[collected.sink()]).arun("Go.")
    assert result.value == Sum(5)
    assert collected.tree() == [("invoke_agent sum", ["chat script", "chat script"])]
    assert {(span.attributes or {})["gen_ai.output.type"] for span in collected.spans} == {"json"}
    (event,) = collected.span("invoke_agent sum").events
    assert event.name == "lamella.output.rejected"


async def test_f_x26_retries_are_spans(collected: Collected) -> None:
    """F-X26: a failed attempt over a real wire is a span with its error; the retry is another."""
    openai = pytest.importorskip("lamella_openai")
    with SimServer(Script.of("Hello."), faults=[StatusFault(429, {"retry-after": "0.01"})]) as server:
        model = openai.ChatOpenAI(
            "gpt-5-nano", base_url=server.base_url, api_key="sk-secret", temperature=0.5
        )
        await Agent(model, name="again", sinks=[collected.sink()]).arun("Go.")
        await model.aclose()
    assert collected.tree() == [("invoke_agent again", ["chat gpt-5-nano", "chat gpt-5-nano"])]
    failed, answered = (span for span in collected.spans if span.name == "chat gpt-5-nano")
    assert failed.status.status_code is StatusCode.ERROR
    assert failed.attributes is not None
    assert failed.attributes["error.type"] == "api.rate_limited"
    assert failed.attributes["gen_ai.provider.name"] == "openai"
    assert failed.attributes["gen_ai.request.temperature"] == 0.5
    assert failed.attributes["lamella.attempt"] == 1
    (rollback,) = failed.events
    assert rollback.name == "lamella.attempt.rollback"
    assert (rollback.attributes or {})["wait"] == pytest.approx(0.01, abs=0.05)
    assert answered.status.status_code is StatusCode.UNSET
    assert (answered.attributes or {})["lamella.attempt"] == 2
    assert "sk-secret" not in "".join(span.to_json() for span in collected.spans)


async def test_a_fallback_names_the_model_that_answered(collected: Collected) -> None:
    model = fallback(scripted([Error(status=503, message="down")]), ChatSim("echo"))
    await Agent(model, name="either", sinks=[collected.sink()]).arun("Hello")
    assert collected.tree() == [("invoke_agent either", ["chat script", "chat echo"])]
    assert collected.attributes("chat script")["error.type"] == "api.server_error"
    assert "error.type" not in collected.attributes("chat echo")


async def test_a_sink_that_nothing_takes_from_costs_nothing_but_itself() -> None:
    """Without an SDK the API does nothing; the run is as it was."""
    from opentelemetry.metrics import NoOpMeterProvider
    from opentelemetry.trace import NoOpTracerProvider

    sink = OtelSink(tracer_provider=NoOpTracerProvider(), meter_provider=NoOpMeterProvider(), content=True)
    result = await Agent(ChatSim(), tools=[add], sinks=[sink]).arun("What is 2 + 3?")
    assert result.status == "completed"
