"""OpenAI's token counts in buckets that never overlap.

Their input counts include what was cached and spoken, their output counts include reasoning; see
"Usage" in the API reference of both endpoints. Some compatible servers count reasoning apart: the
reported total tells which. Tokens of a rejected prediction are billed as output and stay in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamella.providers import Wire, less, read_count, read_table
from lamella.usage import TokenUsage

__all__ = ["read_chat_usage", "read_responses_usage"]


def read_responses_usage(raw: Wire) -> TokenUsage | None:
    """The usage object of a response, ``None`` when there is none."""
    if not isinstance(raw, Mapping):
        return None
    into = read_table(raw.get("input_tokens_details"))
    out = read_table(raw.get("output_tokens_details"))
    return _usage(
        raw,
        given=read_count(raw.get("input_tokens")),
        made=read_count(raw.get("output_tokens")),
        cached=read_count(into.get("cached_tokens")),
        written=read_count(into.get("cache_write_tokens")),
        reasoning=read_count(out.get("reasoning_tokens")),
    )


def read_chat_usage(raw: Wire) -> TokenUsage | None:
    """The usage object of a chat completion or chunk, ``None`` when there is none."""
    if not isinstance(raw, Mapping):
        return None
    into = read_table(raw.get("prompt_tokens_details"))
    out = read_table(raw.get("completion_tokens_details"))
    cached = read_count(into.get("cached_tokens"))
    return _usage(
        raw,
        given=read_count(raw.get("prompt_tokens")),
        made=read_count(raw.get("completion_tokens")),
        cached=read_count(raw.get("prompt_cache_hit_tokens")) if cached is None else cached,
        written=read_count(into.get("cache_write_tokens")),
        reasoning=read_count(out.get("reasoning_tokens")),
        heard=read_count(into.get("audio_tokens")),
        spoken=read_count(out.get("audio_tokens")),
    )


def _usage(
    raw: Mapping[str, Any],
    *,
    given: int | None,
    made: int | None,
    cached: int | None,
    written: int | None,
    reasoning: int | None,
    heard: int | None = None,
    spoken: int | None = None,
) -> TokenUsage:
    total = read_count(raw.get("total_tokens"))
    apart = reasoning if _counted_apart(given, made, reasoning, total) else 0
    return TokenUsage(
        input_tokens=less(given, cached, written, heard),
        output_tokens=less(made, (reasoning or 0) - (apart or 0), spoken),
        cached_read_tokens=cached,
        cached_write_tokens=written,
        reasoning_tokens=reasoning,
        audio_input_tokens=heard,
        audio_output_tokens=spoken,
        total_tokens=total,
        raw=raw,
    )


def _counted_apart(given: int | None, made: int | None, reasoning: int | None, total: int | None) -> bool:
    """Whether reasoning is not part of the output count: the total fits only when it is added."""
    if not reasoning or given is None or made is None or total is None:
        return False
    return total == given + made + reasoning
