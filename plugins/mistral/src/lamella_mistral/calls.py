"""Puts the tool calls of an answer together.

Mistral sends calls whole, all of them in one chunk; self-hosted servers send fragments by index. An id
may be missing, or be the text ``"null"``; arguments may be a text or an object.
"""

from __future__ import annotations

import json
import random
import string
from collections.abc import Mapping
from typing import Final

from lamella.errors import AgentParsingError
from lamella.events import ToolCallDelta, ToolCallDone
from lamella.providers import Wire

__all__ = ["Calls", "new_call_id"]

_LETTERS: Final = string.ascii_letters + string.digits
_HELD: Final = ("index", "id", "type", "function")
_RANDOM: Final = random.SystemRandom()


def new_call_id() -> str:
    """A call id for a server that sends none, in the form that Mistral takes back."""
    return "".join(_RANDOM.choices(_LETTERS, k=9))


class _Call:
    def __init__(self, index: Wire, server_id: str) -> None:
        self.index = index
        self.server_id = server_id
        self.call_id = server_id or new_call_id()
        self.name = ""
        self.pieces: list[str] = []
        self.shown = 0
        self.rest: dict[str, Wire] = {}

    @property
    def arguments(self) -> str:
        return "".join(self.pieces)

    def is_whole(self) -> bool:
        """Whether the arguments are a complete JSON object already."""
        text = self.arguments
        if not text.endswith("}"):
            return False
        try:
            return isinstance(json.loads(text), dict)
        except (ValueError, RecursionError):
            return False

    def news(self) -> str:
        """The arguments that no delta had yet."""
        fresh, self.shown = "".join(self.pieces[self.shown :]), len(self.pieces)
        return fresh


class Calls:
    """Feed it fragments in order; ``done`` gives the calls in index order."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        self._calls: list[_Call] = []

    def __bool__(self) -> bool:
        return bool(self._calls)

    def feed(self, fragments: Wire, chunk: Wire) -> list[ToolCallDelta]:
        """Take the ``tool_calls`` of one delta; an event for each fragment, once its call has a name."""
        events: list[ToolCallDelta] = []
        for fragment in _listed(fragments):
            call = self._call_of(fragment)
            self._take(call, fragment)
            if call.name:
                events.append(
                    ToolCallDelta(
                        id=call.call_id,
                        raw_event=chunk,
                        call_id=call.call_id,
                        name=call.name,
                        delta=call.news(),
                    )
                )
        return events

    def take_whole(self, calls: Wire) -> None:
        """Take the ``tool_calls`` of a message: each entry is a call, in the order it stands in."""
        for call in _listed(calls):
            self._take(self._begin(None, _id_of(call)), call)

    def done(self, chunk: Wire) -> list[ToolCallDone]:
        """The completed calls."""
        known = [call for call in self._calls if call.name or call.pieces]
        # A call without an index keeps its place among the others: the sort is stable.
        known.sort(key=lambda call: call.index if isinstance(call.index, int) else 0)
        return [self._done(call, chunk) for call in known]

    def _done(self, call: _Call, chunk: Wire) -> ToolCallDone:
        return ToolCallDone(
            id=call.call_id,
            raw_event=chunk,
            call_id=call.call_id,
            name=call.name,
            arguments_json=call.arguments,
            opaque={self._issuer: {"call": call.rest}} if call.rest else {},
        )

    def _begin(self, index: Wire, server_id: str) -> _Call:
        taken = any(call.call_id == server_id for call in self._calls)
        self._calls.append(_Call(index, "" if taken else server_id))
        return self._calls[-1]

    def _call_of(self, fragment: Mapping[str, Wire]) -> _Call:
        """The call a fragment goes on with: the last of its index, unless it begins another."""
        index, server_id = fragment.get("index"), _id_of(fragment)
        same = [call for call in self._calls if index is None or call.index == index]
        if server_id and (known := [call for call in same if call.server_id == server_id]):
            same = known
        if not same or _begins_another(same[-1], server_id, fragment["function"]):
            return self._begin(index, server_id)
        return same[-1]

    def _take(self, call: _Call, fragment: Mapping[str, Wire]) -> None:
        function = fragment["function"]
        call.name = call.name or str(function.get("name") or "")
        call.rest |= {
            name: value for name, value in fragment.items() if name not in _HELD and value is not None
        }
        if fragment.get("type") not in (None, "function"):
            call.rest["type"] = fragment["type"]
        arguments = function.get("arguments")
        if isinstance(arguments, str):
            call.pieces.append(arguments)
        elif arguments is not None:
            call.pieces.append(json.dumps(arguments, ensure_ascii=False))


def _begins_another(call: _Call, server_id: str, function: Mapping[str, Wire]) -> bool:
    if server_id and call.server_id:
        return server_id != call.server_id
    name = function.get("name")
    return bool(name) and not server_id and call.is_whole()


def _id_of(fragment: Mapping[str, Wire]) -> str:
    """The server's id, empty where it has none; ``"null"`` is what the SDK makes of a missing one."""
    found = fragment.get("id")
    return "" if found in (None, "null") else str(found)


def _listed(calls: Wire) -> list[Mapping[str, Wire]]:
    """The calls as they must be: a list of objects with a function each."""
    if not isinstance(calls, list):
        raise AgentParsingError(f"tool_calls must be a list, got {type(calls).__name__}: {calls!r:.200}")
    for call in calls:
        if not isinstance(call, Mapping) or not isinstance(call.get("function"), Mapping):
            raise AgentParsingError(f"a tool call must be an object with a function, got {call!r:.200}")
    return calls
