"""Token buckets that never overlap, their sums, and monotonic time."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamella.errors import AgentInputError
from lamella.usage import BUCKETS, Cost, Timing, TokenUsage, add_usage

import strategies as strat


def test_f_use01_buckets_are_none_unless_reported() -> None:
    usage = TokenUsage(input_tokens=0)
    assert usage.input_tokens == 0
    assert all(getattr(usage, name) is None for name in BUCKETS if name != "input_tokens")
    assert usage.total_tokens is None


@pytest.mark.parametrize("bad", [-1, 1.0, True, "3"])
def test_f_use01_a_bucket_is_a_count(bad: Any) -> None:
    with pytest.raises(AgentInputError, match=r"TokenUsage\.output_tokens"):
        TokenUsage(output_tokens=bad)


def test_f_use02_resolved_total() -> None:
    buckets = {
        "input_tokens": 80,
        "output_tokens": 20,
        "cached_read_tokens": 10,
        "cached_write_tokens": 2,
        "reasoning_tokens": 5,
        "tool_use_tokens": 3,
    }
    assert TokenUsage(**buckets, total_tokens=1234).resolved_total_tokens == 1234
    assert TokenUsage(**buckets).resolved_total_tokens == 120
    assert TokenUsage(total_tokens=0, input_tokens=3).resolved_total_tokens == 0
    assert TokenUsage().resolved_total_tokens is None


def test_f_use04_sum_of_reported_totals() -> None:
    total = TokenUsage(input_tokens=10, output_tokens=4, cached_read_tokens=1, total_tokens=14) + TokenUsage(
        input_tokens=7, output_tokens=3, cached_read_tokens=2, reasoning_tokens=5, total_tokens=10
    )
    assert (total.input_tokens, total.output_tokens, total.cached_read_tokens, total.reasoning_tokens) == (
        17,
        7,
        3,
        5,
    )
    assert total.total_tokens == 24
    assert total.tool_use_tokens is None


def test_f_use04_sum_of_computed_totals() -> None:
    total = TokenUsage(
        input_tokens=5, output_tokens=5, cached_read_tokens=2, reasoning_tokens=3
    ) + TokenUsage(input_tokens=1, output_tokens=2, cached_read_tokens=1)
    assert total.resolved_total_tokens == 19


def test_f_use04_sum_of_a_reported_and_a_computed_total() -> None:
    total = TokenUsage(total_tokens=15) + TokenUsage(input_tokens=3, output_tokens=2)
    assert total.resolved_total_tokens == 20


@given(strat.usages, strat.usages, strat.usages)
def test_f_use04_addition_is_that_of_each_bucket(
    left: TokenUsage, middle: TokenUsage, right: TokenUsage
) -> None:
    total = left + right
    for name in BUCKETS:
        one, other = getattr(left, name), getattr(right, name)
        expected = None if one is None and other is None else (one or 0) + (other or 0)
        assert getattr(total, name) == expected
    assert total.raw is None
    assert left + right == right + left
    assert (left + middle) + right == left + (middle + right)


@given(st.none() | strat.usages)
def test_f_use04_unreported_usage_adds_nothing(usage: TokenUsage | None) -> None:
    assert add_usage(usage, None) == usage
    assert add_usage(None, usage) == usage


def test_adding_something_else_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        TokenUsage() + 1  # type: ignore[operator]


def test_f_use09_timing() -> None:
    start = time.perf_counter()
    assert Timing(start_time=start).duration is None
    assert Timing(start_time=start, end_time=start + 2).duration == pytest.approx(2)
    assert "monotonic" in (Timing.__doc__ or "").lower()


def test_f_loop08_usage_is_frozen() -> None:
    usage = TokenUsage(raw={"a": {"b": 1}})
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        usage.input_tokens = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        usage.raw["a"]["b"] = 2  # type: ignore[index]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Cost(amount=Decimal(1), priced=True, source="s").amount = Decimal(2)  # type: ignore[misc]


def test_usages_can_be_summed() -> None:
    assert sum([TokenUsage(input_tokens=1), TokenUsage(input_tokens=2)]) == TokenUsage(
        input_tokens=3, total_tokens=3
    )
