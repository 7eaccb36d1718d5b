"""Anthropic's usage objects, in buckets that never overlap.

The input count excludes what was read from and written to the cache; the output count includes thinking.
``iterations`` (beta) lists every sampling of a response: compaction and advisors are billed and are not in
the counts beside it, so where there is a list, it is what is counted. There is no total.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lamella.providers import Wire, less, read_count, read_table
from lamella.usage import TokenUsage

__all__ = ["merge_usage", "read_usage"]

_COUNTED = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


def merge_usage(known: Mapping[str, Wire], fresh: Wire) -> Mapping[str, Wire]:
    """A stream's usage so far: counts are cumulative, so a later one replaces an earlier, field by field."""
    if not isinstance(fresh, Mapping):
        return known
    return {
        **known,
        **{name: value for name, value in fresh.items() if value is not None or name not in known},
    }


def read_usage(raw: Wire) -> TokenUsage | None:
    """The usage object of a message, ``None`` when there is none."""
    if not isinstance(raw, Mapping) or not raw:
        return None
    counts = _iterations(raw.get("iterations")) or {name: read_count(raw.get(name)) for name in _COUNTED}
    thought = read_count(read_table(raw.get("output_tokens_details")).get("thinking_tokens"))
    made, written = counts["output_tokens"], counts["cache_creation_input_tokens"]
    return TokenUsage(
        input_tokens=counts["input_tokens"],
        output_tokens=less(made, thought),
        cached_read_tokens=counts["cache_read_input_tokens"],
        cached_write_tokens=_written(raw) if written is None else written,
        reasoning_tokens=thought,
        raw=raw,
    )


def _iterations(found: Wire) -> dict[str, int | None] | None:
    """The sums over a list of iterations, ``None`` where it is no such list."""
    if not isinstance(found, Sequence) or isinstance(found, str) or not found:
        return None
    sums: dict[str, int | None] = dict.fromkeys(_COUNTED)
    for each in found:
        if not isinstance(each, Mapping) or read_count(each.get("input_tokens")) is None:
            return None
        for name in _COUNTED:
            count = read_count(each.get(name))
            if count is not None:
                sums[name] = (sums[name] or 0) + count
    return sums


def _written(raw: Mapping[str, Wire]) -> int | None:
    """What was written to the cache, where it is only told by time to live."""
    counts = [
        count
        for value in read_table(raw.get("cache_creation")).values()
        if (count := read_count(value)) is not None
    ]
    return sum(counts) if counts else None
