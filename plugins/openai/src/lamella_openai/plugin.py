"""The plugin ``openai``: models behind the Responses API."""

from __future__ import annotations

import lamella

__all__ = ["lamella_api", "lamella_provider"]

lamella_api = "1.0"


@lamella.hookimpl
def lamella_provider() -> lamella.ProviderSpec:
    """The provider ``openai``; its SDK is imported by the first request."""
    from lamella_openai.catalog import MODELS, RESPONSES_CAPABILITIES

    return lamella.ProviderSpec(
        id="openai",
        summary="OpenAI models (Responses API)",
        factory="lamella_openai.model:ChatOpenAI",
        settings="lamella_openai.settings:ResponsesSettings",
        env=("OPENAI_API_KEY",),
        default_model="gpt-5-nano",
        models=MODELS,
        capabilities=RESPONSES_CAPABILITIES,
        dialect="openai.responses",
    )
