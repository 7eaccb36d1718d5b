"""The usage objects of other systems, in buckets that never overlap."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamella import TokenUsage
from lamella.providers import less, read_count, read_table
from lamella_transcripts.node import Node

__all__ = [
    "anthropic_usage",
    "langchain_usage",
    "lasagna_cost",
    "lasagna_usage",
    "lauren_usage",
    "literun_usage",
    "pydantic_ai_usage",
]

_LITERUN = (
    "input_tokens",
    "output_tokens",
    "cached_read_tokens",
    "cached_write_tokens",
    "reasoning_tokens",
    "tool_use_tokens",
    "total_tokens",
)
_LASAGNA = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_write_tokens": "cached_write_tokens",
    "cache_read_tokens": "cached_read_tokens",
}


def anthropic_usage(raw: Any) -> TokenUsage | None:
    """Anthropic's: the input excludes what was cached, the output includes thinking."""
    if not isinstance(raw, Mapping) or not raw:
        return None
    thought = read_count(read_table(raw.get("output_tokens_details")).get("thinking_tokens"))
    return TokenUsage(
        input_tokens=read_count(raw.get("input_tokens")),
        output_tokens=less(read_count(raw.get("output_tokens")), thought),
        cached_read_tokens=read_count(raw.get("cache_read_input_tokens")),
        cached_write_tokens=read_count(raw.get("cache_creation_input_tokens")),
        reasoning_tokens=thought,
        raw=raw,
    )


def lasagna_usage(node: Node) -> TokenUsage | None:
    """A ``Cost`` of lasagna-ai, ``None`` where there is none. Fields that are missing were not reported."""
    if node.value is None:
        return None
    node.table()
    counts: dict[str, Any] = {mine: _count(node[theirs]) for theirs, mine in _LASAGNA.items()}
    return TokenUsage(**counts)


def lasagna_cost(usage: TokenUsage) -> dict[str, int]:
    """A usage as a ``Cost`` of lasagna-ai, with the buckets that it has."""
    counts = {theirs: getattr(usage, mine) for theirs, mine in _LASAGNA.items()}
    return {name: count for name, count in counts.items() if count is not None}


def literun_usage(node: Node) -> TokenUsage | None:
    """LiteRun's buckets are Lamella's."""
    if node.value is None:
        return None
    node.table()
    counts: dict[str, Any] = {name: _count(node[name]) for name in _LITERUN}
    return TokenUsage(**counts)


def lauren_usage(node: Node) -> TokenUsage | None:
    """lauren-ai's: 0 stands for what was not reported in all buckets but input and output."""
    if node.value is None:
        return None
    node.table()
    rest = {
        "cached_read_tokens": _count(node["cache_read_tokens"]),
        "cached_write_tokens": _count(node["cache_write_tokens"]),
        "reasoning_tokens": _count(node["reasoning_tokens"]),
        "audio_input_tokens": _count(node["audio_input_tokens"]),
        "audio_output_tokens": _count(node["audio_output_tokens"]),
    }
    return TokenUsage(
        input_tokens=_count(node["input_tokens"]),
        output_tokens=_count(node["output_tokens"]),
        cached_read_tokens=rest["cached_read_tokens"] or None,
        cached_write_tokens=rest["cached_write_tokens"] or None,
        reasoning_tokens=rest["reasoning_tokens"] or None,
        audio_input_tokens=rest["audio_input_tokens"] or None,
        audio_output_tokens=rest["audio_output_tokens"] or None,
    )


def pydantic_ai_usage(node: Node) -> TokenUsage | None:
    """pydantic-ai's ``RequestUsage``: input and output include what was cached, spoken or thought."""
    if not node.value:
        return None
    read, written = _count(node["cache_read_tokens"]) or 0, _count(node["cache_write_tokens"]) or 0
    heard, spoken = _count(node["input_audio_tokens"]) or 0, _count(node["output_audio_tokens"]) or 0
    thought = read_count(read_table(node["details"].value).get("reasoning_tokens"))
    return TokenUsage(
        input_tokens=less(_count(node["input_tokens"]), read, written, heard),
        output_tokens=less(_count(node["output_tokens"]), thought, spoken),
        cached_read_tokens=read or None,
        cached_write_tokens=written or None,
        reasoning_tokens=thought,
        audio_input_tokens=heard or None,
        audio_output_tokens=spoken or None,
        raw=node.value,
    )


def langchain_usage(node: Node) -> TokenUsage | None:
    """LangChain's ``usage_metadata``: the counts include their details."""
    if not node.value:
        return None
    into, out = read_table(node["input_token_details"].value), read_table(node["output_token_details"].value)
    read, written = read_count(into.get("cache_read")), read_count(into.get("cache_creation"))
    heard, spoken = read_count(into.get("audio")), read_count(out.get("audio"))
    thought = read_count(out.get("reasoning"))
    return TokenUsage(
        input_tokens=less(_count(node["input_tokens"]), read, written, heard),
        output_tokens=less(_count(node["output_tokens"]), thought, spoken),
        cached_read_tokens=read,
        cached_write_tokens=written,
        reasoning_tokens=thought,
        audio_input_tokens=heard,
        audio_output_tokens=spoken,
        total_tokens=_count(node["total_tokens"]),
        raw=node.value,
    )


def _count(node: Node) -> int | None:
    if node.value is None:
        return None
    if isinstance(node.value, bool) or not isinstance(node.value, int) or node.value < 0:
        node.fail("a count of tokens")
    return int(node.value)
