"""Reads ``tools`` and ``toolConfig`` of a Gemini request, and the part of OpenAPI that is Google's ``Schema``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from lamella_sim.wires.gemini_fields import check_enum, check_name, fields, read_list, read_struct, read_text
from lamella_sim.wires.wire import BadRequest, OfferedTool

__all__ = ["check_schema", "is_old", "read_tool_config", "read_tools"]

_TOOLS: Final = (
    *("functionDeclarations", "googleSearch", "googleSearchRetrieval", "codeExecution", "urlContext"),
    *("googleMaps", "fileSearch", "computerUse", "mcpServers"),
)
_DECLARATION: Final = (
    *("name", "description", "parameters", "parametersJsonSchema", "behavior"),
    *("response", "responseJsonSchema"),
)
_SCHEMA: Final = frozenset(
    {"type", "format", "title", "description", "nullable", "enum", "items", "properties", "required", "anyOf"}
    | {
        "minItems",
        "maxItems",
        "minProperties",
        "maxProperties",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
    }
    | {"pattern", "example", "default", "propertyOrdering", "additionalProperties"}
)
_TYPES: Final = ("string", "number", "integer", "boolean", "array", "object", "null")
_MODES: Final = ("mode_unspecified", "auto", "any", "none", "validated")


def read_tools(given: Any, model: str) -> tuple[OfferedTool, ...]:
    """The functions; hosted tools are accepted and never used."""
    offered: list[OfferedTool] = []
    hosted = False
    for index, entry in enumerate(read_list(given, "tools")):
        where = f"tools[{index}]"
        tool = fields(entry, where, _TOOLS)
        hosted = hosted or any(kind != "functionDeclarations" for kind in tool)
        declared = read_list(tool.get("functionDeclarations"), f"{where}.function_declarations")
        offered += [
            _declaration(function, f"{where}.function_declarations[{number}]")
            for number, function in enumerate(declared)
        ]
    for index, function in enumerate(offered):
        if function.name in {other.name for other in offered[:index]}:
            raise BadRequest(f"Duplicate function declaration found: {function.name}", param="tools")
    if hosted and offered and is_old(model):
        raise BadRequest("Tool use with function calling is unsupported", param="tools")
    return tuple(offered)


def _declaration(given: Any, where: str) -> OfferedTool:
    function = fields(given, where, _DECLARATION)
    plain, full = function.get("parameters"), function.get("parametersJsonSchema")
    if plain is not None and full is not None:
        raise BadRequest(
            "parameters and parameters_json_schema must not be set both at the same time.", param=where
        )
    if plain is not None:
        check_schema(plain, f"{where}.parameters")
    if full is not None and not isinstance(full, Mapping):
        raise BadRequest(
            f"Invalid value at '{where}.parameters_json_schema': expected an object.", param=where
        )
    return OfferedTool(
        name=check_name(function.get("name"), f"{where}.name"),
        description=read_text(function.get("description", ""), f"{where}.description"),
        input_schema=plain or full or {"type": "object", "properties": {}},
    )


def check_schema(given: Any, where: str) -> None:
    """``Schema`` is Google's own part of OpenAPI; all of JSON Schema goes into the ``…JsonSchema`` fields."""
    schema = fields(given, where, _SCHEMA)
    if "type" in schema:
        if not isinstance(schema["type"], str):
            raise BadRequest(
                f"Invalid value at '{where}.type': Proto field is not repeating, cannot start list.",
                param=where,
            )
        check_enum(schema["type"], f"{where}.type", _TYPES)
    for name, entry in read_struct(schema.get("properties", {}), f"{where}.properties").items():
        check_schema(entry, f"{where}.properties[{name}]")
    for index, entry in enumerate(read_list(schema.get("anyOf"), f"{where}.any_of")):
        check_schema(entry, f"{where}.any_of[{index}]")
    if "items" in schema:
        check_schema(schema["items"], f"{where}.items")


def read_tool_config(given: Any, tools: tuple[OfferedTool, ...]) -> tuple[str, tuple[OfferedTool, ...]]:
    """The canonical choice, and the tools it leaves."""
    where = "tool_config.function_calling_config"
    known = ("functionCallingConfig", "retrievalConfig", "includeServerSideToolInvocations")
    outer = fields(given or {}, "tool_config", known)
    if "functionCallingConfig" not in outer:
        return "auto", tools
    config = fields(outer["functionCallingConfig"], where, ("mode", "allowedFunctionNames"))
    mode = check_enum(config.get("mode", "AUTO"), f"{where}.mode", _MODES)
    listed = read_list(config.get("allowedFunctionNames"), f"{where}.allowed_function_names")
    names = [read_text(name, f"{where}.allowed_function_names") for name in listed]
    if not tools:
        raise BadRequest("Function calling config is set without function_declarations.", param=where)
    if names and mode not in ("any", "validated"):
        raise BadRequest(
            "Allowed function names should only be set when function calling mode is ANY.", param=where
        )
    unknown = set(names) - {tool.name for tool in tools}
    if unknown:
        raise BadRequest(
            f"allowed_function_names contains {sorted(unknown)}, which are not in function_declarations.",
            param=where,
        )
    left = tuple(tool for tool in tools if tool.name in names) if names else tools
    if mode == "any":
        return (names[0] if len(names) == 1 else "required"), left
    return ("none" if mode == "none" else "auto"), left


def is_old(model: str) -> bool:
    """Whether the model is older than Gemini 3."""
    return re.match(r"(sim-)?gemini-[12]\b", model) is not None
