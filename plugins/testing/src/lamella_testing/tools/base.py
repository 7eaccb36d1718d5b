"""What an author of a tool source gives, and how the kit comes to tools: the ground of its tests."""

from __future__ import annotations

import asyncio
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import attrs
import pytest

from lamella.content import ToolCallBlock
from lamella.events import ToolOutputDone
from lamella.specs import ToolSource
from lamella.tools import Approvals, Tool, run_calls
from lamella_testing.project import empty_project
from lamella_testing.tools.leaks import Held
from lamella_testing.tools.samples import ToolCall
from lamella_testing.verdict import fail, require, run, skip

__all__ = ["ToolSourceBase"]

T = TypeVar("T")


class ToolSourceBase:
    """Hooks for the author of a tool source: :meth:`make_source` must be written, and ``calls`` given."""

    plugin: ClassVar[str | types.ModuleType | None] = None
    """The name of the entry point in ``lamella.tool_sources``, or the plugin module itself where it is not installed."""

    settings: ClassVar[Mapping[str, Any] | None] = None
    """What a table ``[tools.NAME]`` sets for such a source; secrets as they are."""

    calls: ClassVar[Sequence[ToolCall]] = ()
    """Calls that work, in an order that works on a source that has just been opened."""

    failing_calls: ClassVar[Sequence[ToolCall]] = ()
    """Calls whose arguments fit, and which fail: what is asked for is not there, the server refuses."""

    bad_calls: ClassVar[Sequence[ToolCall]] = ()
    """Calls whose arguments do not fit; the kit makes some itself, of ``calls``."""

    slow_calls: ClassVar[Sequence[ToolCall]] = ()
    """Calls that take longer than ``patience``, if there is such a thing."""

    secret: ClassVar[str | None] = None
    """The key or password in the settings, which must be seen nowhere."""

    runtime_context: ClassVar[Mapping[str, Any]] = {}
    """What the tools need of the run's ``runtime_context``."""

    patience: ClassVar[float] = 10.0
    """Seconds for an opening, a call, a closing."""

    def make_source(self) -> ToolSource:
        """A source, made anew each time, not open."""
        fail(f"write {type(self).__name__}.make_source(self): return a tool source of yours")

    def make_broken_source(self) -> ToolSource | None:
        """A source that cannot be opened: nobody listens there, the command is not installed, the file is cut."""
        return None

    async def change(self, source: Any) -> bool:
        """Make what is behind an open source have other tools than before; ``False`` when there is no way to."""
        return False

    # -- what pytest does with it -------------------------------------------------------------------

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _in_an_empty_project(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
        """No key, no configuration and no proxy but what the author gives."""
        patch = pytest.MonkeyPatch()
        with empty_project(tmp_path_factory.mktemp("conformance"), patch) as folder:
            yield folder

    # -- the source and its tools -------------------------------------------------------------------

    @property
    def moment(self) -> float:
        """Seconds after which a call is under way, and which a slow one takes by far."""
        return min(0.2, self.patience / 10)

    def play(self, test: Callable[[], Awaitable[T]]) -> T:
        """Run the asynchronous part of a test, which must come to an end."""

        async def bounded() -> T:
            async with asyncio.timeout(6 * self.patience):
                return await test()

        try:
            return run(bounded())
        except TimeoutError:
            fail(
                f"the source did not come to an end within {6 * self.patience:g} s; bound what it waits for, or set "
                "patience"
            )

    async def patiently(self, awaitable: Awaitable[T], what: str) -> T:
        """Wait no longer than ``patience``."""
        try:
            async with asyncio.timeout(self.patience) as deadline:
                return await awaitable
        except TimeoutError:
            if not deadline.expired():
                raise
            fail(f"{what} takes longer than {self.patience:g} s; bound what it waits for, or set patience")

    async def open_source(self, source: ToolSource) -> dict[str, Tool]:
        """Open a source; its tools by name. What is wrong with them, other tests say."""
        try:
            tools: Any = await self.patiently(source.open(), "open()")
        except Exception as error:
            fail(
                f"open() raises {type(error).__name__}: {error}; make_source() must return one that can be opened"
            )
        if not isinstance(tools, Sequence) or not all(isinstance(tool, Tool) for tool in tools):
            await source.close()
            skip("open() does not return tools; see test_open_returns_tools")
        return {tool.name: tool for tool in tools}

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[tuple[ToolSource, dict[str, Tool]]]:
        """A source and its tools; closed afterwards."""
        source = self.make_source()
        tools = await self.open_source(source)
        try:
            yield source, tools
        finally:
            await self.patiently(source.close(), "close()")

    async def outputs(
        self, tools: Mapping[str, Tool], calls: Sequence[ToolCall], limit: float | None = None
    ) -> list[ToolOutputDone]:
        """The outputs of calls that are made at once, as a run makes them."""
        for call in calls:
            if call.tool not in tools:
                fail(
                    f"{call}: the source has no such tool (it has {', '.join(tools) or 'none'}); correct the call"
                )
        if limit is not None:
            try:
                tools = {name: attrs.evolve(tool, timeout=limit) for name, tool in tools.items()}
            except Exception as error:
                fail(
                    f"a tool cannot be given a timeout (attrs.evolve): {type(error).__name__}: {error}; make a Tool, no "
                    "subclass with other arguments"
                )
        blocks = [
            ToolCallBlock(call_id=f"call-{place}", name=call.tool, arguments=dict(call.arguments))
            for place, call in enumerate(calls)
        ]
        running = run_calls(
            blocks,
            {name: attrs.evolve(tool, on_error="return") for name, tool in tools.items()},
            runtime_context=self.runtime_context,
            mode="run_async",
            limit=max(8, len(blocks)),
            approvals=Approvals(lambda _: True),
        )
        return [item.event async for item in running if isinstance(item.event, ToolOutputDone)]

    async def one_by_one(self, tools: Mapping[str, Tool], calls: Sequence[ToolCall]) -> list[ToolOutputDone]:
        """The outputs of calls that are made one after the other."""
        found: list[ToolOutputDone] = []
        for call in calls:
            found.extend(await self.patiently(self.outputs(tools, [call]), str(call)))
        return found

    def require_right(self, calls: Sequence[ToolCall], outputs: Sequence[ToolOutputDone], when: str) -> None:
        """Each call gave what its author said."""
        require(len(outputs) == len(calls), f"{len(calls)} calls {when} gave {len(outputs)} outputs")
        for call, done in zip(calls, outputs, strict=True):
            require(not done.is_error, f"{call} fails {when}: {done.output!r:.500}")
            complaint = call.complaint(done.output)
            require(complaint is None, f"{call} {when}: {complaint}")

    async def require_nothing_left(self, before: Held, after: str, remedy: str) -> None:
        """Nothing is held that was not held before."""
        left = await Held.left(before, self.patience)
        require(not left, f"after {after} there is left: {', '.join(left)}; {remedy}")

    def some_calls(self) -> Sequence[ToolCall]:
        """The calls that work."""
        if not self.calls:
            skip(
                "calls is empty: give calls that work, such as ToolCall('price', {'item': 'apple'}, output=2.5)"
            )
        return self.calls
