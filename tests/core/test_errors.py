"""The error tree: families, codes, what may be retried, and what an error carries."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest

from lamella import errors
from lamella.errors import APIStatusError, ErrorCode, LamellaError, RateLimitError

TABLE: list[tuple[str, str, bool]] = [
    ("LamellaError", "unknown", False),
    ("AgentInputError", "agent.input.invalid", False),
    ("AgentSerializationError", "agent.serialization.failed", False),
    ("UnsupportedContentError", "agent.content.unsupported", False),
    ("ContentFetchError", "agent.content.fetch_failed", False),
    ("AgentParsingError", "agent.parsing.failed", False),
    ("OutputParserError", "agent.output.invalid", False),
    ("AgentExecutionError", "agent.execution.failed", False),
    ("AgentMaxIterationsError", "agent.max_iterations", False),
    ("BudgetExceededError", "agent.budget.exceeded", False),
    ("AgentToolCallError", "tool.call.invalid", False),
    ("AgentToolExecutionError", "tool.execution.failed", False),
    ("ToolTimeoutError", "tool.timeout", False),
    ("LLMError", "api.status.error", False),
    ("APIStatusError", "api.status.error", False),
    ("ServerError", "api.server_error", True),
    ("InvalidRequestError", "api.invalid_request", False),
    ("AuthenticationError", "api.auth.failed", False),
    ("RateLimitError", "api.rate_limited", True),
    ("APIConnectionError", "api.connection.failed", True),
    ("APITimeoutError", "api.timeout", True),
    ("StreamInterruptedError", "api.stream.interrupted", True),
    ("ReplayMismatchError", "replay.mismatch", False),
    ("StoreError", "store.failed", False),
    ("PluginError", "plugin.failed", False),
    ("ConfigError", "config.invalid", False),
]


@pytest.mark.parametrize(("name", "code", "retryable"), TABLE)
def test_f_err02_codes_and_retryable(name: str, code: str, retryable: bool) -> None:
    error = getattr(errors, name)("what happened")
    assert isinstance(error, LamellaError)
    assert error.error_code.value == code
    assert error.retryable is retryable
    assert str(error) == error.message == "what happened"


def test_f_err02_the_table_names_every_class() -> None:
    classes = {name for name in errors.__all__ if name != "ErrorCode"}
    assert classes - {"AgentError", "ToolError"} == {name for name, _, _ in TABLE}


@pytest.mark.parametrize(
    ("name", "parents"),
    [
        ("AgentInputError", ["AgentError"]),
        ("UnsupportedContentError", ["AgentSerializationError", "AgentError"]),
        ("OutputParserError", ["AgentParsingError", "AgentError"]),
        ("AgentMaxIterationsError", ["AgentExecutionError"]),
        ("BudgetExceededError", ["AgentExecutionError"]),
        ("AgentToolCallError", ["ToolError"]),
        ("ToolTimeoutError", ["AgentToolExecutionError", "ToolError"]),
        ("ServerError", ["APIStatusError", "LLMError"]),
        ("RateLimitError", ["APIStatusError"]),
        ("AuthenticationError", ["APIStatusError"]),
        ("InvalidRequestError", ["APIStatusError"]),
        ("APITimeoutError", ["APIConnectionError", "LLMError"]),
        ("StreamInterruptedError", ["APIConnectionError"]),
    ],
)
def test_f_err02_families(name: str, parents: list[str]) -> None:
    for parent in parents:
        assert issubclass(getattr(errors, name), getattr(errors, parent))


def test_f_err04_pythons_own_families_still_catch() -> None:
    assert issubclass(errors.AgentInputError, ValueError)
    assert issubclass(errors.ConfigError, ValueError)
    assert issubclass(errors.PluginError, RuntimeError)


@pytest.mark.parametrize(("status", "retryable"), [(408, True), (409, True), (404, False), (None, False)])
def test_f_err02_status_408_and_409_are_retryable(status: int | None, retryable: bool) -> None:
    assert APIStatusError("x", status_code=status).retryable is retryable


def test_f_err01_an_error_carries_code_context_cause_and_partial() -> None:
    cause = OSError("low")
    error = LamellaError(
        "x",
        error_code=ErrorCode.TOOL_TIMEOUT,
        context={"model": "m"},
        cause=cause,
        retryable=True,
        retry_after=2.5,
        partial="so far",
    )
    assert error.error_code.value == "tool.timeout"
    assert error.context == {"model": "m"}
    assert error.cause is cause
    assert error.__cause__ is cause
    assert (error.retryable, error.retry_after, error.partial) == (True, 2.5, "so far")


def test_f_err01_defaults_are_empty() -> None:
    error = LamellaError("x")
    assert error.context == {}
    assert error.cause is error.__cause__ is error.retry_after is error.partial is None


def test_f_err01_the_code_may_be_given_as_text_but_must_exist() -> None:
    assert LamellaError("x", error_code="api.timeout").error_code is ErrorCode.API_TIMEOUT
    with pytest.raises(errors.AgentInputError, match="unknown error_code 'nope'"):
        LamellaError("x", error_code="nope")


def test_f_err01_a_web_handler_can_choose_its_status() -> None:
    def status_of(failure: LamellaError) -> int:
        try:
            raise failure
        except LamellaError as error:
            return 503 if error.retryable else 400

    assert status_of(RateLimitError("slow down", status_code=429)) == 503
    assert status_of(errors.AgentInputError("no")) == 400


def test_f_err04_all_are_importable_from_lamella() -> None:
    import lamella

    for name in errors.__all__:
        assert getattr(lamella, name) is getattr(errors, name)


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))]
)
def test_f_err01_a_copy_keeps_everything(copied: Callable[[LamellaError], LamellaError]) -> None:
    error = RateLimitError(
        "slow", status_code=429, retry_after=2.0, context={"model": "m"}, cause=KeyError("k"), partial=[1]
    )
    twin = copied(error)
    assert isinstance(twin, RateLimitError)
    assert str(twin) == "slow"
    assert (twin.status_code, twin.retry_after, twin.context, twin.partial) == (429, 2.0, {"model": "m"}, [1])
    assert isinstance(twin.__cause__, KeyError)
    assert isinstance(twin.cause, KeyError)
    bare = copied(LamellaError("bare"))
    assert bare.__cause__ is None
    assert bare.cause is None
