"""``Tries``: a model asked for a structure until its answer is one, a bounded number of times."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Generic

import attrs

from lamella.errors import LamellaError, OutputParserError, StreamInterruptedError
from lamella.events import Event
from lamella.models.completion import Completion, fold_response
from lamella.models.model import Model, closing
from lamella.models.request import ModelRequest
from lamella.models.structured.answer import correctable, correction_message, of_completion
from lamella.models.structured.output import OutputType, Reading, T
from lamella.usage import TokenUsage, add_usage

__all__ = ["Tries"]


@attrs.define(kw_only=True, eq=False)
class Tries(Generic[T]):
    """One answer in the making. After ``events()`` is exhausted, ``reading`` and ``completion`` stand."""

    model: Model
    request: ModelRequest
    output: OutputType[T]
    retries: int = 0
    number: int = attrs.field(default=0, init=False)
    """The try at work, from 1."""

    usage: TokenUsage | None = attrs.field(default=None, init=False)
    """What all tries have cost."""

    reading: Reading[T] | None = attrs.field(default=None, init=False)
    completion: Completion | None = attrs.field(default=None, init=False)

    async def events(self) -> AsyncGenerator[Event, None]:
        """The events of the tries, one after the other.

        :raises OutputParserError: the last answer is not the structure; ``partial`` has the usage of all tries.
        :raises LamellaError: the model failed; ``partial`` likewise.
        """
        request = self.request
        while self.reading is None:
            self.number += 1
            events: list[Event] = []
            try:
                async with closing(self.model.stream(request)) as stream:
                    async for event in stream:
                        events.append(event)
                        yield event
                completion = self._settled(fold_response(events))
            except LamellaError as error:
                self._account(error, events)
                raise
            try:
                self.reading = of_completion(self.output, completion)
            except OutputParserError as error:
                if self.number > self.retries or not correctable(error):
                    error.context = {**self._where(), **error.context}
                    raise
                request = self._corrected(request, completion, error)

    def _settled(self, completion: Completion) -> Completion:
        if completion.stop_reason is None:
            raise StreamInterruptedError(
                f"{self.model.provider}:{self.model.model} ended its stream without response.done"
            )
        self.usage = add_usage(self.usage, completion.usage)
        self.completion = attrs.evolve(completion, usage=self.usage)
        return self.completion

    def _account(self, error: LamellaError, events: list[Event]) -> None:
        """Give an error of the model what it and the tries before it have cost."""
        had = error.partial if isinstance(error.partial, Completion) else fold_response(events)
        self.usage = add_usage(self.usage, had.usage)
        error.partial = attrs.evolve(had, usage=self.usage)

    def _where(self) -> dict[str, object]:
        return {"provider": self.model.provider, "model": self.model.model, "tries": self.number}

    def _corrected(
        self, request: ModelRequest, completion: Completion, error: OutputParserError
    ) -> ModelRequest:
        """The request with the answer, and what is wrong with it, behind its messages."""
        said = () if completion.message is None else (completion.message,)
        told = correction_message(self.output, error, completion.tool_calls)
        return attrs.evolve(request, messages=(*request.messages, *said, told))
