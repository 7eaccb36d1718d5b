"""A usage in the units of the price data, which count every token once in each total it belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice, Provider, UsageExtractor

    from lamella.usage import TokenUsage

__all__ = ["Counts", "counts_of", "detailed_counts", "request_context", "with_zeros"]

Counts: TypeAlias = Mapping[str, int]
"""Counts by the usage keys of ``genai-prices``."""

_TOTALS: Final = ("input_tokens", "output_tokens")


def counts_of(usage: TokenUsage) -> Counts:
    """The buckets, summed to totals. What was not reported counts nothing."""
    read, written = usage.cached_read_tokens or 0, usage.cached_write_tokens or 0
    heard, spoken = usage.audio_input_tokens or 0, usage.audio_output_tokens or 0
    tools, thought = usage.tool_use_tokens or 0, usage.reasoning_tokens or 0
    return {
        "input_tokens": (usage.input_tokens or 0) + read + written + heard + tools,
        "output_tokens": (usage.output_tokens or 0) + thought + spoken,
        "cache_read_tokens": read,
        "cache_write_tokens": written,
        "input_audio_tokens": heard,
        "input_tool_tokens": tools,
        "output_audio_tokens": spoken,
        "output_reasoning_tokens": thought,
    }


def detailed_counts(usage: TokenUsage, provider: Provider) -> Counts | None:
    """The buckets with what only the vendor's own object says: lifetimes of the cache, images, searches.

    ``None`` without that object, and where it contradicts the buckets.
    """
    if usage.raw is None:
        return None
    counts = counts_of(usage)
    for extractor in provider.extractors or ():
        found = _extracted(extractor, usage.raw)
        if found is not None and all(found.get(total, 0) == counts[total] for total in _TOTALS):
            return {**counts, **found}
    return None


def _extracted(extractor: UsageExtractor, raw: Mapping[str, Any]) -> Counts | None:
    """What a reader of the vendor's responses finds, ``None`` when it is for another kind of response."""
    path: Iterable[Any] = [extractor.root] if isinstance(extractor.root, str) else extractor.root
    response: Any = raw
    for step in reversed(list(path)):
        response = {step: response}
    try:
        _, usage = extractor.extract(response)
    except ValueError:
        return None
    return vars(usage)


def with_zeros(counts: Counts, prices: ModelPrice) -> Counts:
    """The counts with 0 for each kind of token that has a price and was not counted: else it is asked for."""
    priced = (key.removesuffix("_mtok") for key in vars(prices) if key.endswith("_mtok"))
    return {**{f"{kind}_tokens": 0 for kind in priced}, **counts}


def request_context(usage: TokenUsage) -> dict[str, str]:
    """What the vendor's object says of the tier that the request was served in."""
    raw = usage.raw or {}
    context = {name: raw[name] for name in ("service_tier", "speed") if isinstance(raw.get(name), str)}
    if context.get("service_tier") == "batch":
        context["processing"] = "batch"
    return context
