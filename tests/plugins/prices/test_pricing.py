"""What a usage costs: every bucket, tiers, times, what only the vendor's object says, and what has no price."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal, localcontext
from typing import Any

import genai_prices
import pytest
from genai_prices.data_snapshot import DataSnapshot, get_snapshot, set_custom_snapshot
from genai_prices.types import (
    ClauseEquals,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    Provider,
    StartDateConstraint,
    Tier,
    TieredPrices,
    TimeOfDateConstraint,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lamella import TokenUsage
from lamella.usage import BUCKETS, Cost
from lamella_anthropic.usage import read_usage as read_anthropic
from lamella_gemini.usage import read_usage as read_gemini
from lamella_prices import price

AT = datetime(2026, 11, 1, 20, tzinfo=UTC)
MILLION = 1_000_000


def amount(
    usage: TokenUsage, model: str, provider: str | None = None, at: datetime = AT, **context: str
) -> Decimal | None:
    cost = price(usage, model, provider, at=at, context=context)
    return None if cost is None else cost.amount


def only(**buckets: Any) -> TokenUsage:
    return TokenUsage(**buckets)


@pytest.fixture
def custom() -> Iterator[Any]:
    """Puts a model ``m`` of the provider ``acme`` with given prices in the place of the price data."""

    def install(prices: Any, *, updated: datetime | None = None) -> None:
        model = ModelInfo(id="m", match=ClauseEquals("m"), prices=prices)
        acme = Provider(id="acme", name="Acme", api_pattern="acme", models=[model])
        snapshot = DataSnapshot([acme], from_auto_update=updated is not None)
        snapshot.timestamp = updated or snapshot.timestamp
        set_custom_snapshot(snapshot)

    yield install
    set_custom_snapshot(None)


# -- buckets --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bucket", "dollars"),
    [
        ("input_tokens", "3"),
        ("output_tokens", "15"),
        ("cached_read_tokens", "0.3"),
        ("cached_write_tokens", "3.75"),
        ("reasoning_tokens", "15"),
        ("tool_use_tokens", "3"),
        ("audio_input_tokens", "3"),
        ("audio_output_tokens", "15"),
    ],
)
def test_f_use07_every_bucket_has_a_price(bucket: str, dollars: str) -> None:
    """F-USE07, F-N24: cache tokens cost; what has no price of its own costs as its direction does."""
    usage = only(**{bucket: 100_000})  # below the tier of long requests
    assert amount(usage, "claude-sonnet-4-5", "anthropic") == Decimal(dollars) / 10


def test_audio_and_reasoning_with_prices_of_their_own(custom: Any) -> None:
    custom(
        ModelPrice(
            input_mtok=Decimal(1),
            output_mtok=Decimal(2),
            input_audio_mtok=Decimal(10),
            output_audio_mtok=Decimal(20),
            cache_read_mtok=Decimal("0.1"),
            cache_audio_read_mtok=Decimal("0.5"),
        )
    )
    assert amount(only(audio_input_tokens=MILLION), "m", "acme") == 10
    assert amount(only(audio_output_tokens=MILLION), "m", "acme") == 20
    every = only(**dict.fromkeys(BUCKETS, MILLION))
    # in 1, out 2, read 0.1, write 1, reasoning 2, tools 1, audio 10 and 20
    assert amount(every, "m", "acme") == Decimal("37.1")
    custom(ModelPrice(input_mtok=Decimal(1), output_mtok=Decimal(2), output_reasoning_mtok=Decimal(5)))
    assert amount(only(reasoning_tokens=MILLION, output_tokens=MILLION), "m", "acme") == 7


def test_cached_audio_costs_what_it_costs() -> None:
    """Only Google's own object says how much of the cache was spoken; a bucket cannot."""
    usage = read_gemini(
        {
            "promptTokenCount": 1000,
            "cachedContentTokenCount": 600,
            "candidatesTokenCount": 10,
            "totalTokenCount": 1010,
            "promptTokensDetails": [
                {"modality": "TEXT", "tokenCount": 300},
                {"modality": "AUDIO", "tokenCount": 700},
            ],
            "cacheTokensDetails": [
                {"modality": "TEXT", "tokenCount": 200},
                {"modality": "AUDIO", "tokenCount": 400},
            ],
        }
    )
    assert usage is not None
    # text 100 at 0.3, spoken 300 at 1, cached text 200 at 0.03, cached speech 400 at 0.1, out 10 at 2.5
    expected = Decimal(100) * Decimal("0.3") + 300 + 200 * Decimal("0.03") + 40 + 25
    assert amount(usage, "gemini-2.5-flash", "gemini") == expected / MILLION


