"""Malformed requests are refused as OpenAI refuses them: 400, and the parameter that is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from lamella.content import MediaContent, OpaqueContent, ReasoningBlock
from lamella_sim.wires import BadRequest, OpenAIChat, OpenAIResponses

CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "x"}


def item(**fields: Any) -> dict[str, Any]:
    return {"model": "m", "input": [fields]}


BAD_RESPONSES: list[tuple[dict[str, Any], str | None, str]] = [
    ({"input": "x"}, "model", "must provide a model"),
    ({"model": "m"}, "input", "Missing required parameter: 'input'"),
    ({"model": "m", "input": []}, "input", "input"),
    ({"model": "m", "input": ["x"]}, "input[0]", "expected an object"),
    ({"model": "m", "input": "x", "previous_response_id": "r"}, "previous_response_id", "not found"),
    (item(role="robot", content="x"), "input[0].role", "Supported values are"),
    (item(role="user"), "input[0].content", "Missing"),
    (item(role="user", content=[]), "input[0]", "empty"),
    (item(role="user", content=[{"type": "video"}]), "input[0].content[0].type", "Invalid value: 'video'"),
    (item(role="user", content=[{"type": "input_text"}]), "input[0].content[0].text", "Missing"),
    (item(role="user", content=[{"type": "input_image"}]), "input[0].content[0].image_url", "Missing"),
    (
        item(role="user", content=[{"type": "input_image", "image_url": "data:image/png;base64,???"}]),
        "input[0].content[0].image_url",
        "not base64",
    ),
    (
        item(role="user", content=[{"type": "input_image", "image_url": "cat.png"}]),
        "input[0].content[0].image_url",
        "URL",
    ),
    (
        item(role="assistant", content=[{"type": "input_image", "image_url": "https://x"}]),
        "input[0].content[0]",
        "output_text",
    ),
    (
        item(role="system", content=[{"type": "input_image", "image_url": "https://x"}]),
        "input[0]",
        "holds text",
    ),
    (item(type="nonsense"), "input[0].type", "Invalid value: 'nonsense'"),
    (item(type="function_call", call_id="c", name="f"), "input[0].arguments", "Missing"),
    (item(type="function_call_output", call_id="c"), "input[0].output", "Missing"),
    (item(**CALL), "input", "No tool output found for function call c1."),
    (item(**OUTPUT), "input", "No tool call found for function call output with call_id c1."),
    ({"model": "m", "input": "x", "tools": 3}, "tools", "expected an array"),
    ({"model": "m", "input": "x", "tools": [{}]}, "tools[0].type", "Missing"),
    ({"model": "m", "input": "x", "tools": [{"type": "function"}]}, "tools[0].name", "Missing"),
    (
        {"model": "m", "input": "x", "tool_choice": "required"},
        "tool_choice",
        "must be specified with 'tools'",
    ),
    ({"model": "m", "input": "x", "tool_choice": "maybe"}, "tool_choice", "Invalid value"),
    (
        {"model": "m", "input": "x", "tool_choice": {"type": "function", "name": "f"}},
        "tool_choice",
        "not found",
    ),
    (
        {"model": "m", "input": "x", "text": {"format": {"type": "xml"}}},
        "text.format.type",
        "Supported values",
    ),
    ({"model": "m", "input": "x", "text": {"format": {"type": "json_schema"}}}, "text.format", "Missing"),
]


@pytest.mark.parametrize(("payload", "param", "message"), BAD_RESPONSES)
def test_bad_responses_requests(payload: dict[str, Any], param: str | None, message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        OpenAIResponses().read(payload, "/v1/responses")
    assert caught.value.param == param
    assert message in caught.value.message
    body = OpenAIResponses().refused(caught.value)
    assert body["error"]["type"] == "invalid_request_error"


def chat(**message: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [message]}


TOOL_CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}

BAD_CHAT: list[tuple[dict[str, Any], str | None, str]] = [
    ({"messages": []}, "model", "must provide a model"),
    ({"model": "m", "messages": []}, "messages", "Missing"),
    ({"model": "m", "messages": ["x"]}, "messages[0].role", "Invalid value"),
    ({"model": "m", "messages": [{"role": "user", "content": "x"}], "n": 2}, "n", "one choice"),
    ({"model": "m", "messages": [{"role": "user", "content": "x"}], "tools": []}, "tools", "at least one"),
    (chat(role="user"), "messages[0].content", "expected a string or an array"),
    (chat(role="user", content=""), "messages[0]", "empty"),
    (chat(role="user", content=[{"type": "video"}]), "messages[0].content[0].type", "Invalid value"),
    (chat(role="assistant"), "messages[0]", "got null"),
    (chat(role="assistant", tool_calls=[{}]), "messages[0].tool_calls[0]", "a call has an id"),
    (chat(role="assistant", tool_calls=[TOOL_CALL]), "input", "did not have response messages: c1"),
    (chat(role="tool", content="x"), "messages[0].tool_call_id", "Missing"),
    (chat(role="tool", tool_call_id="c1", content="x"), "input", "must be a response to"),
    (
        chat(
            role="tool", tool_call_id="c1", content=[{"type": "image_url", "image_url": {"url": "https://x"}}]
        ),
        "messages[0]",
        "Image URLs are only allowed for messages with role 'user'",
    ),
    (
        {"model": "m", "messages": [{"role": "user", "content": "x"}], "tools": [{"type": "function"}]},
        "tools[0].function.name",
        "Missing",
    ),
]


@pytest.mark.parametrize(("payload", "param", "message"), BAD_CHAT)
def test_bad_chat_requests(payload: dict[str, Any], param: str | None, message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        OpenAIChat().read(payload, "/v1/chat/completions")
    assert caught.value.param == param
    assert message in caught.value.message


def test_a_responses_history_is_read_into_messages() -> None:
    reasoning = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "s"}],
        "encrypted_content": "sig",
    }
    search = {"type": "web_search_call", "id": "ws_1"}
    said = {
        "role": "assistant",
        "content": [{"type": "output_text", "text": "hm"}, {"type": "refusal", "refusal": "!"}],
    }
    image = {"type": "input_image", "file_id": "file-1"}
    payload = {
        "model": "m",
        "instructions": "be brief",
        "input": [
            {"role": "developer", "content": "rules"},
            {"role": "user", "content": "go"},
            *(reasoning, search, said, CALL),
            {**OUTPUT, "output": [{"type": "input_text", "text": "x"}, image]},
        ],
        "parallel_tool_calls": False,
        "text": {"format": {"type": "json_object"}},
    }
    request = OpenAIResponses().read(payload, "").request
    assert [message.role for message in request.messages] == ["system", "user", "assistant", "user"]
    assistant = request.messages[2]
    assert isinstance(assistant.content[0], ReasoningBlock)
    assert assistant.content[0].signature == "sig"
    assert isinstance(assistant.content[1], OpaqueContent)
    assert assistant.text == "hm!"
    (output,) = request.messages[3].tool_outputs
    assert isinstance(output.output[1], MediaContent)
    assert request.system_instruction == "be brief"
    assert request.parallel_tool_calls is False
    assert request.output_schema is not None
    assert request.output_schema.schema == {"type": "object"}


def test_tools_are_read_the_same_from_both_wires() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    flat = {"type": "function", "name": "f", "description": "d", "parameters": schema, "strict": True}
    hosted = {"type": "web_search"}
    nested = {
        "type": "function",
        "function": {"name": "f", "description": "d", "parameters": schema, "strict": True},
    }
    responses = OpenAIResponses().read({"model": "m", "input": "x", "tools": [flat, hosted]}, "")
    completions = OpenAIChat().read(
        {"model": "m", "messages": [{"role": "user", "content": "x"}], "tools": [nested]}, ""
    )
    assert responses.request.tools == completions.request.tools
    assert responses.request.tools[0].wire_schema() == (schema, True)
