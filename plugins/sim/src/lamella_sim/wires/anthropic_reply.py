"""A reply as Anthropic's content blocks, stop reason and usage."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any, Final

from lamella.usage import TokenUsage
from lamella_sim.reply import Reply, new_id
from lamella_sim.steps import Delay, Reasoning, Refusal, Step, Text, ToolCall
from lamella_sim.wires.openai import Payload
from lamella_sim.wires.wire import Asked

__all__ = ["content_block", "delta_usage", "message_object", "speaking", "stop_fields", "usage_object"]

_REASONS: Final = {
    "tool_use": "tool_use",
    "max_tokens": "max_tokens",
    "stop_sequence": "stop_sequence",
    "refusal": "refusal",
    "content_filter": "refusal",
    "pause": "pause_turn",
}


def message_object(reply: Reply, asked: Asked) -> dict[str, Any]:
    """The message, complete."""
    blocks = [content_block(step, asked) for step in speaking(reply) if not isinstance(step, Delay)]
    return {
        "model": reply.model,
        "id": f"msg_{reply.id}",
        "type": "message",
        "role": "assistant",
        "content": blocks,
        **stop_fields(reply, asked),
        "usage": usage_object(reply.usage),
    }


def speaking(reply: Reply) -> Iterator[Step]:
    """The steps that become blocks, and the delays: this wire has no empty text."""
    return (step for step in reply.steps if not isinstance(step, Text | Refusal) or step.text)


def content_block(step: Step, asked: Asked) -> dict[str, Any]:
    """The block of a step. Reasoning that is nothing but a signature is redacted thinking."""
    if isinstance(step, ToolCall):
        # Arguments that are no object have no place in a whole message; Anthropic's documents name this one.
        given = step.arguments if step.arguments is not None else {"INVALID_JSON": step.arguments_json}
        caller = {"caller": {"type": "direct"}}
        return {"type": "tool_use", "id": _call_id(step), "name": step.name, "input": given, **caller}
    if isinstance(step, Reasoning):
        if step.text is None and step.summary is None:
            return {"type": "redacted_thinking", "data": step.signature}
        shown = "" if _omitted(asked.payload) else (step.summary or "") + (step.text or "")
        signature = step.signature or new_id("sim-anthropic-signature")
        return {"type": "thinking", "thinking": shown, "signature": signature}
    assert isinstance(step, Text | Refusal), f"a reply holds no {type(step).__name__}"
    return {"type": "text", "text": step.text}


def _omitted(payload: Payload) -> bool:
    return bool(payload.get("thinking", {}).get("display") == "omitted")


def _call_id(step: ToolCall) -> str:
    """The call's id, or one that this wire allows."""
    call_id = step.call_id or new_id("toolu")
    if re.fullmatch(r"[a-zA-Z0-9_-]+", call_id):
        return call_id
    return f"toolu_{hashlib.sha256(call_id.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}"


def stop_fields(reply: Reply, asked: Asked) -> dict[str, Any]:
    """``stop_reason`` and what goes with it."""
    reason = _REASONS.get(reply.stop_reason, "end_turn")
    stops = asked.payload.get("stop_sequences") or [None]
    details = {"type": "refusal", "category": None, "explanation": None} if reason == "refusal" else None
    return {
        "stop_reason": reason,
        "stop_sequence": stops[0] if reason == "stop_sequence" else None,
        "stop_details": details,
    }


def delta_usage(usage: TokenUsage) -> dict[str, Any]:
    """The counts that ``message_delta`` gives, all of them for the whole message.

    Input leaves cached tokens out, output includes thinking.
    """
    thinking = usage.reasoning_tokens or 0
    return {
        "input_tokens": sum(
            count or 0 for count in (usage.input_tokens, usage.tool_use_tokens, usage.audio_input_tokens)
        ),
        "cache_creation_input_tokens": usage.cached_write_tokens or 0,
        "cache_read_input_tokens": usage.cached_read_tokens or 0,
        "output_tokens": (usage.output_tokens or 0) + (usage.audio_output_tokens or 0) + thinking,
        "output_tokens_details": {"thinking_tokens": thinking},
    }


def usage_object(usage: TokenUsage) -> dict[str, Any]:
    """The usage of a whole message."""
    written = {
        "ephemeral_5m_input_tokens": usage.cached_write_tokens or 0,
        "ephemeral_1h_input_tokens": 0,
    }
    return {
        **delta_usage(usage),
        "cache_creation": written,
        "service_tier": "standard",
        "inference_geo": "not_available",
    }
