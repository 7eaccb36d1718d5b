"""The plugin ``prices``: light, and prices nothing where a project does not switch it on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import lamella
from lamella.specs import CommandSpec

if TYPE_CHECKING:
    from lamella.usage import Cost, TokenUsage

__all__ = ["lamella_api", "lamella_cli", "lamella_price"]

lamella_api = "1.0"


@lamella.hookimpl
def lamella_price(
    usage: TokenUsage,
    model: str,
    provider: str | None,
    at: datetime | None = None,
    context: Mapping[str, str] | None = None,
) -> Cost | None:
    """What the usage costs now, or cost at a time. The first call loads the price data."""
    from lamella_prices.pricing import price

    return price(usage, model, provider, at=at, context=context)


@lamella.hookimpl
def lamella_cli() -> Sequence[CommandSpec]:
    """``lamella prices``."""
    return [
        CommandSpec(
            name="prices",
            command="lamella_prices.command:prices",
            summary="Show what models cost.",
        )
    ]
