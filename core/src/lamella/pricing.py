"""Prices of models, and what tokens cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any, Final, Self, TypeAlias

import attrs

from lamella.errors import AgentInputError
from lamella.usage import BUCKETS, Cost, TokenUsage

__all__ = ["FALLBACK", "Price", "PriceLike", "PriceTable", "cost_of"]

_MILLION: Final = Decimal(1_000_000)
_BOUNDARIES: Final = "-:@"


def _usd(value: Any) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal(-1)
    if isinstance(value, bool) or not amount.is_finite() or amount < 0:
        raise AgentInputError(
            f"a price must be a number of US dollars >= 0 per million tokens, got {value!r}"
        )
    return amount


def _optional_usd(value: Any) -> Decimal | None:
    return None if value is None else _usd(value)


@attrs.frozen(kw_only=True)
class Price:
    """US dollars per million tokens, by bucket.

    What is ``None`` costs what is nearest to it: cached reads and writes, tool use and audio input cost
    ``input``; reasoning and audio output cost ``output``.
    """

    input: Decimal = attrs.field(converter=_usd)
    output: Decimal = attrs.field(converter=_usd)
    cached_read: Decimal | None = attrs.field(default=None, converter=_optional_usd)
    cached_write: Decimal | None = attrs.field(default=None, converter=_optional_usd)
    reasoning: Decimal | None = attrs.field(default=None, converter=_optional_usd)
    tool_use: Decimal | None = attrs.field(default=None, converter=_optional_usd)
    audio_input: Decimal | None = attrs.field(default=None, converter=_optional_usd)
    audio_output: Decimal | None = attrs.field(default=None, converter=_optional_usd)

    def of_bucket(self, bucket: str) -> Decimal:
        """The price of a bucket of ``TokenUsage``, such as ``"cached_read_tokens"``."""
        name = bucket.removesuffix("_tokens")
        price: Decimal | None = getattr(self, name)
        if price is not None:
            return price
        return self.output if name in ("reasoning", "audio_output") else self.input

    def amount(self, usage: TokenUsage) -> Decimal:
        """What a usage costs, in US dollars.

        Buckets that were not reported cost nothing. When nothing but a total was reported, it is charged at
        the dearer of input and output: an upper bound.
        """
        if not is_split(usage):
            return max(self.input, self.output) * (usage.total_tokens or 0) / _MILLION
        counts = ((bucket, getattr(usage, bucket)) for bucket in BUCKETS)
        total = sum((self.of_bucket(bucket) * count for bucket, count in counts if count), Decimal(0))
        return total / _MILLION


def is_split(usage: TokenUsage) -> bool:
    """Whether it is known what the tokens were, or that there were none."""
    return not usage.total_tokens or any(getattr(usage, bucket) is not None for bucket in BUCKETS)


PriceLike: TypeAlias = "Price | tuple[Any, Any] | list[Any] | Mapping[str, Any]"
"""A ``Price``, ``(input, output)``, or a table of its fields."""

FALLBACK: Final = Price(input=1, output=3)
"""The rate of a model that nobody prices: 1 USD in, 3 USD out per million tokens."""


def _rows(rows: Mapping[str, PriceLike]) -> Mapping[str, Price]:
    return MappingProxyType({model: _price(model, row) for model, row in rows.items()})


def _price(model: str, row: PriceLike) -> Price:
    if isinstance(row, Price):
        return row
    try:
        if isinstance(row, Mapping):
            return Price(**row)
        price_in, price_out = row
    except (TypeError, ValueError) as error:
        raise AgentInputError(
            f"the price of {model!r} must be a Price, (input, output) or a table of Price's fields: {error}",
            cause=error,
        ) from error
    return Price(input=price_in, output=price_out)


@attrs.frozen(kw_only=True)
class PriceTable:
    """Prices by model name, or by ``provider:model`` for one provider only. ``source`` says whose they are."""

    rows: Mapping[str, Price] = attrs.field(converter=_rows, repr=lambda rows: f"<{len(rows)} models>")
    source: str = "table"

    @classmethod
    def of(cls, rows: Mapping[str, PriceLike], *, source: str = "table") -> Self:
        """A table from plain values: ``PriceTable.of({"gpt-4o": (5, 15)})``, US dollars per million in and out."""
        return cls(rows=rows, source=source)

    def lookup(self, model: str, provider: str | None = None) -> Price | None:
        """The price of the longest row that begins the model's name and ends at a boundary in it.

        Boundaries are the end, ``-``, ``:`` and ``@``: ``gpt-4o-mini-2024-07-18`` is a ``gpt-4o-mini``, and
        ``gpt-4.1`` is no ``gpt-4``. With a provider, rows named ``provider:model`` come first.
        """
        for prefix in () if provider is None else _prefixes(f"{provider}:{model}"):
            if prefix in self.rows and prefix != provider:
                return self.rows[prefix]
        return next((self.rows[prefix] for prefix in _prefixes(model) if prefix in self.rows), None)


def _prefixes(model: str) -> Iterator[str]:
    """The whole name, then what precedes each boundary, longest first."""
    yield model
    for end in range(len(model) - 1, 0, -1):
        if model[end] in _BOUNDARIES:
            yield model[:end]


def cost_of(
    usage: TokenUsage,
    model: str,
    provider: str | None = None,
    *,
    prices: PriceTable | None = None,
    at: datetime | None = None,
) -> Cost:
    """What a usage costs on a model, which may be written ``provider:model``.

    Prices are looked for in ``prices``, else in the current project's ``[prices]``, then asked of the
    price plugins: those of now, or of the time ``at`` (UTC when naive; tables have no times, and hold for all).
    Without any, the cost is that of the fallback rate, with ``priced=False``.
    """
    found = find_cost(usage, model, provider, prices=prices, at=at)
    return found or Cost(amount=FALLBACK.amount(usage), priced=False, source="fallback")


def find_cost(
    usage: TokenUsage,
    model: str,
    provider: str | None = None,
    *,
    prices: PriceTable | None = None,
    at: datetime | None = None,
    context: Mapping[str, str] | None = None,
) -> Cost | None:
    """:func:`cost_of`, but ``None`` where nobody prices the model; ``context`` as for the hook ``lamella_price``."""
    if prices is not None:
        found = _from_table(usage, model, provider, prices)
    else:
        found = _from_project(usage, model, provider, at, context)
    if found is None and provider is None and ":" in model:
        named, _, rest = model.partition(":")
        return find_cost(usage, rest, named, prices=prices, at=at, context=context)
    return found


def _from_table(usage: TokenUsage, model: str, provider: str | None, prices: PriceTable) -> Cost | None:
    price = prices.lookup(model, provider)
    if price is None:
        return None
    return Cost(amount=price.amount(usage), priced=is_split(usage), source=prices.source)


def _from_project(
    usage: TokenUsage,
    model: str,
    provider: str | None,
    at: datetime | None,
    context: Mapping[str, str] | None,
) -> Cost | None:
    from lamella.config import current_project

    project = current_project()
    found = _from_table(usage, model, provider, project.prices)
    return found or project.host.hooks.price(usage, model, provider, at=at, context=context)
