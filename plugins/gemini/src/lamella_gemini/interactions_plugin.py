"""The plugin ``gemini-interactions``: models behind the Interactions API."""

from __future__ import annotations

import lamella

__all__ = ["lamella_api", "lamella_provider"]

lamella_api = "1.0"


@lamella.hookimpl
def lamella_provider() -> lamella.ProviderSpec:
    """The provider ``gemini-interactions``; its SDK is imported by the first request."""
    from lamella_gemini.catalog import INTERACTIONS_CAPABILITIES, MODELS

    return lamella.ProviderSpec(
        id="gemini-interactions",
        summary="Google Gemini models (Interactions API)",
        factory="lamella_gemini.interactions:ChatGeminiInteractions",
        settings="lamella_gemini.settings:InteractionsSettings",
        env=("GOOGLE_API_KEY", "GEMINI_API_KEY"),
        default_model="gemini-3-flash-preview",
        models=MODELS,
        capabilities=INTERACTIONS_CAPABILITIES,
        dialect="gemini.interactions",
    )
