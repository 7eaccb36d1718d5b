"""Field checks of the vendors that validate a body with pydantic: which fields, of which type, and no others.

A field is named by its path: ``messages.0.content.1.text``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, NoReturn

import attrs

from lamella_sim.wires.wire import BadRequest

__all__ = ["Shape", "join"]

_KINDS: Final[Mapping[str, tuple[Callable[[Any], bool], str, str]]] = {
    "any": (lambda _: True, "", ""),
    "str": (lambda value: isinstance(value, str), "string_type", "Input should be a valid string"),
    "bool": (lambda value: isinstance(value, bool), "bool_type", "Input should be a valid boolean"),
    "int": (
        lambda value: isinstance(value, int) and not isinstance(value, bool),
        "int_type",
        "Input should be a valid integer",
    ),
    "number": (
        lambda value: isinstance(value, int | float) and not isinstance(value, bool),
        "float_type",
        "Input should be a valid number",
    ),
    "list": (lambda value: isinstance(value, list), "list_type", "Input should be a valid list"),
    "object": (lambda value: isinstance(value, Mapping), "dict_type", "Input should be a valid dictionary"),
    "text": (
        lambda value: isinstance(value, str | list),
        "string_type",
        "Input should be a valid string or a valid list",
    ),
}
"""A kind of value: whether one is of it, pydantic's name of the fault, and its words."""


def join(where: str, name: object) -> str:
    """The path of a field below ``where``."""
    return f"{where}.{name}" if where else str(name)


@attrs.frozen
class Shape:
    """The checks of one vendor, who answers a misfit with ``status``."""

    status: int

    def fault(self, where: str, message: str, code: str = "value_error") -> NoReturn:
        """Refuse the field at ``where``."""
        raise BadRequest(message, param=where, code=code, status=self.status)

    def value(self, value: Any, kind: str, where: str) -> Any:
        """A value of a kind; ``?`` before the kind allows null."""
        if kind.startswith("?") and value is None:
            return None
        holds, code, message = _KINDS[kind.removeprefix("?")]
        if not holds(value):
            self.fault(where, message, code)
        return value

    def fields(
        self, value: Any, where: str, required: Mapping[str, str], optional: Mapping[str, str] | None = None
    ) -> Mapping[str, Any]:
        """An object with these fields, by name and kind, and no others."""
        given: Mapping[str, Any] = self.value(value, "object", where)
        kinds = {**required, **(optional or {})}
        for name in required:
            if name not in given:
                self.fault(join(where, name), "Field required", "missing")
        for name, held in given.items():
            if name not in kinds:
                self.fault(join(where, name), "Extra inputs are not permitted", "extra_forbidden")
            self.value(held, kinds[name], join(where, name))
        return given

    def one_of(self, value: Any, where: str, choices: Sequence[str]) -> str:
        """One of these words."""
        if not isinstance(value, str) or value not in choices:
            listed = ", ".join(map(repr, choices[:-1]))
            expected = f"{listed} or {choices[-1]!r}" if listed else repr(choices[-1])
            self.fault(where, f"Input should be {expected}", "literal_error")
        return value

    def tag(self, value: Any, where: str, tags: Collection[str]) -> str:
        """The ``type`` of an object, which says what else it holds."""
        given = self.value(value, "object", where)
        kind = given.get("type")
        if not isinstance(kind, str):
            self.fault(join(where, "type"), "Field required", "missing")
        if kind not in tags:
            listed = ", ".join(repr(tag) for tag in tags)
            message = (
                f"Input tag '{kind}' found using 'type' does not match any of the expected tags: {listed}"
            )
            self.fault(where, message, "union_tag_invalid")
        return kind

    def matches(self, value: Any, where: str, pattern: str) -> str:
        """Text that follows a pattern as a whole."""
        text = self.value(value, "str", where)
        if re.fullmatch(pattern.removeprefix("^").removesuffix("$"), text, re.ASCII) is None:
            self.fault(where, f"String should match pattern '{pattern}'", "string_pattern_mismatch")
        return str(text)
