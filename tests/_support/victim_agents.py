"""Agents that are killed while they run. Each notes in files what its tools do and what its models are asked.

Every call of a tool has a ``key`` of its own, made of the agent's name, what it was asked, and the call's letter; the
models choose their turns by the history alone, and say at the end how many outputs they got and how many were unknown.
"""

from __future__ import annotations

import asyncio
import os
import time
import zlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final

import attrs

from lamella import Agent, Message, ToolRuntime, areport_progress, chain, parallel, tool
from lamella.agent.base import BaseAgent
from lamella.events import Event
from lamella.models.digests import RequestDigests
from lamella.models.model import Model
from lamella.models.request import ModelRequest
from lamella.models.wrapped import WrappedModel
from lamella_sim import ChatSim, Script, Text, ToolCall, Turn

from fakes import bare

__all__ = ["IDEMPOTENT", "INPUT", "SHAPES", "WIRE_SCRIPT", "Scene", "digest_text", "told"]

INPUT: Final = [Message.user("Please do it.")]
IDEMPOTENT: Final = "fetch"
"""The name of the one tool that may be called again."""

_LONG: Final = " ".join(f"word{number}" for number in range(60))


@attrs.frozen
class Scene:
    """Where a run leaves its traces: ``effects`` of tools and ``asked`` of models, one line each.

    :param url: of the simulator's server, where the agent asks a vendor's SDK.
    """

    folder: Path
    url: str | None = None

    def note(self, file: str, line: str, *, to_disk: bool = False) -> None:
        """Append a line; it is there when this returns."""
        opened = os.open(self.folder / file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(opened, f"{line}\n".encode())
            if to_disk:
                os.fsync(opened)
        finally:
            os.close(opened)

    def notes(self, file: str) -> list[str]:
        """All lines so far."""
        path = self.folder / file
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def digest_text(digests: Mapping[str, str]) -> str:
    """What tells one request from another, on one line."""
    return "/".join(f"{name}={value}" for name, value in sorted(digests.items()))


@attrs.define(kw_only=True, eq=False, slots=False)
class Noted(WrappedModel):
    """Notes each request before it is made."""

    scene: Scene

    async def stream(self, request: ModelRequest) -> AsyncIterator[Event]:
        self.scene.note("asked", digest_text(RequestDigests(self.inner).of(request)))
        events: Any = self.inner.stream(request)
        async with aclosing(events) as stream:
            async for event in stream:
                yield event


# -- tools --------------------------------------------------------------------------------------------


def _pause(key: str) -> float:
    """Some milliseconds; the first call of a turn takes long, so that others end before it, out of order."""
    return 0.015 if key[-1] in "adf" else zlib.crc32(key.encode()) % 7 / 1000


def _tools(scene: Scene) -> dict[str, Any]:
    def begin(key: str) -> None:
        scene.note("effects", f"begin {key}", to_disk=True)

    def done(key: str) -> str:
        scene.note("effects", f"done {key}", to_disk=True)
        return f"{key} is done"

    @tool
    async def work(key: str) -> str:
        """Work on the event loop."""
        begin(key)
        await areport_progress("work", 0.5)
        await asyncio.sleep(_pause(key))
        return done(key)

    @tool
    def grind(key: str, runtime: ToolRuntime) -> str:
        """Work in a thread."""
        begin(key)
        time.sleep(_pause(key))
        return done(key)

    @tool(idempotent=True)
    async def fetch(key: str) -> str:
        """Fetch something, which may be done twice."""
        begin(key)
        await asyncio.sleep(_pause(key))
        return done(key)

    @tool(requires_approval=True)
    async def drop(key: str) -> str:
        """Drop something, if that is approved."""
        begin(key)
        await asyncio.sleep(_pause(key))
        return done(key)

    return {each.name: each for each in (work, grind, fetch, drop)}


# -- turns --------------------------------------------------------------------------------------------


def _calls(who: str, *wanted: str, say: str = "") -> Callable[[ModelRequest], Turn]:
    """A turn that calls tools, given as ``tool letter``; keys are of the agent, what it was asked, and the letter."""

    def turn(request: ModelRequest) -> Turn:
        asked = next(message.text for message in request.messages if message.role == "user")
        begin = f"{who}-{zlib.crc32(asked.encode()):08x}"
        called = [ToolCall(name, {"key": f"{begin}-{letter}"}) for name, letter in map(str.split, wanted)]
        return Turn([*([Text(say)] if say else []), *called])

    return turn


def _asks(name: str, *prompts: str) -> list[Any]:
    """A turn that calls an agent."""
    return [ToolCall(name, {"prompt": prompt}) for prompt in prompts]


def told(outputs: int, unknown: int) -> str:
    """What a model says at the end."""
    return f"That were {outputs} outputs, of which {unknown} are not known."


def _summary(request: ModelRequest) -> Turn:
    outputs = [output for message in request.messages for output in message.tool_outputs]
    return Turn(told(len(outputs), sum("unknown: the process" in output.text for output in outputs)))


def _agent(
    scene: Scene, name: str, *turns: Any, tools: Sequence[Any] = (), delay: float = 0.001, **options: Any
) -> Agent:
    model: Model = ChatSim(script=Script.of(*turns, _summary), delay=delay)
    return Agent(
        Noted(inner=model, scene=scene),
        name=name,
        description=f"the {name}",
        system_instruction=f"You are {name}.",
        tools=[_tools(scene)[each] if isinstance(each, str) else each for each in tools],
        project=bare(),
        **options,
    )


# -- shapes -------------------------------------------------------------------------------------------


def turns(scene: Scene) -> BaseAgent[Any]:
    """Several turns with parallel calls, on the loop and in threads."""
    return _agent(
        scene, "turns",
        _calls("turns", "work a", "grind b", "work c", say="First some of it."),
        _calls("turns", "grind d", "work e"),
        _calls("turns", "work f", "work g", "grind h", "grind i", say="And the rest."),
        tools=["work", "grind"],
    )  # fmt: skip


def _worker(scene: Scene, name: str) -> Agent:
    return _agent(scene, name, _calls(name, "work a", "grind b"), tools=["work", "grind"])


def nested(scene: Scene) -> BaseAgent[Any]:
    """Agents as tools, two at once beside a tool, and one in another."""
    middle = _agent(
        scene, "middle", _asks("inner", "Do the inner."), _calls("middle", "work z"),
        tools=[_worker(scene, "inner"), "work"],
    )  # fmt: skip
    return _agent(
        scene, "boss",
        ["Ask the worker.", *_asks("worker", "Do x.", "Do y."), ToolCall("work", {"key": "boss-own"})],
        _asks("middle", "Do the middle."),
        tools=[_worker(scene, "worker"), middle, "work"],
    )  # fmt: skip


def layers(scene: Scene) -> BaseAgent[Any]:
    """Agents side by side, and one behind them."""
    sides = parallel(_worker(scene, "left"), _worker(scene, "right"), name="sides")
    return chain(sides, _worker(scene, "last"), name="line", project=bare())


def streaming(scene: Scene) -> BaseAgent[Any]:
    """Long texts, word by word, around calls."""
    return _agent(
        scene, "streaming",
        _calls("streaming", "work a", say=_LONG),
        _calls("streaming", "grind b", say=_LONG),
        tools=["work", "grind"], delay=0.002,
    )  # fmt: skip


def approved(scene: Scene) -> BaseAgent[Any]:
    """A policy approves some calls and denies one."""

    async def approve(asked: Any) -> bool:
        await asyncio.sleep(0.003)
        return not asked.arguments["key"].endswith("-no")

    return _agent(
        scene, "approved",
        _calls("approved", "drop a", "drop no", "drop b", "work c"),
        _calls("approved", "drop d", "work e"),
        tools=["drop", "work"], approve=approve,
    )  # fmt: skip


def repeating(scene: Scene) -> BaseAgent[Any]:
    """One tool is idempotent, beside one that is not."""
    return _agent(
        scene, "repeating",
        _calls("repeating", "fetch a", "work b", "fetch c"),
        _calls("repeating", "fetch d", "grind e"),
        tools=["fetch", "work", "grind"],
    )  # fmt: skip


WIRE_SCRIPT: Final = Script.of(
    _calls("wire", "work a", "grind b", say="Over the wire, word by word."),
    _calls("wire", "work c", "fetch d"),
    _summary,
)
"""What the simulator's server plays for :func:`wire`."""


def wire(scene: Scene) -> BaseAgent[Any]:
    """The SDK of a vendor, against the simulator's server."""
    from lamella_openai import ChatOpenAI

    model = ChatOpenAI(model="gpt-5-nano", api_key="sk-victim", base_url=scene.url, max_retries=0)
    tools = _tools(scene)
    return Agent(
        Noted(inner=model, scene=scene),
        name="wire",
        tools=[tools[name] for name in ("work", "grind", "fetch")],
        project=bare(),
    )


SHAPES: dict[str, Callable[[Scene], BaseAgent[Any]]] = {
    make.__name__: make for make in (turns, nested, layers, streaming, approved, repeating, wire)
}
"""The agents, by name; each is made anew in every process."""
