"""Reads a request of Mistral's chat API (docs.mistral.ai/api/endpoint/chat)."""

from __future__ import annotations

from typing import Any, Final

from lamella.models import ModelRequest, OutputSchema
from lamella_sim.wires.mistral_chunks import SHAPE
from lamella_sim.wires.mistral_history import check_name, read_messages
from lamella_sim.wires.openai import Payload
from lamella_sim.wires.wire import Asked, BadRequest, OfferedTool

__all__ = ["read_mistral"]

_REQUIRED: Final = {"model": "str", "messages": "list"}
_OPTIONAL: Final = {
    "frequency_penalty": "?number",
    "guardrails": "?list",
    "logprobs": "?bool",
    "max_tokens": "?int",
    "metadata": "?object",
    "min_tokens": "?int",
    "n": "?int",
    "parallel_tool_calls": "bool",
    "prediction": "object",
    "presence_penalty": "?number",
    "prompt_cache_key": "?str",
    "prompt_logprobs": "?bool",
    "prompt_mode": "?str",
    "random_seed": "?int",
    "reasoning_effort": "?str",
    "repetition_penalty": "?number",
    "response_format": "?object",
    "safe_prompt": "bool",
    "service_tier": "?str",
    "stop": "?text",
    "stream": "?bool",
    "temperature": "?number",
    "tool_choice": "?any",
    "tools": "?list",
    "top_k": "?int",
    "top_logprobs": "?int",
    "top_p": "?number",
    "top_prompt_logprobs": "?int",
}
_BOUNDS: Final = {
    "temperature": (0, 1.5),
    "top_p": (0, 1),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
}
_CHOICES: Final = {"auto": "auto", "none": "none", "any": "required", "required": "required"}
_EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


def read_mistral(payload: Payload) -> Asked:
    """The request of a body.

    :raises BadRequest: Mistral would refuse it.
    """
    SHAPE.fields(payload, "", _REQUIRED, _OPTIONAL)
    _check_numbers(payload)
    tools = _tools(payload.get("tools") or ())
    request = ModelRequest(
        messages=read_messages(payload["messages"]),
        tools=tools,
        tool_choice=_tool_choice(payload.get("tool_choice"), tools),
        parallel_tool_calls=payload.get("parallel_tool_calls", True),
        output_schema=_output_schema(payload.get("response_format")),
        streaming=bool(payload.get("stream")),
    )
    return Asked(model=payload["model"], request=request, streaming=request.streaming, payload=payload)


def _check_numbers(payload: Payload) -> None:
    if payload.get("n") not in (None, 1):
        raise BadRequest("The simulator gives one choice: 'n' must be 1.")
    if payload.get("max_tokens") is not None and payload["max_tokens"] < 0:
        SHAPE.fault("max_tokens", "Input should be greater than or equal to 0", "greater_than_equal")
    for name, (low, high) in _BOUNDS.items():
        value = payload.get(name)
        if value is not None and value < low:
            SHAPE.fault(name, f"Input should be greater than or equal to {low}", "greater_than_equal")
        if value is not None and value > high:
            SHAPE.fault(name, f"Input should be less than or equal to {high}", "less_than_equal")
    if payload.get("reasoning_effort") is not None:
        SHAPE.one_of(payload["reasoning_effort"], "reasoning_effort", _EFFORTS)
    if payload.get("prompt_mode") is not None:
        SHAPE.one_of(payload["prompt_mode"], "prompt_mode", ("reasoning",))


def _tools(given: Any) -> tuple[OfferedTool, ...]:
    """The functions; what Mistral's servers run is accepted and never used."""
    tools = []
    for index, tool in enumerate(given):
        where = f"tools.{index}"
        kind = SHAPE.value(tool, "object", where).get("type", "function")
        if kind == "function":
            SHAPE.fields(tool, where, {"function": "object"}, {"type": "str"})
            tools.append(_tool(tool["function"], f"{where}.function"))
        elif kind not in ("image_generation", "document_library", "connector"):
            SHAPE.one_of(kind, f"{where}.type", ("function",))
    return tuple(tools)


def _tool(function: Any, where: str) -> OfferedTool:
    kinds = {"description": "str", "strict": "bool"}
    fields = SHAPE.fields(function, where, {"name": "str", "parameters": "object"}, kinds)
    check_name(fields["name"])
    return OfferedTool(
        name=fields["name"],
        description=fields.get("description", ""),
        input_schema=fields["parameters"],
        strict=fields.get("strict", False),
    )


def _tool_choice(choice: Any, tools: tuple[OfferedTool, ...]) -> str:
    if choice is None:
        return "auto"
    if isinstance(choice, str):
        return _CHOICES[SHAPE.one_of(choice, "tool_choice", tuple(_CHOICES))]
    SHAPE.fields(choice, "tool_choice", {"function": "object"}, {"type": "str"})
    name: str = SHAPE.fields(choice["function"], "tool_choice.function", {"name": "str"})["name"]
    if name not in {tool.name for tool in tools}:
        raise BadRequest(f"Tool choice function {name} is not among the tools")
    return name


def _output_schema(format: Any) -> OutputSchema | None:
    if format is None:
        return None
    SHAPE.fields(format, "response_format", {}, {"type": "str", "json_schema": "?object"})
    kind = SHAPE.one_of(
        format.get("type", "text"), "response_format.type", ("text", "json_object", "json_schema")
    )
    if kind == "text":
        return None
    if kind == "json_object":
        return OutputSchema(schema={"type": "object"}, name="json_object", strict=False)
    where = "response_format.json_schema"
    if format.get("json_schema") is None:
        SHAPE.fault(where, "Field required", "missing")
    kinds = {"strict": "bool", "description": "?str"}
    held = SHAPE.fields(format["json_schema"], where, {"name": "str", "schema": "object"}, kinds)
    return OutputSchema(
        schema=held["schema"],
        name=held["name"],
        strict=held.get("strict", False),
        description=held.get("description"),
    )
