"""Reads vendor B's requests: which of A's canaries they hold, what did not arrive, which rules they break.

The rules are from the vendors' references and, for the forms of ids, from the errors that their servers answer.
No vendor is asked: a request that breaks none is not thereby proven to be accepted.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

import conversation as said

Json = dict[str, Any]


def strings(value: Any) -> Iterator[str]:
    """Every string in a body, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)


def holds(body: Json, marker: str) -> bool:
    """Whether the body holds the marker, as it is or in base64 once more."""
    forms = [marker] + [base64.b64encode(b" " * shift + marker.encode()).decode()[4:-4] for shift in range(3)]
    return any(form in text for text in strings(body) for form in forms)


def foreign(body: Json, source: str) -> tuple[list[str], list[str]]:
    """The canaries of vendor A in B's request: opaque ones, and ids of its items."""
    opaque = [name for name in said.OPAQUE[source] if holds(body, said.canary(name))]
    return opaque, [name for name in said.ITEM_IDS[source] if holds(body, said.canary(name))]


def missing(body: Json, target: str) -> list[str]:
    """What of the visible conversation is not in B's request."""
    image = said.PNG_BASE64.rstrip("=")
    flat = [text.replace("-", "+").replace("_", "/") for text in strings(body)]
    gone = [] if any(image in text for text in flat) else ["image"]
    gone += [what for what, marker in said.VISIBLE.items() if not holds(body, marker)]
    gone += [f"call {city}" for city in said.CITIES if not _is_argument(body, city)]
    if (flagged := _is_error_flagged(body, target)) is not None and not flagged:
        gone.append("tool error flag")
    return gone


def _is_argument(body: Json, city: str) -> bool:
    """Whether a call has the argument, as a value or within a JSON text."""
    return any(text == city or f'"{city}"' in text for text in strings(body))


def _is_error_flagged(body: Json, target: str) -> bool | None:
    """Whether the failed call is marked as such; ``None`` where the wire has no mark for it."""
    if target == "anthropic":
        return any(block.get("is_error") for _, block in _blocks(body) if block.get("type") == "tool_result")
    if target == "gemini":
        answers = [part[key] for _, part in _parts(body) for key in part if key in _RESPONSE_KEYS]
        return any("error" in (answer.get("response") or {}) for answer in answers)
    return None


# -- the documented rules of each wire ------------------------------------------------------------------


def broken_rules(body: Json, target: str) -> list[str]:
    """The rules of B's reference that the request breaks, each once."""
    return list(dict.fromkeys(_RULES[target](body)))


_ANTHROPIC_TYPES = {
    "user": {"text", "image", "document", "search_result", "tool_result", "container_upload"},
    "assistant": {
        "text",
        "tool_use",
        "thinking",
        "redacted_thinking",
        "server_tool_use",
        "web_search_tool_result",
    },
    "system": {"text"},
}


def _anthropic_rules(body: Json) -> Iterator[str]:
    open_calls: set[str] = set()
    for message in body["messages"]:
        yield from (f"message field {key!r}" for key in message if key not in ("role", "content"))
        blocks = _content(message)
        answered = {block.get("tool_use_id") for block in blocks if block.get("type") == "tool_result"}
        if open_calls - answered:
            yield "a tool_use without its tool_result in the next message"
        for block in blocks:
            yield from _anthropic_block_rules(block, _ANTHROPIC_TYPES.get(message["role"], set()))
        open_calls = {str(block.get("id")) for block in blocks if block.get("type") == "tool_use"}


def _anthropic_block_rules(block: Json, allowed: set[str]) -> Iterator[str]:
    kind = block.get("type")
    if kind not in allowed:
        yield f"block type {kind!r} in this role"
    if kind == "text" and not str(block.get("text", "")).strip():
        yield "an empty text block"
    if kind == "thinking" and not block.get("signature"):
        yield "a thinking block without a signature"
    for key in ("id", "tool_use_id"):
        if key in block and not re.fullmatch(r"[a-zA-Z0-9_-]+", str(block[key])):
            yield "a tool id outside [a-zA-Z0-9_-]"


_CHAT_TYPES = {
    "user": {"text", "image_url", "input_audio", "file"},
    "assistant": {"text", "refusal"},
    "tool": {"text"},
    "system": {"text"},
    "developer": {"text"},
}
_CHAT_FIELDS = {
    "role", "content", "name", "refusal", "audio", "function_call", "tool_calls", "tool_call_id",
}  # fmt: skip


def _chat_rules(body: Json) -> Iterator[str]:
    for message in body["messages"]:
        yield from (f"message field {key!r}" for key in message if key not in _CHAT_FIELDS)
        for block in _content(message):
            if block.get("type") not in _CHAT_TYPES.get(message["role"], set()):
                yield f"part type {block.get('type')!r} in a message of role {message['role']!r}"
        yield from (f"tool call field {key!r}" for call in message.get("tool_calls") or () for key in call
                    if key not in ("id", "type", "function", "custom"))  # fmt: skip
    yield from _unanswered_calls(body["messages"])


