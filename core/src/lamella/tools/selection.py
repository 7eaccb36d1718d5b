"""``selected``: some tools of a source, in code what a ``[tools.NAME]`` table says in the configuration."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from lamella.config.selection import SelectedTools, Selection
from lamella.specs import ToolSource

__all__ = ["selected"]


def selected(
    source: ToolSource,
    *,
    include: Iterable[str] = ("*",),
    exclude: Iterable[str] = (),
    prefix: str = "",
    approve: Literal["always", "never"] | Iterable[str] | None = None,
    timeout: float | None = None,
) -> SelectedTools:
    """A tool source with some of another's tools. Patterns (``get_*``) match a tool's own name.

    :param include: the tools to take; a name without wildcards must exist when the source is opened.
    :param exclude: the tools to leave out of these.
    :param prefix: put before each name, so that the tools of two sources are kept apart.
    :param approve: which tools need approval: ``"always"`` all, ``"never"`` none, or patterns.
    :param timeout: seconds for one call, instead of what a tool says.
    :raises ConfigError: a value that does not fit.
    """
    chosen = Selection(include=include, exclude=exclude, prefix=prefix, approve=approve, timeout=timeout)
    return SelectedTools(source, chosen)
