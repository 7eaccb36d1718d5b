"""``Reply``: a turn made ready to be said, before any wire's form. The model and all wires speak it."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Final

import attrs

from lamella._json import dumps
from lamella.events import StopReason
from lamella.models import ModelRequest
from lamella.usage import TokenUsage
from lamella_sim.script import Turn
from lamella_sim.settings import ChunkBy
from lamella_sim.steps import Error, Refusal, Step, Structured, Text, ToolCall
from lamella_sim.tokens import estimate_usage

__all__ = ["CHUNKERS", "Reply", "make_reply", "new_id", "sim_name"]


@attrs.frozen(kw_only=True)
class Reply:
    """What is said to one request.

    ``steps`` hold no ``Structured`` any more, every call has its id, an ``Error`` is only in
    ``error``. ``model`` begins with ``sim-``, ``created`` is Unix time in seconds.
    """

    id: str
    model: str
    created: int
    steps: tuple[Step, ...]
    usage: TokenUsage
    stop_reason: StopReason
    error: Error | None = None
    chunk: ChunkBy = "word"

    def pieces(self, text: str) -> list[str]:
        """``text`` in the pieces it is streamed in; joined they are ``text``."""
        return CHUNKERS[self.chunk](text)


def make_reply(request: ModelRequest, turn: Turn, model: str, *, chunk: ChunkBy = "word") -> Reply:
    """The reply that plays ``turn``."""
    error = turn.steps[-1] if turn.steps and isinstance(turn.steps[-1], Error) else None
    steps = tuple(_settled(step) for step in turn.steps if not isinstance(step, Error))
    return Reply(
        id=new_id("sim"),
        model=sim_name(model),
        created=int(time.time()),
        steps=steps,
        usage=estimate_usage(request, steps, turn.usage),
        stop_reason=turn.stop_reason or _stop_reason(steps),
        error=error,
        chunk=chunk,
    )


def new_id(prefix: str) -> str:
    """An id that was never given before."""
    return f"{prefix}_{uuid.uuid4().hex}"


def sim_name(model: str) -> str:
    """The name a reply carries: it always begins with ``sim-``."""
    return model if model.startswith("sim-") else f"sim-{model}"


def _settled(step: Step) -> Step:
    if isinstance(step, Structured):
        return Text(dumps(step.value))
    if isinstance(step, ToolCall) and step.call_id is None:
        return attrs.evolve(step, call_id=new_id("call"))
    return step


def _stop_reason(steps: Sequence[Step]) -> StopReason:
    if any(isinstance(step, Refusal) for step in steps):
        return "refusal"
    return "tool_use" if any(isinstance(step, ToolCall) for step in steps) else "end_turn"


def _words(text: str) -> list[str]:
    return re.findall(r"\s*\S+|\s+", text)


def _whole(text: str) -> list[str]:
    return [text] if text else []


CHUNKERS: Final[dict[ChunkBy, Callable[[str], list[str]]]] = {"word": _words, "char": list, "whole": _whole}
"""How a text is cut, by the name in the settings."""
