"""Events as they come in rare runs: resumed, forked, interrupted, summarised, cached."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("opentelemetry.sdk")

from opentelemetry.trace import StatusCode

from lamella import TokenUsage
from lamella.agent.emitter import new_run_id
from lamella.events import (
    AgentEnd,
    AgentStart,
    AttemptCommit,
    AttemptRollback,
    AttemptStart,
    Event,
    GuardrailOverride,
    MessageOutputDelta,
    MessageOutputDone,
    OpaqueEvent,
    OtherEvent,
    ResponseDone,
    RunStreamEvent,
    StreamEnd,
    StreamError,
    StreamResumed,
    StreamStart,
    ToolCallDone,
    ToolEnd,
    ToolOutputDone,
    ToolStart,
)

if TYPE_CHECKING:
    from tests.plugins.otel.conftest import Collected

START = StreamStart(agent="a", provider="gemini", model="m", started_at=1000.0, settings={"api": "x"})


def envelopes(
    *events: Any, run_id: str = "run", first: int = 0, at: float = 50.0
) -> Iterator[RunStreamEvent]:
    """Events a second apart; ``(path, event)`` for those of nested agents."""
    for place, item in enumerate(events):
        path, event = item if isinstance(item, tuple) else ((), item)
        yield RunStreamEvent(
            event=event, run_id=run_id, seq=first + place, path=path, at=at + place, start_time=50.0
        )


async def play(collected: Collected, *events: Any) -> None:
    sink = collected.sink()
    await sink.open()
    await sink.write(list(envelopes(*events, run_id=new_run_id())))
    await sink.close()


async def test_times_are_those_of_the_events(collected: Collected) -> None:
    """Monotonic seconds become wall time through ``started_at``."""
    done = MessageOutputDone(output="Hi."), ResponseDone(model="m-1"), StreamEnd(output="Hi.")
    await play(collected, START, AttemptStart(model="m"), MessageOutputDelta(delta="Hi."), *done)
    run, chat = collected.spans
    assert (run.start_time, run.end_time) == (1000 * 10**9, 1005 * 10**9)
    assert (chat.start_time, chat.end_time) == (1001 * 10**9, 1004 * 10**9)
    assert (chat.attributes or {})["gen_ai.response.time_to_first_chunk"] == 1.0


async def test_a_request_that_nothing_announces_begins_when_it_could(collected: Collected) -> None:
    call = ToolCallDone(call_id="c", name="t"), ResponseDone(stop_reason="tool_use")
    ran = ToolStart(call_id="c", name="t"), ToolOutputDone(call_id="c", name="t", output="1")
    await play(collected, START, *call, *ran, MessageOutputDone(output="Hi."), ResponseDone(), StreamEnd())
    times = [
        (span.name, (span.start_time or 0) / 1e9, (span.end_time or 0) / 1e9) for span in collected.spans
    ]
    assert times == [
        ("invoke_agent a", 1000, 1007),
        ("chat m", 1000, 1002),
        ("execute_tool t", 1003, 1004),
        ("chat m", 1004, 1006),
    ]


async def test_what_was_not_reported_is_left_out(collected: Collected) -> None:
    """Unknown is not zero; input tokens hold the cached ones, output tokens the reasoning."""
    usage = TokenUsage(
        input_tokens=10, cached_read_tokens=90, cached_write_tokens=0, output_tokens=5, reasoning_tokens=7
    )
    await play(collected, START, ResponseDone(), ResponseDone(token_usage=usage), StreamEnd())
    unknown, known = (dict(span.attributes or {}) for span in collected.spans[1:])
    assert not [name for name in unknown if name.startswith("gen_ai.usage")]
    assert {name: value for name, value in known.items() if name.startswith("gen_ai.usage")} == {
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 12,
        "gen_ai.usage.cache_read.input_tokens": 90,
        "gen_ai.usage.cache_write.input_tokens": 0,
        "gen_ai.usage.reasoning.output_tokens": 7,
    }


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("openai", "openai"),
        ("openai-chat", "openai"),
        ("anthropic", "anthropic"),
        ("mistral", "mistral_ai"),
        ("gemini", "gcp.gemini"),
        ("gemini-interactions", "gcp.gemini"),
        ("xai", "x_ai"),
        ("moonshot", "moonshot_ai"),
        ("groq", "groq"),
        ("acme", "acme"),
    ],
)
async def test_providers_have_the_conventions_names(collected: Collected, ours: str, theirs: str) -> None:
    await play(collected, StreamStart(provider=ours, model="m"), ResponseDone(provider=ours), StreamEnd())
    assert {(span.attributes or {})["gen_ai.provider.name"] for span in collected.spans} == {theirs}


async def test_parameters_of_the_request_are_told_and_no_other_setting(collected: Collected) -> None:
    settings = {
        "temperature": 0,
        "top_p": 0.5,
        "top_k": 40,
        "max_output_tokens": 100,
        "stop": ["x"],
        "random_seed": 7,
        "n": 1,
        "reasoning_effort": "low",
        "base_url": "http://user:password@host",
        "frequency_penalty": "much",
        "timeout": 3,
    }
    await play(collected, StreamStart(model="m", settings=settings), ResponseDone(), StreamEnd())
    for span in collected.spans:
        told = {name: value for name, value in (span.attributes or {}).items() if ".request." in name}
        assert told == {
            "gen_ai.request.model": "m",
            "gen_ai.request.temperature": 0.0,
            "gen_ai.request.top_p": 0.5,
            "gen_ai.request.top_k": 40,
            "gen_ai.request.max_tokens": 100,
            "gen_ai.request.stop_sequences": ("x",),
            "gen_ai.request.seed": 7,
            "gen_ai.request.reasoning.level": "low",
        }
        assert "password" not in span.to_json()


async def test_calls_that_end_out_of_order(collected: Collected) -> None:
    """``tool.end`` ends the span; the output that follows in the order of the calls does not end it again."""
    await play(
        collected,
        START,
        ToolStart(call_id="1", name="t"),
        ToolStart(call_id="2", name="u"),
        ToolEnd(call_id="2", name="u", output="x", is_error=True),
        ToolOutputDone(call_id="1", name="t", output="y"),
        ToolOutputDone(call_id="2", name="u", output="x", is_error=True),
        StreamEnd(),
    )
    run, first, second = collected.spans
    assert ((first.end_time or 0) / 1e9, (second.end_time or 0) / 1e9) == (1004, 1003)
    assert second.status.status_code is StatusCode.ERROR
    assert not run.events


async def test_a_resumed_run_is_linked_to_what_was_before(collected: Collected) -> None:
    """In the process that saw the first part there is a link; in any there is the run id."""
    sink = collected.sink()
    before = START, ToolStart(call_id="c", name="t")
    after = (
        StreamResumed(started_at=2000.0, unknown=("c",)),
        AttemptRollback(code="run.resumed", error="cut"),
        MessageOutputDone(output="Hi."),
        ResponseDone(),
        StreamEnd(output="Hi."),
    )
    for events, first in ((before, 0), (after, 2)):
        await sink.open()
        await sink.write(list(envelopes(*events, first=first, at=50.0 + first)))
        await sink.close()
    cut, tool, resumed, chat = collected.spans
    assert cut.status.status_code is StatusCode.ERROR
    assert (cut.attributes or {})["error.type"] == (tool.attributes or {})["error.type"] == "run.interrupted"
    assert resumed.start_time == 2000 * 10**9
    assert resumed.status.status_code is StatusCode.UNSET
    assert resumed.attributes is not None
    assert resumed.attributes["lamella.resumed"] is True
    assert resumed.attributes["lamella.unknown_calls"] == ("c",)
    assert resumed.attributes["lamella.run_id"] == (cut.attributes or {})["lamella.run_id"] == "run"
    (link,) = resumed.links
    assert link.context == cut.context
    assert resumed.context is not None
    assert cut.context is not None
    assert resumed.context.trace_id != cut.context.trace_id
    assert [event.name for event in resumed.events] == ["lamella.attempt.rollback"]
    assert "error.type" not in (chat.attributes or {})


async def test_a_fork_names_its_origin(collected: Collected) -> None:
    await play(collected, StreamStart(agent="a", forked_from="elsewhere", forked_at=7), StreamEnd())
    (run,) = collected.spans
    assert (run.attributes or {})["lamella.forked_from"] == "elsewhere"
    assert (run.attributes or {})["lamella.forked_at"] == 7
    assert not run.links


async def test_a_summary_is_no_failure(collected: Collected) -> None:
    """A rollback that tells of a summary ends its request without an error, and with what it cost."""
    usage = TokenUsage(input_tokens=3, output_tokens=1)
    summary = AttemptStart(attempt=1, model="s"), AttemptRollback(code="memory.summarized", token_usage=usage)
    answer = AttemptStart(attempt=2, model="m"), AttemptCommit(attempt=2), ResponseDone(token_usage=usage)
    await play(collected, START, *summary, *answer, StreamEnd())
    run, made, _ = collected.spans
    assert made.status.status_code is StatusCode.UNSET
    assert (made.attributes or {})["gen_ai.usage.input_tokens"] == 3
    assert (run.attributes or {})["gen_ai.usage.input_tokens"] == 6


async def test_an_answer_from_the_cache_says_so(collected: Collected) -> None:
    free = TokenUsage(input_tokens=0, output_tokens=0)
    await play(collected, START, ResponseDone(cached=True, token_usage=free), StreamEnd())
    assert collected.attributes("chat m")["lamella.cached"] is True
    assert collected.attributes("chat m")["gen_ai.usage.input_tokens"] == 0


async def test_guardrails_are_events_of_their_agent(collected: Collected) -> None:
    override = GuardrailOverride(output="[withheld]", guardrail="polite", reason="it said darn")
    await play(collected, START, MessageOutputDone(output="Darn."), ResponseDone(), override, StreamEnd())
    (event,) = collected.span("invoke_agent a").events
    assert (event.name, dict(event.attributes or {})) == (
        "lamella.guardrail.override",
        {"guardrail": "polite"},
    )


async def test_the_error_of_a_nested_agent_is_its_own(collected: Collected) -> None:
    """It failed on its model; those above it fail with the same code, and make no request of it."""
    await play(
        collected,
        START,
        (("b",), AgentStart(agent="b", provider="sim", model="n")),
        (("b",), AgentEnd(agent="b", error="down", code="api.server_error")),
        StreamError(error="down", code="api.server_error"),
    )
    assert collected.tree() == [("invoke_agent a", [("invoke_agent b", ["chat n"])])]
    assert {(span.attributes or {})["error.type"] for span in collected.spans} == {"api.server_error"}


async def test_a_function_may_turn_out_to_be_a_workflow(collected: Collected) -> None:
    nested = (("b",), AgentStart(agent="b", model="n")), (("b",), AgentEnd(agent="b", output="Hi."))
    await play(collected, StreamStart(agent="f"), *nested, StreamEnd(output="Hi.", kind="chain"))
    assert collected.tree() == [("invoke_workflow f", ["invoke_agent b"])]
    assert collected.attributes("invoke_workflow f")["gen_ai.operation.name"] == "invoke_workflow"


async def test_events_without_a_place_do_no_harm(collected: Collected) -> None:
    """Of a path that no agent began, of an unknown type, after the end, of a tool that says something."""

    class Ours(Event):
        type = "acme.thing"  # type: ignore[misc]

    await play(
        collected,
        START,
        (("x", "y"), MessageOutputDone(output="Hm.")),
        (("x", "y"), ResponseDone()),
        (("x",), AgentEnd(agent="x")),
        OpaqueEvent(type="acme.other"),
        Ours(),
        ToolStart(call_id="1", name="t"),
        MessageOutputDelta(delta="from a tool"),
        OtherEvent(name="thing"),
        ToolOutputDone(call_id="1", name="t", output="1"),
        ToolOutputDone(call_id="2", name="t", output="2"),
        StreamEnd(),
        StreamEnd(),
    )
    assert collected.tree() == [("invoke_agent a", ["chat m", "execute_tool t"])]


async def test_a_sink_that_comes_late_makes_a_run_of_the_rest(collected: Collected) -> None:
    await play(
        collected,
        OpaqueEvent(type="acme.thing"),
        MessageOutputDone(output="Hi."),
        ResponseDone(),
        StreamEnd(),
    )
    assert collected.tree() == [("invoke_agent", ["chat"])]
