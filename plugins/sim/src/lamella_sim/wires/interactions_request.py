"""Reads a request of the Interactions API (ai.google.dev/api/interactions-api), in its schema of steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lamella.models import ModelRequest, OutputSchema
from lamella_sim.wires.gemini_fields import check_enum, check_name, fields, read_list, read_struct, read_text
from lamella_sim.wires.interactions_steps import read_input
from lamella_sim.wires.openai import Payload
from lamella_sim.wires.wire import Asked, BadRequest, OfferedTool

__all__ = ["read_interaction"]

_KNOWN: Final = (
    *("model", "agent", "input", "stream", "store", "background", "tools", "generation_config"),
    *("response_format", "response_mime_type", "response_modalities", "system_instruction"),
    *("previous_interaction_id", "cached_content", "service_tier", "safety_settings", "labels"),
    *("continuation_token", "environment", "webhook_config"),
)
_CONFIG: Final = (
    *("max_output_tokens", "seed", "stop_sequences", "temperature", "top_p", "thinking_level"),
    *("thinking_summaries", "tool_choice", "speech_config", "image_config", "video_config"),
    "transcription_config",
)
_CHOICES: Final = ("auto", "any", "none", "validated")


def read_interaction(payload: Payload) -> Asked:
    """The request of a body.

    :raises BadRequest: Google would refuse it.
    """
    given = fields(payload, "", _KNOWN, camel=False)
    model = given.get("model")
    if not isinstance(model, str) or not model:
        raise BadRequest(
            "Exactly one of 'model' and 'agent' is required; the simulator has models.", param="model"
        )
    _check_flags(given)
    tools = _tools(given.get("tools"))
    choice, tools = _generation(given.get("generation_config"), tools)
    request = ModelRequest(
        messages=read_input(given.get("input")),
        system_instruction=read_text(given["system_instruction"], "system_instruction")
        if "system_instruction" in given
        else None,
        tools=tools,
        tool_choice=choice,
        output_schema=_output_schema(given.get("response_format"), given.get("response_mime_type")),
        streaming=given.get("stream", False),
    )
    return Asked(
        model=model.removeprefix("models/"), request=request, streaming=request.streaming, payload=payload
    )


def _check_flags(given: Payload) -> None:
    for flag in ("stream", "store", "background"):
        if not isinstance(given.get(flag, False), bool):
            raise BadRequest(f"Invalid value at '{flag}' (TYPE_BOOL), {given[flag]!r}", param=flag)
    if given.get("background"):
        raise BadRequest("The simulator answers at once: 'background' is not supported.", param="background")
    previous = given.get("previous_interaction_id")
    if previous is not None:
        raise BadRequest(
            f"Interaction '{previous}' not found: the simulator stores none.",
            param="previous_interaction_id",
            status=404,
        )


def _tools(given: Any) -> tuple[OfferedTool, ...]:
    """The functions; hosted tools are accepted and never used."""
    offered = []
    for index, tool in enumerate(read_list(given, "tools")):
        where = f"tools[{index}]"
        kind = tool.get("type") if isinstance(tool, Mapping) else None
        if not isinstance(kind, str):
            raise BadRequest(f"'{where}.type' is required.", param=f"{where}.type")
        if kind == "function":
            offered.append(_function(tool, where))
    return tuple(offered)


def _function(tool: Any, where: str) -> OfferedTool:
    known = ("type", "name", "description", "parameters", "defer_loading", "short_description")
    function = fields(tool, where, known, camel=False)
    parameters = function.get("parameters", {"type": "object", "properties": {}})
    return OfferedTool(
        name=check_name(function.get("name"), f"{where}.name"),
        description=read_text(function.get("description", ""), f"{where}.description"),
        input_schema=read_struct(parameters, f"{where}.parameters"),
    )


def _generation(given: Any, tools: tuple[OfferedTool, ...]) -> tuple[str, tuple[OfferedTool, ...]]:
    """Checks ``generation_config``; gives the canonical choice of tools, and those it leaves."""
    config = fields(given or {}, "generation_config", _CONFIG, camel=False)
    limit = config.get("max_output_tokens", 1)
    if type(limit) is not int or limit < 1:
        raise BadRequest("Invalid value at 'generation_config.max_output_tokens' (TYPE_INT32)")
    if "thinking_level" in config:
        levels = ("minimal", "low", "medium", "high", "xhigh")
        check_enum(config["thinking_level"], "generation_config.thinking_level", levels)
    if "thinking_summaries" in config:
        check_enum(config["thinking_summaries"], "generation_config.thinking_summaries", ("auto", "none"))
    return _tool_choice(config.get("tool_choice", "auto"), tools)


def _tool_choice(choice: Any, tools: tuple[OfferedTool, ...]) -> tuple[str, tuple[OfferedTool, ...]]:
    where = "generation_config.tool_choice"
    names: tuple[str, ...] = ()
    if isinstance(choice, Mapping):
        outer = fields(choice, where, ("allowed_tools",), camel=False)
        allowed = fields(
            outer.get("allowed_tools", {}), f"{where}.allowed_tools", ("mode", "tools"), camel=False
        )
        choice, names = (
            allowed.get("mode", "auto"),
            tuple(
                read_text(name, f"{where}.allowed_tools.tools")
                for name in read_list(allowed.get("tools"), where)
            ),
        )
    mode = check_enum(choice, where, _CHOICES)
    unknown = [name for name in names if name not in {tool.name for tool in tools}]
    if unknown or (mode == "any" and not tools):
        raise BadRequest(f"'{where}' wants tools that are not offered: {unknown or 'any'}.", param=where)
    left = tuple(tool for tool in tools if tool.name in names) if names else tools
    if mode == "any":
        return (names[0] if len(names) == 1 else "required"), left
    return ("none" if mode == "none" else "auto"), left


def _output_schema(given: Any, mime_type: Any) -> OutputSchema | None:
    """The schema of the format for text; a bare schema goes with ``response_mime_type``."""
    for index, entry in enumerate(given if isinstance(given, list) else [] if given is None else [given]):
        where = f"response_format[{index}]" if isinstance(given, list) else "response_format"
        kind = entry.get("type") if isinstance(entry, Mapping) else None
        if kind == "text":
            return _text_format(entry, where)
        if mime_type is not None and isinstance(entry, Mapping):
            return OutputSchema(schema=entry, name="response")
        if kind not in ("audio", "image", "video"):
            raise BadRequest(f"Invalid value at '{where}.type': '{kind}'.", param=where)
    return None


def _text_format(given: Any, where: str) -> OutputSchema | None:
    format = fields(given, where, ("type", "mime_type", "schema"), camel=False)
    mime_type, schema = format.get("mime_type", "text/plain"), format.get("schema")
    if mime_type not in ("text/plain", "application/json") or (schema and mime_type == "text/plain"):
        raise BadRequest(f"Invalid value at '{where}.mime_type': '{mime_type}'.", param=f"{where}.mime_type")
    if schema is not None:
        return OutputSchema(schema=read_struct(schema, f"{where}.schema"), name="response")
    loose = OutputSchema(schema={"type": "object"}, name="json", strict=False)
    return loose if mime_type == "application/json" else None
