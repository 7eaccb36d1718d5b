"""How a model is brought to answer with a structure: its own structured output, a forced tool, or words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias

import attrs

from lamella._frozen import freeze_mapping, thaw
from lamella._json import dumps
from lamella.errors import AgentExecutionError
from lamella.models.model import Model
from lamella.models.request import ModelRequest
from lamella.models.structured.checks import check_strategy
from lamella.models.structured.output import OutputType
from lamella.tools import Tool
from lamella.tools.docstrings import Docstring
from lamella.tools.signature import Signature

__all__ = ["STRATEGIES", "OutputTool", "Strategy", "asking", "choose_strategy", "output_tool"]

Strategy: TypeAlias = Literal["native", "tool", "prompt"]
"""``native``: the wire's own structured output; ``tool``: a forced call; ``prompt``: words, and JSON in the text."""

STRATEGIES: Final[tuple[Strategy, ...]] = ("native", "tool", "prompt")
"""In the order in which they are tried."""

_TOOL_DESCRIPTION: Final = "Give the final answer. Call it once, with the whole answer as its arguments."


async def _never(**arguments: Any) -> Any:
    """The answer itself: nothing is called."""
    raise AgentExecutionError("the tool of a structured output is read, and never called")


@attrs.frozen
class OutputTool(Tool):
    """The tool whose arguments are the answer; they are read by an :class:`OutputType`."""

    def _settle_input(self, main: Callable[..., Any], doc: Docstring) -> None:
        object.__setattr__(self, "input_schema", freeze_mapping(self.input_schema))
        object.__setattr__(self, "_signature", Signature(parameters=()))


def output_tool(output: OutputType[Any], *, strict: bool = True) -> OutputTool:
    """The tool that a model answers through."""
    return OutputTool(
        coroutine=_never,
        name=output.name,
        description=output.description or _TOOL_DESCRIPTION,
        input_schema=output.root,
        strict=strict,
        final=True,
    )


def asking(
    strategy: Strategy, request: ModelRequest, output: OutputType[Any], *, strict: bool = True
) -> ModelRequest:
    """The request, asking for the structure."""
    if strategy == "native":
        return attrs.evolve(request, output_schema=output.request_schema(strict))
    if strategy == "tool":
        tool = output_tool(output, strict=strict)
        if not request.tools:
            return attrs.evolve(request, tools=(tool,), tool_choice=tool.name, parallel_tool_calls=False)
        choice = {"auto": "required", "none": tool.name}.get(request.tool_choice, request.tool_choice)
        return attrs.evolve(request, tools=(*request.tools, tool), tool_choice=choice)
    told = instruction(output)
    given = request.system_instruction
    return attrs.evolve(request, system_instruction=f"{given}\n\n{told}" if given else told)


def instruction(output: OutputType[Any]) -> str:
    """What a model is told that has neither structured output nor forced tools."""
    about = f" ({output.description})" if output.description else ""
    return (
        f"Give the final answer as one JSON value{about} that follows this JSON schema, and write nothing else:\n"
        f"{dumps(thaw(output.root))}"
    )


def choose_strategy(
    model: Model,
    output: OutputType[Any],
    asked: str = "auto",
    *,
    tools: tuple[Tool, ...] = (),
    strict: bool = True,
) -> Strategy:
    """The best strategy with which the schema arrives whole; the one that was asked for, where one was.

    A wire that would send the schema with losses comes after a forced tool, and one that refuses it is not
    used. Each is found out by planning a small request: no network.

    :param tools: the tools that are offered beside it.
    :raises AgentInputError: no such strategy.
    """
    if asked in STRATEGIES:
        return asked
    check_strategy(asked)
    can = model.capabilities
    native = _outlook(model, "native", output, tools, strict) if can.structured_output else "impossible"
    if native == "whole":
        return "native"
    forced = can.tools and can.forced_tools
    if forced and _outlook(model, "tool", output, tools, strict) != "impossible":
        return "tool"
    return "prompt" if native == "impossible" else "native"


def _outlook(
    model: Model, strategy: Strategy, output: OutputType[Any], tools: tuple[Tool, ...], strict: bool
) -> Literal["whole", "lossy", "impossible"]:
    plan = model.plan(asking(strategy, ModelRequest.of("?", tools=tools), output, strict=strict))
    if not plan.possible:
        return "impossible"
    lost = any(loss.what == "output_schema" and not loss.lossless for loss in plan.losses)
    return "lossy" if lost else "whole"
