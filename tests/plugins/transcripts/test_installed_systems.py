"""F-X28 against the installed packages of the other systems; each is skipped where it is not installed."""

from __future__ import annotations

import asyncio
import importlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from transcript_histories import histories

from lamella import Message
from lamella_transcripts import read, write


def _installed(name: str, package: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return pytest.skip(f"{package} is not installed; pip install {package}")


@settings(max_examples=50, deadline=None)
@given(history=histories())
def test_f_x28_literun_takes_what_is_written(history: list[Message]) -> None:
    """F-X28: LiteRun's own models validate it, and what they hold reads back the same."""
    messages = _installed("literun.message", "literun")
    data = write("literun", history).data
    objects = [messages.PromptMessage.model_validate(each) for each in data]
    assert read("literun", objects).messages == read("literun", data).messages
    assert write("literun", read("literun", objects).messages).data == [each.model_dump() for each in objects]


def test_f_x28_a_result_of_literun_reads() -> None:
    """F-X28: objects as they are, items and usage."""
    results, items, usage = (
        _installed(f"literun.{name}", "literun") for name in ("results", "items", "usage")
    )
    spent = usage.TokenUsage(input_tokens=100, output_tokens=400, cached_read_tokens=1)
    result = results.RunResult(
        output="Done",
        new_items=[
            items.ToolCallItem(call_id="a", name="f", arguments={"x": 1}),
            items.ToolCallOutputItem(call_id="a", name="f", result="y"),
            items.MessageOutputItem(content="Done"),
        ],
        token_usage=spent,
        timing=usage.Timing(start_time=0.0, end_time=1.0),
    )
    found = read("literun", result)
    assert [message.role for message in found.messages] == ["assistant", "user", "assistant"]
    assert found.usage is not None
    assert found.usage.resolved_total_tokens == spent.resolved_total_tokens == 501


@settings(max_examples=50, deadline=None)
@given(history=histories())
def test_f_x28_lasagna_takes_what_is_written(history: list[Message]) -> None:
    """F-X28: its own translation to OpenAI's messages finds every call, result and text."""
    _installed("openai", "openai")
    wire = _installed("lasagna.lasagna_openai", "lasagna-ai")
    data = write("lasagna", history).data
    made = asyncio.run(wire._convert_to_openai_messages(data))
    calls = [call for each in made for call in each.get("tool_calls") or ()]
    ours = [call for message in history for call in message.tool_calls]
    assert [(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in calls] == [
        (call.call_id, call.name, call.arguments_json) for call in ours
    ]
    assert [each["tool_call_id"] for each in made if each["role"] == "tool"] == [
        output.call_id for message in history for output in message.tool_outputs
    ]
    assert repr([each["text"] for each in data if each.get("text")]) == repr(
        [message.text for message in history if message.text]
    )


def test_f_x28_a_run_of_lasagna_reads() -> None:
    """F-X28: made by lasagna-ai's own functions."""
    util = _installed("lasagna.agent_util", "lasagna-ai")
    human = {"role": "human", "text": "hi"}
    run = util.chained_runs("top", [util.flat_messages("leaf", [human, {"role": "ai", "text": "yes"}])])
    found = read("lasagna", run)
    assert found.run is not None
    assert [each.agent for each in found.run.walk()] == ["top", "leaf"]
    assert write("lasagna", found.run).data == run
    extracted = util.recursive_extract_messages([run], from_tools=False, from_extraction=False)
    assert read("lasagna", extracted).messages == found.messages


@settings(max_examples=50, deadline=None)
@given(history=histories())
def test_f_x28_lauren_takes_what_is_written(history: list[Message]) -> None:
    """F-X28: its own translation to the wire is that of Lamella's blocks."""
    wire = _installed("lauren_ai._transport._anthropic", "lauren-ai")
    for message in write("lauren", history).data:
        if message["role"] == "system":
            continue
        made = wire._message_to_anthropic(message)
        assert made["role"] == message["role"]
        if isinstance(message["content"], list):
            assert [block["type"] for block in made["content"]] == [
                block["type"] for block in message["content"]
            ]


def test_f_x28_objects_of_lauren_read() -> None:
    """F-X28: messages, blocks, media and a completion as they are."""
    transport = _installed("lauren_ai._transport", "lauren-ai")
    media = _installed("lauren_ai._transport._multimodal", "lauren-ai")
    picture = media.ImageContent.from_bytes(b"ABC", mime_type="image/png")
    asked = transport.Message.from_multimodal("user", ["Describe:", picture])
    called = transport.Message.assistant([transport.ContentBlock.tool_use_block("f", {"x": 1}, "a")])
    given = transport.Message.user([transport.ContentBlock.tool_result_block("a", "out")])
    found = read("lauren", [asked, called, given])
    assert [message.role for message in found.messages] == ["user", "assistant", "user"]
    assert found.messages[0].text == "Describe:"
    assert getattr(found.messages[0].content[1], "data", None) == b"ABC"
    assert found.messages[1].tool_calls[0].arguments_json == '{"x": 1}'
    assert found.messages[2].tool_outputs[0].output == "out"
    completion = transport.Completion(
        id="1",
        model="m",
        content="Done",
        tool_calls=[transport.ToolCall("b", "g", {})],
        stop_reason="tool_use",
        usage=transport.TokenUsage(5, 3, cache_read_tokens=2),
        thinking_blocks=[transport.ThinkingBlock("hm", "sig")],
    )
    (answer,) = read("lauren", completion).messages
    assert [getattr(block, "type", "") for block in answer.content] == ["reasoning", "text", "tool_call"]
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.cached_read_tokens) == (5, 2)


@settings(max_examples=50, deadline=None)
@given(history=histories())
def test_f_x28_pydantic_ai_takes_what_is_written(history: list[Message]) -> None:
    """F-X28: its own adapter reads it, and what it writes comes back as it was."""
    messages = _installed("pydantic_ai.messages", "pydantic-ai-slim")
    data = write("pydantic-ai", history).data
    theirs = messages.ModelMessagesTypeAdapter.validate_python(data)
    text = messages.ModelMessagesTypeAdapter.dump_json(theirs)
    found = read("pydantic-ai", text)
    assert [message.role for message in found.messages] == [
        message.role for message in read("pydantic-ai", data).messages
    ]
    assert write("pydantic-ai", found.messages).data == json.loads(text)


@settings(max_examples=50, deadline=None)
@given(history=histories())
def test_f_x28_langchain_takes_what_is_written(history: list[Message]) -> None:
    """F-X28: its own functions read it, and what they write comes back as it was."""
    messages = _installed("langchain_core.messages", "langchain-core")
    data = write("langchain", history).data
    theirs = messages.messages_to_dict(messages.messages_from_dict(data))
    found = read("langchain", theirs)
    assert write("langchain", found.messages).data == theirs
