"""``ConversationStream``: the events of an answer in a conversation, which remembers it when they end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Generic, Self

from lamella.agent.stream import AgentStream
from lamella.errors import AgentInputError
from lamella.events import RunStreamEvent
from lamella.memory.seat import Seat
from lamella.messages import Message
from lamella.runs import Out_co, RunResult

if TYPE_CHECKING:
    from lamella.memory.conversation import Conversation
    from lamella.models.structured import Partial

__all__ = ["ConversationStream"]


class ConversationStream(Generic[Out_co]):
    """The events of an answer. Iterate once; ``aclose`` or leave ``async with`` to stop early."""

    def __init__(
        self,
        conversation: Conversation[Out_co],
        said: Message | None,
        runtime_context: Mapping[str, Any] | None,
    ) -> None:
        self._conversation = conversation
        self._said = said
        self._runtime_context = runtime_context
        self._stream: AgentStream[Out_co] | None = None
        self._events = self._run()

    @property
    def run_id(self) -> str:
        """The id under which the store knows the run."""
        return self._running.run_id

    @property
    def result(self) -> RunResult[Out_co]:
        """The fold of the events so far; final after the terminal event."""
        return self._running.result

    def approve(self, call_id: str) -> None:
        """Let a tool run that waits for approval. May be called from any thread."""
        self._running.approve(call_id)

    def deny(self, call_id: str, reason: str | None = None) -> None:
        """Refuse a tool that waits for approval. May be called from any thread."""
        self._running.deny(call_id, reason)

    def __aiter__(self) -> AsyncIterator[RunStreamEvent]:
        return self._events

    async def __anext__(self) -> RunStreamEvent:
        return await anext(self._events)

    async def partials(self) -> AsyncGenerator[Partial[Out_co], None]:
        """The answer of an agent with an ``output_type`` as it grows, in place of the events; the last is complete.

        :raises AgentInputError: the agent has no ``output_type``.
        """
        from lamella.models.structured.partial import partials_of_run

        output = getattr(self._conversation.agent, "_output", None)
        async with aclosing(partials_of_run(self, output)) as found:
            async for partial in found:
                yield partial

    async def aclose(self) -> None:
        """Stop the run: connections close, the store gets the terminal event."""
        await self._events.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    @property
    def _running(self) -> AgentStream[Out_co]:
        if self._stream is None:
            raise AgentInputError("the stream has not begun; iterate it first")
        return self._stream

    async def _run(self) -> AsyncGenerator[RunStreamEvent, None]:
        conversation = self._conversation
        conversation._begin()
        begun = False
        try:
            await conversation.aload()
            seat = Seat(conversation.agent, conversation.id, conversation._sinks)
            self._stream = seat.astream(conversation._asked(self._said), self._runtime_context)
            async with aclosing(self._stream) as events:
                async for event in events:
                    begun = True
                    yield event
        finally:
            if begun:
                conversation._take(self._running.result)
            conversation._end()
