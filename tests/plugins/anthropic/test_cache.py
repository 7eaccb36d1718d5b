"""Prompt caching: where breakpoints stand, and how many there may be."""

from __future__ import annotations

from typing import Any

import pytest

from lamella import tool
from lamella.content import ToolCallBlock, ToolOutputBlock
from lamella.messages import Message
from lamella.models import ModelRequest
from lamella_anthropic import ChatAnthropic


@tool
def first(city: str) -> str:
    """One."""
    return city


@tool
def last(cache_control: str) -> str:
    """Two."""
    return cache_control


HISTORY = [
    Message.user("hi"),
    Message.assistant([ToolCallBlock(call_id="c1", name="first", arguments_json='{"city": "Rome"}')]),
    Message.user([ToolOutputBlock(call_id="c1", output="x"), ToolOutputBlock(call_id="c2", output="y")]),
    Message.assistant("prefill"),
]


def encoded(ttl: str | None, **fields: Any) -> tuple[dict[str, Any], list[str]]:
    request = ModelRequest(messages=HISTORY, tools=(first, last), system_instruction="be brief")
    model = ChatAnthropic(api_key="sk-x", cache=ttl, **fields)
    report = model.report(request)
    return model.encode(request, report), [loss.reason for loss in report.losses]


def places(payload: dict[str, Any]) -> list[str]:
    blocks = {f"tools.{i}": block for i, block in enumerate(payload["tools"])}
    blocks |= {f"system.{i}": block for i, block in enumerate(payload["system"])}
    for i, message in enumerate(payload["messages"]):
        blocks |= {f"messages.{i}.{j}": block for j, block in enumerate(message["content"])}
    return [place for place, block in blocks.items() if "cache_control" in block]


@pytest.mark.parametrize("ttl", ["5m", "1h"])
def test_f_x06_breakpoints_on_the_last_tool_system_block_and_user_message(ttl: str) -> None:
    """F-X06."""
    payload, losses = encoded(ttl)
    assert places(payload) == ["tools.1", "system.0", "messages.2.1"]
    assert payload["tools"][1]["cache_control"] == {"type": "ephemeral", "ttl": ttl}
    assert losses == []


def test_f_x06_no_breakpoints_unless_asked_for() -> None:
    """F-X06."""
    assert places(encoded(None)[0]) == []


def test_f_x06_server_tools_come_last_and_deferred_ones_are_passed_over() -> None:
    """F-X06: tools of ``model_kwargs`` are tools."""
    deferred = {"name": "z", "input_schema": {"type": "object"}, "defer_loading": True}
    payload, _ = encoded("5m", model_kwargs={"tools": [{"type": "web_search_20260318"}, deferred]})
    assert places(payload)[0] == "tools.2"


def test_f_x06_four_at_most_and_later_places_win() -> None:
    """F-X06: the caller's own count, and what is left out is reported."""
    mark = {"type": "ephemeral"}
    own = {"cache_control": mark, "tools": [{"type": "web_search_20260318", "cache_control": mark}]}
    payload, losses = encoded("5m", model_kwargs=own)
    assert places(payload) == ["tools.2", "system.0", "messages.2.1"]
    assert losses == []
    system = [{"type": "text", "text": str(n), "cache_control": mark} for n in range(4)]
    payload, losses = encoded("5m", model_kwargs={"system": system})
    assert places(payload) == ["system.0", "system.1", "system.2", "system.3"]
    assert len(losses) == 2


def test_f_x06_texts_as_they_may_be_given() -> None:
    """F-X06."""
    model = ChatAnthropic(api_key="sk-x", cache="5m", model_kwargs={"system": "be brief"})
    payload = model.encode(ModelRequest(native=({"role": "user", "content": "hi"},)))
    mark = {"type": "ephemeral", "ttl": "5m"}
    assert payload["system"] == [{"type": "text", "text": "be brief", "cache_control": mark}]
    assert payload["messages"][0]["content"] == [{"type": "text", "text": "hi", "cache_control": mark}]
