"""Puts the tool calls of a chat stream together, the way servers really send them.

By the book a fragment has an ``index``, and only a call's first fragment has ``id`` and ``name``. Servers
leave the index out or send 0 for every call, leave the id out or repeat it, repeat or split the name,
send the name late, send arguments as an object, or send a whole call in one chunk.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from lamella.events import Event, ToolCallDelta, ToolCallDone

__all__ = ["CallAssembler", "new_call_id"]

Wire: TypeAlias = Any


def new_call_id() -> str:
    """A call id for a server that sends none; it never repeats."""
    return f"call_{uuid.uuid4().hex}"


class _Call:
    def __init__(self, index: Wire, call_id: str) -> None:
        self.index = index
        self.server_id = call_id
        self.call_id = call_id or new_call_id()
        self.name = ""
        self.custom = False
        self.pieces: list[str] = []
        self.held: list[str | Mapping[str, Any]] = []
        self.rest: dict[str, Wire] = {}

    @property
    def arguments(self) -> str:
        return "".join(self.pieces)

    def add_name(self, name: str) -> None:
        """Take a name: the first, a repeated or grown one, or the next part of a split one."""
        if not name or name == self.name:
            return
        if not self.name or name.startswith(self.name):
            self.name = name
        elif not any(self.pieces):
            self.name += name

    def is_whole(self) -> bool:
        """Whether the arguments are a complete JSON object already."""
        text = self.arguments
        if not text.endswith("}"):
            return False
        try:
            return isinstance(json.loads(text), dict)
        except ValueError:
            return False


class CallAssembler:
    """Feed it fragments in order; ``done`` gives the calls in index order."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        self._calls: list[_Call] = []

    def __bool__(self) -> bool:
        return bool(self._calls)

    def feed(self, fragments: Iterable[Mapping[str, Wire]], chunk: Wire) -> list[Event]:
        """Take the ``tool_calls`` of one delta; a delta event for each, once the call has a name."""
        events: list[Event] = []
        for fragment in fragments:
            custom = isinstance(fragment.get("custom"), Mapping)
            body = fragment.get("custom" if custom else "function") or {}
            call = self._call_of(fragment, body)
            call.custom = call.custom or custom
            call.rest |= _rest(fragment)
            call.add_name(body.get("name") or "")
            call.held.append(_take(call, body.get("input" if custom else "arguments")))
            if call.name:
                events.extend(_delta(call, piece, chunk) for piece in call.held)
                call.held.clear()
        return events

    def feed_legacy(self, body: Mapping[str, Wire], chunk: Wire) -> list[Event]:
        """Take a ``function_call``, the form before there were several."""
        return self.feed([{"index": -1, "function": body}], chunk)

    def done(self, chunk: Wire) -> list[Event]:
        """The completed calls."""
        known = [call for call in self._calls if call.name or call.pieces]
        # A call without an index keeps its place among the others: the sort is stable.
        known.sort(key=lambda call: call.index if isinstance(call.index, int) else 0)
        return [self._done(call, chunk) for call in known]

    def _done(self, call: _Call, chunk: Wire) -> ToolCallDone:
        rest = {**call.rest, "type": "custom"} if call.custom else call.rest
        return ToolCallDone(
            id=call.call_id,
            raw_event=chunk,
            call_id=call.call_id,
            name=call.name,
            arguments_json=call.arguments,
            opaque={self._issuer: {"chat": {"call": rest}}} if rest else {},
        )

    # -- which call a fragment belongs to ---------------------------------------------------------

    def _call_of(self, fragment: Mapping[str, Wire], body: Mapping[str, Wire]) -> _Call:
        index, call_id = fragment.get("index"), fragment.get("id") or ""
        found = self._find(index, call_id)
        if found is None or self._begins_another(found, call_id, body):
            taken = any(call.server_id == call_id for call in self._calls)
            found = _Call(index, "" if taken else str(call_id))
            self._calls.append(found)
        return found

    def _find(self, index: Wire, call_id: str) -> _Call | None:
        """The call that a fragment would continue: the last of its index, or that of its id."""
        same = [call for call in self._calls if index is None or call.index == index]
        if call_id and (known := [call for call in same if call.server_id == call_id]):
            return known[-1]
        return same[-1] if same else None

    def _begins_another(self, call: _Call, call_id: str, body: Mapping[str, Wire]) -> bool:
        if call_id and call.server_id:
            return call_id != call.server_id
        name = body.get("name")
        if call_id or not name or not call.is_whole():
            return False
        return name != call.name or _opens(body.get("arguments"))


def _opens(arguments: Wire) -> bool:
    """Whether arguments begin an object."""
    return isinstance(arguments, Mapping) or (
        isinstance(arguments, str) and arguments.lstrip().startswith("{")
    )


def _take(call: _Call, arguments: Wire) -> str | Mapping[str, Any]:
    """Add arguments to a call and return them as the delta that they are."""
    if arguments is None:
        return ""
    if isinstance(arguments, str):
        call.pieces.append(arguments)
        return arguments
    call.pieces.append(json.dumps(arguments, ensure_ascii=False))
    return arguments if isinstance(arguments, Mapping) else call.pieces[-1]


def _delta(call: _Call, piece: str | Mapping[str, Any], chunk: Wire) -> ToolCallDelta:
    return ToolCallDelta(id=call.call_id, raw_event=chunk, call_id=call.call_id, name=call.name, delta=piece)


def _rest(fragment: Mapping[str, Wire]) -> dict[str, Wire]:
    """What a server attaches to a call and wants back (a thought signature, for one)."""
    known = ("index", "id", "type", "function", "custom")
    return {key: value for key, value in fragment.items() if key not in known and value is not None}
