"""Reads a request of Anthropic's Messages API (platform.claude.com/docs/en/api/messages/create)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from lamella.models import ModelRequest, OutputSchema
from lamella_sim.wires.anthropic_blocks import SHAPE, check_cache, read_text_blocks
from lamella_sim.wires.anthropic_history import read_messages
from lamella_sim.wires.openai import Payload
from lamella_sim.wires.wire import Asked, BadRequest, OfferedTool

__all__ = ["check_version", "read_anthropic"]

_REQUIRED: Final = {"model": "str", "messages": "list", "max_tokens": "int"}
_OPTIONAL: Final = {
    "cache_control": "?object",
    "container": "any",
    "diagnostics": "?object",
    "inference_geo": "?str",
    "metadata": "object",
    "output_config": "object",
    "service_tier": "str",
    "speed": "?str",
    "stop_sequences": "list",
    "stream": "bool",
    "system": "text",
    "temperature": "number",
    "thinking": "object",
    "tool_choice": "object",
    "tools": "list",
    "top_k": "int",
    "top_p": "number",
    "user_profile_id": "str",
    "workspace_id": "str",
}
_BETA: Final = {
    "betas": "list",
    "billing_policy": "?any",
    "compaction": "?object",
    "context_management": "?object",
    "fallback_credit_token": "any",
    "fallbacks": "any",
    "mcp_servers": "list",
    "output_format": "?object",
    "thread": "?object",
}
"""Fields that need an ``anthropic-beta`` header."""

_VERSIONS: Final = ("2023-01-01", "2023-06-01", "2026-10-21")
_SAMPLING: Final = ("temperature", "top_p", "top_k")
_EFFORTS: Final = ("low", "medium", "high", "xhigh", "max")
_TOOL: Final = {
    "type": "?str",
    "description": "str",
    "strict": "bool",
    "cache_control": "?object",
    "eager_input_streaming": "?bool",
    "defer_loading": "bool",
    "allowed_callers": "list",
    "input_examples": "list",
}
_THINKING: Final[Mapping[str, Mapping[str, str]]] = {
    "enabled": {"budget_tokens": "int", "display": "?str"},
    "adaptive": {"display": "?str"},
    "disabled": {},
    "between_tools": {},
}
_CHOICES: Final[Mapping[str, Mapping[str, str]]] = {
    "auto": {"disable_parallel_tool_use": "bool"},
    "any": {"disable_parallel_tool_use": "bool"},
    "tool": {"disable_parallel_tool_use": "bool", "name": "str"},
    "none": {},
}


def check_version(payload: Payload, headers: Mapping[str, str]) -> None:
    """What the version and beta headers make of a body.

    :raises BadRequest: Anthropic would refuse it.
    """
    version = headers.get("anthropic-version")
    if version is None:
        raise BadRequest("anthropic-version: header is required")
    if version not in _VERSIONS:
        raise BadRequest(f'anthropic-version: "{version}" is not a valid version')
    if not headers.get("anthropic-beta"):
        _forbid(payload, _BETA)
    if version >= "2026-10-21":
        _forbid(payload, _SAMPLING)
        for where, role, block in _blocks(payload):
            if role == "assistant" and block.get("type") == "document":
                raise BadRequest("`document` blocks are not permitted in assistant messages", param=where)
            if role == "user" and block.get("type") == "text" and block.get("citations"):
                raise BadRequest("citations are not permitted in user messages", param=f"{where}.text")


def read_anthropic(payload: Payload) -> Asked:
    """The request of a body.

    :raises BadRequest: Anthropic would refuse it.
    """
    SHAPE.fields(payload, "", _REQUIRED, {**_OPTIONAL, **_BETA})
    _check_limits(payload)
    tools = _tools(payload.get("tools", ()))
    choice = _tool_choice(payload.get("tool_choice"), tools)
    messages = read_messages(payload["messages"])
    system = read_text_blocks(payload.get("system", []), "system") if payload.get("system") else ()
    if any(not block.text.strip() for block in system):
        raise BadRequest("system: text content blocks must be non-empty")
    _check_breakpoints(payload)
    request = ModelRequest(
        messages=messages,
        system_instruction="\n\n".join(block.text for block in system) or None,
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=not payload.get("tool_choice", {}).get("disable_parallel_tool_use", False),
        output_schema=_output_schema(payload),
        streaming=payload.get("stream", False),
    )
    return Asked(model=payload["model"], request=request, streaming=request.streaming, payload=payload)


def _forbid(payload: Payload, names: Any) -> None:
    for name in names:
        if name in payload:
            SHAPE.fault(name, "Extra inputs are not permitted", "extra_forbidden")


def _check_limits(payload: Payload) -> None:
    """The numbers, and what thinking allows."""
    if payload["max_tokens"] < 0:
        SHAPE.fault("max_tokens", "Input should be greater than or equal to 0")
    for index, stop in enumerate(payload.get("stop_sequences", ())):
        if not SHAPE.value(stop, "str", f"stop_sequences.{index}").strip():
            SHAPE.fault("stop_sequences", "each stop sequence must contain non-whitespace")
    thinking = payload.get("thinking")
    if thinking is None:
        return
    kind = SHAPE.tag(thinking, "thinking", tuple(_THINKING))
    required = {"budget_tokens": "int"} if kind == "enabled" else {}
    SHAPE.fields(thinking, f"thinking.{kind}", {"type": "str", **required}, _THINKING[kind])
    if kind == "enabled":
        _check_budget(thinking["budget_tokens"], payload)
    if kind in ("enabled", "adaptive") and payload.get("tool_choice", {}).get("type") in ("any", "tool"):
        raise BadRequest("Thinking may not be enabled when tool_choice forces tool use.")


def _check_budget(budget: int, payload: Payload) -> None:
    if budget < 1024:
        SHAPE.fault("thinking.enabled.budget_tokens", "Input should be greater than or equal to 1024")
    if budget >= payload["max_tokens"]:
        raise BadRequest("`max_tokens` must be greater than `thinking.budget_tokens`.")
    if payload.get("temperature", 1) != 1:
        raise BadRequest("`temperature` may only be set to 1 when thinking is enabled.")


def _tools(given: Any) -> tuple[OfferedTool, ...]:
    """The tools of the client; those that Anthropic's servers run are accepted and never used."""
    tools = []
    for index, tool in enumerate(given):
        kind = SHAPE.value(tool, "object", f"tools.{index}").get("type")
        if kind in (None, "custom"):
            tools.append(_tool(tool, f"tools.{index}.custom"))
        elif not isinstance(kind, str) or not re.fullmatch(r"[a-z0-9_]+_\d{8}|mcp_toolset", kind):
            message = f"Input tag '{kind}' found using 'type' does not match any of the expected tags"
            SHAPE.fault(f"tools.{index}", message, "union_tag_invalid")
    if len({tool.name for tool in tools}) < len(tools):
        raise BadRequest("tools: Tool names must be unique.")
    return tuple(tools)


