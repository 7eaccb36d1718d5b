"""Rows of Lamella's own tables: where they are exact."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from genai_prices.data_snapshot import get_snapshot
from hypothesis import given, settings
from hypothesis import strategies as st

from lamella import TokenUsage
from lamella.pricing import Price, PriceTable
from lamella.usage import BUCKETS
from lamella_prices import price, price_row

AT = datetime(2026, 11, 1, 20, tzinfo=UTC)


def test_a_row_is_the_price_of_the_moment() -> None:
    assert price_row("o3", "openai", at=datetime(2025, 5, 1)) == Price(input=10, output=40, cached_read="0.5")
    assert price_row("o3-2025-04-16", "openai", at=AT) == Price(input=2, output=8, cached_read="0.5")
    assert price_row("openai:gpt-4o-mini", at=AT) == Price(input="0.15", output="0.6", cached_read="0.075")


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("anthropic", "claude-sonnet-4-5"),  # by the size of the request, by the lifetime of what is cached
        ("deepseek", "deepseek-chat"),  # by the time of day
        ("perplexity", "sonar"),  # by request
        ("gemini", "gemini-2.5-flash-image"),  # by modality
        ("openai", "text-embedding-3-small"),  # no answer
        ("openai", "whisper-1"),  # by time
        ("openai", "unheard-of"),
        ("ollama", "gemma3"),
    ],
)
def test_what_no_row_says_exactly_has_none(provider: str, model: str) -> None:
    assert price_row(model, provider, at=AT) is None


exact = [
    (provider.id, model.id)
    for provider in get_snapshot().providers
    for model in provider.models
    if price_row(model.id, provider.id, at=AT)
]


def test_most_models_have_a_row() -> None:
    assert len(exact) > 1000


counts = st.one_of(st.none(), st.integers(0, 1_000_000))


@settings(deadline=None)
@given(st.builds(TokenUsage, **dict.fromkeys(BUCKETS, counts)), st.sampled_from(exact))
def test_a_table_of_rows_costs_what_the_price_data_costs(usage: TokenUsage, row: tuple[str, str]) -> None:
    provider, model = row
    found = price_row(model, provider, at=AT)
    cost = price(usage, model, provider, at=AT)
    assert found is not None
    if cost is not None:
        table = PriceTable.of({f"{provider}:{model}": found})
        assert usage.cost(model, provider, prices=table).amount == cost.amount
