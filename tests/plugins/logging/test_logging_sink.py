"""``LoggingSink``: what is logged, at which level, and what never is."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from lamella import Agent, ErrorCode, LamellaError, Project, ServerError, TokenUsage, use_project
from lamella.content import ToolCallBlock
from lamella.errors import ConfigError
from lamella.events import (
    AgentEnd,
    AgentStart,
    ApprovalPending,
    ApprovalResolved,
    AttemptRollback,
    AttemptStart,
    Event,
    GuardrailOverride,
    MessageOutputDone,
    OpaqueEvent,
    OutputRejected,
    ResponseDone,
    RunStreamEvent,
    StreamEnd,
    StreamError,
    StreamResumed,
    StreamStart,
    ToolEnd,
    ToolOutputDone,
    ToolStart,
)
from lamella.messages import Message
from lamella_logging import LoggingSink
from lamella_testing import ScriptedModel

SECRET_WORDS = "my number is 555-0100"


class Kept(logging.Handler):
    """Keeps the records of ``lamella.runs``."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def records(caplog: pytest.LogCaptureFixture) -> Iterator[list[logging.LogRecord]]:
    caplog.set_level(logging.DEBUG, logger="lamella.runs")
    logger, kept = logging.getLogger("lamella.runs"), Kept()
    logger.addHandler(kept)
    yield kept.records
    logger.removeHandler(kept)


async def log(*happenings: Any, **settings: Any) -> None:
    """Write events, a second apart, to a sink: ``event`` or ``(path, event)``."""
    sink = LoggingSink(**settings)
    await sink.open()
    await sink.write(envelopes(happenings))
    await sink.close()


def envelopes(happenings: Sequence[Any]) -> list[RunStreamEvent]:
    pairs = [((), each) if isinstance(each, Event) else each for each in happenings]
    return [
        RunStreamEvent(event=event, run_id="0123456789abcdef", seq=seq, path=path, at=float(seq))
        for seq, (path, event) in enumerate(pairs)
    ]


def told(records: Sequence[logging.LogRecord]) -> list[dict[str, Any]]:
    found = [vars(record)["lamella"] for record in records]
    assert json.loads(json.dumps(found)) == found, "facts are JSON values"
    return found


START = StreamStart(agent="teller", provider="p", model="m", input=(Message.user(SECRET_WORDS),))
END = StreamEnd(output=SECRET_WORDS)


async def test_a_run_from_its_begin_to_its_end(records: list[logging.LogRecord]) -> None:
    usage = TokenUsage(input_tokens=3, output_tokens=2, raw={"secret": SECRET_WORDS})
    await log(START, AttemptStart(), ResponseDone(token_usage=usage, model="m-1"), END)
    begun, answered, ended = told(records)
    assert begun == {
        "run_id": "0123456789abcdef", "seq": 0, "type": "stream.start", "path": [], "agent": "teller", "provider": "p",
        "model": "m", "kind": "messages", "messages": 1,
    }  # fmt: skip
    assert (answered["tokens"], answered["duration"]) == ({"input": 3, "output": 2, "total": 5}, 1.0)
    assert (ended["stop_reason"], ended["duration"], ended["agent"]) == ("end_turn", 3.0, "teller")
    assert [record.getMessage() for record in records] == [
        "01234567: teller begins on p:m",
        "01234567: m answered: end_turn, 5 tokens, 1 s",
        "01234567: teller ended: end_turn, tokens not reported, 3 s",
    ]


async def test_the_duration_of_a_tool_that_ends_out_of_order(records: list[logging.LogRecord]) -> None:
    await log(
        START, ToolStart(call_id="a", name="slow"), ToolStart(call_id="b", name="fast"), ToolEnd(call_id="b", name="fast"),
        ToolOutputDone(call_id="a", name="slow", output="x"), ToolOutputDone(call_id="b", name="fast", output="y"),
        ToolOutputDone(call_id="c", name="denied", output="no", is_error=True),
    )  # fmt: skip
    ends = {each["call_id"]: each for each in told(records) if each["type"] == "tool.output.done"}
    assert (ends["a"]["duration"], ends["b"]["duration"]) == (3.0, 1.0)
    assert "duration" not in ends["c"]


