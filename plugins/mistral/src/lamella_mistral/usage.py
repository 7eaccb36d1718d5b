"""Mistral's token counts in buckets that never overlap.

``prompt_tokens`` includes what was cached, and does not include audio: the total is prompt, completion
and audio together. Where a total says that audio is part of the prompt after all, it is believed.
"""

from __future__ import annotations

from collections.abc import Mapping

from lamella.providers import Wire
from lamella.usage import TokenUsage

__all__ = ["read_usage"]


def read_usage(raw: Wire) -> TokenUsage | None:
    """The usage object of a completion or chunk, ``None`` when there is none."""
    if not isinstance(raw, Mapping):
        return None
    into = _mapping(raw.get("prompt_tokens_details") or raw.get("prompt_token_details"))
    out = _mapping(raw.get("completion_tokens_details"))
    cached = _count(into.get("cached_tokens"))
    if cached is None:
        cached = _count(raw.get("num_cached_tokens"))
    given, made = _count(raw.get("prompt_tokens")), _count(raw.get("completion_tokens"))
    heard, reasoning = _count(into.get("audio_tokens")), _count(out.get("reasoning_tokens"))
    total = _count(raw.get("total_tokens"))
    inside = heard if heard and None not in (given, made) and total == (given or 0) + (made or 0) else None
    return TokenUsage(
        input_tokens=_less(given, cached, inside),
        output_tokens=_less(made, reasoning),
        cached_read_tokens=cached,
        reasoning_tokens=reasoning,
        audio_input_tokens=heard,
        total_tokens=total,
        raw=raw,
    )


def _less(whole: int | None, *parts: int | None) -> int | None:
    return None if whole is None else max(whole - sum(part or 0 for part in parts), 0)


def _mapping(value: Wire) -> Mapping[str, Wire]:
    return value if isinstance(value, Mapping) else {}


def _count(value: Wire) -> int | None:
    """A count, ``None`` for anything that is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return None
    return max(int(value), 0) if abs(value) < 1e18 else None
