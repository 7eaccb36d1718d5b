"""One-liners: ask for a text, extract a value. For scripts; whoever asks twice makes an ``Agent``."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, overload

from lamella.agent.agent import Agent, ToolLike
from lamella.events import RunStreamEvent
from lamella.models.inputs import Input
from lamella.models.model import Model

if TYPE_CHECKING:
    from typing_extensions import TypeForm, TypeVar

    T = TypeVar("T")

__all__ = ["OnEvent", "aask", "aextract", "ask", "extract"]

OnEvent: TypeAlias = Callable[[RunStreamEvent], Any]
"""Called with each event as it happens; what it returns is awaited where it can be."""


def ask(
    prompt: Input,
    model: Model | str | None = None,
    *,
    tools: Sequence[ToolLike] = (),
    on_event: OnEvent | None = None,
    **options: Any,
) -> str:
    """What a model says to a prompt: ``ask("What is 1 + 2?", "sim:demo", tools=[add])``.

    :param model: a ``Model`` or its name; without one, the project's.
    :param on_event: called with each event of the run.
    :param options: as for ``Agent``, such as ``system_instruction``.
    :raises LamellaError: the run failed; ``partial`` is the ``RunResult`` so far.
    """
    from lamella.sync import run

    return run(aask(prompt, model, tools=tools, on_event=on_event, **options))


async def aask(
    prompt: Input,
    model: Model | str | None = None,
    *,
    tools: Sequence[ToolLike] = (),
    on_event: OnEvent | None = None,
    **options: Any,
) -> str:
    """:func:`ask`, asynchronously; ``on_event`` may be an async function."""
    agent: Agent[str] = Agent(model, tools=tools, **options)
    async with agent:
        return (await agent.arun(prompt, emit=_emit(on_event))).output


@overload
def extract(
    prompt: Input,
    output_type: Mapping[str, Any],
    model: Model | str | None = ...,
    *,
    tools: Sequence[ToolLike] = ...,
    on_event: OnEvent | None = ...,
    **options: Any,
) -> Any: ...
@overload
def extract(
    prompt: Input,
    output_type: TypeForm[T],
    model: Model | str | None = ...,
    *,
    tools: Sequence[ToolLike] = ...,
    on_event: OnEvent | None = ...,
    **options: Any,
) -> T: ...
def extract(
    prompt: Input,
    output_type: Any,
    model: Model | str | None = None,
    *,
    tools: Sequence[ToolLike] = (),
    on_event: OnEvent | None = None,
    **options: Any,
) -> Any:
    """The value of a type that a model finds in a prompt: ``extract("Bob is 4.", Person, "sim:demo")``.

    :param output_type: as for ``Agent``.
    :raises OutputParserError: the model came to no such value.
    :raises LamellaError: the run failed; ``partial`` is the ``RunResult`` so far.
    """
    from lamella.sync import run

    return run(aextract(prompt, output_type, model, tools=tools, on_event=on_event, **options))


@overload
async def aextract(
    prompt: Input,
    output_type: Mapping[str, Any],
    model: Model | str | None = ...,
    *,
    tools: Sequence[ToolLike] = ...,
    on_event: OnEvent | None = ...,
    **options: Any,
) -> Any: ...
@overload
async def aextract(
    prompt: Input,
    output_type: TypeForm[T],
    model: Model | str | None = ...,
    *,
    tools: Sequence[ToolLike] = ...,
    on_event: OnEvent | None = ...,
    **options: Any,
) -> T: ...
async def aextract(
    prompt: Input,
    output_type: Any,
    model: Model | str | None = None,
    *,
    tools: Sequence[ToolLike] = (),
    on_event: OnEvent | None = None,
    **options: Any,
) -> Any:
    """:func:`extract`, asynchronously; ``on_event`` may be an async function."""
    agent: Agent[Any] = Agent(model, tools=tools, output_type=output_type, **options)
    async with agent:
        return (await agent.arun(prompt, emit=_emit(on_event))).value


def _emit(on_event: OnEvent | None) -> Callable[[RunStreamEvent], Awaitable[None]] | None:
    if on_event is None:
        return None

    async def emit(event: RunStreamEvent) -> None:
        told = on_event(event)
        if inspect.isawaitable(told):
            await told

    return emit
