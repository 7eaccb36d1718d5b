"""Reads a request of the Chat Completions API (platform.openai.com/docs/api-reference/chat/create)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lamella.content import Block, OpaqueContent, ReasoningBlock, TextBlock, ToolCallBlock, ToolOutputBlock
from lamella.messages import Message
from lamella.models import ModelRequest
from lamella_sim.wires.chat_parts import check_audio, read_content
from lamella_sim.wires.history import History
from lamella_sim.wires.openai import (
    Payload,
    built,
    check_calls,
    output_schema,
    read_tool_choice,
)
from lamella_sim.wires.openai_media import check_keys
from lamella_sim.wires.wire import Asked, BadRequest, OfferedTool

__all__ = ["read_chat"]

_ROLES: Final = ("developer", "system", "user", "assistant", "tool")
_UNANSWERED: Final = (
    "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
    "'tool_call_id'. The following tool_call_ids did not have response messages: {id}"
)
_UNCALLED: Final = (
    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
    "'tool_calls' (tool_call_id {id})."
)


def read_chat(payload: Payload) -> Asked:
    """The request of a body.

    :raises BadRequest: OpenAI would refuse it.
    """
    model = payload.get("model")
    if not isinstance(model, str) or not model:
        raise BadRequest(
            "you must provide a model parameter", param="model", code="missing_required_parameter"
        )
    if payload.get("n") not in (None, 1):
        raise BadRequest(
            "Invalid value for 'n': the simulator gives one choice.", param="n", code="invalid_value"
        )
    tools = _tools(payload.get("tools"))
    choice, tools = read_tool_choice(
        payload.get("tool_choice"), tools, lambda entry: (entry.get("function") or {}).get("name")
    )
    options = payload.get("stream_options") or {}
    check_audio(payload)
    request = ModelRequest(
        messages=_messages(payload.get("messages")),
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=payload.get("parallel_tool_calls") is not False,
        output_schema=output_schema(_flat_format(payload.get("response_format")), "response_format"),
        streaming=bool(payload.get("stream")),
    )
    return Asked(
        model=model,
        request=request,
        streaming=request.streaming,
        include_usage=bool(options.get("include_usage")),
        payload=payload,
    )


def _flat_format(format: Any) -> Any:
    if isinstance(format, Mapping) and isinstance(format.get("json_schema"), Mapping):
        return {"type": format.get("type"), **format["json_schema"]}
    return format


def _messages(given: Any) -> tuple[Message, ...]:
    if not isinstance(given, list) or not given:
        raise BadRequest(
            "Missing required parameter: 'messages'.", param="messages", code="missing_required_parameter"
        )
    history = History()
    for index, message in enumerate(given):
        _read_message(message, f"messages[{index}]", history)
    messages = history.messages()
    check_calls(messages, _UNANSWERED, _UNCALLED)
    return messages


def _read_message(message: Any, where: str, history: History) -> None:
    role = message.get("role") if isinstance(message, Mapping) else None
    if role not in _ROLES:
        known = ", ".join(repr(name) for name in _ROLES)
        raise BadRequest(
            f"Invalid value: '{role}'. Supported values are: {known}.",
            param=f"{where}.role",
            code="invalid_value",
        )
    if role == "tool":
        history.output(_output(message, where))
    elif role == "assistant":
        history.assistant(*_assistant(message, where))
    else:
        blocks = read_content(message.get("content"), where, role)
        history.add(
            built(lambda: Message(role="user" if role == "user" else "system", content=blocks), where)
        )


def _assistant(message: Payload, where: str) -> list[Block]:
    blocks: list[Block] = []
    if isinstance(message.get("reasoning_content"), str):
        blocks.append(ReasoningBlock(text=message["reasoning_content"]))
    if message.get("content") is not None:
        blocks += read_content(message["content"], where, "assistant")
    if isinstance(message.get("refusal"), str):
        blocks.append(TextBlock(text=message["refusal"]))
    if message.get("audio") is not None:
        blocks.append(_spoken(message["audio"], f"{where}.audio"))
    for index, call in enumerate(message.get("tool_calls") or ()):
        blocks.append(_call(call, f"{where}.tool_calls[{index}]"))
    if not blocks:
        raise BadRequest(f"Invalid value for '{where}.content': expected a string, got null.", param=where)
    return blocks


def _spoken(audio: Any, where: str) -> OpaqueContent:
    """What the model said in audio, by its id."""
    if not isinstance(audio, Mapping) or not isinstance(audio.get("id"), str):
        raise BadRequest(
            f"Missing required parameter: '{where}.id'.",
            param=f"{where}.id",
            code="missing_required_parameter",
        )
    check_keys(audio, ("id",), where)
    return OpaqueContent(type="openai.audio", provider="openai", data={"api": "chat", "item": audio})


def _call(call: Any, where: str) -> ToolCallBlock:
    call = call if isinstance(call, Mapping) else {}
    function = call.get("function")
    function = function if isinstance(function, Mapping) else {}
    fields = (call.get("id"), function.get("name"), function.get("arguments"))
    if not all(isinstance(field, str) for field in fields):
        raise BadRequest(
            f"Missing required parameter: '{where}': a call has an id, and a function with name and arguments.",
            param=where,
            code="missing_required_parameter",
        )
    return ToolCallBlock(call_id=str(fields[0]), name=str(fields[1]), arguments_json=str(fields[2]))


def _output(message: Payload, where: str) -> ToolOutputBlock:
    call_id = message.get("tool_call_id")
    if not isinstance(call_id, str):
        raise BadRequest(
            f"Missing required parameter: '{where}.tool_call_id'.",
            param=f"{where}.tool_call_id",
            code="missing_required_parameter",
        )
    parts = read_content(message.get("content"), where, "tool")
    return ToolOutputBlock(
        call_id=call_id, output="".join(part.text for part in parts if isinstance(part, TextBlock))
    )


def _tools(given: Any) -> tuple[OfferedTool, ...]:
    if given is None:
        return ()
    if not isinstance(given, list) or not given:
        raise BadRequest("Invalid 'tools': expected an array with at least one tool.", param="tools")
    return tuple(
        _tool(tool, f"tools[{index}]") for index, tool in enumerate(given) if _is_function(tool, index)
    )


def _tool(tool: Payload, where: str) -> OfferedTool:
    function = tool.get("function")
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise BadRequest(
            f"Missing required parameter: '{where}.function.name'.",
            param=f"{where}.function.name",
            code="missing_required_parameter",
        )
    return OfferedTool(
        name=function["name"],
        description=function.get("description") or "",
        input_schema=function.get("parameters") or {"type": "object", "properties": {}},
        strict=bool(function.get("strict")),
    )


def _is_function(tool: Any, index: int) -> bool:
    """Custom tools are accepted and never used."""
    if not isinstance(tool, Mapping) or not isinstance(tool.get("type"), str):
        raise BadRequest(f"Missing required parameter: 'tools[{index}].type'.", param=f"tools[{index}].type")
    return bool(tool["type"] == "function")
