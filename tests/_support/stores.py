"""The run stores there are, filled with runs of every shape."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs

from lamella import LamellaError, RunResult
from lamella.agent.base import BaseAgent
from lamella.serial import to_dict
from lamella.specs import ClaimingStore
from lamella_jsonl import JSONLStore
from lamella_sim import SimServer
from lamella_sim.faults import ResetFault, StatusFault

from scenarios import INPUT, SCENARIOS, WIRED

__all__ = ["KINDS", "Shelf", "ended", "names", "outcome", "told"]

KINDS = ("jsonl", "rotating", "sqlite", "postgresql")

_FILE_SIZE = 40_000
"""Bytes of a rotating file: small, so that runs lie in several."""


def names() -> list[str]:
    """What can be run, over a wire too."""
    return [*SCENARIOS, *WIRED]


async def ended(stream: Any) -> RunResult[Any]:
    """The result of a stream, also of one that fails."""
    failure = None
    try:
        async for _ in stream:
            pass
    except LamellaError as error:
        failure = error
    result: RunResult[Any] = stream.result
    assert result.status == ("completed" if failure is None else "failed"), failure
    return result


def outcome(result: RunResult[Any]) -> Any:
    """What two runs that went the same way have in common."""
    return (
        result.status,
        result.output,
        result.stop_reason,
        None if result.error is None else (result.error.code, result.error.message),
        [(message.role, message.text, len(message.tool_calls)) for message in result.messages],
    )


def told(run: RunResult[Any]) -> dict[str, Any]:
    """What a run says in words and numbers that no release changes."""
    messages = [
        [
            message.role,
            message.text,
            [[call.call_id, call.name, call.arguments_json] for call in message.tool_calls],
            [[output.call_id, str(output.output), output.is_error] for output in message.tool_outputs],
        ]
        for message in run.messages
    ]
    usage = {} if run.token_usage is None else to_dict(run.token_usage)
    return {
        "status": run.status,
        "output": run.output,
        "stop_reason": run.stop_reason,
        "error": None if run.error is None else run.error.code,
        "messages": len(messages),
        "digest": hashlib.sha256(json.dumps(messages).encode()).hexdigest(),
        "usage": {name: count for name, count in usage.items() if isinstance(count, int)},
        "agents": [each.agent for each in run.run.walk()],
    }


class Shelf:
    """Stores of every kind, made when they are asked for; and the runs in them, made once.

    :param databases: makes an empty PostgreSQL database and returns its URL.
    """

    def __init__(self, folder: Path, databases: Callable[[], str], server: SimServer) -> None:
        self._folder = folder
        self._databases = databases
        self._server = server
        self._numbers = itertools.count()
        self._homes: dict[tuple[str, str], Any] = {}
        self._runs: dict[tuple[str, str], RunResult[Any]] = {}

    def fresh(self, kind: str, **options: Any) -> ClaimingStore:
        """An empty store."""
        return self._opened(kind, self._place(kind), **options)

    def store(self, kind: str, purpose: str = "journal") -> ClaimingStore:
        """The store for a purpose."""
        if (kind, purpose) not in self._homes:
            self._homes[kind, purpose] = self.fresh(kind)
        store: ClaimingStore = self._homes[kind, purpose]
        return store

    def _place(self, kind: str) -> str:
        if kind == "postgresql":
            return self._databases()
        place = self._folder / f"{kind}-{next(self._numbers)}"
        return f"sqlite:///{place}.db" if kind == "sqlite" else str(place)

    def _opened(self, kind: str, place: str, **options: Any) -> ClaimingStore:
        if kind == "jsonl":
            return JSONLStore(place, **options)
        if kind == "rotating":
            return JSONLStore(place, layout="rotating", **{"max_bytes": _FILE_SIZE, **options})
        from lamella_sql import SQLStore

        return SQLStore(place, **options)

    @asynccontextmanager
    async def agent(self, name: str, **changes: Any) -> AsyncIterator[BaseAgent[Any]]:
        """The agent of a name; its connections are closed afterwards."""
        agent: Any = SCENARIOS[name]() if name in SCENARIOS else WIRED[name](self._server.base_url_of)
        try:
            yield attrs.evolve(agent, **changes) if changes else agent
        finally:
            if name in WIRED:
                for model in getattr(agent.model, "models", [agent.model]):
                    await model.aclose()

    async def live(self, kind: str, name: str) -> RunResult[Any]:
        """The result of a run as it was live, which is stored as by a journal and as by a sink."""
        if (kind, name) not in self._runs:
            self._server.clear()
            if name in WIRED:  # what fails is tried again: once told when, once after a beginning
                self._server.inject(StatusFault(429, headers={"retry-after": "0.01"}), ResetFault(3))
            given = {"journal": self.store(kind), "sinks": [self.store(kind, "sink")]}
            async with self.agent(name, **given) as agent:
                self._runs[kind, name] = await ended(agent.astream(INPUT))
            self._server.clear()
        return self._runs[kind, name]

    async def filled(self, kind: str) -> ClaimingStore:
        """The store of journals with all runs in it."""
        for name in names():
            await self.live(kind, name)
        return self.store(kind)
