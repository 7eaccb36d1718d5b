"""OpenAI-compatible gateways for Lamella, as data: each row of ``rows.toml`` is a provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lamella_gateways.plugin import Gateway

__all__: list[str] = []


def __getattr__(name: str) -> Gateway:
    """The plugin of a row: ``lamella_gateways:groq`` is what an entry point names."""
    missing = f"module {__name__!r} has no attribute {name!r}, and there is no gateway of that name"
    if name.startswith("_"):
        raise AttributeError(missing)
    from lamella_gateways.plugin import gateway

    try:
        return gateway(name)
    except KeyError as error:
        raise AttributeError(missing) from error
