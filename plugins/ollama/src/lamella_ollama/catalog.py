"""What Ollama's models can do, and those that are meant where none is named."""

from __future__ import annotations

from typing import Final

from lamella.models.capabilities import Capabilities

__all__ = ["CAPABILITIES", "DEFAULT_MODEL", "EMBEDDER"]

DEFAULT_MODEL: Final = "llama3.2"
EMBEDDER: Final = "nomic-embed-text"

CAPABILITIES: Final = Capabilities(
    forced_tools=False,  # the wire has no tool_choice
    structured_output=True,
    reasoning=True,
    native_input=True,
    embeddings=True,
    list_models=True,
    inputs=frozenset({"text", "image"}),
)
