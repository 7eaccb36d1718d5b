"""Google's token counts in buckets that never overlap.

``promptTokenCount`` includes what was cached and spoken; ``thoughtsTokenCount`` and
``toolUsePromptTokenCount`` are apart from prompt and candidates ("UsageMetadata" in the API reference).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lamella.providers import Wire, less, read_count
from lamella.usage import TokenUsage

__all__ = ["counts", "read_usage"]


_COUNTS: Final = (
    "totalTokenCount",
    "promptTokenCount",
    "candidatesTokenCount",
    "cachedContentTokenCount",
    "thoughtsTokenCount",
    "toolUsePromptTokenCount",
)


def counts(raw: Mapping[str, Wire]) -> bool:
    """Whether a usage object holds a count; some say only how the traffic was paid for."""
    return raw.get("totalTokenCount") is not None or any(raw.get(name) is not None for name in _COUNTS)


def read_usage(raw: Wire) -> TokenUsage | None:
    """The ``usageMetadata`` of a response, ``None`` when there is none."""
    if type(raw) is not dict:
        return None
    given, made = read_count(raw.get("promptTokenCount")), read_count(raw.get("candidatesTokenCount"))
    cached = read_count(raw.get("cachedContentTokenCount"))
    heard = _audio(raw.get("promptTokensDetails"))
    if heard is not None:
        heard = _uncached(heard, _audio(raw.get("cacheTokensDetails")), given, cached)
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


def _uncached(heard: int, heard_before: int | None, given: int | None, cached: int | None) -> int:
    """Spoken input that was not cached; the part of the cache that was spoken is counted there."""
    apart = max(heard - (heard_before or 0), 0)
    return apart if given is None else min(apart, max(given - (cached or 0), 0))


def _audio(details: Wire) -> int | None:
    """The spoken tokens in a breakdown by modality, ``None`` where it names none."""
    if not isinstance(details, list):
        return None
    found: int | None = None
    for entry in details:
        if type(entry) is dict and entry.get("modality") == "AUDIO":
            count = read_count(entry.get("tokenCount"))
            found = found if count is None else (found or 0) + count
    return found
