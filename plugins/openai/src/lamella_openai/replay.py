"""Responses items: what of an item is kept beside its block, and the item made again from both.

A block holds what every provider has (text, name, arguments, summary); the rest of the item (its id,
status, ``phase``, unknown fields) is the issuer's state and goes back to it as it came. What the block
already holds is not kept twice: encrypted reasoning is large.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from lamella.content import ReasoningBlock, TextBlock, ToolCallBlock

__all__ = [
    "CUSTOM_CALL",
    "ITEM",
    "UNMARKED",
    "call_item",
    "call_state",
    "message_item",
    "message_state",
    "part_of",
    "reasoning_item",
    "reasoning_state",
]

Wire: TypeAlias = Any

ITEM: Final = "item"
"""The key of an item's state in ``block.opaque[issuer]``."""

CUSTOM_CALL: Final = "custom_tool_call"

UNMARKED: Final = "sent without the mark of an error; its text says what went wrong"
"""Why the output of a failed call is not what it was: neither API has a field for it."""

_TEXT_KEYS: Final = ("type", "text", "annotations", "logprobs", "refusal")


def _rest(item: Mapping[str, Wire], *held: str) -> dict[str, Wire]:
    return {key: value for key, value in item.items() if key not in held and value is not None}


def _with(state: dict[str, Wire], follows: str | None) -> dict[str, Wire]:
    return state if follows is None else {**state, "follows": follows}


# -- messages -------------------------------------------------------------------------------------


def message_state(item: Mapping[str, Wire], part: Mapping[str, Wire], follows: str | None) -> dict[str, Wire]:
    """The state of one part of a message. ``follows`` is the id of the reasoning it came from."""
    state: dict[str, Wire] = {ITEM: _rest(item, "type", "role", "content")}
    if part.get("type") == "refusal":
        state["refusal"] = True
    if rest := _rest(part, *_TEXT_KEYS):
        state["part"] = rest
    return _with(state, follows)


def message_item(state: Mapping[str, Wire], *, with_id: bool) -> dict[str, Wire]:
    """A message item without its parts."""
    item: dict[str, Wire] = {"type": "message", "role": "assistant", **state[ITEM], "content": []}
    if not with_id:
        item.pop("id", None)
    return item


def part_of(block: TextBlock, state: Mapping[str, Wire] | None) -> dict[str, Wire]:
    """The part of a message that a text block is."""
    if state is None:
        return {"type": "output_text", "text": block.text}
    rest = state.get("part", {})
    if state.get("refusal"):
        return {"type": "refusal", "refusal": block.text, **rest}
    return {"type": "output_text", "text": block.text, "annotations": list(block.annotations), **rest}


# -- calls ----------------------------------------------------------------------------------------


def call_state(item: Mapping[str, Wire], follows: str | None) -> dict[str, Wire]:
    """The state of a call. A custom tool's call has free text instead of JSON arguments."""
    held = ("call_id", "name", "input" if item.get("type") == CUSTOM_CALL else "arguments")
    keep_type = () if item.get("type") == CUSTOM_CALL else ("type",)
    return _with({ITEM: _rest(item, *held, *keep_type)}, follows)


def call_item(block: ToolCallBlock, state: Mapping[str, Wire] | None, *, with_id: bool) -> dict[str, Wire]:
    """The item of a call."""
    rest = dict(state[ITEM]) if state is not None else {}
    if not with_id:
        rest.pop("id", None)
    arguments = "input" if rest.get("type") == CUSTOM_CALL else "arguments"
    return {
        "type": "function_call",
        "call_id": block.call_id,
        "name": block.name,
        arguments: block.arguments_json,
        **rest,
    }


# -- reasoning ------------------------------------------------------------------------------------


def reasoning_state(item: Mapping[str, Wire], *, stored: bool) -> dict[str, Wire]:
    """The state of a reasoning item; its parts only where the joined text cannot be cut again.

    :param stored: whether the server kept it, so that its id is enough.
    """
    held = ["type", "id", "encrypted_content"]
    for name, kind in (("summary", "summary_text"), ("content", "reasoning_text")):
        if _is_plain(item.get(name), kind):
            held.append(name)
    return {ITEM: _rest(item, *held), **({} if stored else {"stored": False})}


def _is_plain(parts: Wire, kind: str) -> bool:
    """Whether parts are at most one, of the usual form."""
    if not parts:
        return True
    if not isinstance(parts, Sequence) or len(parts) != 1 or not isinstance(parts[0], Mapping):
        return False
    return set(parts[0]) == {"type", "text"} and parts[0]["type"] == kind


def reasoning_item(block: ReasoningBlock, state: Mapping[str, Wire] | None) -> dict[str, Wire]:
    """The item of a reasoning block."""
    rest: Mapping[str, Wire] = state[ITEM] if state is not None else {}
    item: dict[str, Wire] = {"type": "reasoning", "id": block.reasoning_id, "summary": []}
    if block.summary is not None:
        item["summary"] = [{"type": "summary_text", "text": block.summary}]
    if block.text is not None:
        item["content"] = [{"type": "reasoning_text", "text": block.text}]
    if block.signature is not None:
        item["encrypted_content"] = block.signature
    return {**item, **rest}
