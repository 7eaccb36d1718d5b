"""``AgentLogger``: what it logs and what it returns."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from lamella.agent import Agent
from lamella.errors import AgentMaxIterationsError, AgentToolExecutionError, ErrorCode, RateLimitError
from lamella.log import AgentLogger

from fakes import ScriptedModel, bare, calls


def test_f_log02_a_lamella_error(caplog: pytest.LogCaptureFixture) -> None:
    cause = ConnectionError("reset")
    error = RateLimitError("100% too fast", context={"model": "m"}, cause=cause)
    payload = AgentLogger().log_exception(error)
    assert payload == {
        "error_type": "RateLimitError",
        "message": "100% too fast",
        "error_code": "api.rate_limited",
        "retryable": True,
        "context": {"model": "m"},
        "cause_type": "ConnectionError",
        "cause_message": "reset",
    }
    (record,) = caplog.records
    assert record.getMessage() == "[api.rate_limited] 100% too fast"
    assert (record.name, record.levelno, record.exc_info) == ("lamella", logging.ERROR, None)
    assert vars(record)["lamella_error"] == payload


def test_f_log02_a_foreign_exception(caplog: pytest.LogCaptureFixture) -> None:
    payload = AgentLogger("mine").log_exception(KeyError("k"))
    assert payload == {
        "error_type": "KeyError",
        "message": "'k'",
        "error_code": "unknown",
        "retryable": False,
        "context": {},
    }
    assert caplog.records[0].name == "mine"
    assert caplog.records[0].getMessage() == "[unknown] 'k'"


def test_f_log02_a_foreign_exception_has_its_cause_too() -> None:
    try:
        try:
            raise OSError("disk")
        except OSError as error:
            raise ValueError("bad") from error
    except ValueError as error:
        payload = AgentLogger().log_exception(error)
    assert (payload["cause_type"], payload["cause_message"]) == ("OSError", "disk")


def test_f_log02_level_and_traceback(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    error = ValueError("x")
    AgentLogger().log_exception(error, level=logging.INFO, include_traceback=True)
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert record.exc_info is not None
    assert record.exc_info[1] is error


@pytest.mark.parametrize(
    ("error", "context", "merged"),
    [
        (
            AgentToolExecutionError("x", context={"tool_name": "t", "execution_mode": "sync"}),
            {"execution_mode": "async"},
            {"tool_name": "t", "execution_mode": "async"},
        ),
        (
            AgentMaxIterationsError("x", context={"provider": "p", "max_iterations": 20}),
            {"mode": "run_async"},
            {"provider": "p", "max_iterations": 20, "mode": "run_async"},
        ),
        (ValueError("x"), {"mode": "stream_sync"}, {"mode": "stream_sync"}),
    ],
)
def test_f_log03_the_call_site_overrides_the_exceptions_context(
    error: Exception, context: dict[str, Any], merged: dict[str, Any]
) -> None:
    before = dict(getattr(error, "context", {}))
    assert AgentLogger().log_exception(error, context=context)["context"] == merged
    assert getattr(error, "context", {}) == before


def test_f_log02_the_code_of_the_instance_counts() -> None:
    error = AgentToolExecutionError("x", error_code=ErrorCode.TOOL_TIMEOUT)
    assert AgentLogger().log_exception(error)["error_code"] == "tool.timeout"


# -- the agent loop -------------------------------------------------------------------------------


def _double(number: int) -> int:
    """Double a number."""
    return 2 * number


def _looping() -> Agent:
    replies = [calls((f"c-{turn}", "_double", '{"number": 987654321}')) for turn in range(3)]
    return Agent(ScriptedModel(*replies), name="scout", tools=[_double], max_iterations=2, project=bare())


@pytest.mark.parametrize("mode", ["run_sync", "run_async", "stream_sync", "stream_async"])
def test_f_log03_the_iteration_cap_says_provider_limit_and_mode(mode: str) -> None:
    async def consume() -> None:
        async for _ in _looping().astream("Go."):
            pass

    asked = {
        "run_sync": lambda: _looping().run("Go."),
        "run_async": lambda: asyncio.run(_looping().arun("Go.")),
        "stream_sync": lambda: list(_looping().stream("Go.")),
        "stream_async": lambda: asyncio.run(consume()),
    }
    with pytest.raises(AgentMaxIterationsError) as raised:
        asked[mode]()
    context = AgentLogger().log_exception(raised.value)["context"]
    assert (context["provider"], context["max_iterations"], context["mode"]) == ("fake", 2, mode)


def test_f_log01_every_call_has_two_records_and_no_word_of_the_conversation(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """At DEBUG of every logger of the core: no prompt, argument or output."""
    with caplog.at_level(logging.DEBUG, logger="lamella"), pytest.raises(AgentMaxIterationsError):
        _looping().run("my number is 555-0100")
    turns = [record for record in caplog.records if record.name == "lamella.agent.turns"]
    assert [record.levelno for record in turns] == [logging.DEBUG] * 4, "two records for each of two calls"
    assert ["_double" in record.getMessage() for record in turns] == [True, False] * 2
    for record in caplog.records:
        assert record.name.startswith("lamella.")
        told = f"{record.getMessage()} {vars(record)!r}"
        assert not any(words in told for words in ("555-0100", "987654321", "1975308642"))