@pytest.mark.parametrize(
    ("event", "level"),
    [
        (StreamError(error="down", code="api.server_error"), "ERROR"),
        (StreamError(error="stop", code="agent.cancelled"), "WARNING"),
        (StreamResumed(unknown=("c",)), "WARNING"),
        (AgentEnd(agent="b", error="broke", code="unknown"), "WARNING"),
        (AgentEnd(agent="b"), "INFO"),
        (AgentStart(agent="b"), "INFO"),
        (ToolOutputDone(call_id="c", name="t", output="x", is_error=True), "WARNING"),
        (ToolOutputDone(call_id="c", name="t", output="x"), "INFO"),
        (AttemptRollback(error="cut", code="api.timeout", wait=0.5), "WARNING"),
        (ApprovalPending(call_id="c", name="t"), "INFO"),
        (ApprovalResolved(call_id="c", name="t", approved=True), "INFO"),
        (ApprovalResolved(call_id="c", name="t", approved=False), "WARNING"),
        (GuardrailOverride(output="x", guardrail="pii"), "WARNING"),
        (OutputRejected(told="x", problems=("a",)), "WARNING"),
        (MessageOutputDone(output="x"), "DEBUG"),
        (OpaqueEvent(type="acme.thing", data={"a": 1}), "DEBUG"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.type,
)
async def test_levels(records: list[logging.LogRecord], event: Event, level: str) -> None:
    await log(event, level="debug")
    assert [record.levelname for record in records] == [level]


async def test_failures_have_their_code(records: list[logging.LogRecord]) -> None:
    await log(
        START,
        AttemptRollback(error="cut", code="api.timeout"),
        StreamError(error="down\n" * 200, code="api.status.error"),
    )
    _, again, failed = told(records)
    assert (again["error_code"], failed["error_code"]) == ("api.timeout", "api.status.error")
    assert len(failed["error"]) < 400
    message = records[-1].getMessage()
    assert "\n" not in message
    assert len(message) <= 200


async def test_the_level_of_single_types(records: list[logging.LogRecord]) -> None:
    await log(
        START, ToolStart(call_id="c", name="t"), OpaqueEvent(type="acme.thing"), END,
        levels={"tool.start": "off", "acme.thing": "error", "stream.end": "debug"},
    )  # fmt: skip
    assert [
        (each["type"], record.levelname) for each, record in zip(told(records), records, strict=True)
    ] == [
        ("stream.start", "INFO"),
        ("acme.thing", "ERROR"),
    ]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"level": "loud"}, "level must be one of 'debug'.*'loud'"),
        ({"levels": {"tool.start": "loud"}}, r"levels\['tool.start'\] must be one of"),
        ({"levels": {"tool.begin": "info"}}, r"levels names 'tool.begin'.* tool\.start"),
        (
            {"levels": {"message.output.delta": "info"}},
            "no durable event; did you mean 'message.output.done'",
        ),
        ({"width": -1}, "width must be 0 or more, got -1"),
    ],
)
def test_wrong_settings_are_named(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        LoggingSink(**settings)


# -- content ------------------------------------------------------------------------------------------


def converse() -> ScriptedModel:
    call = ToolCallBlock(call_id="c-1", name="look", arguments={"what": SECRET_WORDS})
    return ScriptedModel(call, f"So {SECRET_WORDS}.", usage=TokenUsage(input_tokens=1, output_tokens=2))


def look(what: str) -> str:
    """Look something up."""
    return f"found {what}"


async def test_f_log01_content_is_logged_only_when_asked_for(records: list[logging.LogRecord]) -> None:
    """F-LOG01: prompts, arguments and outputs only by explicit opt-in; at every level."""
    await Agent(converse(), tools=[look], sinks=[LoggingSink(level="debug")]).arun(f"Well, {SECRET_WORDS}.")
    assert len(told(records)) >= 8
    assert not [record for record in records if "555-0100" in f"{record.getMessage()} {vars(record)!r}"]


async def test_f_log01_content_with_opt_in(records: list[logging.LogRecord]) -> None:
    """F-LOG01."""
    sink = LoggingSink(level="debug", content=True, width=40)
    await Agent(converse(), tools=[look], sinks=[sink]).arun(f"Well, {SECRET_WORDS}." * 10)
    content = {each["type"]: each["content"] for each in told(records) if "content" in each}
    assert content["stream.start"]["input"].startswith("user: Well, my number is 555-0100.")
    assert content["stream.start"]["input"].endswith("more)")
    assert SECRET_WORDS in content["tool.call.done"]["arguments"]
    assert content["tool.output.done"]["output"] == f"found {SECRET_WORDS}"
    assert content["stream.end"]["output"] == f"So {SECRET_WORDS}."
    assert not [record for record in records if "555-0100" in record.getMessage()], "content is in no message"


async def test_f_log04_the_agents_name_is_in_every_record(records: list[logging.LogRecord]) -> None:
    """F-LOG04: ``Agent.name`` identifies the agent in logs, nested agents by their path."""
    helper = Agent(ScriptedModel("Helped."), name="helper")
    call = ToolCallBlock(call_id="c", name="helper", arguments={"prompt": "Help."})
    await Agent(
        ScriptedModel(call, "Done."), name="boss", tools=[helper.as_tool()], sinks=[LoggingSink()]
    ).arun("Go.")
    found = told(records)
    assert {each["agent"] for each in found if not each["path"]} == {"boss"}
    nested = [each for each in found if each["path"]]
    assert {each["agent"] for each in nested} == {"helper"}
    assert {"agent.start", "response.done", "agent.end"} <= {each["type"] for each in nested}


async def test_f_log02_a_failed_run_has_the_code_of_its_error(records: list[logging.LogRecord]) -> None:
    """F-LOG02: the record of the run and ``AgentLogger`` name the same code."""
    from lamella.log import AgentLogger

    with pytest.raises(LamellaError) as raised:
        await Agent(ScriptedModel(ServerError("The server is down.")), sinks=[LoggingSink()]).arun("Go.")
    payload = AgentLogger().log_exception(raised.value)
    (failed,) = [each for each in told(records) if each["type"] == "stream.error"]
    assert failed["error_code"] == payload["error_code"] == ErrorCode.API_SERVER_ERROR.value
    assert failed["retryable"] is payload["retryable"] is True


async def test_f_log03_tool_failures_say_tool_and_call(records: list[logging.LogRecord]) -> None:
    """F-LOG03: a tool that fails is a warning with its name; its words may hold arguments, and are content."""

    def broken(what: str) -> str:
        """Break."""
        raise ValueError(what)

    call = ToolCallBlock(call_id="c-1", name="broken", arguments={"what": SECRET_WORDS})
    await Agent(ScriptedModel(call, "Sorry."), tools=[broken], sinks=[LoggingSink()]).arun("Go.")
    (failed,) = [each for each in told(records) if each["type"] == "tool.output.done"]
    assert (failed["name"], failed["call_id"], failed["is_error"]) == ("broken", "c-1", True)
    assert not [record for record in records if "555-0100" in f"{record.getMessage()} {vars(record)!r}"]


# -- costs, JSON, configuration -----------------------------------------------------------------------


async def test_costs_where_prices_are_known(records: list[logging.LogRecord], tmp_path: Path) -> None:
    (tmp_path / "lamella.toml").write_text('[prices."p:m"]\ninput = 2\noutput = 4\n')
    usage = TokenUsage(input_tokens=1_000_000, output_tokens=500_000)
    with use_project(Project.load(tmp_path, environ={})):
        await log(START, ResponseDone(token_usage=usage), ResponseDone(token_usage=usage), END)
    assert [each.get("cost_usd") for each in told(records)] == [None, 4.0, 4.0, 8.0]


async def test_no_cost_where_a_price_is_not_known(records: list[logging.LogRecord]) -> None:
    await log(START, ResponseDone(token_usage=TokenUsage(input_tokens=5)), END)
    assert not [each for each in told(records) if "cost_usd" in each]


async def test_records_as_json() -> None:
    """What the README shows, with python-json-logger."""
    formatter = pytest.importorskip("pythonjsonlogger.json").JsonFormatter(
        "{asctime}{levelname}{name}{message}", style="{"
    )
    logger, shown = logging.getLogger("lamella.runs.json"), io.StringIO()
    handler = logging.StreamHandler(shown)
    handler.setFormatter(formatter)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        await log(START, END, logger=logger.name)
    finally:
        logger.removeHandler(handler)
    first, last = map(json.loads, shown.getvalue().splitlines())
    assert (first["lamella"]["type"], last["lamella"]["type"]) == ("stream.start", "stream.end")
    assert first["levelname"] == "INFO"


async def test_nothing_is_made_that_nobody_reads(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="lamella.runs")
    await log(START, StreamError(error="down"))
    assert [vars(record)["lamella"]["type"] for record in caplog.records] == ["stream.error"]


async def test_runs_without_an_end_are_forgotten() -> None:
    sink = LoggingSink()
    for _ in range(2):
        await sink.open()
    await sink.write(envelopes([START]))
    await sink.close()
    assert sink._runs
    await sink.close()
    assert not sink._runs


def test_a_projects_table_makes_it(tmp_path: Path) -> None:
    (tmp_path / "lamella.toml").write_text(
        '[sink.logging]\nlogger = "mine"\nlevel = "debug"\n[sink.logging.levels]\n"tool.start" = "off"\n'
    )
    sink = Project.load(tmp_path, environ={}).build_sink("logging")
    assert repr(sink) == "LoggingSink(logger='mine', content=False)"
