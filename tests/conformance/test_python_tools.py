"""The python tool source, held to the conformance kit: a module, and objects with a lifetime."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lamella_python import PythonToolSource
from lamella_testing import ToolCall, ToolSourceConformance

MODULE = '''
import asyncio


def price(item: str, count: int = 1) -> float:
    """The price of things."""
    return count * {"apple": 0.5}[item]


async def wait() -> str:
    """Wait."""
    await asyncio.sleep(3600)


class Shop:
    """A shop."""

    def __init__(self, name: str, token: str) -> None:
        self.name = name
        self._token = token
        self._sold = 0

    async def open(self) -> None:
        if self.name == "closed":
            raise OSError(f"closed, whoever says {self._token}")
        self._ticking = asyncio.create_task(asyncio.Event().wait())

    async def close(self) -> None:
        self._ticking.cancel()
        await asyncio.wait([self._ticking])

    def sell(self, count: int) -> int:
        """Sell things."""
        self._sold += count
        return self._sold

    async def wait(self) -> str:
        """Wait."""
        await asyncio.sleep(3600)
'''


class OnDisk(ToolSourceConformance):
    """The module is in a folder of its own."""

    plugin = "python"
    patience = 2.0

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _module(cls, _in_an_empty_project: Path) -> Iterator[None]:
        Path("conformance_shop.py").write_text(MODULE, encoding="utf-8")
        yield
        sys.modules.pop("conformance_shop", None)


class TestModule(OnDisk):
    settings = {"module": "conformance_shop"}
    calls = (
        ToolCall("price", {"item": "apple"}, output=0.5),
        ToolCall("price", {"item": "apple", "count": 3}, output=1.5),
    )
    failing_calls = (ToolCall("price", {"item": "pear"}),)
    slow_calls = (ToolCall("wait"),)

    def make_source(self) -> PythonToolSource:
        return PythonToolSource(module="conformance_shop")

    def make_broken_source(self) -> PythonToolSource:
        return PythonToolSource(module="conformance_shopp")


class TestObject(OnDisk):
    secret = "token-0123456789"
    settings = {
        "module": "conformance_shop:Shop",
        "arguments": {"name": "north"},
        "secrets": {"token": "token-0123456789"},
    }
    calls = (
        ToolCall("sell", {"count": 2}, output=2, repeatable=False),
        ToolCall("sell", {"count": 1}, output=3, repeatable=False),
    )
    slow_calls = (ToolCall("wait"),)

    def make_source(self) -> PythonToolSource:
        return PythonToolSource(**self.settings)

    def make_broken_source(self) -> PythonToolSource:
        return PythonToolSource(**{**self.settings, "arguments": {"name": "closed"}})