def _tool(tool: Any, where: str) -> OfferedTool:
    fields = SHAPE.fields(tool, where, {"name": "str", "input_schema": "object"}, _TOOL)
    SHAPE.matches(fields["name"], f"{where}.name", "^[a-zA-Z0-9_-]{1,64}$")
    check_cache(fields, where)
    schema, here = fields["input_schema"], f"{where}.input_schema"
    if "type" not in schema:
        SHAPE.fault(f"{here}.type", "Field required", "missing")
    SHAPE.one_of(schema["type"], f"{here}.type", ("object",))
    if {"oneOf", "allOf", "anyOf"} & set(schema):
        SHAPE.fault(here, "input_schema does not support oneOf, allOf, or anyOf at the top level")
    strict = fields.get("strict", False)
    if strict:
        _check_closed(schema, where)
    return OfferedTool(
        name=fields["name"], description=fields.get("description", ""), input_schema=schema, strict=strict
    )


def _tool_choice(choice: Any, tools: tuple[OfferedTool, ...]) -> str:
    if choice is None:
        return "auto"
    kind = SHAPE.tag(choice, "tool_choice", tuple(_CHOICES))
    required = {"name": "str"} if kind == "tool" else {}
    SHAPE.fields(choice, f"tool_choice.{kind}", {"type": "str", **required}, _CHOICES[kind])
    if kind == "tool":
        if choice["name"] not in {tool.name for tool in tools}:
            raise BadRequest(f"Tool '{choice['name']}' not found in provided tools")
        return str(choice["name"])
    if kind == "any" and not tools:
        raise BadRequest("tool_choice.any may only be specified while providing tools")
    return "required" if kind == "any" else kind


def _output_schema(payload: Payload) -> OutputSchema | None:
    config = payload.get("output_config", {})
    SHAPE.fields(config, "output_config", {}, {"effort": "?str", "format": "?object"})
    if config.get("effort") is not None:
        SHAPE.one_of(config["effort"], "output_config.effort", _EFFORTS)
    format = config.get("format")
    if format is None:
        return None
    where = "output_config.format"
    SHAPE.tag(format, where, ("json_schema",))
    SHAPE.fields(format, where, {"type": "str", "schema": "object"})
    _check_closed(format["schema"], f"{where}.schema")
    return OutputSchema(schema=format["schema"])


def _check_closed(schema: Any, where: str) -> None:
    """Constrained output takes objects that say which properties they have, and no others."""
    if isinstance(schema, list):
        for entry in schema:
            _check_closed(entry, where)
    if not isinstance(schema, Mapping):
        return
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        SHAPE.fault(where, "For 'object' type, 'additionalProperties' must be explicitly set to false")
    for name, held in schema.items():
        if name in ("properties", "$defs", "definitions") and isinstance(held, Mapping):
            _check_closed(list(held.values()), where)
        elif name in ("items", "anyOf", "allOf"):
            _check_closed(held, where)


def _blocks(payload: Payload) -> Iterator[tuple[str, str, Payload]]:
    """The blocks of all messages, before anything is known of their form."""
    messages = payload.get("messages")
    for index, message in enumerate(messages if isinstance(messages, list) else ()):
        content = message.get("content") if isinstance(message, Mapping) else None
        for place, block in enumerate(content if isinstance(content, list) else ()):
            if isinstance(block, Mapping):
                yield f"messages.{index}.content.{place}", str(message.get("role")), block


def _check_breakpoints(payload: Payload) -> None:
    system = payload.get("system", ())
    marked = [payload, *payload.get("tools", ()), *(system if isinstance(system, list) else ())]
    marked += [block for _, _, block in _blocks(payload)]
    count = sum(entry.get("cache_control") is not None for entry in marked)
    if count > 4:
        raise BadRequest(f"A maximum of 4 blocks with cache_control may be provided. Found {count}.")