def _unanswered_calls(messages: list[Json]) -> Iterator[str]:
    asked = [call["id"] for message in messages for call in message.get("tool_calls") or ()]
    answered = [message.get("tool_call_id") for message in messages if message["role"] == "tool"]
    if set(asked) - set(answered):
        yield "a tool call without its tool message"
    if set(answered) - set(asked):
        yield "a tool message without its call"


_RESPONSES_ITEMS = {"reasoning": "rs", "function_call": "fc", "message": "msg", "web_search_call": "ws"}
_RESPONSES_PARTS = {
    "user": {"input_text", "input_image", "input_file"},
    "system": {"input_text"},
    "developer": {"input_text"},
    "assistant": {"output_text", "refusal"},
}


def _responses_rules(body: Json) -> Iterator[str]:
    given = body["input"]
    items: list[Json] = [{"role": "user", "content": given}] if isinstance(given, str) else given
    calls: set[str] = set()
    outputs: set[str] = set()
    for item in items:
        kind = item.get("type", "message")
        if "type" not in item and "role" not in item:
            yield "an item without a type"
            continue
        if kind == "function_call_output":
            outputs.add(item["call_id"])
        elif kind not in _RESPONSES_ITEMS:
            yield f"item type {kind!r}"
        elif item.get("id") and not str(item["id"]).startswith(_RESPONSES_ITEMS[kind]):
            yield f"an id of a {kind} item that does not begin with {_RESPONSES_ITEMS[kind]!r}"
        if kind == "function_call":
            if not item["call_id"] or item["call_id"] in calls:
                yield "a call id that is empty or given twice"
            calls.add(item["call_id"])
        if kind == "message":
            yield from _responses_part_rules(item)
    if calls != outputs:
        yield "function calls and their outputs do not match"


def _responses_part_rules(item: Json) -> Iterator[str]:
    for part in _content(item):
        if part.get("type") not in (
            *_RESPONSES_PARTS.get(item["role"], ()),
            "text" if part.get("plain") else None,
        ):
            yield f"part type {part.get('type')!r} in a message of role {item['role']!r}"


_RESPONSE_KEYS = ("functionResponse", "function_response")
_GEMINI_PARTS = {
    "text", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode", "codeExecutionResult",
    "thought", "thoughtSignature", "videoMetadata", "mediaResolution", "inline_data", "file_data", "function_call",
    "function_response", "thought_signature",
}  # fmt: skip


def _gemini_rules(body: Json) -> Iterator[str]:
    pending = 0
    for content, part in _parts(body):
        yield from (f"part field {key!r}" for key in part if key not in _GEMINI_PARTS)
        if not part.keys() - {"thought", "thoughtSignature", "thought_signature"}:
            yield "a part without data"
        if content.get("role") not in ("user", "model", "function", None):
            yield f"role {content.get('role')!r}"
        pending += any(key in part for key in ("functionCall", "function_call"))
        pending -= any(key in part for key in _RESPONSE_KEYS)
    if pending:
        yield "function calls and their responses do not match"


_MISTRAL_TYPES = {"text", "image_url", "document_url", "file", "input_audio", "reference", "thinking"}


def _mistral_rules(body: Json) -> Iterator[str]:
    previous = ""
    for message in body["messages"]:
        for call in message.get("tool_calls") or ():
            if not re.fullmatch(r"[a-zA-Z0-9]{9}", str(call.get("id"))):
                yield "a tool call id that is not nine of [a-zA-Z0-9]"
        for block in _content(message):
            if block.get("type") not in _MISTRAL_TYPES:
                yield f"chunk type {block.get('type')!r}"
        if previous == "tool" and message["role"] == "user":
            yield "a user message right after a tool message"
        previous = message["role"]
    yield from _unanswered_calls(body["messages"])


_RULES = {
    "anthropic": _anthropic_rules,
    "openai-chat": _chat_rules,
    "openai-responses": _responses_rules,
    "gemini": _gemini_rules,
    "mistral": _mistral_rules,
}


def _content(message: Json) -> list[Json]:
    """The blocks of a message; a plain string is one text block."""
    content = message.get("content")
    if isinstance(content, str):
        return [{"type": "text", "text": content, "plain": True}]
    return [block if isinstance(block, dict) else {"type": repr(block)} for block in content or ()]


def _blocks(body: Json) -> Iterator[tuple[Json, Json]]:
    return ((message, block) for message in body["messages"] for block in _content(message))


def _parts(body: Json) -> Iterator[tuple[Json, Json]]:
    return ((content, part) for content in body["contents"] for part in content.get("parts") or ())
