"""``ToolCall``: a call for the kit to make, and what it should give."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

__all__ = ["ANYTHING", "ToolCall"]

ANYTHING: Final = object()
"""No output in particular."""


@attrs.frozen
class ToolCall:
    """A call of one of the source's tools.

    :param tool: the tool's name.
    :param arguments: what a model would give it.
    :param output: what it returns (text, JSON, or blocks), if it always returns the same.
    :param check: a function of the output that is true, or does not raise, when it is right.
    :param repeatable: whether the same comes out when it is called several times, and beside other calls.
    """

    tool: str
    arguments: Mapping[str, Any] = attrs.field(factory=dict)
    output: Any = attrs.field(default=ANYTHING, kw_only=True)
    check: Callable[[Any], object] | None = attrs.field(default=None, kw_only=True)
    repeatable: bool = attrs.field(default=True, kw_only=True)

    def __str__(self) -> str:
        words = ", ".join(f"{name}={value!r:.60}" for name, value in self.arguments.items())
        return f"{self.tool}({words})"

    def complaint(self, output: Any) -> str | None:
        """What is wrong with an output, ``None`` when nothing is."""
        if self.output is not ANYTHING and output != self.output:
            return f"it gave {output!r:.300} instead of {self.output!r:.300}"
        if self.check is None:
            return None
        try:
            right = self.check(output)
        except Exception as error:  # an assertion of the author's
            return f"it gave {output!r:.300}: {type(error).__name__}: {error}"
        return f"it gave {output!r:.300}, which check refuses" if right is False else None
