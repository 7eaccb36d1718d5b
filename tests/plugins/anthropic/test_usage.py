"""Usage: buckets that never overlap, merged over a stream, and what gateways make of it."""

from __future__ import annotations

from typing import Any

import pytest

from lamella_anthropic.usage import merge_usage, read_usage


def test_f_ant03_input_excludes_the_cache_and_output_includes_thinking() -> None:
    """F-ANT03."""
    raw = {
        "input_tokens": 95,
        "cache_read_input_tokens": 25,
        "cache_creation_input_tokens": 7,
        "output_tokens": 40,
        "output_tokens_details": {"thinking_tokens": 30},
    }
    usage = read_usage(raw)
    assert usage is not None
    assert (usage.input_tokens, usage.cached_read_tokens, usage.cached_write_tokens) == (95, 25, 7)
    assert (usage.output_tokens, usage.reasoning_tokens) == (10, 30)
    assert (usage.total_tokens, usage.resolved_total_tokens) == (None, 167)
    assert usage.raw == raw


def test_what_is_not_reported_is_none_and_zero_is_zero() -> None:
    usage = read_usage({"input_tokens": 0, "output_tokens": 3})
    assert usage is not None
    assert (usage.input_tokens, usage.cached_read_tokens, usage.reasoning_tokens) == (0, None, None)
    assert read_usage(None) is None
    assert read_usage([]) is None
    assert read_usage({}) is None


def test_iterations_are_what_is_billed() -> None:
    """Compaction and advisors are not in the counts beside them."""
    usage = read_usage(
        {
            "input_tokens": 162,
            "output_tokens": 8,
            "cache_read_input_tokens": 0,
            "output_tokens_details": {"thinking_tokens": 3},
            "iterations": [
                {
                    "type": "compaction",
                    "input_tokens": 99_195,
                    "output_tokens": 80,
                    "cache_read_input_tokens": 5,
                },
                {"type": "message", "input_tokens": 162, "output_tokens": 8, "cache_read_input_tokens": 0},
            ],
        }
    )
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.reasoning_tokens) == (99_357, 85, 3)
    assert (usage.cached_read_tokens, usage.cached_write_tokens) == (5, None)


@pytest.mark.parametrize("bad", [[], {}, "x", [1], [{}], [{"input_tokens": None}], 7])
def test_iterations_of_another_form_are_passed_over(bad: Any) -> None:
    usage = read_usage({"input_tokens": 1, "output_tokens": 2, "iterations": bad})
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (1, 2)


@pytest.mark.parametrize("bad", ["x", True, None, [], -3.5, float("nan"), 1e300])
def test_counts_that_are_none(bad: Any) -> None:
    usage = read_usage({"input_tokens": bad, "output_tokens": 1, "output_tokens_details": bad})
    assert usage is not None
    assert usage.input_tokens in (None, 0)
    assert usage.output_tokens == 1


def test_thinking_beyond_the_output_is_clamped() -> None:
    usage = read_usage({"output_tokens": 5, "output_tokens_details": {"thinking_tokens": 9}})
    assert usage is not None
    assert (usage.output_tokens, usage.reasoning_tokens) == (0, 9)


def test_a_cache_that_is_only_told_by_time_to_live() -> None:
    usage = read_usage(
        {
            "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4},
            "input_tokens": 1,
        }
    )
    assert usage is not None
    assert usage.cached_write_tokens == 7


def test_f_ant03_later_counts_replace_earlier_ones_field_by_field() -> None:
    """F-ANT03: null replaces nothing; what only the start said stays."""
    start = {"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 1, "service_tier": "standard"}
    merged = merge_usage(
        start, {"input_tokens": 12, "cache_read_input_tokens": None, "output_tokens": 9, "new": None}
    )
    assert merged == {**start, "input_tokens": 12, "output_tokens": 9, "new": None}
    assert merge_usage(start, None) == start
    assert merge_usage({}, start) == start