def test_an_image_that_was_made_costs_what_it_costs() -> None:
    usage = read_gemini(
        {
            "promptTokenCount": 100,
            "candidatesTokenCount": 1290,
            "totalTokenCount": 1390,
            "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}],
        }
    )
    assert usage is not None
    assert amount(usage, "gemini-2.5-flash-image", "gemini") == (30 + 1290 * Decimal(30)) / MILLION


def test_writes_that_live_an_hour_cost_more() -> None:
    raw = {
        "input_tokens": 10,
        "output_tokens": 20,
        "cache_creation_input_tokens": 3000,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 1000, "ephemeral_1h_input_tokens": 2000},
    }
    usage = read_anthropic(raw)
    assert usage is not None
    expected = 30 + 300 + 1000 * Decimal("3.75") + 2000 * 6
    assert amount(usage, "claude-sonnet-4-5", "anthropic") == expected / MILLION
    plain = only(input_tokens=10, output_tokens=20, cached_write_tokens=3000)
    assert amount(plain, "claude-sonnet-4-5", "anthropic") == (330 + 3000 * Decimal("3.75")) / MILLION


def test_searches_of_the_vendor_cost() -> None:
    usage = read_anthropic(
        {"input_tokens": 0, "output_tokens": 0, "server_tool_use": {"web_search_requests": 3}}
    )
    assert usage is not None
    assert amount(usage, "claude-sonnet-4-5", "anthropic") == Decimal("0.03")


@pytest.mark.parametrize(
    "raw",
    [
        {"input_tokens": 5, "output_tokens": 1},  # contradicts the buckets
        {"input_tokens": 1000, "output_tokens": 0, "cache_creation_input_tokens": "many"},
        {
            "input_tokens": 1000,
            "output_tokens": 0,
            "cache_creation": {"ephemeral_1h_input_tokens": 5000},  # more than all of it
        },
        {"something": "else"},
        {},
    ],
)
def test_an_object_that_contradicts_the_buckets_is_not_believed(raw: dict[str, Any]) -> None:
    usage = TokenUsage(input_tokens=1000, output_tokens=0, raw=raw)
    assert amount(usage, "claude-sonnet-4-5", "anthropic") == Decimal("0.003")


def test_a_price_per_request_counts_once(custom: Any) -> None:
    custom(ModelPrice(input_mtok=Decimal(1), output_mtok=Decimal(1), requests_kcount=Decimal(12)))
    assert amount(only(input_tokens=1000, output_tokens=0), "m", "acme") == Decimal("0.013")


# -- tiers, times, contexts -----------------------------------------------------------------------


def test_a_long_request_costs_more_as_a_whole() -> None:
    at_limit = only(input_tokens=150_000, cached_read_tokens=50_000, output_tokens=1000)
    assert amount(at_limit, "claude-sonnet-4-5", "anthropic") == Decimal("0.45") + Decimal("0.015") * 2
    above = only(input_tokens=150_001, cached_read_tokens=50_000, output_tokens=1000)
    expected = 150_001 * Decimal(6) + 50_000 * Decimal("0.6") + 1000 * Decimal("22.5")
    assert amount(above, "claude-sonnet-4-5", "anthropic") == expected / MILLION


def test_the_price_is_that_of_the_moment(custom: Any) -> None:
    custom(
        [
            ConditionalPrice(prices=ModelPrice(input_mtok=Decimal(10))),
            ConditionalPrice(
                StartDateConstraint(date(2026, 6, 10)), prices=ModelPrice(input_mtok=Decimal(2))
            ),
        ]
    )
    usage = only(input_tokens=MILLION)
    assert amount(usage, "m", "acme", datetime(2026, 6, 9, 23, 59)) == 10
    assert amount(usage, "m", "acme", datetime(2026, 6, 10)) == 2
    ahead = timezone(timedelta(hours=2))
    assert amount(usage, "m", "acme", datetime(2026, 6, 10, 1, tzinfo=ahead)) == 10, "still the 9th in UTC"
    cost = price(usage, "m", "acme", at=datetime(2026, 6, 10, 1, tzinfo=ahead))
    assert cost is not None
    assert cost.source.endswith("acme/m on 2026-06-09")
    now = price(usage, "m", "acme")
    assert now is not None
    assert now.amount == 2


