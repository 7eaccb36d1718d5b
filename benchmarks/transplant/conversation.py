"""The conversation that is moved: its markers, and what vendor A answers on each wire.

Turn 1: a user's text and image; the answer holds reasoning, the vendor's own web search with a citation,
and two parallel tool calls, of which one fails; then a closing answer. Turn 2 is sent to vendor B.
A marker is a string found nowhere else, so that one search in B's request says what arrived.
"""

from __future__ import annotations

import base64
import copy
import json
import struct
import zlib
from collections.abc import Collection, Iterator
from typing import Any

Json = dict[str, Any]

CITIES = ("Rome", "Oslo")
TOOL_RESULT = "MARKresult 21 degrees"
TOOL_ERROR = "MARKtoolerror the station is down"
QUESTION = "MARKquestion What is in the picture, and what is the weather in Rome and in Oslo?"
SECOND_QUESTION = "MARKsecond And tomorrow?"
SYSTEM = "You are a weather desk."

THOUGHT = "MARKthought The user wants two cities."
FIRST_TEXT = "MARKtext I looked it up."
CLOSING_TEXT = "MARKclosing Rome has 21 degrees; Oslo does not answer."
SEARCH_QUERY = "MARKquery weather"
SEARCH_URL = "https://search.example/MARKurl"
SEARCH_TITLE = "MARKtitle Weather today"
CITED = "MARKcited It is warm."

VISIBLE = {
    "question": "MARKquestion",
    "answer": "MARKtext",
    "closing answer": "MARKclosing",
    "tool result": "MARKresult",
    "tool error": "MARKtoolerror",
    "reasoning": "MARKthought",
    "search query": "MARKquery",
    "search source": "MARKurl",
}
"""What a reader can see, and B could use."""

MODELS = {
    "anthropic": "claude-sonnet-4-6",
    "openai-responses": "gpt-5.1",
    "openai-chat": "gpt-5.1",
    "gemini": "gemini-2.5-flash",
    "mistral": "mistral-medium-2508",
}


def canary(name: str) -> str:
    """A string that is valid base64 whole and cannot occur by chance."""
    text = f"CANARY{name}{zlib.crc32(name.encode()):08x}"
    return text + "Q" * (-len(text) % 4)


OPAQUE = {
    "anthropic": ("thinkingSignature", "redactedData", "searchEncryptedContent", "citationEncryptedIndex"),
    "openai-responses": ("reasoningEncryptedContent",),
    "gemini": ("callThoughtSignature", "textThoughtSignature"),
}
"""Signed or encrypted state that only its vendor can read, by vendor; the values are ``canary(name)``."""

ITEM_IDS = {
    "anthropic": ("messageId", "serverToolId"),
    "openai-responses": ("responseId", "reasoningId", "searchCallId", "messageItemId", "functionItemId"),
    "gemini": ("geminiResponseId",),
}
"""Ids that name something on the vendor's servers. The ids of tool calls are not among them."""


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PNG = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0))
    + _chunk(b"IDAT", zlib.compress(b"".join(b"\0" + b"\xff\x00\x00" * 8 for _ in range(8))))
    + _chunk(b"IEND", b"")
)
PNG_BASE64 = base64.b64encode(PNG).decode()
PNG_URL = f"data:image/png;base64,{PNG_BASE64}"


# -- Anthropic Messages -------------------------------------------------------------------------------


def _anthropic(content: list[Json], stop: str) -> Json:
    return {
        "id": f"msg_{canary('messageId')}",
        "type": "message",
        "role": "assistant",
        "model": MODELS["anthropic"],
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 20},
    }


def anthropic_first() -> Json:
    server_id = f"srvtoolu_{canary('serverToolId')}"
    found = {
        "type": "web_search_result",
        "url": SEARCH_URL,
        "title": SEARCH_TITLE,
        "encrypted_content": canary("searchEncryptedContent"),
        "page_age": None,
    }
    cited = {
        "type": "web_search_result_location",
        "url": SEARCH_URL,
        "title": SEARCH_TITLE,
        "encrypted_index": canary("citationEncryptedIndex"),
        "cited_text": CITED,
    }
    return _anthropic(
        [
            {"type": "thinking", "thinking": THOUGHT, "signature": canary("thinkingSignature")},
            {"type": "redacted_thinking", "data": canary("redactedData")},
            {
                "type": "server_tool_use",
                "id": server_id,
                "name": "web_search",
                "input": {"query": SEARCH_QUERY},
            },
            {"type": "web_search_tool_result", "tool_use_id": server_id, "content": [found]},
            {"type": "text", "text": FIRST_TEXT, "citations": [cited]},
            *(
                {
                    "type": "tool_use",
                    "id": f"toolu_01{city}A1b2C3d4E5f6G7",
                    "name": "weather",
                    "input": {"city": city},
                }
                for city in CITIES
            ),
        ],
        "tool_use",
    )


