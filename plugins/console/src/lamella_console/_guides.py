"""What stands before the lines of an agent: spaces, or the lines of a tree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

__all__ = ["Guides"]

_STEP: Final = "  "
_LINE: Final = "│  "
_BRANCH: Final = "├─ "


class Guides:
    """The beginnings of lines, by the depth of an agent.

    :param tree: with lines; else by indentation alone.
    :param spell: the signs that the page can show in place of others.
    """

    def __init__(self, spell: Callable[[str], str], *, tree: bool) -> None:
        self.tree = tree
        self._line = spell(_LINE) if tree else _STEP
        self._branch = spell(_BRANCH)

    def before(self, path: tuple[str, ...], step: int = 0) -> str:
        """Before what the agent at ``path`` says; ``step`` is further in."""
        return self._line * len(path) + _STEP * step

    def branch(self, path: tuple[str, ...]) -> str:
        """Before the name of the agent at ``path``, in a tree."""
        return self._line * (len(path) - 1) + self._branch
