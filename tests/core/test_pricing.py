"""Prices: the longest prefix that ends at a boundary, every bucket, and what nobody prices."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamella import Price, PriceTable, TokenUsage
from lamella.config import Project, use_project
from lamella.errors import AgentInputError
from lamella.pricing import cost_of
from lamella.usage import BUCKETS

LAUREN = PriceTable.of(
    {
        "claude-opus-4-6": (15, 75),
        "claude-opus-4-5": (15, 75),
        "claude-opus-4": (15, 75),
        "claude-sonnet-4-6": (3, 15),
        "claude-sonnet-4-5": (3, 15),
        "claude-sonnet-4": (3, 15),
        "claude-haiku-4-5": (0.25, 1.25),
        "claude-haiku-4": (0.25, 1.25),
        "claude-3-5-sonnet-20241022": (3, 15),
        "claude-3-5-haiku-20241022": (0.8, 4),
        "claude-3-opus-20240229": (15, 75),
        "claude-3-haiku-20240307": (0.25, 1.25),
        "gpt-4o": (5, 15),
        "gpt-4o-mini": (0.15, 0.60),
        "gpt-4-turbo": (10, 30),
        "gpt-4": (30, 60),
        "gpt-3.5-turbo": (0.5, 1.5),
        "o1": (15, 60),
        "o1-mini": (3, 12),
        "o3": (15, 60),
        "o3-mini": (1.1, 4.4),
    },
    source="lauren-ai",
)
MILLION = TokenUsage(input_tokens=1_000_000, output_tokens=1_000_000)


@pytest.fixture(autouse=True)
def bare() -> Any:
    with use_project(Project.bare()):
        yield


@pytest.mark.parametrize(
    ("model", "dollars"),
    [
        ("claude-opus-4-6", 90.0),
        ("claude-haiku-4-5-20251001", 1.5),
        ("claude-3-5-haiku-20241022", 4.8),
        ("gpt-4o-2024-05-13", 20.0),
        ("gpt-3.5-turbo-0125", 2.0),
        ("o1-mini", 15.0),
        ("somebody-else", 4.0),
    ],
)
def test_f_use07_goldens(model: str, dollars: float) -> None:
    assert MILLION.cost_usd(model, prices=LAUREN) == dollars


def test_f_use07_an_unknown_model_costs_the_fallback_and_says_so() -> None:
    cost = MILLION.cost("nobody-knows", prices=LAUREN)
    assert (cost.amount, cost.priced, cost.source) == (Decimal(4), False, "fallback")
    assert MILLION.cost_usd("nobody-knows") == 4.0


def test_f_use08_the_source_tells_whose_prices_they_are() -> None:
    cost = MILLION.cost("gpt-4o", prices=LAUREN)
    assert (cost.amount, cost.priced, cost.source) == (Decimal(20), True, "lauren-ai")


@pytest.mark.parametrize(
    ("model", "row"),
    [
        ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("gpt-4o-audio", "gpt-4o"),
        ("o3-mini-2025-01-31", "o3-mini"),
        ("o3-2025-04-16", "o3"),
        ("gpt-4-0613", "gpt-4"),
        ("gpt-4:latest", "gpt-4"),
        ("gpt-4@20240101", "gpt-4"),
        ("gpt-4.1", None),
        ("gpt-4.1-mini", None),
        ("gpt-4x", None),
        ("o3mini", None),
        ("gpt", None),
        ("", None),
    ],
)
def test_f_n24_a_row_prices_a_model_only_up_to_a_boundary(model: str, row: str | None) -> None:
    assert LAUREN.lookup(model) == (None if row is None else LAUREN.rows[row])


def test_f_n24_cache_tokens_cost() -> None:
    table = PriceTable.of({"m": Price(input=10, output=20, cached_read=1, cached_write="12.5")})
    usage = TokenUsage(cached_read_tokens=1_000_000, cached_write_tokens=2_000_000)
    assert cost_of(usage, "m", prices=table).amount == Decimal(26)
    plain = PriceTable.of({"m": (10, 20)})
    assert cost_of(usage, "m", prices=plain).amount == Decimal(30), "without a price of their own: as input"


@pytest.mark.parametrize(
    ("bucket", "dollars"),
    [
        ("input_tokens", 10),
        ("output_tokens", 20),
        ("cached_read_tokens", 10),
        ("cached_write_tokens", 10),
        ("reasoning_tokens", 20),
        ("tool_use_tokens", 10),
        ("audio_input_tokens", 10),
        ("audio_output_tokens", 20),
    ],
)
def test_every_bucket_is_priced(bucket: str, dollars: int) -> None:
    usage = TokenUsage(**{bucket: 1_000_000})  # type: ignore[arg-type]
    assert cost_of(usage, "m", prices=PriceTable.of({"m": (10, 20)})).amount == dollars
    own = {bucket.removesuffix("_tokens"): 7}
    table = PriceTable.of({"m": {"input": 10, "output": 20, **own}})
    assert cost_of(usage, "m", prices=table).amount == 7


@given(
    st.fixed_dictionaries({bucket: st.none() | st.integers(0, 10**9) for bucket in BUCKETS}),
    st.fixed_dictionaries({bucket: st.none() | st.integers(0, 10**9) for bucket in BUCKETS}),
)
def test_costs_add_as_usages_do(one: dict[str, Any], two: dict[str, Any]) -> None:
    price = Price(input="0.25", output=1.25, cached_read="0.025")
    first, second = TokenUsage(**one), TokenUsage(**two)
    assert price.amount(first) + price.amount(second) == price.amount(first + second)


def test_a_total_alone_is_charged_as_an_upper_bound_and_is_no_price() -> None:
    cost = TokenUsage(total_tokens=1_000_000).cost("gpt-4o", prices=LAUREN)
    assert (cost.amount, cost.priced) == (Decimal(15), False)
    assert TokenUsage().cost("gpt-4o", prices=LAUREN).amount == 0
    assert TokenUsage().cost("gpt-4o", prices=LAUREN).priced


def test_a_row_may_be_for_one_provider_only() -> None:
    table = PriceTable.of({"m": (1, 1), "acme:m": (2, 2), "acme:only": (3, 3), "acme": (9, 9)})
    for provider, model, dollars in [
        (None, "m", 2),
        ("acme", "m", 4),
        ("acme", "m-2024", 4),
        ("other", "m", 2),
        ("acme", "only", 6),
    ]:
        assert MILLION.cost(model, provider, prices=table).amount == dollars
    assert table.lookup("only") is None
    assert table.lookup("unknown", "acme") is None, "a row named like the provider is no price of its models"


def test_a_model_may_be_written_with_its_provider() -> None:
    assert MILLION.cost_usd("openai:gpt-4o", prices=LAUREN) == 20.0
    assert not MILLION.cost("openai:unknown", prices=LAUREN).priced


@pytest.mark.parametrize("row", [(1,), (1, 2, 3), ("x", 1), (-1, 1), (True, 1), ("nan", 1), {"inputs": 1}, 3])
def test_a_malformed_price_is_refused(row: Any) -> None:
    with pytest.raises(AgentInputError, match="price"):
        PriceTable.of({"m": row})


def test_the_repr_does_not_print_the_table() -> None:
    assert repr(LAUREN) == "PriceTable(rows=<21 models>, source='lauren-ai')"


def test_f_plg03_prices_come_from_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "lamella.toml").write_text(
        '[prices]\n"gpt-4.1" = [2, 8]\n"acme:m" = { input = 1, output = 2, cached-read = 0.1 }\n',
        encoding="utf-8",
    )
    with use_project(Project.load(tmp_path, environ={"LAMELLA__PRICES__M2": "1.5,3"})):
        cost = MILLION.cost("gpt-4.1-mini")
        assert (cost.amount, cost.priced, cost.source) == (Decimal(10), True, "configuration")
        assert MILLION.cost("m", "acme").amount == 3
        assert TokenUsage(cached_read_tokens=1_000_000).cost("acme:m").amount == Decimal("0.1")
        assert MILLION.cost("m2").amount == Decimal("4.5")
        assert not MILLION.cost("m").priced
