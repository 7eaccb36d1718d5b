"""Sources whose tools change while they are open."""

from __future__ import annotations

import inspect
import time
from collections.abc import Sequence
from typing import Any, Final

from lamella.specs import ChangingToolSource
from lamella.tools import Tool
from lamella_testing.guards import NetworkUsed, no_network
from lamella_testing.tools.base import ToolSourceBase
from lamella_testing.verdict import fail, require, skip

__all__ = ["ChangeContract"]

_OFTEN: Final = 50


class ChangeContract(ToolSourceBase):
    """What holds of ``refresh``, where there is one."""

    def test_refresh_is_cheap_and_says_nothing_new(self) -> None:
        """It is asked before each call of the model: ``None`` where nothing changed, without a question to a server."""
        self._changing()

        async def asked() -> None:
            async with self.opened() as (source, _):
                refresh: Any = source.refresh  # type: ignore[attr-defined]  # looked at above
                require(
                    inspect.iscoroutinefunction(refresh),
                    "refresh is not async; write async def refresh(self)",
                )
                begin = time.monotonic()
                for _number in range(_OFTEN):
                    try:
                        with no_network():
                            found = await self.patiently(refresh(), "refresh()")
                    except NetworkUsed:
                        fail(
                            "refresh() connects somewhere; let a notification set a flag, and look at the flag"
                        )
                    require(
                        found is None,
                        f"refresh() returns {type(found).__name__} although nothing changed; return None",
                    )
                spent = (time.monotonic() - begin) / _OFTEN
                require(spent < 0.02, f"refresh() takes {spent * 1000:.0f} ms; it must only look at a flag")

        self.play(asked)

    def test_refresh_gives_all_tools_after_a_change(self) -> None:
        """Once, the complete new list; then ``None`` again."""
        self._changing()

        async def changed() -> None:
            async with self.opened() as (source, tools):
                if not await self.change(source):
                    skip("write async def change(self, source): make it have other tools, and return True")
                found: Any = await source.refresh()  # type: ignore[attr-defined]
                require(
                    isinstance(found, Sequence) and all(isinstance(tool, Tool) for tool in found),
                    f"refresh() after a change returns {type(found).__name__}; return the complete list of tools",
                )
                names = [tool.name for tool in found]
                require(len(set(names)) == len(names), f"refresh() returns a name twice: {', '.join(names)}")
                require(
                    names != list(tools) or any(tool != tools[tool.name] for tool in found),
                    "refresh() after a change returns the tools as they were; change() must change some",
                )
                again = await source.refresh()  # type: ignore[attr-defined]
                require(again is None, "refresh() says the same change twice; clear the flag")

        self.play(changed)

    def _changing(self) -> None:
        source: Any = self.make_source()
        if not isinstance(source, ChangingToolSource):
            skip("the source has no refresh(): its tools stay as they are while it is open")
