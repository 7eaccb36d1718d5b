"""Tools, servers and clients that the tests of the simulator share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import openai
import pytest

from lamella_sim import SimServer
from lamella_sim.wires.wire import OfferedTool

STRING: dict[str, Any] = {"type": "string"}
NUMBER: dict[str, Any] = {"type": "number"}
INTEGER: dict[str, Any] = {"type": "integer"}


def offered(
    name: str, description: str = "", required: list[str] | None = None, **properties: Any
) -> OfferedTool:
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(properties) if required is None else required,
        "additionalProperties": False,
    }
    return OfferedTool(name=name, description=description, input_schema=schema)


@pytest.fixture
def tools() -> tuple[OfferedTool, ...]:
    return (
        offered("weather", "The weather of a city", city=STRING),
        offered("add", "Add two numbers", a=INTEGER, b=INTEGER),
        offered("multiply", "Multiply two numbers", a=NUMBER, b=NUMBER),
        offered("now", "The time"),
    )


@pytest.fixture
def offer() -> Callable[..., OfferedTool]:
    return offered


@pytest.fixture
def serve() -> Iterator[Callable[..., SimServer]]:
    """Starts servers and stops them after the test."""
    running: list[SimServer] = []

    def start(*args: Any, **kwargs: Any) -> SimServer:
        running.append(SimServer(*args, **kwargs).start())
        return running[-1]

    yield start
    for server in running:
        server.stop()


@pytest.fixture
async def connect() -> AsyncIterator[Callable[..., openai.AsyncOpenAI]]:
    """Makes SDK clients and closes them after the test."""
    clients: list[openai.AsyncOpenAI] = []

    def make(server: SimServer, **options: Any) -> openai.AsyncOpenAI:
        settings = {"api_key": "sk-secret-of-the-test", "max_retries": 0, "timeout": 10, **options}
        clients.append(openai.AsyncOpenAI(base_url=server.base_url, **settings))
        return clients[-1]

    yield make
    for client in clients:
        await client.close()
