"""What runs cost: the prices of ``genai-prices``, offline, for the usage buckets of Lamella.

Loaded when first used: importing this imports no price data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from lamella_prices.costs import Spending, Spent, spending
    from lamella_prices.pricing import price
    from lamella_prices.rows import price_row

__all__ = ["Spending", "Spent", "price", "price_row", "spending"]

_MODULES: Final = {
    "Spending": "costs",
    "Spent": "costs",
    "price": "pricing",
    "price_row": "rows",
    "spending": "costs",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        from importlib import import_module

        return getattr(import_module(f"lamella_prices.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
