"""The messages of a Mistral request: who may speak after whom, and which call has which output."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from lamella._json import dumps
from lamella.content import Block, TextBlock, ToolCallBlock, ToolOutputBlock
from lamella.messages import Message
from lamella_sim.wires.history import History
from lamella_sim.wires.mistral_chunks import SHAPE, Invalid, read_content
from lamella_sim.wires.openai import Payload, built

__all__ = ["check_name", "read_messages"]

_FIELDS: Final[Mapping[str, tuple[Mapping[str, str], Mapping[str, str]]]] = {
    "system": ({"content": "text"}, {}),
    "user": ({"content": "?text"}, {}),
    "assistant": ({}, {"content": "?text", "tool_calls": "?list", "prefix": "bool"}),
    "tool": ({"content": "?text"}, {"tool_call_id": "?str", "name": "?str"}),
}
_FOLLOWS: Final[Mapping[str, tuple[str, ...]]] = {
    "system": ("system", "user", "assistant"),
    "user": ("system", "user", "assistant"),
    "assistant": ("user", "assistant", "tool"),
    "tool": ("assistant", "tool"),
}
"""The roles that may come after a role."""

_ORDER: Final = "invalid_request_message_order"
_LAST: Final = "Expected last role User or Tool (or Assistant with prefix True) for serving but got {role}"


def read_messages(given: Any) -> tuple[Message, ...]:
    """The messages; what one side says in a row is one.

    :raises BadRequest: Mistral would refuse them.
    """
    entries = SHAPE.value(given, "list", "messages")
    if not entries:
        SHAPE.fault("messages", "List should have at least 1 item after validation, not 0", "too_short")
    history = History()
    roles = [_read(entry, f"messages.{index}", history) for index, entry in enumerate(entries)]
    _check_order(roles, entries[-1])
    _check_outputs(entries)
    return history.messages()


def check_name(name: str) -> None:
    """The name of a function, wherever it is named."""
    if re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) is None:
        raise Invalid(
            f"Function name was {name} but must be a-z, A-Z, 0-9, or contain underscores and dashes, with a "
            "maximum length of 64.",
            "invalid_function_call",
            "3280",
        )


def _read(entry: Any, where: str, history: History) -> str:
    """Reads a message into the history; gives its role."""
    given = SHAPE.value(entry, "object", where)
    role = SHAPE.one_of(given.get("role"), f"{where}.role", tuple(_FIELDS))
    here = f"{where}.{role}"
    required, optional = _FIELDS[role]
    fields = SHAPE.fields(given, here, {"role": "str", **required}, optional)
    content = read_content(fields.get("content") or "", role, f"{here}.content")
    if role == "assistant":
        history.assistant(*_assistant(fields, content, here))
    elif role == "tool":
        history.output(_output(fields, content))
    else:
        history.add(
            built(lambda: Message(role="user" if role == "user" else "system", content=content), here)
        )
    return role


def _assistant(fields: Payload, content: list[Block], where: str) -> list[Block]:
    calls = fields.get("tool_calls") or []
    said = [block for block in content if not (isinstance(block, TextBlock) and not block.text)]
    made = [_call(call, f"{where}.tool_calls.{index}") for index, call in enumerate(calls)]
    if not said and not made:
        raise Invalid(
            "Assistant message must have either content or tool_calls, but not none.",
            "invalid_request_assistant_message",
            "3240",
        )
    return [*said, *made]


def _call(call: Any, where: str) -> ToolCallBlock:
    SHAPE.fields(call, where, {"function": "object"}, {"id": "?str", "type": "?str", "index": "?int"})
    function = SHAPE.fields(call["function"], f"{where}.function", {"name": "str", "arguments": "any"})
    check_name(function["name"])
    arguments = function["arguments"]
    if isinstance(arguments, Mapping):
        arguments = dumps(dict(arguments))
    text = SHAPE.value(arguments, "str", f"{where}.function.arguments")
    return ToolCallBlock(call_id=_call_id(call.get("id")), name=function["name"], arguments_json=text)


def _call_id(given: str | None) -> str:
    if given is None or re.fullmatch(r"[a-zA-Z0-9]{9}", given) is None:
        told = f"Tool call id was {given or 'null'} but must be a-z, A-Z, 0-9, with a length of 9."
        raise Invalid(told, "invalid_function_call", "3280")
    return given


def _output(fields: Payload, content: list[Block]) -> ToolOutputBlock:
    output: Any = tuple(content)
    if all(isinstance(block, TextBlock) for block in content):
        output = "".join(block.text for block in content if isinstance(block, TextBlock))
    call_id = _call_id(fields.get("tool_call_id"))
    made: ToolOutputBlock = built(
        lambda: ToolOutputBlock(call_id=call_id, name=fields.get("name"), output=output), "content"
    )
    return made


def _check_order(roles: Sequence[str], last: Payload) -> None:
    for previous, role in itertools.pairwise(roles):
        if role not in _FOLLOWS[previous]:
            raise Invalid(f"Unexpected role '{role}' after role '{previous}'", _ORDER, "3230")
    if roles[-1] == "system" or (roles[-1] == "assistant" and not last.get("prefix")):
        raise Invalid(_LAST.format(role=roles[-1]), _ORDER, "3230")


def _check_outputs(entries: Sequence[Payload]) -> None:
    """Each call has one output, right after the message that made it."""
    waiting: set[str] = set()
    for entry in entries:
        if entry["role"] == "tool":
            if entry["tool_call_id"] not in waiting:
                told = f"Unexpected tool call id {entry['tool_call_id']} in tool results"
                raise Invalid(told, _ORDER, "3230")
            waiting.discard(entry["tool_call_id"])
            continue
        if waiting:
            break
        waiting = {call["id"] for call in entry.get("tool_calls") or ()}
    if waiting:
        raise Invalid("Not the same number of function calls and responses", _ORDER, "3230")
