"""What a usage costs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Context, Decimal, localcontext
from typing import TYPE_CHECKING, Final

from lamella.pricing import is_split
from lamella.usage import Cost, TokenUsage
from lamella_prices.counting import Counts, counts_of, detailed_counts, request_context, with_zeros
from lamella_prices.lookup import Found, find

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice

__all__ = ["price", "prices_of", "source_of"]

_EXACT: Final = Context(prec=60)  # whatever precision the program has set for its own sums
_BY_TIME: Final = ("audio_hours", "input_audio_hours", "output_audio_hours")
_FREE: Final = ":free"


def price(
    usage: TokenUsage,
    model: str,
    provider: str | None = None,
    *,
    at: datetime | None = None,
    context: Mapping[str, str] | None = None,
) -> Cost | None:
    """What one response costs, in US dollars, at the price of a moment: now, or ``at`` (UTC when naive).

    ``model`` may be written ``provider:model``. ``context`` chooses among prices for the same tokens, such as
    ``{"service_tier": "flex"}`` or ``{"processing": "batch"}``; what the vendor's own usage object says of it is
    known without. Prices may depend on the size of a request, so a usage that sums several may come out dearer.

    ``None``, never 0, when the model or its provider is unknown, when a kind of token that was used has no
    price, and when nothing was reported. When nothing but a total was reported the cost is an upper bound,
    with ``priced=False``.
    """
    found = find(model, provider)
    if found is None or usage.resolved_total_tokens is None:
        return None
    moment = at or datetime.now(UTC)
    prices = prices_of(found, moment, {**request_context(usage), **(context or {})})
    amount = _amount(usage, found, prices)
    if amount is None:
        return None
    return Cost(amount=amount, priced=is_split(usage), source=source_of(found, moment))


def prices_of(found: Found, moment: datetime, context: Mapping[str, str] | None = None) -> ModelPrice:
    """The prices of a model at a moment."""
    own = any(found.model is model for model in found.provider.models)
    return found.model.get_prices(moment, context if own else None)


def source_of(found: Found, moment: datetime) -> str:
    """Whose price it is: ``genai-prices 0.2.3: openai/gpt-4o on 2026-11-21``."""
    from genai_prices import __version__
    from genai_prices.data_snapshot import get_snapshot

    snapshot = get_snapshot()
    updated = f" updated {snapshot.timestamp:%Y-%m-%d}" if snapshot.from_auto_update else ""
    day = moment if moment.tzinfo is None else moment.astimezone(UTC)
    return f"genai-prices {__version__}{updated}: {found.provider.id}/{found.model.id} on {day:%Y-%m-%d}"


def _amount(usage: TokenUsage, found: Found, prices: ModelPrice) -> Decimal | None:
    if not is_split(usage):
        bounds = [_of_counts(total, found, prices) for total in _extremes(usage.total_tokens or 0)]
        return max((bound for bound in bounds if bound is not None), default=None)
    try:
        return _of_counts(detailed_counts(usage, found.provider) or counts_of(usage), found, prices)
    except ValueError:  # the vendor's breakdown does not add up; the buckets always do
        return _of_counts(counts_of(usage), found, prices)


def _extremes(total: int) -> list[Counts]:
    return [counts_of(TokenUsage(input_tokens=total)), counts_of(TokenUsage(output_tokens=total))]


def _of_counts(counts: Counts, found: Found, prices: ModelPrice) -> Decimal | None:
    from genai_prices import Usage

    if not vars(prices):  # free of charge, or nobody wrote it down: only the name can tell
        return Decimal(0) if found.name.endswith(_FREE) else None
    if not _covers(prices, counts):
        return None
    known = with_zeros(counts, prices)
    with localcontext(_EXACT):
        return prices.calc_price(Usage(**known))["total_price"]


def _covers(prices: ModelPrice, counts: Counts) -> bool:
    """Whether every token of the counts has a price."""
    priced = {key for key, value in vars(prices).items() if value is not None}
    for way in ("input", "output"):
        if counts[f"{way}_tokens"] and f"{way}_mtok" not in priced:
            return False
        if (
            counts[f"{way}_audio_tokens"]
            and f"{way}_audio_mtok" not in priced
            and priced.intersection(_BY_TIME)
        ):
            return False  # billed by the second, of which the tokens say nothing
    return any(key.endswith("_mtok") for key in priced)
