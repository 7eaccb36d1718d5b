"""A tool's failure: the typed error that may leave, and the text the model may read."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias

import attrs

from lamella.errors import AgentToolCallError, AgentToolExecutionError, ToolError
from lamella.tools.tool import ExecutionMode

_log = logging.getLogger(__name__)

ErrorDetail: TypeAlias = Literal["message", "class"]
"""What the model reads of a failure: ``Type: message``, or only ``Type``."""

HIDDEN = "[hidden]"


class Redaction:
    """Takes the values of a runtime context out of texts. The values are looked at when something has failed."""

    def __init__(self, context: Mapping[str, Any]) -> None:
        self._context = context

    def __call__(self, text: str) -> str:
        for hidden in self._texts:
            text = text.replace(hidden, HIDDEN)
        return text

    @functools.cached_property
    def _texts(self) -> list[str]:
        texts = {text for leaf in _leaves(self._context, 0) for text in _spellings(leaf) if len(text) > 3}
        # The longest first: a value may be part of another.
        return sorted(texts, key=len, reverse=True)


def _leaves(value: Any, depth: int) -> Iterable[Any]:
    if isinstance(value, Mapping | list | tuple | set | frozenset) and depth < 8:
        items = value.values() if isinstance(value, Mapping) else value
        for item in items:
            yield from _leaves(item, depth + 1)
    elif value is not None and not isinstance(value, bool):
        yield value


def _spellings(value: Any) -> Iterable[str]:
    """How a value may appear in a text: as it is, and inside a repr."""
    if isinstance(value, bytes):
        return (str(value), value.decode("utf-8", "replace"))
    if isinstance(value, str):
        return (value, repr(value)[1:-1])
    try:
        return (str(value), repr(value))
    except Exception:  # an object that cannot be shown cannot be in a text either
        return ()


@attrs.frozen(kw_only=True)
class Failure:
    """A failure: the typed ``error`` of Lamella, and the exception the model reads of."""

    error: ToolError
    subject: BaseException

    def text(self, redact: Redaction, detail: ErrorDetail) -> str:
        """What the model reads: ``Type: message`` without hidden values, or only ``Type``."""
        name = type(self.subject).__name__
        return name if detail == "class" else redact(_named(self.subject))


def failure_of(
    error: Exception, redact: Redaction, *, tool_name: str, call_id: str, mode: ExecutionMode | None
) -> Failure:
    """The failure for whatever was raised for a call, with its context and without hidden values."""
    facts = {"tool_name": tool_name, "call_id": call_id}
    if mode is not None:
        facts["execution_mode"] = mode
    if not isinstance(error, ToolError):
        said = redact(_named(error))
        typed = AgentToolExecutionError(f"tool {tool_name} failed: {said}", context=facts, cause=error)
        typed.cause_message = redact(str(error))
        return Failure(error=typed, subject=error)
    error.message = redact(error.message)
    error.args = (error.message,)
    error.context = {**facts, **error.context}
    error.cause_message = None if error.cause is None else redact(str(error.cause))
    # A bad call reads as in Python: TypeError, KeyError.
    bad_call = isinstance(error, AgentToolCallError) and error.cause is not None
    return Failure(error=error, subject=error.cause if bad_call and error.cause is not None else error)


def _named(error: BaseException) -> str:
    message = str(error)
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def log_failure(error: ToolError) -> None:
    """One record for a failure that goes back to the model. Arguments and messages stay out of the log."""
    code = error.error_code.value
    payload = {
        "error_type": type(error).__name__,
        "error_code": code,
        "retryable": error.retryable,
        "context": dict(error.context),
        "cause_type": None if error.cause is None else type(error.cause).__name__,
    }
    _log.info("[%s] tool %s failed", code, error.context.get("tool_name"), extra={"lamella_error": payload})
