"""The plugin ``ollama``: models behind Ollama's native chat API."""

from __future__ import annotations

import lamella

__all__ = ["lamella_api", "lamella_provider"]

lamella_api = "1.0"


@lamella.hookimpl
def lamella_provider() -> lamella.ProviderSpec:
    """The provider ``ollama``; its SDK is imported by the first request.

    It lists no models: a server has those that were pulled to it, under any name.
    """
    from lamella_ollama.catalog import CAPABILITIES, DEFAULT_MODEL

    return lamella.ProviderSpec(
        id="ollama",
        summary="Ollama models, local or in its cloud (native chat API)",
        factory="lamella_ollama.model:ChatOllama",
        settings="lamella_ollama.settings:OllamaSettings",
        env=("OLLAMA_API_KEY",),
        default_model=DEFAULT_MODEL,
        capabilities=CAPABILITIES,
        dialect="ollama",
    )
