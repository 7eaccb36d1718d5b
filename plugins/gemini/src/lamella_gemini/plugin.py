"""The plugin ``gemini``: models behind generateContent."""

from __future__ import annotations

import lamella

__all__ = ["lamella_api", "lamella_provider"]

lamella_api = "1.0"


@lamella.hookimpl
def lamella_provider() -> lamella.ProviderSpec:
    """The provider ``gemini``; its SDK is imported by the first request."""
    from lamella_gemini.catalog import CAPABILITIES, MODELS

    return lamella.ProviderSpec(
        id="gemini",
        summary="Google Gemini models (generateContent)",
        factory="lamella_gemini.model:ChatGemini",
        settings="lamella_gemini.settings:GeminiSettings",
        env=("GOOGLE_API_KEY", "GEMINI_API_KEY"),
        default_model="gemini-3-flash-preview",
        models=MODELS,
        capabilities=CAPABILITIES,
        dialect="gemini",
    )
