"""``ScriptedModel``: a model that plays a queue of replies and records what it was asked."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Self, TypeAlias

from lamella import (
    AgentExecutionError,
    Block,
    Capabilities,
    Embedding,
    Event,
    MessageOutputDelta,
    MessageOutputDone,
    Model,
    ModelRequest,
    ReasoningBlock,
    ReasoningDone,
    ResponseDone,
    TextBlock,
    TokenUsage,
    ToolCallBlock,
    ToolCallDone,
)
from lamella._json import dumps
from lamella.events import ReasoningDelta

__all__ = ["Reply", "ScriptedModel"]

Reply: TypeAlias = str | Mapping[str, Any] | Block | Sequence["str | Block | Event"] | Exception
"""What a response is: text, a JSON object (a structured answer), blocks, events as they are, or a failure."""


class ScriptedModel(Model):
    """Plays one reply for each request, in order, and keeps the requests in ``requests``.

    Text and reasoning come in two deltas each. Replies that hold calls stop with ``tool_use``.

    :param replies: as :data:`Reply` says; :meth:`reply` adds more.
    :param usage: what each response is said to cost.
    :param capabilities: what it declares; by default everything but media.
    :param vectors: the embeddings to give, in order: one for each text.
    """

    provider = "scripted"
    model = "scripted"

    def __init__(
        self,
        *replies: Reply,
        usage: TokenUsage | None = None,
        capabilities: Capabilities | None = None,
        vectors: Sequence[Sequence[float]] = (),
    ) -> None:
        self.requests: list[ModelRequest] = []
        self.embedded: list[str] = []
        self._replies: deque[Reply] = deque(replies)
        self._usage = usage
        self._capabilities = capabilities or Capabilities(
            structured_output=True, reasoning=True, native_input=True, embeddings=True
        )
        self._vectors = deque(tuple(vector) for vector in vectors)

    def reply(self, *replies: Reply) -> Self:
        """Add replies to the queue."""
        self._replies.extend(replies)
        return self

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    async def stream(self, request: ModelRequest) -> AsyncIterator[Event]:
        """Play the next reply.

        :raises AgentExecutionError: the queue is empty.
        """
        self.requests.append(request)
        if not self._replies:
            raise AgentExecutionError(
                f"ScriptedModel has no reply left for request {len(self.requests)}; "
                "give it one more, or look for a request too many"
            )
        reply = self._replies.popleft()
        if isinstance(reply, Exception):
            raise reply
        for event in _events(reply, request.streaming, self._usage):
            yield event

    async def embed(
        self, inputs: Sequence[str], *, model: str | None = None, dimensions: int | None = None
    ) -> list[Embedding]:
        """The next vectors.

        :raises AgentExecutionError: there are not enough of them.
        """
        self.embedded.extend(inputs)
        if len(self._vectors) < len(inputs):
            raise AgentExecutionError(
                f"ScriptedModel has {len(self._vectors)} vectors left for {len(inputs)} texts; give vectors=[…]"
            )
        return [Embedding(index=place, vector=self._vectors.popleft()) for place in range(len(inputs))]


def _events(reply: Reply, streaming: bool, usage: TokenUsage | None) -> Iterator[Event]:
    parts = _parts(reply)
    for part in parts:
        if isinstance(part, Event):
            yield part
        else:
            yield from _block_events(TextBlock(text=part) if isinstance(part, str) else part, streaming)
    if not any(isinstance(part, ResponseDone) for part in parts):
        called = any(isinstance(part, ToolCallBlock | ToolCallDone) for part in parts)
        yield ResponseDone(stop_reason="tool_use" if called else "end_turn", token_usage=usage)


def _parts(reply: Reply) -> Sequence[str | Block | Event]:
    if isinstance(reply, Mapping):
        return (dumps(dict(reply)),)
    if isinstance(reply, str | Block):
        return (reply,)
    return tuple(reply)  # type: ignore[arg-type]  # an exception was raised before


def _block_events(block: Block, streaming: bool) -> Iterator[Event]:
    if isinstance(block, TextBlock):
        if streaming:
            yield from (MessageOutputDelta(delta=piece) for piece in _halves(block.text))
        yield MessageOutputDone(output=block.text, annotations=block.annotations, opaque=block.opaque)
    elif isinstance(block, ReasoningBlock):
        if streaming:
            yield from (ReasoningDelta(delta=piece, kind="summary") for piece in _halves(block.summary or ""))
            yield from (ReasoningDelta(delta=piece) for piece in _halves(block.text or ""))
        yield ReasoningDone(
            summary=block.summary,
            text=block.text,
            signature=block.signature,
            reasoning_id=block.reasoning_id,
            redacted=block.redacted,
            provider=block.provider,
            provider_meta=block.provider_meta,
            opaque=block.opaque,
        )
    elif isinstance(block, ToolCallBlock):
        yield ToolCallDone(
            call_id=block.call_id, name=block.name, arguments_json=block.arguments_json, opaque=block.opaque
        )
    else:
        raise AgentExecutionError(
            f"ScriptedModel cannot play a {type(block).__name__}; give the event that makes it instead"
        )


def _halves(text: str) -> list[str]:
    half = len(text) // 2
    return [piece for piece in (text[:half], text[half:]) if piece]
