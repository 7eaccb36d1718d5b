"""``StructuredModel``: a model whose answers are values of a type."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any, Generic, Literal, Self, TypeAlias

import attrs

from lamella._frozen import JSON
from lamella.errors import AgentExecutionError, AgentInputError
from lamella.models.completion import Completion
from lamella.models.inputs import Input
from lamella.models.model import Model
from lamella.models.plan import Plan
from lamella.models.request import ModelRequest
from lamella.models.structured.checks import check_retries, check_strategy
from lamella.models.structured.output import OutputType, T
from lamella.models.structured.partial import Partial, PartialReader
from lamella.models.structured.strategy import Strategy, asking, choose_strategy
from lamella.models.structured.tries import Tries
from lamella.usage import TokenUsage

__all__ = ["OutputStrategy", "StructuredAnswer", "StructuredModel", "StructuredStream"]

OutputStrategy: TypeAlias = Literal["auto", "native", "tool", "prompt"]
"""How to ask for a structure: ``auto`` takes the first of the others that the model can do with the schema whole."""


@attrs.frozen(kw_only=True)
class StructuredAnswer(Generic[T]):
    """A value, the JSON it was made of, the response it came in, and how many tries it took.

    ``completion.usage`` is that of all tries.
    """

    value: T
    json: JSON
    completion: Completion
    tries: int = 1

    @property
    def usage(self) -> TokenUsage | None:
        """What all tries have cost."""
        return self.completion.usage


class StructuredModel(Generic[T]):
    """A model that answers with a ``T``; made by ``model.with_structured_output(T)``.

    The answer is validated whatever the strategy: a wire's strict mode is no guarantee.
    """

    def __init__(
        self,
        model: Model,
        output: OutputType[T],
        *,
        strategy: OutputStrategy = "auto",
        retries: int = 0,
        strict: bool = True,
    ) -> None:
        check_strategy(strategy)
        check_retries(retries, "with_structured_output")
        self.model = model
        self.output = output
        self.retries = retries
        self._asked = strategy
        self._strict = strict
        self._chosen: Strategy | None = None

    def __repr__(self) -> str:
        return f"<StructuredModel {self.model.provider}:{self.model.model} -> {self.output.label}>"

    @property
    def strategy(self) -> Strategy:
        """How the model is asked: chosen by its capabilities, and by what its wire makes of the schema."""
        if self._chosen is None:
            self._chosen = choose_strategy(self.model, self.output, self._asked, strict=self._strict)
        return self._chosen

    def request(self, input: Input | ModelRequest, **fields: Any) -> ModelRequest:
        """The request that is sent.

        :raises AgentInputError: it has tools, or a schema, of its own.
        """
        asked = ModelRequest.of(input, **fields)
        if asked.tools or asked.output_schema is not None:
            what = "tools" if asked.tools else "an output_schema of its own"
            raise AgentInputError(
                f"a request for a structured output takes no {what}; "
                "an agent has both: Agent(model, tools=[…], output_type=…)"
            )
        return asking(self.strategy, asked, self.output, strict=self._strict)

    def plan(self, input: Input | ModelRequest, **fields: Any) -> Plan:
        """What would happen to the request, its schema included, without any network."""
        return self.model.plan(self.request(input, **fields))

    async def complete(self, input: Input | ModelRequest, **fields: Any) -> T:
        """The answer, a validated value.

        :param input: whatever a run accepts, or a ``ModelRequest``.
        :param fields: fields of ``ModelRequest``, such as ``system_instruction``.
        :raises OutputParserError: no answer, a refusal, no JSON, or a value that does not fit, after ``retries``
            corrections; ``context["raw"]`` is the text, ``partial`` the ``Completion`` with the usage of all tries.
        :raises LamellaError: the model failed.
        """
        return (await self.answer(input, **fields)).value

    def complete_sync(self, input: Input | ModelRequest, **fields: Any) -> T:
        """:meth:`complete` for synchronous code; also works where a loop is running."""
        from lamella.sync import run

        return run(self.complete(input, **fields))

    async def answer(self, input: Input | ModelRequest, **fields: Any) -> StructuredAnswer[T]:
        """:meth:`complete`, with the usage and the response that the value came in."""
        tries = self._tries(input, fields)
        async with aclosing(tries.events()) as events:
            async for _ in events:
                continue
        return _answer_of(tries)

    def stream(self, input: Input | ModelRequest, **fields: Any) -> StructuredStream[T]:
        """The answer as it grows: ``async for partial in model.stream(…)``.

        :raises ConfigError: ``jiter`` is not installed: ``pip install "lamella[partial]"``.
        """
        return StructuredStream(self._tries(input, fields))

    def stream_sync(self, input: Input | ModelRequest, **fields: Any) -> Iterator[Partial[T]]:
        """:meth:`stream` for synchronous code."""
        from lamella.sync import iterate

        return iterate(lambda: self.stream(input, **fields))

    def _tries(self, input: Input | ModelRequest, fields: dict[str, Any]) -> Tries[T]:
        return Tries(
            model=self.model,
            request=self.request(input, **fields),
            output=self.output,
            retries=self.retries,
        )


class StructuredStream(Generic[T]):
    """The parts of one answer, each longer than the one before; the last is complete. Iterate once."""

    def __init__(self, tries: Tries[T]) -> None:
        self._tries = tries
        self._reader = PartialReader(tries.output)
        self._parts = self._read()

    async def _read(self) -> AsyncGenerator[Partial[T], None]:
        tries, reader = self._tries, self._reader
        async with aclosing(tries.events()) as events:
            async for event in events:
                if reader.attempt != tries.number:
                    reader.restart(tries.number)
                if (partial := reader.feed(event)) is not None:
                    yield partial
        answer = _answer_of(tries)
        yield Partial(tries.output, answer.json, attempt=tries.number, reading=tries.reading)

    def __aiter__(self) -> AsyncIterator[Partial[T]]:
        return self._parts

    async def __anext__(self) -> Partial[T]:
        return await self._parts.__anext__()

    async def answer(self) -> StructuredAnswer[T]:
        """The whole answer: what is left of the stream is read.

        :raises OutputParserError: there is none.
        """
        async for _ in self._parts:
            continue
        return _answer_of(self._tries)

    async def aclose(self) -> None:
        """Stop: the connection closes."""
        await self._parts.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()


def _answer_of(tries: Tries[T]) -> StructuredAnswer[T]:
    reading, completion = tries.reading, tries.completion
    if reading is None or completion is None:
        raise AgentExecutionError("the stream was closed before the answer was whole; read it to its end")
    return StructuredAnswer(value=reading.value, json=reading.json, completion=completion, tries=tries.number)
