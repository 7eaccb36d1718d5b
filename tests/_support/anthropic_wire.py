"""A small Messages wire written by hand: a stream, and the same answer in one piece."""

from __future__ import annotations

import json
from typing import Any

Json = dict[str, Any]


def sse(*chunks: Json | str, named: bool = True) -> bytes:
    """Chunks as server-sent events."""
    lines = []
    for chunk in chunks:
        text = chunk if isinstance(chunk, str) else json.dumps(chunk, ensure_ascii=False)
        name = f"event: {chunk['type']}\n" if named and isinstance(chunk, dict) else ""
        lines.append(f"{name}data: {text}\n\n")
    return "".join(lines).encode()


def start(usage: Json | None = None, **message: Any) -> Json:
    given = {"input_tokens": 10, "output_tokens": 1} if usage is None else usage
    base = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": []}
    return {"type": "message_start", "message": {**base, "stop_reason": None, "usage": given, **message}}


def block(index: int, item: Json, *deltas: Json) -> list[Json]:
    """All events of one block."""
    return [
        {"type": "content_block_start", "index": index, "content_block": item},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def text(index: int, *pieces: str) -> list[Json]:
    return block(
        index, {"type": "text", "text": ""}, *({"type": "text_delta", "text": each} for each in pieces)
    )


def call(index: int, name: str, *pieces: str) -> list[Json]:
    item = {"type": "tool_use", "id": f"toolu_{index}", "name": name, "input": {}}
    return block(index, item, *({"type": "input_json_delta", "partial_json": each} for each in pieces))


def end(stop: str | None = "end_turn", usage: Json | None = None) -> list[Json]:
    delta = {"stop_reason": stop, "stop_sequence": None}
    return [
        {"type": "message_delta", "delta": delta, "usage": usage or {"output_tokens": 5}},
        {"type": "message_stop"},
    ]


CITATION: Json = {
    "type": "web_search_result_location",
    "url": "https://x.example",
    "title": "X",
    "encrypted_index": "E",
    "cited_text": "x",
}
SEARCH: Json = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
FOUND: Json = {
    "type": "web_search_tool_result",
    "tool_use_id": "srvtoolu_1",
    "content": [{"type": "web_search_result", "url": "https://x.example", "encrypted_content": "E"}],
}
MID: Json = {
    "input_tokens": 10,
    "cache_read_input_tokens": 30,
    "cache_creation_input_tokens": 0,
    "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 0},
    "output_tokens": 1,
    "service_tier": "standard",
}
LAST: Json = {
    "input_tokens": 12,
    "cache_creation_input_tokens": 4,
    "cache_read_input_tokens": None,
    "output_tokens": 60,
    "output_tokens_details": {"thinking_tokens": 20},
}
STREAM: tuple[Json, ...] = (
    start(MID),
    {"type": "ping"},
    *block(
        0,
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": "hm "},
        {"type": "thinking_delta", "thinking": "ö"},
        {"type": "signature_delta", "signature": "c2"},
        {"type": "signature_delta", "signature": "ln"},
    ),
    *block(1, {"type": "redacted_thinking", "data": "ZGF0YQ=="}),
    *block(
        2,
        SEARCH,
        {"type": "input_json_delta", "partial_json": ""},
        {"type": "input_json_delta", "partial_json": '{"query":'},
        {"type": "input_json_delta", "partial_json": '"q"}'},
    ),
    *block(3, FOUND),
    *block(
        4,
        {"type": "text", "text": "", "citations": []},
        {"type": "citations_delta", "citation": CITATION},
        {"type": "text_delta", "text": "Grüße"},
        {"type": "text_delta", "text": " 🌍"},
    ),
    *text(5),
    *block(
        6,
        {"type": "tool_use", "id": "toolu_6", "name": "weather", "input": {}, "caller": {"type": "direct"}},
        {"type": "input_json_delta", "partial_json": ""},
        {"type": "input_json_delta", "partial_json": '{"city": "R'},
        {"type": "input_json_delta", "partial_json": 'ome"}'},
    ),
    *call(7, "now", ""),
    *end("tool_use", LAST),
)
WHOLE: Json = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "content": [
        {"type": "thinking", "thinking": "hm ö", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "ZGF0YQ=="},
        {**SEARCH, "input": {"query": "q"}},
        FOUND,
        {"type": "text", "text": "Grüße 🌍", "citations": [CITATION]},
        {
            "type": "tool_use",
            "id": "toolu_6",
            "name": "weather",
            "input": {"city": "Rome"},
            "caller": {"type": "direct"},
        },
        {"type": "tool_use", "id": "toolu_7", "name": "now", "input": {}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {**MID, **{name: value for name, value in LAST.items() if value is not None}},
}
