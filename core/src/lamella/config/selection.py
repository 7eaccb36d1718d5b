"""Which tools of a source an agent gets, and how: what every ``[tools.NAME]`` table may say, whatever its source."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import attrs

from lamella.errors import ConfigError
from lamella.specs import ChangingToolSource, ToolSource

if TYPE_CHECKING:
    from lamella.tools import Tool

__all__ = ["SelectedTools", "Selection"]

_LONGEST_NAME: Final = 64


def _patterns(value: Iterable[str]) -> tuple[str, ...]:
    if isinstance(value, str):
        raise ConfigError(f"include, exclude and approve are lists of patterns, got the text {value!r}")
    return tuple(value)


def _approve(value: str | Iterable[str] | None) -> Any:
    return value if value is None or isinstance(value, str) else _patterns(value)


def _check_approve(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if isinstance(value, str) and value not in ("always", "never"):
        raise ConfigError(f'approve must be "always", "never" or a list of patterns, got {value!r}')


def _check_timeout(instance: object, attribute: attrs.Attribute[Any], value: float | None) -> None:
    if value is not None and not value > 0:
        raise ConfigError(f"timeout must be more than 0 seconds, got {value!r}")


@attrs.frozen(kw_only=True)
class Selection:
    """The choice of tools. Patterns are those of a shell (``get_*``) and match a tool's own name, without prefix.

    :param include: the tools to take; a name without wildcards must exist.
    :param exclude: the tools to leave out of these.
    :param prefix: put before each name; ``None``: what the source's spec says.
    :param approve: which tools need approval: ``always`` all, ``never`` none, or these besides those that say so
        themselves.
    :param idempotent: which tools, besides those that say so themselves, have the effect of one call when they are called
        twice: a run that is resumed calls them again where nobody knows what came of the first call.
    :param timeout: seconds for one call, instead of what a tool says.
    """

    include: tuple[str, ...] = attrs.field(default=("*",), converter=_patterns)
    exclude: tuple[str, ...] = attrs.field(default=(), converter=_patterns)
    prefix: str | None = None
    approve: Literal["always", "never"] | tuple[str, ...] | None = attrs.field(
        default=None, converter=_approve, validator=_check_approve
    )
    idempotent: tuple[str, ...] = attrs.field(default=(), converter=_patterns)
    timeout: float | None = attrs.field(default=None, validator=_check_timeout)

    def choose(self, tools: Iterable[Tool], source: str, *, complete: bool) -> tuple[Tool, ...]:
        """The chosen tools, under their names here.

        :param source: what to call the source in an error.
        :param complete: whether every name of ``include`` must be among them.
        :raises ConfigError: one is not.
        """
        tools = tuple(tools)
        if complete:
            self._require([tool.name for tool in tools], source)
        return tuple(
            self._settled(tool)
            for tool in tools
            if _matches(tool.name, self.include) and not _matches(tool.name, self.exclude)
        )

    def _require(self, names: Sequence[str], source: str) -> None:
        for pattern in self.include:
            if pattern not in names and not set(pattern) & set("*?["):
                close = difflib.get_close_matches(pattern, names, n=1)
                there = (
                    f"did you mean {close[0]!r}?" if close else f"it has {', '.join(names[:20]) or 'none'}"
                )
                raise ConfigError(f"{source} has no tool {pattern!r}, which include names; {there}")

    def _prefixed(self, name: str) -> str:
        full = f"{self.prefix}{name}"
        if len(full) > _LONGEST_NAME:
            raise ConfigError(
                f"with its prefix the tool {full!r} has a name of {len(full)} characters, and vendors take "
                f"{_LONGEST_NAME}; set a shorter prefix"
            )
        return full

    def _settled(self, tool: Tool) -> Tool:
        changes: dict[str, Any] = {}
        if self.prefix:
            changes["name"] = self._prefixed(tool.name)
        if isinstance(self.approve, str):
            changes["requires_approval"] = self.approve == "always"
        elif self.approve is not None and _matches(tool.name, self.approve):
            changes["requires_approval"] = True
        if _matches(tool.name, self.idempotent):
            changes["idempotent"] = True
        if self.timeout is not None:
            changes["timeout"] = self.timeout
        return attrs.evolve(tool, **changes) if changes else tool


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


class SelectedTools:
    """A tool source of which a selection is taken."""

    def __init__(self, source: ToolSource, selection: Selection, name: str | None = None) -> None:
        self.source = source
        self.selection = selection
        self._name = f"tool source {name or type(source).__name__}"

    async def open(self) -> Sequence[Tool]:
        """Open the source; it is closed again where the selection does not fit."""
        tools = await self.source.open()
        try:
            return self.selection.choose(tools, self._name, complete=True)
        except BaseException:
            await self.source.close()
            raise

    async def refresh(self) -> Sequence[Tool] | None:
        """The selection of what there is now, ``None`` when nothing changed."""
        if not isinstance(self.source, ChangingToolSource):
            return None
        tools = await self.source.refresh()
        return None if tools is None else self.selection.choose(tools, self._name, complete=False)

    async def close(self) -> None:
        """Close the source."""
        await self.source.close()
