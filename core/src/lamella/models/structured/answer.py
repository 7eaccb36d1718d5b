"""Reads a response as the structure that was asked for, and words what is wrong with one that is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from lamella._frozen import JSON
from lamella._json import loads
from lamella.content import ToolCallBlock, ToolOutputBlock
from lamella.errors import AgentSerializationError, LamellaError, OutputParserError
from lamella.events import StopReason
from lamella.messages import Message
from lamella.models.structured.finding import find_json
from lamella.models.structured.output import OutputType, Reading, T

if TYPE_CHECKING:
    from lamella.models.completion import Completion

__all__ = ["correctable", "correction", "correction_message", "read_answer", "read_call", "read_text"]

_FINAL: Final = ("refusal", "content_filter")
"""Stop reasons after which asking again is no use."""


def read_answer(
    output: OutputType[T], *, text: str, calls: Sequence[ToolCallBlock], stop_reason: StopReason | None
) -> Reading[T]:
    """The value of one response: of its call of the output's tool, else of its text.

    :raises OutputParserError: it refused, said nothing, wrote no JSON, or what it wrote does not follow the schema.
    """
    answers = [call for call in calls if call.name == output.name]
    if stop_reason in _FINAL:
        raise _failed(output, f"the model refused ({stop_reason}): {text[:500]!r}", text, stop_reason)
    if answers:
        return read_call(output, answers, stop_reason)
    return read_text(output, text, stop_reason)


def read_call(
    output: OutputType[T], calls: Sequence[ToolCallBlock], stop_reason: StopReason | None = None
) -> Reading[T]:
    """The value of the calls of the output's tool; several that say the same are one.

    :raises OutputParserError: see :func:`read_answer`.
    """
    texts = list(dict.fromkeys(call.arguments_json for call in calls))
    if len(texts) > 1:
        raise _failed(
            output, f"{output.name} was called {len(calls)} times; there is one answer", texts[0], stop_reason
        )
    try:
        data = loads(texts[0])
    except AgentSerializationError as error:
        raise _failed(output, str(error), texts[0], stop_reason, error) from error
    return _read(output, data, texts[0], stop_reason)


def read_text(output: OutputType[T], text: str, stop_reason: StopReason | None = None) -> Reading[T]:
    """The value of a text: bare JSON, a fenced block, or the first value between the words that fits.

    :raises OutputParserError: see :func:`read_answer`.
    """
    if not text.strip():
        raise _failed(output, "the model gave no answer", text, stop_reason)
    failure: OutputParserError | None = None
    for data in find_json(text):
        try:
            return _read(output, data, text, stop_reason)
        except OutputParserError as error:
            failure = failure or error
    if failure is not None:
        raise failure
    cause = _malformed(text)
    raise _failed(output, "the answer is not JSON" if cause is None else str(cause), text, stop_reason, cause)


def _malformed(text: str) -> AgentSerializationError | None:
    try:
        loads(text.strip())
    except AgentSerializationError as error:
        return error
    return None


def _read(output: OutputType[T], data: JSON, raw: str, stop_reason: StopReason | None) -> Reading[T]:
    try:
        return output.read(data)
    except OutputParserError as error:
        raise _failed(
            output, error.message, raw, stop_reason, error.cause, error.context["problems"]
        ) from error.cause
    except RecursionError as error:
        raise _failed(output, "the answer is nested too deeply", raw, stop_reason, error) from error


def _failed(
    output: OutputType[Any],
    why: str,
    raw: str,
    stop_reason: StopReason | None,
    cause: BaseException | None = None,
    problems: Sequence[str] = (),
) -> OutputParserError:
    cut = "; the answer was cut off: raise the limit of output tokens" if stop_reason == "max_tokens" else ""
    return OutputParserError(
        f"no {output.label}: {why}{cut}",
        context={"raw": raw, "problems": tuple(problems) or (why,), "stop_reason": stop_reason},
        cause=cause,
    )


def correctable(error: LamellaError) -> bool:
    """Whether telling the model may help: not where it refused."""
    return isinstance(error, OutputParserError) and error.context.get("stop_reason") not in _FINAL


def correction(output: OutputType[Any], error: OutputParserError) -> str:
    """What the model is told of an answer that cannot be used."""
    problems = "\n".join(f"- {problem}"[:1000] for problem in error.context.get("problems", ())[:20])
    cut = "It was cut off: be briefer. " if error.context.get("stop_reason") == "max_tokens" else ""
    return (
        f"This answer cannot be used:\n{problems or error.message}\n"
        f"{cut}Give the whole answer again, as JSON that follows the schema, and nothing else."
    )


def correction_message(
    output: OutputType[Any], error: OutputParserError, calls: Sequence[ToolCallBlock]
) -> Message:
    """The turn that hands an answer back: an error output for each call, else what the user says."""
    told = correction(output, error)
    if not calls:
        return Message.user(told)
    return Message.user(
        [
            ToolOutputBlock(
                call_id=call.call_id,
                name=call.name,
                output=told if call.name == output.name else f"{call.name} is no tool of this request",
                is_error=True,
            )
            for call in calls
        ]
    )


def of_completion(output: OutputType[T], completion: Completion) -> Reading[T]:
    """:func:`read_answer` of a completion, which the error has as ``partial``."""
    try:
        return read_answer(
            output,
            text=completion.content,
            calls=completion.tool_calls,
            stop_reason=completion.stop_reason,
        )
    except OutputParserError as error:
        error.partial = completion
        raise
