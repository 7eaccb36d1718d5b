"""The protocol: what ``open`` returns, and what the tools are called."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from lamella.specs import ToolSource
from lamella.tools import Tool
from lamella_testing.guards import NetworkUsed, no_network
from lamella_testing.tools.base import ToolSourceBase
from lamella_testing.tools.leaks import Held
from lamella_testing.verdict import fail, require

__all__ = ["ProtocolContract"]

_LEGAL: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class ProtocolContract(ToolSourceBase):
    """What holds of the source and its tools."""

    def test_it_is_a_tool_source(self) -> None:
        """``open`` and ``close`` are there, and async."""
        source: Any = self.make_source()
        require(
            isinstance(source, ToolSource),
            f"{type(source).__name__} is no ToolSource; write async def open(self) and async def close(self)",
        )
        for name in ("open", "close"):
            require(
                inspect.iscoroutinefunction(getattr(source, name)),
                f"{type(source).__name__}.{name} is not async; write async def {name}(self)",
            )

    def test_making_it_starts_nothing(self) -> None:
        """A source is made when the configuration is read: what is behind it starts in ``open``."""

        async def made() -> None:
            before = Held.now()
            try:
                with no_network():
                    source = self.make_source()
            except NetworkUsed:
                fail("making the source connects somewhere; do that in open()")
            started = Held.now().more_than(before)
            del source
            require(not started, f"making the source starts {', '.join(started)}; do that in open()")

        self.play(made)

    def test_open_returns_tools(self) -> None:
        """A list or tuple of ``Tool`` objects."""

        async def opened() -> None:
            source = self.make_source()
            try:
                found: Any = await self.patiently(source.open(), "open()")
            except Exception as error:
                fail(
                    f"open() raises {type(error).__name__}: {error}; make_source() must return one that can be opened"
                )
            await source.close()
            require(
                isinstance(found, Sequence) and not isinstance(found, str),
                f"open() returns a {type(found).__name__}; return a list of tools",
            )
            strangers = [type(each).__name__ for each in found if not isinstance(each, Tool)]
            require(
                not strangers,
                f"open() returns a list with {', '.join(sorted(set(strangers)))} in it; return Tool objects "
                "(lamella.Tool(…), or lamella.tools.as_tools([…]))",
            )
            require(found, "open() returns no tool; make_source() must return a source that has some")

        self.play(opened)

    def test_names_are_distinct_and_legal(self) -> None:
        """Names are what every provider takes: letters, digits, ``_`` and ``-``, 64 at most; each once."""

        async def named() -> None:
            source = self.make_source()
            found: Any = await source.open()
            await source.close()
            names = [tool.name for tool in found if isinstance(tool, Tool)]
            twice = [name for name, count in Counter(names).items() if count > 1]
            require(not twice, f"two tools are called {', '.join(map(repr, twice))}; keep them apart")
            wrong = [name for name in names if not _LEGAL.fullmatch(name)]
            require(
                not wrong,
                f"{', '.join(map(repr, wrong))}: a tool's name is 1 to 64 of A-Z a-z 0-9 _ -; replace other "
                "characters, and cut long names",
            )

        self.play(named)

    def test_tools_are_described(self) -> None:
        """A model chooses by the description."""

        async def described() -> None:
            async with self.opened() as (_, tools):
                mute = [name for name, tool in tools.items() if not tool.description.strip()]
                require(
                    not mute, f"{', '.join(mute)} have no description; say what they do (Tool(description=…))"
                )

        self.play(described)
