"""Function calls: whole, as they usually come, or in pieces, where streaming of arguments is switched on.

A call in pieces begins with its name and ``willContinue``; its arguments come as ``partialArgs``, a JSON path
and a value each; a string may come in several. A piece without ``willContinue`` ends it.
"""

from __future__ import annotations

import itertools
import re
import uuid
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from lamella.errors import AgentParsingError

__all__ = ["PendingCall", "new_call_id"]

Wire: TypeAlias = Any

_STEP: Final = re.compile(r"""\.([^.\[\]]+)|\[(\d+)\]|\[(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\]""")
_VALUES: Final = ("stringValue", "numberValue", "boolValue", "nullValue")
_HELD: Final = ("name", "args", "id", "partialArgs", "willContinue")
_MOST_ITEMS: Final = 100_000


def new_call_id() -> str:
    """A call id for a server that sends none; it never repeats."""
    return f"call_{uuid.uuid4().hex}"


class PendingCall:
    """A call, whole or in pieces.

    :param rest: what stood beside it in its part.
    """

    def __init__(self, call: Mapping[str, Wire], rest: dict[str, Wire]) -> None:
        self.name = str(call.get("name") or "")
        self.given_id = call.get("id")
        self.rest = rest
        self.kept = {name: value for name, value in call.items() if name not in _HELD and value is not None}
        self.arguments: dict[str, Wire] = dict(call.get("args") or {})
        self._open: set[str] = set()
        self.add(call, {})

    def add(self, call: Mapping[str, Wire], rest: dict[str, Wire]) -> None:
        """Take a piece, and what stood beside it."""
        self.rest |= rest
        self.given_id = self.given_id or call.get("id")
        for piece in call.get("partialArgs") or ():
            self._take(piece)

    def _take(self, piece: Mapping[str, Wire]) -> None:
        path = piece.get("jsonPath")
        steps = _steps(path)
        kind = next((name for name in _VALUES if name in piece), None)
        if kind is not None:
            value = None if kind == "nullValue" else piece[kind]
            _put(self.arguments, steps, value, joins=path in self._open and isinstance(value, str))
        if piece.get("willContinue"):
            self._open.add(str(path))
        else:
            self._open.discard(str(path))


def _steps(path: Wire) -> list[str | int]:
    """The keys and indexes of a JSON path such as ``$.list[0].name``."""
    if not isinstance(path, str) or not path.startswith("$"):
        raise AgentParsingError(f"a piece of a call's arguments has no JSON path: {path!r:.200}")
    steps: list[str | int] = []
    place = 1
    while place < len(path):
        found = _STEP.match(path, place)
        if found is None:
            raise AgentParsingError(
                f"a piece of a call's arguments has a JSON path of an unknown form: {path!r:.200}"
            )
        name, index, single, double = found.groups()
        steps.append(
            int(index) if index is not None else name or _plain(single if single is not None else double)
        )
        place = found.end()
    return steps


def _plain(quoted: str) -> str:
    return re.sub(r"\\(.)", r"\1", quoted)


def _put(target: Any, steps: list[str | int], value: Wire, *, joins: bool) -> None:
    """Put a value at a path, making the objects and lists on the way."""
    if not steps:
        raise AgentParsingError("a piece of a call's arguments names no argument")
    for step, following in itertools.pairwise(steps):
        target = _child(target, step, [] if isinstance(following, int) else {})
    last = steps[-1]
    before = _get(target, last)
    _set(target, last, before + value if joins and isinstance(before, str) else value)


def _child(target: Any, step: str | int, empty: Any) -> Any:
    found = _get(target, step)
    if not isinstance(found, dict | list):
        _set(target, step, empty)
        return empty
    return found


def _get(target: Any, step: str | int) -> Any:
    if isinstance(target, dict):
        return target.get(str(step))
    return target[step] if isinstance(step, int) and step < len(target) else None


def _set(target: Any, step: str | int, value: Any) -> None:
    if isinstance(target, dict):
        target[str(step)] = value
        return
    if not isinstance(step, int) or step > _MOST_ITEMS:
        raise AgentParsingError(f"a piece of a call's arguments has no place in a list: {step!r:.100}")
    target.extend([None] * (step + 1 - len(target)))
    target[step] = value
