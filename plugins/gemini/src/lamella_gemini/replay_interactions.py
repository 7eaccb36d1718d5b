"""Steps of the Interactions API: what of a step is kept beside its blocks, and the step made again from both.

A block holds what every provider has (text, name, arguments, summary, signature); the rest of the step, unknown
fields included, is the issuer's state and goes back to it as it came.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from lamella._json import parse_object
from lamella.content import Block, MediaContent, OpaqueContent, ReasoningBlock, TextBlock, ToolCallBlock
from lamella.providers import Wire

__all__ = [
    "API",
    "MALFORMED",
    "MEDIA",
    "arguments_text",
    "call_state",
    "call_step",
    "content_of",
    "content_state",
    "opaque_part",
    "opaque_step",
    "output_step",
    "state_of",
    "thought_state",
    "thought_step",
    "work_of",
]

API: Final = "interactions"
"""Marks opaque content that came from this API: ``generateContent`` has the same issuer and other items."""

MEDIA: Final = ("image", "audio", "video", "document")
"""The kinds of content that are media."""

MALFORMED: Final = "raw_arguments"
"""The key under which the text of malformed arguments goes back: the wire takes only an object."""

_STEP: Final = "step"


def _rest(item: Mapping[str, Wire], *held: str) -> dict[str, Wire]:
    return {key: value for key, value in item.items() if key not in held}


def state_of(block: Block, issuer: str) -> Mapping[str, Any] | None:
    """What ``issuer`` keeps beside a block, if it comes from this API."""
    state = block.opaque_for(issuer)
    return state if isinstance(state, Mapping) and isinstance(state.get(_STEP), Mapping) else None


# -- model_output ---------------------------------------------------------------------------------


def content_state(
    step: Mapping[str, Wire], place: int, part: Mapping[str, Wire], *held: str
) -> dict[str, Wire]:
    """The state of one part of a ``model_output`` step.

    :param place: which step of the answer it is: parts of one step go back in one step.
    :param held: the fields of the part that its block holds.
    """
    state: dict[str, Wire] = {_STEP: _rest(step, "type", "content"), "place": place}
    if rest := _rest(part, "type", *held):
        state["content"] = rest
    if "mime_type" in held and not part.get("mime_type"):
        state["untyped"] = True
    return state


def output_step(state: Mapping[str, Wire] | None) -> dict[str, Wire]:
    """A ``model_output`` step without its parts."""
    return {"type": "model_output", "content": [], **({} if state is None else state[_STEP])}


def content_of(block: TextBlock | MediaContent, state: Mapping[str, Wire]) -> dict[str, Wire]:
    """The part of a ``model_output`` step that a block was made of."""
    rest = state.get("content", {})
    if isinstance(block, TextBlock):
        notes = {"annotations": list(block.annotations)} if block.annotations else {}
        return {"type": "text", "text": block.text, **notes, **rest}
    source = {"data": block.base64_data} if block.data is not None else {"uri": block.url or block.file_id}
    typed = {} if state.get("untyped") else {"mime_type": block.mime_type}
    return {"type": block.type, **source, **typed, **rest}


def opaque_part(issuer: str, step: Mapping[str, Wire], place: int, part: Mapping[str, Wire]) -> OpaqueContent:
    """A part of a ``model_output`` step that has no block of its own."""
    return OpaqueContent(
        type=f"{issuer}.{part.get('type')}",
        provider=issuer,
        data={"item": part, "api": API},
        opaque={issuer: {_STEP: _rest(step, "type", "content"), "place": place}},
    )


# -- other steps ----------------------------------------------------------------------------------


def opaque_step(issuer: str, step: Mapping[str, Wire]) -> OpaqueContent:
    """A step that has no block of its own, such as server-side work."""
    return OpaqueContent(
        type=f"{issuer}.{step.get('type')}", provider=issuer, data={"item": step, "api": API}
    )


def work_of(block: OpaqueContent) -> Mapping[str, Wire] | None:
    """The step or part that an opaque block holds, ``None`` if it is not from this API."""
    item = block.data.get("item")
    return item if isinstance(item, Mapping) and block.data.get("api") == API else None


def thought_state(step: Mapping[str, Wire]) -> dict[str, Wire]:
    """The state of a thought; its summary only where the joined text cannot be cut again."""
    held = ["type", "signature"]
    if _is_plain(step.get("summary")):
        held.append("summary")
    return {_STEP: _rest(step, *held)}


def _is_plain(summary: Wire) -> bool:
    """Whether a summary is at most one text, and nothing else is in it."""
    if not isinstance(summary, Sequence) or isinstance(summary, str) or len(summary) != 1:
        return summary is None
    part = summary[0]
    return isinstance(part, Mapping) and set(part) == {"type", "text"} and part["type"] == "text"


def thought_step(block: ReasoningBlock, state: Mapping[str, Wire] | None) -> dict[str, Wire]:
    """The step of a thought."""
    said = [text for text in (block.summary, block.text) if text is not None]
    summary = {"summary": [{"type": "text", "text": text} for text in said]} if said else {}
    rest: Mapping[str, Wire] = {} if state is None else state[_STEP]
    return {"type": "thought", "signature": block.signature, **summary, **rest}


def call_state(step: Mapping[str, Wire]) -> dict[str, Wire]:
    """The state of a call."""
    return {_STEP: _rest(step, "type", "id", "name", "arguments")}


def call_step(block: ToolCallBlock, state: Mapping[str, Wire] | None) -> dict[str, Wire]:
    """The step of a call. Its arguments are an object here, so malformed ones go under a key of their own."""
    arguments = parse_object(block.arguments_json)
    if arguments is None:
        arguments = {MALFORMED: block.arguments_json}
    rest: Mapping[str, Wire] = {} if state is None else state[_STEP]
    return {"type": "function_call", "id": block.call_id, "name": block.name, "arguments": arguments, **rest}


def arguments_text(arguments: Wire) -> str:
    """The arguments of a whole call as the text that a stream of it has: Google writes JSON without spaces."""
    if arguments is None:
        return ""
    if isinstance(arguments, str):
        return arguments
    return json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))
