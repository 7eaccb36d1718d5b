"""A correct tool source passes the kit: with a plugin, without one, and with as little as an author may give."""

from __future__ import annotations

from larder_suites import larder_suite

from lamella import Tool
from lamella_testing import ToolCall, ToolSourceConformance

TestLarder = larder_suite()
TestLarderWithoutPlugin = larder_suite(plugin=None, settings=None)


class TestTheLeast(ToolSourceConformance):
    calls = (ToolCall("greet", {"name": "Ada"}, output="Hello, Ada!"),)

    def make_source(self) -> Least:
        return Least()


class Least:
    """The smallest tool source."""

    async def open(self) -> list[Tool]:
        return [Tool(self.greet)]

    async def close(self) -> None:
        """Nothing was begun."""

    def greet(self, name: str) -> str:
        """Greet somebody."""
        return f"Hello, {name}!"