def anthropic_last() -> Json:
    return _anthropic([{"type": "text", "text": CLOSING_TEXT, "citations": None}], "end_turn")


def anthropic_stream(whole: Json) -> Iterator[Json]:
    yield {"type": "message_start", "message": {**whole, "content": [], "stop_reason": None}}
    for index, block in enumerate(whole["content"]):
        start, deltas = _anthropic_pieces(block)
        yield {"type": "content_block_start", "index": index, "content_block": start}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    delta = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 20}}
    yield {"type": "message_stop"}


def _anthropic_pieces(block: Json) -> tuple[Json, list[Json]]:
    """A block as its start event and its deltas."""
    match block["type"]:
        case "thinking":
            return {**block, "thinking": "", "signature": ""}, [
                {"type": "thinking_delta", "thinking": block["thinking"]},
                {"type": "signature_delta", "signature": block["signature"]},
            ]
        case "text":
            cited = [{"type": "citations_delta", "citation": each} for each in block["citations"] or ()]
            return {"type": "text", "text": ""}, [*cited, {"type": "text_delta", "text": block["text"]}]
        case "tool_use" | "server_tool_use":
            return {**block, "input": {}}, [
                {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
            ]
        case _:
            return block, []


# -- OpenAI Responses ---------------------------------------------------------------------------------


def _responses(output: list[Json]) -> Json:
    return {
        "id": f"resp_{canary('responseId')}",
        "object": "response",
        "created_at": 1760000000,
        "status": "completed",
        "model": MODELS["openai-responses"],
        "output": output,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "top_p": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": 10,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": 20,
            "output_tokens_details": {"reasoning_tokens": 5},
            "total_tokens": 30,
        },
    }


def _responses_text(text: str, annotations: list[Json]) -> Json:
    part = {"type": "output_text", "text": text, "annotations": annotations, "logprobs": []}
    return {
        "type": "message",
        "id": f"msg_{canary('messageItemId')}",
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }


def responses_first() -> Json:
    source = {"type": "url", "url": SEARCH_URL}
    cited = {
        "type": "url_citation",
        "start_index": 0,
        "end_index": 8,
        "title": SEARCH_TITLE,
        "url": SEARCH_URL,
    }
    return _responses(
        [
            {
                "type": "reasoning",
                "id": f"rs_{canary('reasoningId')}",
                "summary": [{"type": "summary_text", "text": THOUGHT}],
                "encrypted_content": canary("reasoningEncryptedContent"),
                "status": None,
            },
            {
                "type": "web_search_call",
                "id": f"ws_{canary('searchCallId')}",
                "status": "completed",
                "action": {"type": "search", "query": SEARCH_QUERY, "sources": [source]},
            },
            _responses_text(FIRST_TEXT, [cited]),
            *(
                {
                    "type": "function_call",
                    "id": f"fc_{canary('functionItemId')}{city}",
                    "call_id": f"call_{city}A1b2C3d4E5f6G7h8J9k0",
                    "name": "weather",
                    "arguments": json.dumps({"city": city}),
                    "status": "completed",
                }
                for city in CITIES
            ),
        ]
    )


def responses_last(text: str = CLOSING_TEXT) -> Json:
    return _responses([_responses_text(text, [])])


def responses_stream(whole: Json) -> Iterator[Json]:
    number = iter(range(10**6))

    def event(kind: str, **fields: Any) -> Json:
        return {"type": kind, "sequence_number": next(number), **fields}

    opened = {**whole, "output": [], "status": "in_progress", "usage": None}
    yield event("response.created", response=opened)
    yield event("response.in_progress", response=opened)
    for index, item in enumerate(whole["output"]):
        place = {"output_index": index, "item_id": item["id"]}
        started, events = _responses_pieces(item)
        yield event("response.output_item.added", output_index=index, item=started)
        for kind, fields in events:
            yield event(kind, **place, **fields)
        yield event("response.output_item.done", output_index=index, item=item)
    yield event("response.completed", response=whole)


