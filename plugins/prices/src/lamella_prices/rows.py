"""A price of the price data as a row of Lamella's own price tables."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from lamella.pricing import Price
from lamella_prices.lookup import find
from lamella_prices.pricing import prices_of

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo

__all__ = ["price_row"]

_FIELDS: Final = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cached_read",
    "cache_write_mtok": "cached_write",
    "output_reasoning_mtok": "reasoning",
    "input_tool_mtok": "tool_use",
    "input_audio_mtok": "audio_input",
    "output_audio_mtok": "audio_output",
}
_NO_TOKENS: Final = ("web_searches_kcount", "storage_searches_kcount")


def price_row(model: str, provider: str | None = None, *, at: datetime | None = None) -> Price | None:
    """The price of a model's tokens at a moment as a row for a ``PriceTable`` or ``[prices]``.

    ``None`` when the model is unknown, and when no row says exactly what its tokens cost: prices by the size of
    the request, by the time of day, by the lifetime of what is cached, by request, or by modality.
    """
    found = find(model, provider)
    if found is None or _by_time_of_day(found.model):
        return None
    prices = vars(prices_of(found, at or datetime.now(UTC)))
    row = {key: value for key, value in prices.items() if value is not None and key not in _NO_TOKENS}
    if not {"input_mtok", "output_mtok"} <= row.keys() <= _FIELDS.keys():
        return None
    if not all(isinstance(value, Decimal) for value in row.values()):
        return None
    return Price(**{_FIELDS[key]: value for key, value in row.items()})


def _by_time_of_day(model: ModelInfo) -> bool:
    conditions = model.prices if isinstance(model.prices, list) else []
    return any(hasattr(condition.constraint, "start_time") for condition in conditions)
