"""MCP servers for tests, and the look after their processes."""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import uvicorn

from lamella_sim import ChatSim, Script, ToolCall

RAW = Path(__file__).parents[1] / "plugins" / "mcp" / "raw_server.py"
NODE_MODULES = [folder / "node_modules" for folder in Path(__file__).parents]


def children() -> set[int]:
    """The processes that this one started and that live, zombies not counted."""
    found = psutil.Process().children(recursive=True)
    return {child.pid for child in found if child.is_running() and child.status() != psutil.STATUS_ZOMBIE}


def gone(pid: int, seconds: float = 3.0) -> bool:
    """Whether a process ends in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def python_server(module: str) -> list[str]:
    """The arguments of Python for a server on PyPI; skips where it is not installed."""
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module.replace('_', '-')} is not installed")
    return ["-m", module]


def node_server(name: str) -> str:
    """The path of a server on npm; skips where it is not installed."""
    for folder in NODE_MODULES:
        if (path := folder / ".bin" / name).exists() and shutil.which("node"):
            return str(path)
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: npm install @modelcontextprotocol/{name[4:]}")
    return found


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """An ASGI application on loopback; its address."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="error", lifespan="auto", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None
    task = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listening.close()


def calling(name: str, **arguments: Any) -> ChatSim:
    """A model that calls one tool, then says "done"."""
    return ChatSim(script=Script.of(ToolCall(name, arguments), "done"))
