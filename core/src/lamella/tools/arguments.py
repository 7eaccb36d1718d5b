"""The arguments of a call: read, checked and converted before the tool runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from lamella._frozen import thaw
from lamella._json import MAX_OBJECT_CHARS, MAX_OBJECT_DEPTH
from lamella.content import ToolCallBlock
from lamella.errors import AgentToolCallError
from lamella.tools.convert import Mismatch, convert, json_kind
from lamella.tools.signature import Signature
from lamella.tools.validation import schema_errors

_NAMED: Final = 10
"""How many of the unexpected or missing arguments a message names."""

_TOLD: Final = 20
"""How many of the problems of a call a message tells."""


def read_arguments(call: ToolCallBlock) -> dict[str, Any]:
    """The arguments as a dict of its own.

    :raises AgentToolCallError: the text is no JSON object; nothing is guessed.
    """
    if call.arguments is None:
        raise AgentToolCallError(
            f"the arguments of {call.name} must be one JSON object: {_malformed(call.arguments_json)}"
        )
    read: dict[str, Any] = thaw(call.arguments)
    return read


def _malformed(text: str) -> str:
    if len(text) > MAX_OBJECT_CHARS:
        return f"got {len(text):,} characters, and at most {MAX_OBJECT_CHARS:,} are read"
    nested = f"nested in more than {MAX_OBJECT_DEPTH} levels"
    try:
        value = json.loads(text, parse_constant=_no_number, parse_float=_no_infinity)
    except RecursionError:
        return nested
    except ValueError as error:
        return str(error)
    return nested if isinstance(value, dict) else f"got {json_kind(value)}"


def _no_number(name: str) -> Any:
    raise ValueError("NaN and Infinity are not JSON")


def _no_infinity(text: str) -> float:
    value = float(text)
    return _no_number(text) if value in (float("inf"), float("-inf")) else value


def invalid_arguments(name: str, problems: Sequence[str]) -> AgentToolCallError:
    """The error for arguments that do not fit, in the words of a call in Python; it tells the first ones."""
    more = len(problems) - _TOLD
    message = f"{name}() {'; '.join(problems[:_TOLD])}{f'; and {more} more' if more > 0 else ''}"
    return AgentToolCallError(message, cause=TypeError(message))


def convert_arguments(name: str, signature: Signature, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The values the function gets.

    :raises AgentToolCallError: arguments are unexpected, missing or of the wrong type; all are named.
    """
    by_name = {parameter.name: parameter for parameter in signature.parameters}
    unexpected = [key for key in arguments if key not in by_name]
    missing = [p.name for p in signature.parameters if p.required and p.name not in arguments]
    problems = [_counted("got {} unexpected", unexpected)] if unexpected else []
    problems += [_counted("missing {} required", missing)] if missing else []
    values: dict[str, Any] = {}
    for key, value in arguments.items():
        if key not in by_name:
            continue
        try:
            values[key] = convert(value, by_name[key].hint)
        except Mismatch as mismatch:
            problems.append(f"got invalid value for argument `{key}`: {_shown(value)} ({_short(mismatch)})")
    if problems:
        raise invalid_arguments(name, problems)
    return values


def validate_arguments(
    name: str, signature: Signature, schema: Mapping[str, Any], arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments, checked against a schema that was given with the tool."""
    problems = schema_errors(arguments, schema, name)
    hidden = [key for key in arguments if key in signature.runtime]
    problems += [_counted("got {} unexpected", hidden)] if hidden else []
    if problems:
        raise invalid_arguments(name, [f"got invalid arguments: {problems[0]}", *problems[1:]])
    return dict(arguments)


def _counted(words: str, names: Sequence[str]) -> str:
    plural = "argument" if len(names) == 1 else "arguments"
    shown = ", ".join(map(_shown, names[:_NAMED]))
    return f"{words.format(len(names))} {plural}: {shown}{', …' if len(names) > _NAMED else ''}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"


def _short(mismatch: Mismatch) -> str:
    told = [f"at {path}: {text}" if path else text for path, text in mismatch.problems[:_TOLD]]
    text = "; ".join(part if len(part) <= 1000 else f"{part[:1000]}…" for part in told)
    return f"{text}; and more" if len(mismatch.problems) > _TOLD else text
