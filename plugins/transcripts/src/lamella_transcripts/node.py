"""A JSON value and its place in the document, so that what is malformed is named by its path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from lamella import AgentSerializationError

__all__ = ["Node"]


class Node:
    """A value and where it stands: ``messages[2].content[0]``."""

    def __init__(self, value: Any, path: str = "") -> None:
        self.value = value
        self.path = path

    def __getitem__(self, name: str) -> Node:
        """The field of a table; its value is ``None`` where it is missing."""
        value = self.value.get(name) if isinstance(self.value, Mapping) else None
        return Node(value, f"{self.path}.{name}" if self.path else name)

    def fail(self, expected: str, cause: BaseException | None = None) -> NoReturn:
        """Refuse the document.

        :raises AgentSerializationError: always; its ``context["path"]`` is the place.
        """
        place = self.path or "the document"
        shown = repr(self.value)
        shown = shown if len(shown) <= 100 else f"{shown[:100]}…"
        raise AgentSerializationError(
            f"{place}: expected {expected}, got {shown}", context={"path": self.path}, cause=cause
        )

    def table(self) -> dict[str, Any]:
        """The value as a table."""
        if not isinstance(self.value, Mapping):
            self.fail("an object")
        return dict(self.value)

    def nodes(self) -> list[Node]:
        """The elements of a list; a missing list is empty."""
        if self.value is None:
            return []
        if not isinstance(self.value, list | tuple):
            self.fail("a list")
        return [Node(value, f"{self.path}[{place}]") for place, value in enumerate(self.value)]

    def text(self) -> str:
        """The value as a text."""
        if not isinstance(self.value, str):
            self.fail("a text")
        return self.value

    def optional_text(self) -> str | None:
        """The value as a text, ``None`` where it is missing."""
        return None if self.value is None else self.text()

    def one_of(self, *names: str) -> str:
        """The value as one of some words."""
        if not isinstance(self.value, str) or self.value not in names:
            self.fail(f"one of {', '.join(names)}")
        return self.value
