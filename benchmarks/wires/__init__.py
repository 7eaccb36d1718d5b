"""The wires that are measured, one module each: what the server sends, and what the three clients do.

A module has, for the server, ``stream(words)`` (the pieces of a streamed answer) and ``turn(request, turns)`` (the
answer to a request of a loop of tool calls); for the clients

- ``LIBRARY``: the HTTP library of the bare loop, the one that the SDK uses; ``BASE``: the path all requests begin with;
- ``STREAM``: path and body of the bare loop's streamed request; ``bare_text(lines)`` reads its answer;
- ``bare_turns(post)``: the bare loop of tool calls;
- ``sdk(origin)``: the SDK's client, a context manager; ``sdk_text(client)`` and ``sdk_turns(client)`` use it;
- ``model(origin)``: Lamella's model.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from importlib import import_module
from types import ModuleType
from typing import Any

NAMES = ("chat", "responses", "anthropic", "mistral", "gemini", "ollama")
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
    "additionalProperties": False,
}
ABOUT = "Add two numbers."

Post = Callable[[str, object], Awaitable[Any]]


def load(name: str) -> ModuleType:
    """The module of a wire; SDKs are imported by the functions that use them."""
    return import_module(f"wires.{name}")


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def sse(*chunks: object) -> bytes:
    """The chunks as server-sent events."""
    return b"".join(
        b"data: " + (c if isinstance(c, bytes) else compact(c).encode()) + b"\n\n" for c in chunks
    )


def compact(value: object) -> str:
    """JSON as servers write it."""
    return json.dumps(value, separators=(",", ":"))


def word(number: int) -> str:
    """A piece of a streamed text."""
    return f" word{number}"
