"""``Model``: what an agent knows of a language model. One method to write, the rest is built on it."""

from __future__ import annotations

import abc
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, overload

import attrs

from lamella._frozen import EMPTY
from lamella.content import MediaContent, ToolOutputBlock
from lamella.errors import (
    AgentInputError,
    InvalidRequestError,
    LamellaError,
    StreamInterruptedError,
    UnsupportedContentError,
)
from lamella.events import Event, ResponseDone
from lamella.models.capabilities import Capabilities
from lamella.models.completion import Completion, fold_response
from lamella.models.content import say_who_takes_it
from lamella.models.counting import TokenCount
from lamella.models.estimate import estimate_tokens
from lamella.models.inputs import Input
from lamella.models.plan import Plan, PlanEntry, Problem
from lamella.models.request import ModelRequest

if TYPE_CHECKING:
    from typing_extensions import TypeForm, TypeVar

    from lamella.models.structured import OutputStrategy, StructuredModel
    from lamella.specs import ModelInfo

    T = TypeVar("T")

__all__ = ["Embedding", "Model", "closing"]


def _floats(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(values)


@attrs.frozen(kw_only=True)
class Embedding:
    """The vector of input ``index`` (zero-based in the batch)."""

    index: int
    vector: tuple[float, ...] = attrs.field(converter=_floats)


class Model(abc.ABC):
    """A language model, or anything that answers like one.

    Write :meth:`stream`; give ``provider`` and ``model`` values so that runs say what made them.
    """

    provider: str = "custom"
    """Who answers. Signed reasoning and other opaque state belong to :attr:`issuer`."""

    model: str = "custom"
    """The model's name at the provider."""

    @abc.abstractmethod
    def stream(self, request: ModelRequest) -> AsyncIterator[Event]:
        """Answer a request: content events as they come, then one ``response.done``.

        Write it as an async generator. ``*.done`` events may be left out; they are made from the
        deltas. Raise :class:`~lamella.LamellaError` subclasses; anything else is wrapped.
        """

    @property
    def issuer(self) -> str:
        """Whose opaque state this model makes and accepts."""
        return self.provider

    @property
    def capabilities(self) -> Capabilities:
        """What this model can do."""
        return Capabilities()

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings that were given, without secrets; recorded with each run."""
        return EMPTY

    @property
    def info(self) -> ModelInfo | None:
        """What is known of this model, such as its context window; ``None`` when nothing is."""
        return None

    @property
    def output_limit(self) -> int | None:
        """The most tokens an answer can have, ``None`` when unknown."""
        return None if self.info is None else self.info.max_output_tokens

    def with_settings(self, **changes: Any) -> Model:
        """This model with other settings; the model itself is not changed.

        :raises AgentInputError: it has no such setting, or a value does not fit.
        """
        if not changes:
            return self
        raise AgentInputError(
            f"{type(self).__name__} has no settings to change; it was given {', '.join(sorted(changes))}"
        )

    async def complete(self, input: Input | ModelRequest, **fields: Any) -> Completion:
        """Answer in one piece: the fold of :meth:`stream`.

        :param input: whatever a run accepts, or a ``ModelRequest``.
        :param fields: fields of ``ModelRequest``, such as ``tools`` or ``system_instruction``.
        :raises LamellaError: with ``partial`` set to the completion so far.
        """
        request = ModelRequest.of(input, **fields)
        events: list[Event] = []
        try:
            async with closing(self.stream(request)) as stream:
                async for event in stream:
                    events.append(event)  # noqa: PERF401  # what came before a failure is kept
        except LamellaError as error:
            if error.partial is None:
                error.partial = fold_response(events)
            raise
        if not any(isinstance(event, ResponseDone) for event in events):
            raise StreamInterruptedError(
                f"{self.provider}:{self.model} ended its stream without response.done",
                partial=fold_response(events),
            )
        return fold_response(events)

    def complete_sync(self, input: Input | ModelRequest, **fields: Any) -> Completion:
        """:meth:`complete` for synchronous code; also works where a loop is running."""
        from lamella.sync import run

        return run(self.complete(input, **fields))

    def stream_sync(self, input: Input | ModelRequest, **fields: Any) -> Iterator[Event]:
        """:meth:`stream` for synchronous code: the same events."""
        from lamella.sync import iterate

        return iterate(lambda: self.stream(ModelRequest.of(input, **fields)))

    @overload
    def with_structured_output(
        self,
        output: Mapping[str, Any],
        *,
        strategy: OutputStrategy = ...,
        retries: int = ...,
        name: str | None = ...,
        description: str | None = ...,
        strict: bool = ...,
    ) -> StructuredModel[Any]: ...
    @overload
    def with_structured_output(
        self,
        output: TypeForm[T],
        *,
        strategy: OutputStrategy = ...,
        retries: int = ...,
        name: str | None = ...,
        description: str | None = ...,
        strict: bool = ...,
    ) -> StructuredModel[T]: ...
    def with_structured_output(
        self,
        output: Any,
        *,
        strategy: OutputStrategy = "auto",
        retries: int = 0,
        name: str | None = None,
        description: str | None = None,
        strict: bool = True,
    ) -> StructuredModel[Any]:
        """This model with answers of a type: ``await model.with_structured_output(Person).complete("…")``.

        :param output: attrs, dataclass, TypedDict, NamedTuple, msgspec, pydantic, Enum, Literal, a union or a
            container of these, a scalar; or a JSON schema.
        :param strategy: ``native`` structured output, a forced ``tool``, or the schema in the ``prompt``; ``auto``
            takes the first that the model can do with the schema whole.
        :param retries: how often an answer that does not fit goes back to the model.
        :param name: what the wire calls it, ``structured_output`` by default.
        :param description: what the model reads about it.
        :param strict: ask for constrained decoding, where the schema can be said in it.
        :raises AgentInputError: the type has no schema.
        """
        from lamella.models.structured import OutputType, StructuredModel

        made: OutputType[Any] = OutputType.of(output, name=name, description=description)
        return StructuredModel(self, made, strategy=strategy, retries=retries, strict=strict)

    def plan(self, request: Input | ModelRequest) -> Plan:
        """What would happen to a request, without any network."""
        asked = ModelRequest.of(request)
        problems = [Problem(code="agent.input.invalid", message=text) for text in self._unmet(asked)]
        problems += [Problem.of(error) for error in self._unseen(asked)]
        entries = tuple(
            PlanEntry(what=feature, status="native" if can else "impossible")
            for feature, can in self._needs(asked).items()
        )
        return Plan(
            provider=self.provider,
            model=self.model,
            entries=entries,
            problems=tuple(problems),
            input_tokens=estimate_tokens(asked),
            max_output_tokens=self.output_limit,
            context_window=None if self.info is None else self.info.context_window,
        )

    def check(self, request: Input | ModelRequest) -> tuple[Problem, ...]:
        """Why the request cannot be sent; empty when it can."""
        return self.plan(request).problems

    def _needs(self, request: ModelRequest) -> dict[str, bool]:
        can = self.capabilities
        needs: dict[str, bool] = {}
        if request.tools:
            needs["tools"] = can.tools
        if request.tool_choice not in ("auto", "none"):
            needs["forced_tools"] = can.forced_tools
        if request.output_schema is not None:
            needs["structured_output"] = can.structured_output
        if request.native is not None:
            needs["native_input"] = can.native_input
        return needs

    def _unmet(self, request: ModelRequest) -> list[str]:
        return [
            f"{self.provider}:{self.model} does not support {feature}"
            for feature, can in self._needs(request).items()
            if not can
        ]

    def _unseen(self, request: ModelRequest) -> Iterator[UnsupportedContentError]:
        """The media that the model does not declare to take."""
        for index, message in enumerate(request.messages):
            for place, block in enumerate(message.content):
                parts = block.parts or () if isinstance(block, ToolOutputBlock) else (block,)
                for part in parts:
                    kind = getattr(part, "type", "media")
                    if isinstance(part, MediaContent) and kind not in self.capabilities.inputs:
                        error = UnsupportedContentError(
                            f"{self.provider}:{self.model} takes no {kind} content "
                            f"[message {index} ({message.role}), block {place}]",
                            context={"content": kind, "message": index, "block": place},
                        )
                        say_who_takes_it(error, part)
                        yield error

    async def embed(
        self, inputs: Sequence[str], *, model: str | None = None, dimensions: int | None = None
    ) -> list[Embedding]:
        """One vector for each input, in order.

        :raises InvalidRequestError: this provider has no embeddings.
        """
        raise self._lacks("embeddings")

    async def count_tokens(self, request: Input | ModelRequest) -> TokenCount:
        """How many tokens a request is: as the provider counts, else an estimate, marked as one.

        An estimate takes four characters for a token and names the media that it leaves out.
        """
        return estimate_tokens(ModelRequest.of(request))

    async def list_models(self) -> Sequence[ModelInfo]:
        """The models this provider offers now.

        :raises InvalidRequestError: this provider has no list.
        """
        raise self._lacks("model list")

    def _lacks(self, what: str) -> InvalidRequestError:
        return InvalidRequestError(
            f"provider {self.provider!r} has no {what}", context={"provider": self.provider}
        )

    async def aclose(self) -> None:  # noqa: B027  # most models hold nothing
        """Close what the model holds open; it may be used again, which opens it again."""

    def close(self) -> None:
        """:meth:`aclose` for synchronous code."""
        from lamella.sync import run

        run(self.aclose())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


class closing:  # noqa: N801  # used as a function, like contextlib.aclosing
    """``contextlib.aclosing`` for any async iterator: one without ``aclose`` is left to itself."""

    def __init__(self, events: AsyncIterator[Event]) -> None:
        self._events = events

    async def __aenter__(self) -> AsyncIterator[Event]:
        return self._events

    async def __aexit__(self, *exc_info: object) -> None:
        close = getattr(self._events, "aclose", None)
        if close is not None:
            await close()
