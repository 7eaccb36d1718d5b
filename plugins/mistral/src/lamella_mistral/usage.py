"""Mistral's token counts in buckets that never overlap.

``prompt_tokens`` includes what was cached, and does not include audio: the total is prompt, completion
and audio together. Where a total says that audio is part of the prompt after all, it is believed.
"""

from __future__ import annotations

from collections.abc import Mapping

from lamella.providers import Wire, less, read_count, read_table
from lamella.usage import TokenUsage

__all__ = ["read_usage"]


def read_usage(raw: Wire) -> TokenUsage | None:
    """The usage object of a completion or chunk, ``None`` when there is none."""
    if not isinstance(raw, Mapping):
        return None
    into = read_table(raw.get("prompt_tokens_details") or raw.get("prompt_token_details"))
    out = read_table(raw.get("completion_tokens_details"))
    cached = read_count(into.get("cached_tokens"))
    if cached is None:
        cached = read_count(raw.get("num_cached_tokens"))
    given, made = read_count(raw.get("prompt_tokens")), read_count(raw.get("completion_tokens"))
    heard, reasoning = read_count(into.get("audio_tokens")), read_count(out.get("reasoning_tokens"))
    total = read_count(raw.get("total_tokens"))
    inside = heard if heard and None not in (given, made) and total == (given or 0) + (made or 0) else None
    return TokenUsage(
        input_tokens=less(given, cached, inside),
        output_tokens=less(made, reasoning),
        cached_read_tokens=cached,
        reasoning_tokens=reasoning,
        audio_input_tokens=heard,
        total_tokens=total,
        raw=raw,
    )
