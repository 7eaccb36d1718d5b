"""The plugin ``anthropic``: models behind the Messages API."""

from __future__ import annotations

import lamella

__all__ = ["lamella_api", "lamella_provider"]

lamella_api = "1.0"


@lamella.hookimpl
def lamella_provider() -> lamella.ProviderSpec:
    """The provider ``anthropic``; its SDK is imported by the first request."""
    from lamella_anthropic.catalog import CAPABILITIES, DEFAULT_MODEL, MODELS

    return lamella.ProviderSpec(
        id="anthropic",
        summary="Anthropic models (Messages API)",
        factory="lamella_anthropic.model:ChatAnthropic",
        settings="lamella_anthropic.settings:AnthropicSettings",
        env=("ANTHROPIC_API_KEY",),
        default_model=DEFAULT_MODEL,
        models=MODELS,
        capabilities=CAPABILITIES,
        dialect="anthropic.messages",
    )
