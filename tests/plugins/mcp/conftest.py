"""Sources of servers, and the look after their processes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from mcp_servers import RAW, children, gone

from lamella_mcp import MCPToolSource


@pytest.fixture(autouse=True)
def no_orphans() -> Iterator[None]:
    """After each test no server is left."""
    before = children()
    yield
    left = {pid for pid in children() - before if not gone(pid)}
    assert not left, [psutil.Process(pid).cmdline() for pid in left]


@pytest.fixture
def raw(tmp_path: Path) -> Callable[..., MCPToolSource]:
    """Makes a source of the raw server; its notes go to ``tmp_path / "log"``."""

    def make(mode: str = "fine", **settings: Any) -> MCPToolSource:
        log = str(tmp_path / "log")
        settings = {"name": "raw", "restart_delay": 0.01, **settings}
        return MCPToolSource(command=sys.executable, args=[str(RAW), mode, log], **settings)

    return make
