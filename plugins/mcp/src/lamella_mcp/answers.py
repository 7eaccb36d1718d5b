"""What a server may ask of its client: a model's words, a person's input, the folders it may look at."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from mcp import types

from lamella.content import TextBlock
from lamella.errors import LamellaError
from lamella.messages import Message
from lamella_mcp.results import Limit, blocks_of

if TYPE_CHECKING:
    from lamella.models import Model

__all__ = ["Elicitation", "answers"]

Elicitation: TypeAlias = Callable[
    [str, Mapping[str, Any]], "Mapping[str, Any] | Awaitable[Mapping[str, Any] | None] | None"
]
"""Called with the server's message and the JSON schema of what it asks for; ``None`` declines."""


def answers(
    *, sampling: Model | str | None, elicitation: Elicitation | None, roots: Sequence[str], limit: Limit
) -> dict[str, Callable[..., Any]]:
    """The callbacks of the SDK's ``Client``. What has none is not declared to the server, and declined."""
    given: dict[str, Callable[..., Any]] = {}
    if sampling is not None:
        given["sampling_callback"] = _Sampling(sampling, limit)
    if elicitation is not None:
        given["elicitation_callback"] = _Elicited(elicitation)
    if roots:
        given["list_roots_callback"] = _Roots(roots)
    return given


class _Sampling:
    """Lets a model of Lamella speak for the server, with its own settings: those the server would like are hints."""

    def __init__(self, model: Model | str, limit: Limit) -> None:
        self._model = model
        self._limit = limit

    async def __call__(self, context: Any, params: Any) -> Any:
        try:
            return await self._complete(params)
        except LamellaError as error:
            return types.ErrorData(code=types.INTERNAL_ERROR, message=f"{type(error).__name__}: {error}")

    async def _complete(self, params: Any) -> Any:
        from lamella.models import ModelRequest, get_model

        own = isinstance(self._model, str)
        model = get_model(self._model) if isinstance(self._model, str) else self._model
        try:
            done = await model.complete(
                ModelRequest(
                    messages=tuple(self._message(message) for message in params.messages),
                    system_instruction=params.system_prompt,
                )
            )
        finally:
            if own:
                await model.aclose()
        return types.CreateMessageResult(
            role="assistant",
            content=types.TextContent(type="text", text=done.content),
            model=model.model,
            stop_reason="maxTokens" if done.stop_reason == "max_tokens" else "endTurn",
        )

    def _message(self, message: Any) -> Message:
        content = message.content if isinstance(message.content, list) else [message.content]
        blocks = blocks_of(content, self._limit) or [TextBlock(text="")]
        return Message.user(blocks) if message.role == "user" else Message.assistant(blocks)


class _Elicited:
    """Asks a function. A page to open is declined: nobody here opens it."""

    def __init__(self, ask: Elicitation) -> None:
        self._ask = ask

    async def __call__(self, context: Any, params: Any) -> Any:
        if not isinstance(params, types.ElicitRequestFormParams):
            return types.ElicitResult(action="decline")
        answer: Any = self._ask(params.message, params.requested_schema)
        if inspect.isawaitable(answer):
            answer = await answer
        if answer is None:
            return types.ElicitResult(action="decline")
        return types.ElicitResult(action="accept", content=dict(answer))


class _Roots:
    """The folders that the project names."""

    def __init__(self, roots: Sequence[str]) -> None:
        self._roots = roots

    async def __call__(self, context: Any) -> Any:
        paths = [Path(root) for root in self._roots]
        return types.ListRootsResult(
            roots=[types.Root(uri=path.as_uri(), name=path.name) for path in paths]  # type: ignore[arg-type]  # a text
        )
