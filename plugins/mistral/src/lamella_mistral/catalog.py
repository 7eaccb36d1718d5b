"""The models Mistral is known to have, and what they can do (its model list, ``GET /v1/models``)."""

from __future__ import annotations

from typing import Final

from lamella.models.capabilities import Capabilities
from lamella.specs import ModelInfo

__all__ = ["CAPABILITIES", "DEFAULT_MODEL", "EMBEDDER", "MODELS"]

DEFAULT_MODEL: Final = "mistral-small-latest"
EMBEDDER: Final = "mistral-embed"


def _info(name: str, shown: str, window: int, old: bool = False) -> ModelInfo:
    return ModelInfo(formal_name=name, display_name=shown, context_window=window, outdated=old)


MODELS: Final = (
    _info("mistral-small-latest", "Mistral Small (latest)", 262_144),
    _info("mistral-small-2603", "Mistral Small 26.03", 262_144),
    _info("mistral-medium-latest", "Mistral Medium (latest)", 262_144),
    _info("mistral-medium-3-5", "Mistral Medium 3.5", 262_144),
    _info("mistral-large-latest", "Mistral Large (latest)", 262_144),
    _info("mistral-large-2512", "Mistral Large 25.12", 262_144),
    _info("magistral-small-latest", "Magistral Small (latest)", 262_144),
    _info("ministral-3b-latest", "Ministral 3B (latest)", 131_072),
    _info("ministral-8b-latest", "Ministral 8B (latest)", 262_144),
    _info("ministral-14b-latest", "Ministral 14B (latest)", 262_144),
    _info("codestral-latest", "Codestral (latest)", 256_000),
    _info("voxtral-small-latest", "Voxtral Small (latest)", 32_768),
    _info("devstral-2512", "Devstral 25.12", 262_144, old=True),
    _info("mistral-medium-2508", "Mistral Medium 25.08", 131_072, old=True),
    _info("mistral-medium-2505", "Mistral Medium 25.05", 131_072, old=True),
)

CAPABILITIES: Final = Capabilities(
    structured_output=True,
    reasoning=True,
    native_input=True,
    embeddings=True,
    list_models=True,
    inputs=frozenset({"text", "image", "audio", "document"}),
)
