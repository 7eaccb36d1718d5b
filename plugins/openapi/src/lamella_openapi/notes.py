"""What was odd about a document, and what was made of it."""

from __future__ import annotations

from collections.abc import Iterator


class Notes:
    """Lines for the developer, each once, in the order they came up."""

    def __init__(self) -> None:
        self._lines: dict[str, None] = {}

    def add(self, line: str) -> None:
        """Say something; repeating it changes nothing."""
        self._lines.setdefault(line)

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)
