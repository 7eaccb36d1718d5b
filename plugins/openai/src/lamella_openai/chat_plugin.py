"""The plugin ``openai-chat``: models behind Chat Completions, OpenAI's or a compatible server's."""

from __future__ import annotations

import lamella

__all__ = ["lamella_api", "lamella_provider"]

lamella_api = "1.0"


@lamella.hookimpl
def lamella_provider() -> lamella.ProviderSpec:
    """The provider ``openai-chat``; its SDK is imported by the first request."""
    from lamella_openai.catalog import CHAT_CAPABILITIES, MODELS

    return lamella.ProviderSpec(
        id="openai-chat",
        summary="OpenAI models and compatible servers (Chat Completions API)",
        factory="lamella_openai.model:ChatOpenAICompletions",
        settings="lamella_openai.settings:ChatSettings",
        env=("OPENAI_API_KEY",),
        default_model="gpt-5-nano",
        models=MODELS,
        capabilities=CHAT_CAPABILITIES,
        dialect="openai.chat",
    )
