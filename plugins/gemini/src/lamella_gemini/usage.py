"""Google's token counts in buckets that never overlap.

``promptTokenCount`` includes what was cached and spoken; ``thoughtsTokenCount`` and
``toolUsePromptTokenCount`` are apart from prompt and candidates ("UsageMetadata" in the API reference).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamella.providers import Wire, less, read_count
from lamella.usage import TokenUsage

__all__ = ["read_usage"]


def read_usage(raw: Wire) -> TokenUsage | None:
    """The ``usageMetadata`` of a response, ``None`` when there is none."""
    if not isinstance(raw, Mapping):
        return None
    given, made = read_count(raw.get("promptTokenCount")), read_count(raw.get("candidatesTokenCount"))
    cached = read_count(raw.get("cachedContentTokenCount"))
    heard = _heard(raw, given, cached)
    spoken = _audio(raw.get("candidatesTokensDetails"))
    return TokenUsage(
        input_tokens=less(given, cached, heard),
        output_tokens=less(made, spoken),
        cached_read_tokens=cached,
        reasoning_tokens=read_count(raw.get("thoughtsTokenCount")),
        tool_use_tokens=read_count(raw.get("toolUsePromptTokenCount")),
        audio_input_tokens=heard,
        audio_output_tokens=spoken,
        total_tokens=read_count(raw.get("totalTokenCount")),
        raw=raw,
    )


def _heard(raw: Mapping[str, Any], given: int | None, cached: int | None) -> int | None:
    """Spoken input that was not cached; the part of the cache that was spoken is counted there."""
    heard = _audio(raw.get("promptTokensDetails"))
    if heard is None:
        return None
    apart = max(heard - (_audio(raw.get("cacheTokensDetails")) or 0), 0)
    return apart if given is None else min(apart, max(given - (cached or 0), 0))


def _audio(details: Wire) -> int | None:
    """The spoken tokens in a breakdown by modality, ``None`` where it names none."""
    entries = details if isinstance(details, list | tuple) else ()
    found = [
        count
        for entry in entries
        if isinstance(entry, Mapping)
        and entry.get("modality") == "AUDIO"
        and (count := read_count(entry.get("tokenCount"))) is not None
    ]
    return sum(found) if found else None
