"""The events of a run as its consumer has them: ``AgentStream``, and the same for synchronous code."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self

from lamella.events import RunStreamEvent
from lamella.runs import Out_co, RunResult
from lamella.tools import Approvals

if TYPE_CHECKING:
    from lamella.models.structured import Partial

__all__ = ["AgentStream", "SyncAgentStream", "collect"]


class Run(Protocol):
    """What a stream is of."""

    @property
    def agent(self) -> Any:
        """Whose run it is."""

    @property
    def run_id(self) -> str:
        """Its id."""

    @property
    def approvals(self) -> Approvals:
        """Where calls wait for a decision."""

    def events(self) -> AsyncGenerator[RunStreamEvent, None]:
        """The whole run."""

    def result(self) -> RunResult[Any]:
        """The fold so far."""


async def collect(
    stream: AgentStream[Out_co], emit: Callable[[RunStreamEvent], Awaitable[None]] | None = None
) -> RunResult[Out_co]:
    """Run a stream to its end and return the result."""
    async with aclosing(stream):
        async for event in stream:
            if emit is not None:
                await emit(event)
    return stream.result


class AgentStream(Generic[Out_co]):
    """The events of a run, as they happen. Iterate once; ``aclose`` or leave ``async with`` to stop early."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._events = run.events()

    @property
    def run_id(self) -> str:
        """The id under which sinks and stores know the run."""
        return self._run.run_id

    @property
    def result(self) -> RunResult[Out_co]:
        """The fold of the events so far; final after the terminal event."""
        return self._run.result()

    def approve(self, call_id: str) -> None:
        """Let a tool run that waits for approval. May be called from any thread."""
        self._run.approvals.approve(call_id)

    def deny(self, call_id: str, reason: str | None = None) -> None:
        """Refuse a tool that waits for approval. May be called from any thread."""
        self._run.approvals.deny(call_id, reason)

    def __aiter__(self) -> AsyncIterator[RunStreamEvent]:
        return self._events

    def __anext__(self) -> Awaitable[RunStreamEvent]:
        return self._events.__anext__()

    async def partials(self) -> AsyncGenerator[Partial[Out_co], None]:
        """The answer of an agent with an ``output_type`` as it grows, in place of the events; the last is complete.

        ``partial.attempt`` counts the responses of the model.

        :raises AgentInputError: the agent has no ``output_type``.
        :raises ConfigError: ``jiter`` is not installed: ``pip install "lamella[partial]"``.
        """
        from lamella.models.structured.partial import partials_of_run

        async with aclosing(partials_of_run(self, getattr(self._run.agent, "_output", None))) as found:
            async for partial in found:
                yield partial

    async def aclose(self) -> None:
        """Stop the run: connections close, the sinks get the terminal event."""
        await self._events.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()


class SyncAgentStream(Generic[Out_co]):
    """:class:`AgentStream` for synchronous code."""

    def __init__(self, stream: AgentStream[Out_co]) -> None:
        from lamella.sync import iterate

        self._stream = stream
        self._events = iterate(lambda: stream)

    @property
    def run_id(self) -> str:
        """The id under which sinks and stores know the run."""
        return self._stream.run_id

    @property
    def result(self) -> RunResult[Out_co]:
        """The fold of the events so far; final after the terminal event."""
        return self._stream.result

    def approve(self, call_id: str) -> None:
        """Let a tool run that waits for approval. May be called from any thread."""
        self._stream.approve(call_id)

    def deny(self, call_id: str, reason: str | None = None) -> None:
        """Refuse a tool that waits for approval. May be called from any thread."""
        self._stream.deny(call_id, reason)

    def __iter__(self) -> Iterator[RunStreamEvent]:
        return self._events

    def __next__(self) -> RunStreamEvent:
        return next(self._events)

    def partials(self) -> Iterator[Partial[Out_co]]:
        """:meth:`AgentStream.partials` for synchronous code."""
        from lamella.sync import iterate

        return iterate(self._stream.partials)

    def close(self) -> None:
        """Stop the run: connections close, the sinks get the terminal event."""
        self._events.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
