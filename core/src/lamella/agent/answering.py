"""How an agent's final answer is asked for and read, where it must be of a type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from lamella._frozen import JSON
from lamella.content import ToolCallBlock
from lamella.errors import AgentInputError, OutputParserError
from lamella.events import StopReason, ToolOutputDone
from lamella.models.model import Model
from lamella.models.request import ModelRequest
from lamella.runs import NO_VALUE
from lamella.tools import Tool

if TYPE_CHECKING:
    from lamella.agent.agent import Agent
    from lamella.models.structured import OutputType, Reading, Strategy

__all__ = ["Answering", "answered", "answering"]


@attrs.frozen(kw_only=True)
class Answering:
    """The type of an agent's answers, and how the model of this run is asked for them."""

    output: OutputType[Any]
    strategy: Strategy
    retries: int
    tool: Tool | None = None

    def ask(self, request: ModelRequest) -> ModelRequest:
        """The request, asking for the structure; the tools of the agent stay in it."""
        from lamella.models.structured.strategy import asking

        return asking(self.strategy, request, self.output)

    def read(self, text: str, calls: Sequence[ToolCallBlock], stop_reason: StopReason | None) -> Reading[Any]:
        """The value of an answer.

        :raises OutputParserError: it has none.
        """
        from lamella.models.structured.answer import read_answer

        return read_answer(self.output, text=text, calls=calls, stop_reason=stop_reason)

    def reread(self, text: str) -> tuple[Any, JSON]:
        """Value and JSON of what a guardrail put in the place of an answer; none where it is no structure."""
        try:
            reading = self.read(text, (), None)
        except OutputParserError:
            return NO_VALUE, None
        return reading.value, reading.json

    def told(self, error: OutputParserError) -> str:
        """What the model reads of an answer that cannot be used."""
        from lamella.models.structured.answer import correction

        return correction(self.output, error)

    def forgives(self, error: OutputParserError, times: int) -> bool:
        """Whether the model may try again after so many answers that cannot be used."""
        from lamella.models.structured.answer import correctable

        return times <= self.retries and correctable(error)


def answering(agent: Agent[Any], model: Model, tools: Mapping[str, Tool]) -> Answering | None:
    """How ``model`` is asked for the agent's ``output_type``; ``None`` where it has none.

    :raises AgentInputError: a tool of the agent has the name of the answer's.
    """
    output = agent._output
    if output is None:
        return None
    from lamella.models.structured.strategy import choose_strategy, output_tool

    if output.name in tools:
        raise AgentInputError(
            f"a tool of an agent with an output_type cannot be called {output.name!r}: rename it"
        )
    offered = tuple(tools.values())
    known = agent._strategies.get("last")  # the agent's own cache, of one entry: planning encodes all tools
    key = (model, tuple(tools))
    if known is not None and known[0] == key:
        strategy = known[1]
    else:
        strategy = choose_strategy(model, output, agent.output_strategy, tools=offered)
        agent._strategies["last"] = (key, strategy)
    tool = output_tool(output) if strategy == "tool" else None
    return Answering(output=output, strategy=strategy, retries=agent.output_retries, tool=tool)


def answered(call: ToolCallBlock, told: str | None) -> ToolOutputDone:
    """The output of a call that is the answer: accepted, or what is wrong with it."""
    return ToolOutputDone(
        id=call.call_id,
        call_id=call.call_id,
        name=call.name,
        output="accepted" if told is None else told,
        is_error=told is not None,
    )