def test_hours_with_other_prices(custom: Any) -> None:
    night = TimeOfDateConstraint(time(22, tzinfo=UTC), time(6, tzinfo=UTC))
    custom(
        [
            ConditionalPrice(prices=ModelPrice(input_mtok=Decimal(4))),
            ConditionalPrice(night, prices=ModelPrice(input_mtok=Decimal(1))),
        ]
    )
    usage = only(input_tokens=MILLION)
    for hour, dollars in [(21, 4), (22, 1), (2, 1), (6, 4)]:
        assert amount(usage, "m", "acme", datetime(2026, 11, 1, hour, tzinfo=UTC)) == dollars


def test_a_real_price_that_changed() -> None:
    usage = only(input_tokens=MILLION)
    assert amount(usage, "o3", "openai", datetime(2025, 5, 1)) == 10
    assert amount(usage, "o3", "openai", datetime(2025, 7, 1)) == 2


def test_a_context_chooses_among_prices() -> None:
    usage = only(input_tokens=100_000)
    assert amount(usage, "gpt-5", "openai") == Decimal("0.125")
    assert amount(usage, "gpt-5", "openai", service_tier="flex") == Decimal("0.0625")
    assert amount(usage, "gpt-5", "openai", service_tier="unheard-of") == Decimal("0.125")
    batch = TokenUsage(
        input_tokens=100,
        output_tokens=0,
        raw={"input_tokens": 100, "output_tokens": 0, "service_tier": "batch"},
    )
    assert amount(batch, "claude-sonnet-4-5", "anthropic") == Decimal("0.00015")


# -- what has no price ----------------------------------------------------------------------------


def test_unknown_is_none_and_never_0() -> None:
    """F-USE08: nobody invents a price."""
    usage = only(input_tokens=1000, output_tokens=1000)
    for model, provider in [
        ("no-such-model", "openai"),
        ("gpt-4o", "no-such-provider"),
        ("gpt-oss:20b", "ollama"),
        ("demo", "sim"),
        ("gpt-4o", "my-openai"),
        ("no-such-model", None),
        ("", "openai"),
        ("", None),
    ]:
        assert price(usage, model, provider) is None, (model, provider)


def test_a_usage_that_says_nothing_has_no_cost() -> None:
    assert price(TokenUsage(), "gpt-4o", "openai") is None
    assert amount(only(input_tokens=0, output_tokens=0), "gpt-4o", "openai") == 0


@pytest.mark.parametrize(
    ("prices", "buckets"),
    [
        ({}, {"input_tokens": 1}),
        ({"audio_hours": Decimal(1)}, {"input_tokens": 1}),
        ({"input_mtok": Decimal(1)}, {"input_tokens": 1, "output_tokens": 1}),
        ({"output_mtok": Decimal(1)}, {"cached_read_tokens": 1}),
        ({"input_mtok": Decimal(1), "audio_hours": Decimal(1)}, {"audio_input_tokens": 1}),
    ],
)
def test_a_kind_of_token_without_a_price_leaves_no_price(
    custom: Any, prices: dict[str, Decimal], buckets: dict[str, int]
) -> None:
    custom(ModelPrice(**prices))
    assert price(only(**buckets), "m", "acme") is None


def test_an_empty_price_is_free_only_where_the_name_says_so() -> None:
    usage = only(input_tokens=1000, output_tokens=10)
    assert amount(usage, "qwen/qwen3-coder:free", "openrouter") == 0
    assert price(usage, "gpt-4o", "github-copilot") is None, "a subscription"


