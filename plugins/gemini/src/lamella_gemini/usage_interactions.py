"""The token counts of the Interactions API in buckets that never overlap.

Its input count includes what was cached; thoughts are apart from the output, and what server-side tools read
is apart from the input ("Usage" in the API reference). Only audio is cut out by modality.
"""

from __future__ import annotations

from collections.abc import Mapping

from lamella.providers import Wire, less, read_count
from lamella.usage import TokenUsage

__all__ = ["read_interactions_usage"]


def read_interactions_usage(raw: Wire) -> TokenUsage | None:
    """The usage object of an interaction, ``None`` when there is none."""
    if not isinstance(raw, Mapping):
        return None
    cached = read_count(raw.get("total_cached_tokens"))
    heard_again = _audio(raw.get("cached_tokens_by_modality"))
    heard = less(_audio(raw.get("input_tokens_by_modality")), heard_again)
    spoken = _audio(raw.get("output_tokens_by_modality"))
    thought = read_count(raw.get("total_thought_tokens"))
    return TokenUsage(
        input_tokens=less(read_count(raw.get("total_input_tokens")), cached, heard),
        output_tokens=less(read_count(raw.get("total_output_tokens")), spoken),
        cached_read_tokens=cached,
        reasoning_tokens=read_count(raw.get("total_reasoning_tokens")) if thought is None else thought,
        tool_use_tokens=read_count(raw.get("total_tool_use_tokens")),
        audio_input_tokens=heard,
        audio_output_tokens=spoken,
        total_tokens=read_count(raw.get("total_tokens")),
        raw=raw,
    )


def _audio(modalities: Wire) -> int | None:
    """The tokens of audio in a list of ``{"modality", "tokens"}``, ``None`` where it names no audio."""
    if not isinstance(modalities, list | tuple):
        return None
    found = [
        count
        for entry in modalities
        if isinstance(entry, Mapping)
        and str(entry.get("modality")).lower() == "audio"
        and (count := read_count(entry.get("tokens"))) is not None
    ]
    return sum(found) if found else None
