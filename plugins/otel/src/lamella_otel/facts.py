"""Attributes of what events say: the parameters of a request, and what a response used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from lamella.usage import TokenUsage
from lamella_otel.names import INPUT_TOKENS, OUTPUT_TOKENS

__all__ = ["Attributes", "Value", "request_attributes", "token_counts", "usage_attributes"]

Value: TypeAlias = str | bool | int | float | list[str]
Attributes: TypeAlias = dict[str, Value]


def _number(value: Any) -> float | None:
    return None if isinstance(value, bool) or not isinstance(value, int | float) else float(value)


def _count(value: Any) -> int | None:
    return value if type(value) is int else None


def _more_than_one(value: Any) -> int | None:
    return value if type(value) is int and value > 1 else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _texts(value: Any) -> list[str] | None:
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list | tuple) or not all(isinstance(item, str) for item in found):
        return None
    return list(found) or None


_Reader: TypeAlias = Callable[[Any], Value | None]

_REQUEST: Final[tuple[tuple[str, _Reader, tuple[str, ...]], ...]] = (
    ("gen_ai.request.temperature", _number, ("temperature",)),
    ("gen_ai.request.top_p", _number, ("top_p",)),
    ("gen_ai.request.top_k", _count, ("top_k",)),
    ("gen_ai.request.max_tokens", _count, ("max_tokens", "max_output_tokens", "max_completion_tokens")),
    ("gen_ai.request.frequency_penalty", _number, ("frequency_penalty",)),
    ("gen_ai.request.presence_penalty", _number, ("presence_penalty",)),
    ("gen_ai.request.stop_sequences", _texts, ("stop_sequences", "stop")),
    ("gen_ai.request.seed", _count, ("seed", "random_seed")),
    ("gen_ai.request.choice.count", _more_than_one, ("n",)),
    ("gen_ai.request.reasoning.level", _text, ("reasoning_effort",)),
)
"""The convention's name, how its value is read, and what our providers call it."""


def request_attributes(settings: Mapping[str, Any]) -> Attributes:
    """The parameters among a model's settings that the convention has a name for; no other setting is told."""
    found: Attributes = {}
    for name, read, keys in _REQUEST:
        for key in keys:
            value = read(settings.get(key))
            if value is not None:
                found[name] = value
                break
    return found


def _sum(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def token_counts(usage: TokenUsage) -> tuple[int | None, int | None]:
    """Tokens in and out as the convention counts them: in includes cached ones, out includes reasoning."""
    taken = _sum(
        (
            usage.input_tokens,
            usage.cached_read_tokens,
            usage.cached_write_tokens,
            usage.tool_use_tokens,
            usage.audio_input_tokens,
        )
    )
    return taken, _sum((usage.output_tokens, usage.reasoning_tokens, usage.audio_output_tokens))


def usage_attributes(usage: TokenUsage | None) -> Attributes:
    """What a response used; what was not reported is left out."""
    if usage is None:
        return {}
    taken, made = token_counts(usage)
    counts = {
        INPUT_TOKENS: taken,
        OUTPUT_TOKENS: made,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_read_tokens,
        "gen_ai.usage.cache_write.input_tokens": usage.cached_write_tokens,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens,
        "gen_ai.usage.audio.input_tokens": usage.audio_input_tokens,
        "gen_ai.usage.audio.output_tokens": usage.audio_output_tokens,
    }
    return {name: count for name, count in counts.items() if count is not None}
