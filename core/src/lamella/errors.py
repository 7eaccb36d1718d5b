"""The error tree: the only exceptions that leave Lamella.

::

    LamellaError
    ├── AgentError
    │   ├── AgentInputError                 (also a ValueError)
    │   ├── AgentSerializationError
    │   │   └── UnsupportedContentError
    │   ├── ContentFetchError
    │   ├── AgentParsingError
    │   │   └── OutputParserError
    │   └── AgentExecutionError
    │       ├── AgentMaxIterationsError
    │       ├── BudgetExceededError
    │       └── ReplayMismatchError
    ├── ToolError
    │   ├── AgentToolCallError
    │   └── AgentToolExecutionError
    │       └── ToolTimeoutError
    ├── LLMError
    │   ├── APIStatusError
    │   │   ├── AuthenticationError
    │   │   ├── InvalidRequestError
    │   │   ├── RateLimitError
    │   │   └── ServerError
    │   └── APIConnectionError
    │       ├── APITimeoutError
    │       └── StreamInterruptedError
    ├── StoreError
    ├── PluginError                         (also a RuntimeError)
    └── ConfigError                         (also a ValueError)

Every class has a stable dotted ``error_code``; ``retryable`` says whether the same request may
succeed later. ``docs/reference/errors.md`` documents the cause and the fix of each.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, ClassVar

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "AgentError",
    "AgentExecutionError",
    "AgentInputError",
    "AgentMaxIterationsError",
    "AgentParsingError",
    "AgentSerializationError",
    "AgentToolCallError",
    "AgentToolExecutionError",
    "AuthenticationError",
    "BudgetExceededError",
    "ConfigError",
    "ContentFetchError",
    "ErrorCode",
    "InvalidRequestError",
    "LLMError",
    "LamellaError",
    "OutputParserError",
    "PluginError",
    "RateLimitError",
    "ReplayMismatchError",
    "ServerError",
    "StoreError",
    "StreamInterruptedError",
    "ToolError",
    "ToolTimeoutError",
    "UnsupportedContentError",
]


class ErrorCode(enum.StrEnum):
    """Stable dotted codes; ``.value`` is what logs, events and stores hold."""

    UNKNOWN = "unknown"
    INPUT_INVALID = "agent.input.invalid"
    SERIALIZATION_FAILED = "agent.serialization.failed"
    CONTENT_UNSUPPORTED = "agent.content.unsupported"
    CONTENT_FETCH_FAILED = "agent.content.fetch_failed"
    PARSING_FAILED = "agent.parsing.failed"
    OUTPUT_INVALID = "agent.output.invalid"
    EXECUTION_FAILED = "agent.execution.failed"
    MAX_ITERATIONS = "agent.max_iterations"
    BUDGET_EXCEEDED = "agent.budget.exceeded"
    CANCELLED = "agent.cancelled"
    TOOL_CALL_INVALID = "tool.call.invalid"
    TOOL_EXECUTION_FAILED = "tool.execution.failed"
    TOOL_TIMEOUT = "tool.timeout"
    API_STATUS = "api.status.error"
    API_SERVER_ERROR = "api.server_error"
    API_INVALID_REQUEST = "api.invalid_request"
    API_AUTH_FAILED = "api.auth.failed"
    API_RATE_LIMITED = "api.rate_limited"
    API_CONNECTION_FAILED = "api.connection.failed"
    API_TIMEOUT = "api.timeout"
    API_STREAM_INTERRUPTED = "api.stream.interrupted"
    STORE_FAILED = "store.failed"
    STORE_FULL = "store.full"
    STORE_UNAVAILABLE = "store.unavailable"
    STORE_CONFLICT = "store.conflict"
    STORE_CORRUPT = "store.corrupt"
    REPLAY_MISMATCH = "replay.mismatch"
    PLUGIN_FAILED = "plugin.failed"
    CONFIG_INVALID = "config.invalid"


class LamellaError(Exception):
    """Base of every error that Lamella raises.

    :param message: what happened, where, and what to do about it.
    :param error_code: overrides the class's code.
    :param context: JSON-like facts (model, provider, state). Never secrets.
    :param cause: the underlying exception; also set as ``__cause__``.
    :param retryable: overrides the class's default.
    :param retry_after: seconds the other side asked to wait, ``None`` when it did not say.
    :param partial: what had been produced when it failed: a ``RunResult`` from an agent, a
        ``Completion`` from a model, ``None`` when there was nothing.
    """

    default_code: ClassVar[ErrorCode] = ErrorCode.UNKNOWN
    default_retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        error_code: ErrorCode | str | None = None,
        context: Mapping[str, Any] | None = None,
        cause: BaseException | None = None,
        retryable: bool | None = None,
        retry_after: float | None = None,
        partial: Any = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.error_code = self.default_code if error_code is None else _code(error_code)
        self.context: dict[str, Any] = dict(context or {})
        self.cause = cause
        self.retryable = self.default_retryable if retryable is None else retryable
        self.retry_after = retry_after
        self.partial = partial
        if cause is not None:
            self.__cause__ = cause

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles keep the ``__cause__`` too."""
        state = dict(self.__dict__)
        if self.__cause__ is not None:
            state["__cause__"] = self.__cause__
        return type(self), self.args, state


def _code(value: ErrorCode | str) -> ErrorCode:
    try:
        return ErrorCode(value)
    except ValueError:
        known = ", ".join(code.value for code in ErrorCode)
        raise AgentInputError(f"unknown error_code {value!r}; the codes are: {known}") from None


