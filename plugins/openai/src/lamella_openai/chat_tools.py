"""The tools of a request for Chat Completions, and the choice among them, as a server takes them. Pure."""

from __future__ import annotations

from lamella.errors import AgentSerializationError
from lamella.models import EncodeReport, ModelRequest
from lamella.providers import Wire, strict_loss, tool_choice
from lamella.tools import Tool
from lamella_openai.catalog import takes_parallel_flag
from lamella_openai.deviations import Deviations

__all__ = ["encode_tools"]


def encode_tools(
    request: ModelRequest, report: EncodeReport, model: str, deviations: Deviations
) -> dict[str, Wire]:
    """``tools`` and what goes with them; nothing where there are none.

    :raises AgentSerializationError: the server takes no tools, or the choice has no form there.
    """
    if not request.tools:
        return {}
    if not deviations.tools:
        report.problem(
            AgentSerializationError(
                "the server takes no tools; leave them out, or use another provider",
                context={"option": "tools"},
            )
        )
        return {}
    tools, choice = _choice(request, report, deviations)
    if not tools:
        return {}
    given: dict[str, Wire] = {
        "tools": [_tool(tool, report, deviations) for tool in tools],
        "tool_choice": choice,
    }
    if not deviations.parallel_tool_calls:
        if not request.parallel_tool_calls:
            report.drop("the server has no such flag: several calls may come at once", "parallel_tool_calls")
    elif not request.parallel_tool_calls or takes_parallel_flag(model):
        given["parallel_tool_calls"] = request.parallel_tool_calls
    return given


def _choice(
    request: ModelRequest, report: EncodeReport, deviations: Deviations
) -> tuple[tuple[Tool, ...], Wire]:
    """The tools to offer and the choice among them, in a form that the server takes."""
    tools = request.tools
    choice = tool_choice(request.tool_choice, _named(request.tool_choice))
    form = choice if isinstance(choice, str) else "function"
    if form in deviations.tool_choice:
        return tools, choice
    if form == "none":
        report.rewrite("the tools are left out, which says the same", "tool_choice", lossless=True)
        return (), choice
    if form == "required" and len(tools) == 1 and "function" in deviations.tool_choice:
        report.rewrite("the only tool is named, which says the same", "tool_choice", lossless=True)
        return tools, _named(tools[0].name)
    only = tuple(tool for tool in tools if tool.name == request.tool_choice)
    if form == "function" and only and "required" in deviations.tool_choice:
        report.rewrite(
            "the tool is the only one offered, and a call is required", "tool_choice", lossless=True
        )
        return only, "required"
    report.problem(
        AgentSerializationError(
            f"tool_choice {request.tool_choice!r} has no form on this server, which takes "
            f'{", ".join(sorted(deviations.tool_choice))}; use tool_choice="auto" and ask for the call in the '
            "prompt, or another provider",
            context={"option": "tool_choice", "value": request.tool_choice},
        )
    )
    return tools, "auto"


def _named(name: str) -> dict[str, Wire]:
    return {"type": "function", "function": {"name": name}}


def _tool(tool: Tool, report: EncodeReport, deviations: Deviations) -> dict[str, Wire]:
    """A tool. ``strict`` is there only when asked for: some servers refuse the key."""
    if tool.strict and not deviations.strict_tools:
        report.rewrite("sent without strict mode, which the server does not have", f"tool {tool.name}")
        schema, strict = tool.input_schema, False
    else:
        strict_loss(tool, report)
        schema, strict = tool.wire_schema()
    function = {"name": tool.name, "description": tool.description, "parameters": schema}
    return {"type": "function", "function": {**function, "strict": True} if strict else function}