def _responses_pieces(item: Json) -> tuple[Json, list[tuple[str, Json]]]:
    """An item as it is when it is added, and the events that fill it."""
    match item["type"]:
        case "reasoning":
            part, text = {"summary_index": 0}, item["summary"][0]
            return {**item, "summary": [], "encrypted_content": ""}, [
                ("response.reasoning_summary_part.added", {**part, "part": {**text, "text": ""}}),
                ("response.reasoning_summary_text.delta", {**part, "delta": text["text"]}),
                ("response.reasoning_summary_text.done", {**part, "text": text["text"]}),
                ("response.reasoning_summary_part.done", {**part, "part": text}),
            ]
        case "message":
            part, text = {"content_index": 0}, item["content"][0]
            notes = [
                ("response.output_text.annotation.added", {**part, "annotation_index": n, "annotation": note})
                for n, note in enumerate(text["annotations"])
            ]
            empty = {**text, "text": "", "annotations": []}
            return {**item, "content": [], "status": "in_progress"}, [
                ("response.content_part.added", {**part, "part": empty}),
                ("response.output_text.delta", {**part, "delta": text["text"], "logprobs": []}),
                *notes,
                ("response.output_text.done", {**part, "text": text["text"], "logprobs": []}),
                ("response.content_part.done", {**part, "part": text}),
            ]
        case "function_call":
            arguments = item["arguments"]
            return {**item, "arguments": "", "status": "in_progress"}, [
                ("response.function_call_arguments.delta", {"delta": arguments}),
                ("response.function_call_arguments.done", {"arguments": arguments, "name": item["name"]}),
            ]
        case _:
            kinds = ("in_progress", "searching", "completed")
            return {**item, "status": "in_progress"}, [
                (f"response.web_search_call.{kind}", {}) for kind in kinds
            ]


# -- Gemini generateContent ---------------------------------------------------------------------------


def _gemini(parts: list[Json], **candidate: Any) -> Json:
    content = {"role": "model", "parts": parts}
    return {
        "candidates": [{"content": content, "finishReason": "STOP", "index": 0, **candidate}],
        "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 20, "totalTokenCount": 30},
        "modelVersion": MODELS["gemini"],
        "responseId": canary("geminiResponseId"),
    }


def gemini_first() -> Json:
    calls: list[Json] = [{"functionCall": {"name": "weather", "args": {"city": city}}} for city in CITIES]
    calls[0]["thoughtSignature"] = canary("callThoughtSignature")
    grounding = {
        "webSearchQueries": [SEARCH_QUERY],
        "groundingChunks": [{"web": {"uri": SEARCH_URL, "title": SEARCH_TITLE}}],
        "groundingSupports": [
            {
                "segment": {"partIndex": 1, "startIndex": 0, "endIndex": 8, "text": CITED},
                "groundingChunkIndices": [0],
            }
        ],
    }
    text = {"text": FIRST_TEXT, "thoughtSignature": canary("textThoughtSignature")}
    return _gemini([{"text": THOUGHT, "thought": True}, text, *calls], groundingMetadata=grounding)


def gemini_last(text: str = CLOSING_TEXT) -> Json:
    return _gemini([{"text": text}])


# -- an answer with less in it ------------------------------------------------------------------------

_KINDS = {
    "search": {"server_tool_use", "web_search_tool_result", "web_search_call"},
    "reasoning": {"thinking", "redacted_thinking", "reasoning"},
}


def reduced(answer: Json, without: Collection[str]) -> Json:
    """The answer without the vendor's ``search`` or ``reasoning``, for peers that cannot read it whole."""
    gone = {kind for each in without for kind in _KINDS[each]}
    out = copy.deepcopy(answer)
    for key in out.keys() & {"content", "output"}:
        out[key] = [_uncited(block, without) for block in out[key] if block["type"] not in gone]
    for candidate in out.get("candidates", ()):
        if "search" in without:
            del candidate["groundingMetadata"]
        if "reasoning" in without:
            content = candidate["content"]
            content["parts"] = [part for part in content["parts"] if not part.get("thought")]
    return out


def _uncited(block: Json, without: Collection[str]) -> Json:
    """The citations of a text belong to the search."""
    if "search" not in without:
        return block
    if block["type"] == "message":
        return {**block, "content": [{**part, "annotations": []} for part in block["content"]]}
    return {**block, "citations": None} if block["type"] == "text" else block


# -- Chat Completions: OpenAI and Mistral ---------------------------------------------------------------


def chat_answer(text: str) -> Json:
    message = {"role": "assistant", "content": text}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1760000000,
        "model": MODELS["openai-chat"],
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30},
    }


def chat_stream(whole: Json) -> Iterator[Json]:
    head = {**{key: whole[key] for key in ("id", "created", "model")}, "object": "chat.completion.chunk"}
    delta = whole["choices"][0]["message"]
    yield {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    yield {**head, "choices": [], "usage": whole["usage"]}
