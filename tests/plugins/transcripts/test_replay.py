"""F-X28: a history that came from a vendor goes back to it verbatim, through Lamella's own encoders."""

from __future__ import annotations

from typing import Any

from lamella.models import EncodeReport, ModelRequest
from lamella_anthropic.history import History as AnthropicHistory
from lamella_openai.encode_responses import History as ResponsesHistory
from lamella_transcripts import read


def test_f_x28_anthropic_gets_its_turn_back() -> None:
    turn = {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "sig"},
            {"type": "redacted_thinking", "data": "zz"},
            {"type": "text", "text": "t", "citations": [{"type": "char_location", "cited_text": "x"}]},
            {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
            {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
            {"type": "tool_use", "id": "a", "name": "f", "input": {"a": 1}, "caller": {"type": "direct"}},
        ],
    }
    found = read("anthropic.messages", [{"role": "user", "content": "hi"}, turn])
    report = EncodeReport(provider="anthropic", dialect="anthropic.messages", mode="strict")
    history = AnthropicHistory(report, issuer="anthropic", vendor="anthropic")
    _, messages = history.write(ModelRequest(messages=found.messages))
    assert messages[1] == turn
    assert report.losses == []


def test_f_x28_openai_gets_its_items_back() -> None:
    items: list[dict[str, Any]] = [
        {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "enc"},
        {
            "type": "message",
            "id": "msg",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "t", "annotations": []}],
        },
        {"type": "web_search_call", "id": "ws", "status": "completed"},
        {"type": "function_call", "id": "fc", "call_id": "c", "name": "f", "arguments": '{"a":1}'},
        {"type": "function_call_output", "call_id": "c", "output": "o"},
    ]
    found = read("openai.responses", items)
    report = EncodeReport(provider="openai", dialect="openai.responses", mode="strict")
    history = ResponsesHistory(report, issuer="openai", reasons=True)
    assert history.items(ModelRequest(messages=found.messages)) == items
    assert report.losses == []
