"""Small wires written by hand: streams, and the same answers in one piece."""

from __future__ import annotations

import json
from typing import Any

Json = dict[str, Any]


def sse(*chunks: Json | str, named: bool = False) -> bytes:
    """Chunks as server-sent events."""
    lines = []
    for chunk in chunks:
        if named and isinstance(chunk, dict):
            lines.append(f"event: {chunk['type']}\n")
        lines.append(
            f"data: {chunk if isinstance(chunk, str) else json.dumps(chunk, ensure_ascii=False)}\n\n"
        )
    return "".join(lines).encode()


# -- Chat Completions -----------------------------------------------------------------------------


def chunk(delta: Json | None = None, finish: str | None = None, **extra: Any) -> Json:
    choice: Json = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "model": "m", "choices": [choice], **extra}


def fragment(index: int | None, arguments: Any, call_id: str | None = None, name: str | None = None) -> Json:
    found: Json = {"type": "function", "function": {"arguments": arguments}}
    if index is not None:
        found["index"] = index
    if call_id is not None:
        found["id"] = call_id
    if name is not None:
        found["function"]["name"] = name
    return found


def completion(message: Json, finish: str | None, usage: Json | None = None, **choice: Any) -> Json:
    whole = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish, **choice}
    return {"id": "c1", "object": "chat.completion", "model": "m", "choices": [whole], "usage": usage}


CHAT_USAGE: Json = {
    "prompt_tokens": 100,
    "completion_tokens": 80,
    "total_tokens": 180,
    "prompt_tokens_details": {"cached_tokens": 30},
    "completion_tokens_details": {"reasoning_tokens": 20},
}
CHAT_STREAM: tuple[Any, ...] = (
    chunk({"role": "assistant", "content": "", "reasoning_content": ""}),
    chunk({"reasoning_content": "hm "}),
    chunk({"reasoning_content": "ö"}),
    chunk({"content": "Grüße"}),
    chunk({"content": None}),
    chunk({"content": " 🌍"}),
    chunk({"tool_calls": [fragment(0, "", "call_a", "weather")]}),
    chunk({"tool_calls": [fragment(0, '{"city": "R')]}),
    chunk({"tool_calls": [fragment(1, '{"a":', "call_b", "add"), fragment(0, 'ome"}')]}),
    chunk({"tool_calls": [fragment(1, " 1}")]}),
    chunk(finish="tool_calls"),
    {"id": "c1", "object": "chat.completion.chunk", "model": "m", "choices": [], "usage": CHAT_USAGE},
    "[DONE]",
)
CHAT_WHOLE = completion(
    {
        "reasoning_content": "hm ö",
        "content": "Grüße 🌍",
        "tool_calls": [
            fragment(None, '{"city": "Rome"}', "call_a", "weather"),
            fragment(None, '{"a": 1}', "call_b", "add"),
        ],
    },
    "tool_calls",
    CHAT_USAGE,
)

# -- Responses ------------------------------------------------------------------------------------

RESPONSES_USAGE: Json = {
    "input_tokens": 500,
    "input_tokens_details": {"cached_tokens": 400},
    "output_tokens": 80,
    "output_tokens_details": {"reasoning_tokens": 20},
    "total_tokens": 580,
}
NOTE: Json = {
    "type": "url_citation",
    "url": "https://x.example",
    "title": "X",
    "start_index": 0,
    "end_index": 2,
}
REASONING: Json = {
    "id": "rs_1",
    "type": "reasoning",
    "encrypted_content": "final",
    "summary": [{"type": "summary_text", "text": "one "}, {"type": "summary_text", "text": "zwei ü"}],
}
SEARCH: Json = {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": {"query": "q"}}
MESSAGE: Json = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "status": "completed",
    "phase": "final_answer",
    "content": [{"type": "output_text", "text": "Grüße 🌍", "annotations": [NOTE], "logprobs": []}],
}
CALL: Json = {
    "id": "fc_1",
    "type": "function_call",
    "status": "completed",
    "call_id": "call_1",
    "name": "weather",
    "arguments": '{"city": "Rome"}',
}
EMPTY_CALL: Json = {**CALL, "id": "fc_2", "call_id": "call_2", "name": "now", "arguments": ""}


def response(*output: Json, status: str = "completed", **extra: Any) -> Json:
    return {
        "id": "resp_1",
        "object": "response",
        "model": "gpt-5-nano-2025",
        "status": status,
        "store": False,
        "output": list(output),
        "usage": None if status == "in_progress" else RESPONSES_USAGE,
        **extra,
    }


def ended(*output: Json, status: str = "completed", **extra: Any) -> Json:
    return {"type": f"response.{status}", "response": response(*output, status=status, **extra)}


def part(kind: str, index: int, **fields: Any) -> Json:
    return {"type": f"response.{kind}", "output_index": index, **fields}


RESPONSES_OUTPUT = (REASONING, SEARCH, MESSAGE, CALL, EMPTY_CALL)
RESPONSES_STREAM: tuple[Json, ...] = (
    {"type": "response.created", "response": response(status="in_progress")},
    {"type": "response.in_progress", "response": response(status="in_progress")},
    part("output_item.added", 0, item={**REASONING, "encrypted_content": "not yet", "summary": []}),
    part(
        "reasoning_summary_part.added",
        0,
        item_id="rs_1",
        summary_index=0,
        part={"type": "summary_text", "text": ""},
    ),
    part("reasoning_summary_text.delta", 0, item_id="rs_1", summary_index=0, delta="one "),
    part("reasoning_summary_text.done", 0, item_id="rs_1", summary_index=0, text="one "),
    part("reasoning_summary_text.delta", 0, item_id="rs_1", summary_index=1, delta="zwei"),
    part("reasoning_summary_text.delta", 0, item_id="rs_1", summary_index=1, delta=" ü"),
    part("output_item.done", 0, item=REASONING),
    part("output_item.added", 1, item={**SEARCH, "status": "in_progress"}),
    part("web_search_call.searching", 1, item_id="ws_1"),
    part("output_item.done", 1, item=SEARCH),
    part("output_item.added", 2, item={**MESSAGE, "status": "in_progress", "content": []}),
    part("content_part.added", 2, item_id="msg_1", content_index=0, part={"type": "output_text", "text": ""}),
    part("output_text.delta", 2, item_id="msg_1", content_index=0, delta="Grüße"),
    part("output_item.added", 3, item={**CALL, "arguments": "", "status": "in_progress"}),
    part("function_call_arguments.delta", 3, item_id="fc_1", delta='{"city": '),
    part("output_text.delta", 2, item_id="msg_1", content_index=0, delta=" 🌍"),
    part(
        "output_text.annotation.added",
        2,
        item_id="msg_1",
        content_index=0,
        annotation_index=0,
        annotation=NOTE,
    ),
    part("output_text.done", 2, item_id="msg_1", content_index=0, text="Grüße 🌍"),
    part("content_part.done", 2, item_id="msg_1", content_index=0, part=MESSAGE["content"][0]),
    part("output_item.done", 2, item=MESSAGE),
    part("function_call_arguments.delta", 3, item_id="fc_1", delta='"Rome"}'),
    part("function_call_arguments.done", 3, item_id="fc_1", arguments='{"city": "Rome"}'),
    part("output_item.done", 3, item=CALL),
    part("output_item.added", 4, item={**EMPTY_CALL, "status": "in_progress"}),
    part("output_item.done", 4, item=EMPTY_CALL),
    ended(*RESPONSES_OUTPUT),
)
RESPONSES_WHOLE = response(*RESPONSES_OUTPUT)
