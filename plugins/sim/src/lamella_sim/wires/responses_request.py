"""Reads a request of the Responses API (platform.openai.com/docs/api-reference/responses/create)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lamella.content import Block, OpaqueContent, ReasoningBlock, TextBlock, ToolCallBlock, ToolOutputBlock
from lamella.messages import Message
from lamella.models import ModelRequest
from lamella_sim.wires.history import History
from lamella_sim.wires.openai import Payload, built, check_calls, output_schema, read_tool_choice
from lamella_sim.wires.openai_media import check_detail, check_keys, check_value, read_file, read_image
from lamella_sim.wires.wire import Asked, BadRequest, OfferedTool

__all__ = ["read_responses"]

_HOSTED: Final = frozenset(
    {"apply_patch_call", "code_interpreter_call", "compaction", "computer_call", "custom_tool_call"}
    | {"file_search_call", "image_generation_call", "mcp_approval_request", "mcp_call", "mcp_list_tools"}
    | {"program", "shell_call", "tool_search_call", "web_search_call"}
)
_PARTS: Final = (
    *("input_text", "input_image", "output_text", "refusal", "input_file", "computer_screenshot"),
    *("summary_text", "tether_browsing_display"),
)
_IMAGE: Final = ("type", "image_url", "file_id", "detail", "prompt_cache_breakpoint")
_FILE: Final = (
    *("type", "file_id", "file_url", "file_data", "filename", "detail"),
    "prompt_cache_breakpoint",
)
_DETAILS: Final = ("low", "high", "auto", "original")
_UNANSWERED: Final = "No tool output found for function call {id}."
_UNCALLED: Final = "No tool call found for function call output with call_id {id}."


def read_responses(payload: Payload) -> Asked:
    """The request of a body.

    :raises BadRequest: OpenAI would refuse it.
    """
    model = payload.get("model")
    if not isinstance(model, str) or not model:
        raise BadRequest(
            "you must provide a model parameter", param="model", code="missing_required_parameter"
        )
    if payload.get("previous_response_id") is not None:
        raise BadRequest(
            f"Previous response with id '{payload['previous_response_id']}' not found: the simulator stores none.",
            param="previous_response_id",
            code="previous_response_not_found",
        )
    messages = _messages(payload.get("input"))
    tools = _tools(payload.get("tools"))
    choice, tools = read_tool_choice(payload.get("tool_choice"), tools, lambda entry: entry.get("name"))
    text = payload.get("text")
    request = ModelRequest(
        messages=messages,
        system_instruction=payload.get("instructions"),
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=payload.get("parallel_tool_calls") is not False,
        output_schema=output_schema(text.get("format"), "text.format") if isinstance(text, Mapping) else None,
        streaming=bool(payload.get("stream")),
    )
    return Asked(model=model, request=request, streaming=request.streaming, payload=payload)


def _messages(given: Any) -> tuple[Message, ...]:
    if isinstance(given, str) and given:
        return (Message.user(given),)
    if not isinstance(given, list) or not given:
        raise BadRequest(
            "Missing required parameter: 'input'.", param="input", code="missing_required_parameter"
        )
    history = History()
    for index, item in enumerate(given):
        _read_item(item, f"input[{index}]", history)
    messages = history.messages()
    check_calls(messages, _UNANSWERED, _UNCALLED)
    return messages


def _read_item(item: Any, where: str, history: History) -> None:
    if not isinstance(item, Mapping):
        raise BadRequest(f"Invalid type for '{where}': expected an object.", param=where, code="invalid_type")
    kind = item.get("type", "message")
    if kind == "message":
        _read_message(item, where, history)
    elif kind == "function_call":
        fields = {key: _need_text(item, key, where) for key in ("call_id", "name", "arguments")}
        history.assistant(
            ToolCallBlock(call_id=fields["call_id"], name=fields["name"], arguments_json=fields["arguments"])
        )
    elif kind == "function_call_output":
        history.output(_output(item, where))
    elif kind == "reasoning":
        history.assistant(_reasoning(item, where))
    elif kind in _HOSTED:
        history.assistant(OpaqueContent(type=f"openai.{kind}", provider="openai", data={"item": item}))
    elif not str(kind).endswith(("_output", "_response")):
        raise BadRequest(f"Invalid value: '{kind}'.", param=f"{where}.type", code="invalid_value")


def _read_message(item: Payload, where: str, history: History) -> None:
    role, content = item.get("role"), item.get("content")
    if role not in ("user", "assistant", "system", "developer"):
        raise BadRequest(
            f"Invalid value: '{role}'. Supported values are: 'assistant', 'system', 'developer', and 'user'.",
            param=f"{where}.role",
            code="invalid_value",
        )
    parts = [{"type": "input_text", "text": content}] if isinstance(content, str) else content
    if not isinstance(parts, list):
        raise BadRequest(f"Missing required parameter: '{where}.content'.", param=f"{where}.content")
    blocks = [_part(part, f"{where}.content[{index}]", role) for index, part in enumerate(parts)]
    if role == "assistant":
        history.assistant(*blocks)
    else:
        history.add(
            built(lambda: Message(role="user" if role == "user" else "system", content=blocks), where)
        )


def _part(part: Any, where: str, role: str) -> Block:
    kind = part.get("type") if isinstance(part, Mapping) else None
    if role == "assistant" and kind in ("input_image", "input_file"):
        raise BadRequest(
            f"Invalid value: '{kind}'. Supported values are: 'output_text' and 'refusal'.", param=where
        )
    if kind in ("input_text", "output_text", "text"):
        return TextBlock(text=_need_text(part, "text", where))
    if kind == "refusal":
        return TextBlock(text=_need_text(part, "refusal", where))
    if kind == "input_image":
        check_keys(part, _IMAGE, where)
        check_detail(part.get("detail"), _DETAILS, where)
        return read_image(part.get("image_url"), part.get("file_id"), f"{where}.image_url")
    if kind == "input_file":
        check_keys(part, _FILE, where)
        check_detail(part.get("detail"), ("low", "high", "auto"), where)
        return read_file(part, where, linked=True)
    # Audio among them: this API takes none.
    check_value(kind, _PARTS, f"{where}.type")
    raise BadRequest(f"The simulator has no '{kind}' parts.", param=f"{where}.type", code="invalid_value")


def _output(item: Payload, where: str) -> ToolOutputBlock:
    output = item.get("output")
    if isinstance(output, list):
        blocks = [_part(part, f"{where}.output[{index}]", "user") for index, part in enumerate(output)]
        output = tuple(blocks) if blocks else ""
    elif not isinstance(output, str):
        raise BadRequest(f"Missing required parameter: '{where}.output'.", param=f"{where}.output")
    return ToolOutputBlock(call_id=_need_text(item, "call_id", where), output=output)


def _reasoning(item: Payload, where: str) -> ReasoningBlock:
    def joined(key: str) -> str | None:
        return "".join(part.get("text", "") for part in item.get(key) or ()) or None

    fields: dict[str, Any] = {
        "summary": joined("summary"),
        "text": joined("content"),
        "signature": item.get("encrypted_content"),
    }
    block: ReasoningBlock = built(lambda: ReasoningBlock(reasoning_id=item.get("id", ""), **fields), where)
    return block


def _tools(given: Any) -> tuple[OfferedTool, ...]:
    if given is None:
        return ()
    if not isinstance(given, list):
        raise BadRequest("Invalid type for 'tools': expected an array.", param="tools", code="invalid_type")
    functions = [(index, tool) for index, tool in enumerate(given) if _is_function(tool, index)]
    return tuple(
        OfferedTool(
            name=_need_text(tool, "name", f"tools[{index}]"),
            description=tool.get("description") or "",
            input_schema=tool.get("parameters") or {"type": "object", "properties": {}},
            strict=tool.get("strict") is not False,
        )
        for index, tool in functions
    )


def _is_function(tool: Any, index: int) -> bool:
    """Hosted tools are accepted and never used."""
    if not isinstance(tool, Mapping) or not isinstance(tool.get("type"), str):
        raise BadRequest(f"Missing required parameter: 'tools[{index}].type'.", param=f"tools[{index}].type")
    return bool(tool["type"] == "function")


def _need_text(item: Payload, key: str, where: str) -> str:
    value = item.get(key)
    if not isinstance(value, str):
        code = "missing_required_parameter" if value is None else "invalid_type"
        raise BadRequest(f"Missing required parameter: '{where}.{key}'.", param=f"{where}.{key}", code=code)
    return value
