"""Token counts in disjoint buckets."""

from __future__ import annotations

from typing import Any

import pytest

from lamella.usage import BUCKETS, TokenUsage
from lamella_openai.usage import read_chat_usage, read_responses_usage


def buckets(usage: TokenUsage | None) -> tuple[int | None, ...]:
    assert usage is not None
    return (
        usage.input_tokens,
        usage.output_tokens,
        usage.cached_read_tokens,
        usage.reasoning_tokens,
        usage.total_tokens,
    )


def responses(given: int, made: int, cached: int, reasoning: int) -> dict[str, Any]:
    return {
        "input_tokens": given,
        "input_tokens_details": {"cached_tokens": cached},
        "output_tokens": made,
        "output_tokens_details": {"reasoning_tokens": reasoning},
        "total_tokens": given + made,
    }


def test_f_use03_goldens() -> None:
    """F-USE03."""
    assert buckets(read_responses_usage(responses(500, 0, 400, 0)))[:3] == (100, 0, 400)
    assert buckets(read_responses_usage(responses(100, 80, 30, 20))) == (70, 60, 30, 20, 180)
    chat = {
        "prompt_tokens": 100,
        "completion_tokens": 80,
        "total_tokens": 180,
        "prompt_tokens_details": {"cached_tokens": 30},
        "completion_tokens_details": {"reasoning_tokens": 20},
    }
    assert buckets(read_chat_usage(chat)) == (70, 60, 30, 20, 180)


def test_f_use03_never_below_zero() -> None:
    """F-USE03: servers report more cached than given, more reasoning than made."""
    assert buckets(read_responses_usage(responses(100, 80, 130, 90)))[:2] == (0, 0)


def test_f_use01_buckets_add_up_to_the_total() -> None:
    """F-USE01: cached writes and audio have their own."""
    raw = {
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "total_tokens": 150,
        "prompt_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 20, "audio_tokens": 30},
        "completion_tokens_details": {
            "reasoning_tokens": 5,
            "audio_tokens": 15,
            "rejected_prediction_tokens": 7,
        },
    }
    usage = read_chat_usage(raw)
    assert usage is not None
    assert (usage.cached_write_tokens, usage.audio_input_tokens, usage.audio_output_tokens) == (20, 30, 15)
    assert sum(getattr(usage, name) or 0 for name in BUCKETS) == usage.total_tokens
    assert usage.raw == raw


def test_reasoning_that_is_counted_apart() -> None:
    """xAI: the total is input, output and reasoning."""
    raw = {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 115,
        "completion_tokens_details": {"reasoning_tokens": 100},
    }
    assert buckets(read_chat_usage(raw)) == (10, 5, None, 100, 115)


def test_f_use01_what_is_not_reported_is_none() -> None:
    """F-USE01."""
    assert buckets(read_chat_usage({"prompt_tokens": 3, "completion_tokens": 0})) == (3, 0, None, None, None)
    assert buckets(read_chat_usage({})) == (None,) * 5


@pytest.mark.parametrize("raw", [None, "x", [], 3])
def test_what_is_no_usage(raw: Any) -> None:
    assert read_chat_usage(raw) is None
    assert read_responses_usage(raw) is None


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), True, "7", None, [], {}])
def test_odd_counts_are_no_counts(odd: Any) -> None:
    assert buckets(read_chat_usage({"prompt_tokens": odd, "prompt_tokens_details": odd}))[0] is None


def test_counts_of_deepseek_and_of_floats() -> None:
    raw = {"prompt_tokens": 10.0, "completion_tokens": 1, "prompt_cache_hit_tokens": 4}
    assert buckets(read_chat_usage(raw))[:3] == (6, 1, 4)
