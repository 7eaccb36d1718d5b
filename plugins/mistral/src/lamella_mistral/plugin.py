"""The plugin ``mistral``: models behind Mistral's chat completions."""

from __future__ import annotations

import lamella

__all__ = ["lamella_api", "lamella_provider"]

lamella_api = "1.0"


@lamella.hookimpl
def lamella_provider() -> lamella.ProviderSpec:
    """The provider ``mistral``; its SDK is imported by the first request."""
    from lamella_mistral.catalog import CAPABILITIES, DEFAULT_MODEL, MODELS

    return lamella.ProviderSpec(
        id="mistral",
        summary="Mistral models (chat completions API)",
        factory="lamella_mistral.model:ChatMistral",
        settings="lamella_mistral.settings:MistralSettings",
        env=("MISTRAL_API_KEY",),
        default_model=DEFAULT_MODEL,
        models=MODELS,
        capabilities=CAPABILITIES,
        dialect="mistral.chat",
    )
