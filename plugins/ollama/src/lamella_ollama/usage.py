"""Ollama's token counts ("Usage" in its API documentation).

``eval_count`` includes thinking, without saying how much of it; nothing is said about the prompt cache,
and a prompt that was cached whole may have no count at all. There is no total.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamella.providers import Wire, read_count
from lamella.usage import TokenUsage

__all__ = ["read_usage"]


def read_usage(line: Mapping[str, Wire]) -> TokenUsage | None:
    """The usage in the last line of a stream, or in a whole answer; ``None`` when there is none.

    Its ``raw`` are the counts, and the durations in nanoseconds.
    """
    raw: dict[str, Any] = {
        name: value for name, value in line.items() if name.endswith(("_count", "_duration"))
    }
    if not raw:
        return None
    return TokenUsage(
        input_tokens=read_count(raw.get("prompt_eval_count")),
        output_tokens=read_count(raw.get("eval_count")),
        raw=raw,
    )
