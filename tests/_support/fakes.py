"""Fakes that tests share: a model that plays scripted turns, a sink that remembers, a project without files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from lamella.config import Project
from lamella.events import (
    Event,
    MessageOutputDelta,
    MessageOutputDone,
    ResponseDone,
    RunStreamEvent,
    ToolCallDone,
)
from lamella.models import Capabilities, Model, ModelRequest
from lamella.usage import TokenUsage


class ScriptedModel(Model):
    """Plays one turn per assistant message that the history already has; holds no state between runs."""

    provider = "fake"
    model = "scripted"

    def __init__(
        self, *turns: Sequence[Event | Exception | float], capabilities: Capabilities | None = None
    ) -> None:
        self.turns = turns
        self.requests: list[ModelRequest] = []
        self.closed = 0
        self._capabilities = capabilities or Capabilities(native_input=True)

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    async def stream(self, request: ModelRequest) -> AsyncIterator[Event]:
        self.requests.append(request)
        turn = sum(1 for message in request.messages if message.role == "assistant")
        try:
            for step in self.turns[turn]:
                if isinstance(step, BaseException):
                    raise step
                if isinstance(step, float):
                    await asyncio.sleep(step)
                else:
                    yield step
        finally:
            self.closed += 1


class Recorder:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.events: list[RunStreamEvent] = []
        self.opened = 0
        self.closed = 0

    async def open(self) -> None:
        self.opened += 1

    async def write(self, batch: Sequence[RunStreamEvent]) -> None:
        self.events.extend(batch)

    async def close(self) -> None:
        self.closed += 1

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.events]


def usage(given: int, made: int) -> TokenUsage:
    return TokenUsage(input_tokens=given, output_tokens=made, total_tokens=given + made)


def says(text: str, tokens: TokenUsage | None = None, **done: Any) -> list[Event]:
    """A turn that answers with text, in two deltas."""
    half = len(text) // 2
    deltas: list[Event] = [MessageOutputDelta(delta=part) for part in (text[:half], text[half:]) if part]
    return [*deltas, MessageOutputDone(output=text), ResponseDone(token_usage=tokens, **done)]


def calls(*made: tuple[str, str, str], text: str = "", tokens: TokenUsage | None = None) -> list[Event]:
    """A turn that calls tools: (call id, name, arguments as JSON text), after optional text."""
    said = [MessageOutputDelta(delta=text), MessageOutputDone(output=text)] if text else []
    done = [
        ToolCallDone(call_id=call_id, name=name, arguments_json=arguments)
        for call_id, name, arguments in made
    ]
    return [*said, *done, ResponseDone(stop_reason="tool_use", token_usage=tokens)]


def bare() -> Project:
    """A project without files or plugins."""
    return Project.bare()
