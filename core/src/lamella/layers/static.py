"""``static``: an agent that says what it is told to, without a model."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any, ClassVar

import attrs

from lamella.errors import AgentInputError
from lamella.events import MessageOutputDelta, MessageOutputDone, ResponseDone, RunKind
from lamella.layers.layer import Layer
from lamella.layers.stage import Stage
from lamella.messages import Message
from lamella.tools import Emitted

__all__ = ["Static", "static"]


@attrs.frozen(kw_only=True, eq=False)
class Static(Layer):
    """An agent without a model; made by :func:`static`."""

    kind: ClassVar[RunKind] = "messages"

    says: str | Callable[[Sequence[Message]], str | Awaitable[str]]

    async def work(self, stage: Stage) -> AsyncGenerator[Emitted, None]:
        """Say it."""
        text: Any = self.says if isinstance(self.says, str) else self.says(stage.given.messages)
        if inspect.isawaitable(text):
            text = await text
        if not isinstance(text, str):
            raise AgentInputError(f"static: the function must return text, got {type(text).__name__}")
        if text:
            yield Emitted((), MessageOutputDelta(delta=text))
            yield Emitted((), MessageOutputDone(output=text))
        yield Emitted((), ResponseDone(stop_reason="end_turn"))
        stage.output = text


def static(says: str | Callable[[Sequence[Message]], str | Awaitable[str]], **options: Any) -> Static:
    """An agent that answers with a text, or with what a function makes of its messages. It costs nothing.

    :param options: as for :func:`~lamella.layers.chain`.
    """
    return Static(says=says, **options)