class AgentError(LamellaError):
    """What the agent was given, or made of it, was wrong."""

    default_code = ErrorCode.EXECUTION_FAILED


class AgentInputError(AgentError, ValueError):
    """An argument or a message is not what it must be."""

    default_code = ErrorCode.INPUT_INVALID


class AgentSerializationError(AgentError):
    """Something cannot be written as, or read from, JSON or a provider's wire."""

    default_code = ErrorCode.SERIALIZATION_FAILED


class UnsupportedContentError(AgentSerializationError):
    """A content block has no form on the target's wire; raised before any network."""

    default_code = ErrorCode.CONTENT_UNSUPPORTED


class ContentFetchError(AgentError):
    """Media behind a URL could not be fetched, or may not be: an address that is not public, too many bytes."""

    default_code = ErrorCode.CONTENT_FETCH_FAILED


class AgentParsingError(AgentError):
    """A provider's answer does not follow its own protocol."""

    default_code = ErrorCode.PARSING_FAILED


class OutputParserError(AgentParsingError):
    """A model's answer is not the structure that was asked for."""

    default_code = ErrorCode.OUTPUT_INVALID


class AgentExecutionError(AgentError):
    """A run could not go on."""

    default_code = ErrorCode.EXECUTION_FAILED


class AgentMaxIterationsError(AgentExecutionError):
    """The model still asked for tools at the iteration limit; ``partial`` has the run so far."""

    default_code = ErrorCode.MAX_ITERATIONS


class BudgetExceededError(AgentExecutionError):
    """The next step would exceed a budget; it was not taken."""

    default_code = ErrorCode.BUDGET_EXCEEDED


class ReplayMismatchError(AgentExecutionError):
    """A run that is done again from its log asks for something else than the log says."""

    default_code = ErrorCode.REPLAY_MISMATCH


class ToolError(LamellaError):
    """A tool could not be called, or failed.

    ``cause_message`` is the text of ``cause`` without values of the runtime context: what logs may hold.
    """

    default_code = ErrorCode.TOOL_EXECUTION_FAILED
    cause_message: str | None = None


class AgentToolCallError(ToolError):
    """The model's arguments are no JSON object, or fail the tool's schema."""

    default_code = ErrorCode.TOOL_CALL_INVALID


class AgentToolExecutionError(ToolError):
    """The tool raised, or its result fails the output schema."""

    default_code = ErrorCode.TOOL_EXECUTION_FAILED


class ToolTimeoutError(AgentToolExecutionError):
    """The tool did not finish within its ``timeout``."""

    default_code = ErrorCode.TOOL_TIMEOUT


class LLMError(LamellaError):
    """A provider's API failed."""

    default_code = ErrorCode.API_STATUS


class APIStatusError(LLMError):
    """The provider answered with an error status.

    ``status_code`` is the HTTP status, ``None`` where the error came inside a stream.
    408 and 409 are retryable unless told otherwise.
    """

    default_code = ErrorCode.API_STATUS

    def __init__(
        self,
        message: str,
        *,
        status_code: int | None = None,
        error_code: ErrorCode | str | None = None,
        context: Mapping[str, Any] | None = None,
        cause: BaseException | None = None,
        retryable: bool | None = None,
        retry_after: float | None = None,
        partial: Any = None,
    ) -> None:
        if retryable is None and status_code in (408, 409):
            retryable = True
        super().__init__(
            message,
            error_code=error_code,
            context=context,
            cause=cause,
            retryable=retryable,
            retry_after=retry_after,
            partial=partial,
        )
        self.status_code = status_code


class ServerError(APIStatusError):
    """The provider failed (5xx, 529)."""

    default_code = ErrorCode.API_SERVER_ERROR
    default_retryable = True


class InvalidRequestError(APIStatusError):
    """The provider refused the request as malformed (400, 422)."""

    default_code = ErrorCode.API_INVALID_REQUEST


class AuthenticationError(APIStatusError):
    """No key, a wrong key, or no permission (401, 403)."""

    default_code = ErrorCode.API_AUTH_FAILED


class RateLimitError(APIStatusError):
    """Too many requests (429); ``retry_after`` where the provider said."""

    default_code = ErrorCode.API_RATE_LIMITED
    default_retryable = True


class APIConnectionError(LLMError):
    """The provider could not be reached, or the connection broke."""

    default_code = ErrorCode.API_CONNECTION_FAILED
    default_retryable = True


class APITimeoutError(APIConnectionError):
    """The provider did not answer in time."""

    default_code = ErrorCode.API_TIMEOUT


class StreamInterruptedError(APIConnectionError):
    """A stream ended without its terminal marker; ``partial`` has what had come."""

    default_code = ErrorCode.API_STREAM_INTERRUPTED


class StoreError(LamellaError):
    """A run store could not write or read; nothing of the batch counts as stored.

    The code says why: ``store.full`` (no space), ``store.unavailable`` (locked, or the server is away: ``retryable``),
    ``store.conflict`` (another process writes this run), ``store.corrupt`` (what is there cannot be read), else
    ``store.failed``.
    """

    default_code = ErrorCode.STORE_FAILED


class PluginError(LamellaError, RuntimeError):
    """A plugin is missing, broken, incompatible, in conflict, or disabled."""

    default_code = ErrorCode.PLUGIN_FAILED


class ConfigError(LamellaError, ValueError):
    """The configuration says something that does not exist or does not fit."""

    default_code = ErrorCode.CONFIG_INVALID
