"""The arguments of a call: read, checked and converted before the tool runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from lamella._frozen import thaw
from lamella.content import ToolCallBlock
from lamella.errors import AgentToolCallError
from lamella.tools.convert import Mismatch, convert, json_kind
from lamella.tools.signature import Signature
from lamella.tools.validation import schema_errors


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
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return str(error)
    return f"got {json_kind(value)}" if not isinstance(value, dict) else "NaN and Infinity are not JSON"


def invalid_arguments(name: str, problems: Sequence[str]) -> AgentToolCallError:
    """The error for arguments that do not fit, in the words of a call in Python."""
    message = f"{name}() {'; '.join(problems)}"
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
            problems.append(f"got invalid value for argument `{key}`: {_shown(value)} ({mismatch})")
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
        raise invalid_arguments(name, [f"got invalid arguments: {'; '.join(problems)}"])
    return dict(arguments)


def _counted(words: str, names: Sequence[str]) -> str:
    plural = "argument" if len(names) == 1 else "arguments"
    return f"{words.format(len(names))} {plural}: {', '.join(map(repr, names))}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"
