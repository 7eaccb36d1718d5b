"""What the simulator does without a script: deterministic, from the request alone.

It calls an offered tool when the prompt plainly asks for it, fills the arguments from the prompt, and
answers from the tools' outputs. With an output schema it answers with an instance of it. Otherwise it
says what it is and repeats what was asked.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamella._json import dumps
from lamella.errors import InvalidRequestError
from lamella.models import ModelRequest
from lamella_sim.answers import answer_outputs, restate
from lamella_sim.arguments import fill, fill_structure
from lamella_sim.asks import Ask, Asks, Offered, read_asks
from lamella_sim.conversation import Exchange, read_exchange
from lamella_sim.instances import instance_of
from lamella_sim.script import Turn
from lamella_sim.steps import Reasoning, Step, Structured, Text, ToolCall

__all__ = ["decide"]


def decide(request: ModelRequest, *, reasoning: bool = False) -> Turn:
    """The turn that answers a request.

    :param reasoning: begin with a reasoning summary that says which rule applied.
    :raises InvalidRequestError: a tool is forced and there is none of that name.
    """
    exchange = read_exchange(request.messages)
    forced = request.tool_choice not in ("auto", "none")
    tools: Sequence[Offered] = request.tools if request.tool_choice != "none" else ()
    asks = read_asks(exchange.text, tools)
    calls = _forced(request, exchange, asks) if forced else _open(asks, exchange)
    if calls:
        chosen = calls if request.parallel_tool_calls else calls[:1]
        names = " and ".join(dict.fromkeys(call.name for call in chosen))
        steps: list[Step] = [ToolCall(call.name, call.arguments) for call in chosen]
        return _turn(steps, f"The prompt asks for {names}, so I call it." if reasoning else None)
    return _turn([_answer(request, exchange, asks)], _why(exchange) if reasoning else None)


def _turn(steps: list[Step], summary: str | None) -> Turn:
    return Turn([Reasoning(summary=summary), *steps] if summary else steps)


def _why(exchange: Exchange) -> str:
    return (
        "The tools have answered, so I say what they said." if exchange.outputs else "No tool is asked for."
    )


def _answer(request: ModelRequest, exchange: Exchange, asks: Asks) -> Step:
    if request.output_schema is not None:
        facts = [exchange.text, *(output.text for output in exchange.outputs)]
        return Structured(fill_structure(request.output_schema.schema, "\n".join(facts)))
    if exchange.outputs:
        return Text(answer_outputs(exchange))
    offered = [tool.name for tool in request.tools] if request.tool_choice != "none" else []
    return Text(restate(exchange, asks.missing, offered))


def _open(asks: Asks, exchange: Exchange) -> list[Ask]:
    """The calls asked for that have not been made since the prompt."""
    made = {(call.name, dumps(call.arguments)) for call in exchange.calls}
    return [ask for ask in asks.calls if (ask.name, dumps(dict(ask.arguments))) not in made]


def _forced(request: ModelRequest, exchange: Exchange, asks: Asks) -> list[Ask]:
    """The calls a forced tool choice leads to: those asked for, else one with whatever satisfies its schema."""
    tools = [tool for tool in request.tools if request.tool_choice in ("required", "any", tool.name)]
    if not tools:
        offered = ", ".join(tool.name for tool in request.tools) or "none"
        raise InvalidRequestError(
            f"tool_choice forces {request.tool_choice!r}; the tools offered are: {offered}"
        )
    names = {tool.name for tool in tools}
    asked = [ask for ask in asks.calls if ask.name in names]
    open_asks = [ask for ask in _open(asks, exchange) if ask.name in names]
    return open_asks or asked or [_any_call(tools[0], exchange.text)]


def _any_call(tool: Offered, text: str) -> Ask:
    filled = fill(tool.input_schema, text)
    arguments = filled.sets[0] if filled.sets else fill_structure(tool.input_schema, text)
    return Ask(
        name=tool.name,
        arguments=arguments if isinstance(arguments, dict) else instance_of({"type": "object"}),
    )
