"""A reply as Mistral's message, finish reason and usage."""

from __future__ import annotations

import hashlib
import re
import string
from collections.abc import Sequence
from typing import Any, Final

from lamella.usage import TokenUsage
from lamella_sim.reply import Reply, new_id
from lamella_sim.steps import Reasoning, Refusal, Text, ToolCall

__all__ = ["calls_of", "finish_reason", "message_of", "thinking_chunk", "thought", "usage_object"]

_REASONS: Final = {"max_tokens": "length", "tool_use": "tool_calls"}
_ALPHABET: Final = string.digits + string.ascii_letters


def message_of(reply: Reply) -> dict[str, Any]:
    """The message: its content is text, or chunks where the model thought; then its calls."""
    chunks = _chunks(reply)
    content: Any = chunks
    if all(chunk["type"] == "text" for chunk in chunks):
        content = "".join(chunk["text"] for chunk in chunks)
    return {"role": "assistant", "content": content, "tool_calls": calls_of(reply) or None}


def _chunks(reply: Reply) -> list[dict[str, Any]]:
    """Thinking and text in order. Neighbours of one kind are one: a stream does not keep them apart."""
    chunks: list[dict[str, Any]] = []
    for step in reply.steps:
        last: dict[str, Any] = chunks[-1] if chunks else {"type": None}
        if isinstance(step, Reasoning) and last["type"] == "thinking":
            last["thinking"][0]["text"] += thought(step)
            last["signature"] = step.signature or last["signature"]
        elif isinstance(step, Reasoning):
            chunks.append(thinking_chunk(thought(step), step.signature))
        elif isinstance(step, Text | Refusal) and last["type"] == "text":
            last["text"] += step.text
        elif isinstance(step, Text | Refusal) and step.text:
            chunks.append({"type": "text", "text": step.text})
    return chunks


def thought(step: Reasoning) -> str:
    """What is shown of reasoning."""
    return (step.summary or "") + (step.text or "")


def thinking_chunk(text: str, signature: str | None) -> dict[str, Any]:
    """A chunk of thinking that is over, signed."""
    signed = signature or new_id("sim-mistral-signature")
    return {
        "type": "thinking",
        "thinking": [{"type": "text", "text": text}],
        "signature": signed,
        "closed": True,
    }


def calls_of(reply: Reply) -> list[dict[str, Any]]:
    """The calls, whole."""
    steps: Sequence[ToolCall] = [step for step in reply.steps if isinstance(step, ToolCall)]
    return [
        {
            "id": _call_id(step.call_id or ""),
            "type": "function",
            "function": {"name": step.name, "arguments": step.arguments_json},
            "index": index,
        }
        for index, step in enumerate(steps)
    ]


def _call_id(call_id: str) -> str:
    """The call's id, or nine letters and digits made of it: other ids would be refused when they come back."""
    if re.fullmatch(r"[a-zA-Z0-9]{9}", call_id):
        return call_id
    number = int.from_bytes(hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).digest())
    letters = []
    for _ in range(9):
        number, digit = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[digit])
    return "".join(letters)


def finish_reason(reply: Reply) -> str:
    """Mistral's word for why it ended; it has none for a refusal."""
    return _REASONS.get(reply.stop_reason, "stop")


def usage_object(usage: TokenUsage) -> dict[str, Any]:
    """The usage in Mistral's counting: cached input is part of the prompt, audio is not; no bucket for reasoning."""
    cached, heard = usage.cached_read_tokens or 0, usage.audio_input_tokens or 0
    prompt = (
        (usage.input_tokens or 0) + (usage.tool_use_tokens or 0) + (usage.cached_write_tokens or 0) + cached
    )
    completion = (usage.output_tokens or 0) + (usage.reasoning_tokens or 0) + (usage.audio_output_tokens or 0)
    details = {"cached_tokens": cached, **({"audio_tokens": heard} if heard else {})}
    total = prompt + completion + heard
    return {
        "prompt_tokens": prompt,
        "total_tokens": total if usage.total_tokens is None else usage.total_tokens,
        "completion_tokens": completion,
        "prompt_tokens_details": details,
        "service_tier": "standard",
    }