def test_a_total_alone_is_an_upper_bound(custom: Any) -> None:
    custom(ModelPrice(input_mtok=TieredPrices(Decimal(1), [Tier(100, Decimal(9))]), output_mtok=Decimal(3)))
    cost = price(TokenUsage(total_tokens=100), "m", "acme", at=AT)
    assert cost is not None
    assert (cost.amount, cost.priced) == (Decimal("0.0003"), False)
    assert amount(TokenUsage(total_tokens=200), "m", "acme") == Decimal("0.0018")


# -- sources --------------------------------------------------------------------------------------


def test_f_use08_the_source_names_the_data_its_version_and_the_day() -> None:
    cost = price(only(input_tokens=1), "gpt-4o-mini-2024-07-18", "openai", at=AT)
    version = genai_prices.__version__
    assert cost == Cost(
        amount=Decimal("0.00000015"),
        priced=True,
        source=f"genai-prices {version}: openai/gpt-4o-mini on 2026-11-01",
    )


def test_prices_that_the_program_updated_are_used_and_named(custom: Any) -> None:
    custom(ModelPrice(input_mtok=Decimal(7)), updated=datetime(2027, 1, 2))
    cost = price(only(input_tokens=MILLION), "m", "acme", at=AT)
    assert cost is not None
    assert cost.amount == 7
    assert " updated 2027-01-02: acme/m" in cost.source


# -- laws -----------------------------------------------------------------------------------------

counts = st.one_of(st.none(), st.integers(0, 3_000_000))
usages = st.builds(TokenUsage, **dict.fromkeys(BUCKETS, counts))
rows = st.sampled_from([(p.id, m.id) for p in get_snapshot().providers for m in p.models])


def test_every_row_of_the_data_can_be_asked() -> None:
    every = only(**dict.fromkeys(BUCKETS, 1000))
    for provider in get_snapshot().providers:
        for model in provider.models:
            cost = price(every, model.id, provider.id, at=AT)
            assert cost is None or cost.amount >= 0, (provider.id, model.id)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(usages, rows)
def test_no_row_of_the_data_makes_it_fail(usage: TokenUsage, row: tuple[str, str]) -> None:
    provider, model = row
    cost = price(usage, model, provider, at=AT)
    assert cost is None or (cost.amount >= 0 and cost.amount.is_finite())


@settings(deadline=None)
@given(usages, st.sampled_from(["gpt-4.1", "o3", "gpt-5-nano"]))
def test_it_is_what_the_library_says_of_the_same_totals(usage: TokenUsage, model: str) -> None:
    """An oracle: the library itself, given totals that include their parts."""
    bucket = {name: getattr(usage, name) or 0 for name in BUCKETS}
    given_tokens = bucket["input_tokens"] + bucket["tool_use_tokens"] + bucket["audio_input_tokens"]
    expected = genai_prices.calc_price(
        genai_prices.Usage(
            input_tokens=given_tokens + bucket["cached_read_tokens"] + bucket["cached_write_tokens"],
            cache_read_tokens=bucket["cached_read_tokens"],
            cache_write_tokens=bucket["cached_write_tokens"],
            output_tokens=bucket["output_tokens"]
            + bucket["reasoning_tokens"]
            + bucket["audio_output_tokens"],
        ),
        model,
        provider_id="openai",
        genai_request_timestamp=AT,
    ).total_price
    reported = any(getattr(usage, name) is not None for name in BUCKETS)
    assert amount(usage, model, "openai") == (expected if reported else None)


@settings(deadline=None)
@given(usages, usages)
def test_without_tiers_the_cost_of_a_sum_is_the_sum_of_the_costs(
    first: TokenUsage, second: TokenUsage
) -> None:
    parts = [amount(usage, "gpt-4.1", "openai") or Decimal(0) for usage in (first, second)]
    assert (amount(first + second, "gpt-4.1", "openai") or Decimal(0)) == sum(parts)


def test_the_arithmetic_is_exact_whatever_precision_the_program_has_set() -> None:
    usage = only(input_tokens=123_456_789_012_345, output_tokens=7)
    with localcontext(prec=3):
        found = amount(usage, "gpt-4.1", "openai")
    assert found == Decimal(123_456_789_012_345 * 2 + 7 * 8) / MILLION
    assert str(amount(only(input_tokens=1, output_tokens=2), "gpt-4o-mini", "openai")) == "0.00000135"
