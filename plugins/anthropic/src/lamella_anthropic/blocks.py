"""The content blocks of an answer, read into events.

Blocks that this plugin does not know, server-side work among them, are kept as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lamella._json import dumps
from lamella.content import OpaqueContent
from lamella.errors import AgentParsingError
from lamella.events import Event, MessageOutputDone, OtherEvent, ReasoningDone, ToolCallDone
from lamella.providers import Wire
from lamella_anthropic.history import BLOCK

__all__ = ["call_of", "input_of", "kind_of", "read_block"]

_EMPTY: Final[Mapping[str, Wire]] = {}


def kind_of(item: Wire) -> str:
    """The type of a block.

    :raises AgentParsingError: it is no block.
    """
    if not isinstance(item, Mapping) or not isinstance(item.get("type"), str):
        raise AgentParsingError(f"a content block must be an object with a type, got {item!r:.200}")
    return str(item["type"])


def read_block(
    item: Mapping[str, Wire],
    issuer: str,
    chunk: Wire,
    *,
    response_id: str | None = None,
    arguments: str | None = None,
    cut: str | None = None,
) -> list[Event]:
    """The event of a complete block; none for a text in which nothing stands.

    :param response_id: the id of the message, which texts and thinking share with their deltas.
    :param arguments: a call's arguments as they were received, where they came as text.
    :param cut: the text of an input that is no JSON object, because the response broke off in it.
    """
    kind = kind_of(item)
    read = {"text": _text, "thinking": _thinking, "redacted_thinking": _redacted}.get(kind)
    if read is not None:
        return read(item, issuer, chunk, response_id)
    if kind == "tool_use":
        return [_call(item, issuer, chunk, arguments)]
    data = {"item": item} if cut is None else {"item": item, "partial_json": cut}
    block = OpaqueContent(type=f"{issuer}.{kind}", provider=issuer, data=data)
    found = item.get("id")
    return [OtherEvent(id=found if isinstance(found, str) else None, raw_event=chunk, name=kind, block=block)]


def _text(item: Mapping[str, Wire], issuer: str, chunk: Wire, response_id: str | None) -> list[Event]:
    text, citations = _string(item, "text"), item.get("citations") or ()
    rest = _rest(item, "type", "text", "citations")
    if not isinstance(citations, list | tuple):
        raise AgentParsingError(f"the citations of a text must be a list, got {citations!r:.200}")
    if not text and not citations and not rest:
        return []
    opaque = {issuer: {BLOCK: rest}} if citations or rest else _EMPTY
    return [
        MessageOutputDone(id=response_id, raw_event=chunk, output=text, annotations=citations, opaque=opaque)
    ]


def _thinking(item: Mapping[str, Wire], issuer: str, chunk: Wire, response_id: str | None) -> list[Event]:
    return [
        ReasoningDone(
            id=response_id,
            raw_event=chunk,
            text=_string(item, "thinking"),
            signature=_string(item, "signature") or None,
            provider=issuer,
            opaque={issuer: {BLOCK: _rest(item, "type", "thinking", "signature")}},
        )
    ]


def _redacted(item: Mapping[str, Wire], issuer: str, chunk: Wire, response_id: str | None) -> list[Event]:
    return [
        ReasoningDone(
            id=response_id,
            raw_event=chunk,
            signature=_string(item, "data") or None,
            redacted=True,
            provider=issuer,
            opaque={issuer: {BLOCK: _rest(item, "type", "data")}},
        )
    ]


def _call(item: Mapping[str, Wire], issuer: str, chunk: Wire, arguments: str | None) -> Event:
    call_id, name = call_of(item)
    rest = _rest(item, "type", "id", "name", "input")
    return ToolCallDone(
        id=call_id,
        raw_event=chunk,
        call_id=call_id,
        name=name,
        arguments_json=dumps(input_of(item)) if arguments is None else arguments,
        opaque={issuer: {BLOCK: rest}} if rest else _EMPTY,
    )


def call_of(item: Mapping[str, Wire]) -> tuple[str, str]:
    """The id and the name of a call.

    :raises AgentParsingError: one is missing.
    """
    call_id, name = item.get("id"), item.get("name")
    if not isinstance(call_id, str) or not isinstance(name, str) or not call_id or not name:
        raise AgentParsingError(f"a tool_use block needs an id and a name, got {item!r:.200}")
    return call_id, name


def input_of(item: Mapping[str, Wire]) -> Wire:
    """The input of a call; a call without arguments may have none."""
    found = item.get("input")
    return {} if found is None else found


def _string(item: Mapping[str, Wire], field: str) -> str:
    found = item.get(field)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise AgentParsingError(f"{field} of a {item['type']} block must be a text, got {found!r:.200}")
    return found


def _rest(item: Mapping[str, Wire], *held: str) -> dict[str, Wire]:
    return {name: value for name, value in item.items() if name not in held and value is not None}
