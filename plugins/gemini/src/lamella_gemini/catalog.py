"""The models Google is known to have (``models.list``), and what they can do."""

from __future__ import annotations

import re
from typing import Final

from lamella.models.capabilities import Capabilities
from lamella.specs import ModelInfo

__all__ = ["CAPABILITIES", "INTERACTIONS_CAPABILITIES", "MODELS", "signs_calls", "takes_budget"]


def _info(name: str, shown: str, window: int = 1_048_576, out: int = 65_536, old: bool = False) -> ModelInfo:
    return ModelInfo(
        formal_name=name, display_name=shown, context_window=window, max_output_tokens=out, outdated=old
    )


MODELS: Final = (
    _info("gemini-3.6-flash", "Gemini 3.6 Flash"),
    _info("gemini-3.5-flash", "Gemini 3.5 Flash"),
    _info("gemini-3.5-flash-lite", "Gemini 3.5 Flash Lite"),
    _info("gemini-3.1-pro-preview", "Gemini 3.1 Pro Preview"),
    _info("gemini-3.1-flash-lite", "Gemini 3.1 Flash Lite"),
    _info("gemini-3.1-flash-image", "Nano Banana 2", 65_536, 65_536),
    _info("gemini-3-pro-image", "Nano Banana Pro", 131_072, 32_768),
    _info("gemini-3-flash-preview", "Gemini 3 Flash Preview"),
    _info("gemini-2.5-pro", "Gemini 2.5 Pro"),
    _info("gemini-2.5-flash", "Gemini 2.5 Flash"),
    _info("gemini-2.5-flash-lite", "Gemini 2.5 Flash-Lite"),
    _info("gemini-2.5-flash-image", "Nano Banana", 32_768, 32_768),
    _info("gemini-3-pro-preview", "Gemini 3 Pro Preview", old=True),
    _info("gemini-2.0-flash", "Gemini 2.0 Flash", 1_048_576, 8_192, old=True),
    _info("gemini-2.0-flash-lite", "Gemini 2.0 Flash-Lite", 1_048_576, 8_192, old=True),
)

CAPABILITIES: Final = Capabilities(
    structured_output=True,
    reasoning=True,
    native_input=True,
    embeddings=True,
    count_tokens=True,
    list_models=True,
    inputs=frozenset({"text", "image", "audio", "document", "video"}),
    outputs=frozenset({"text", "image"}),
)
INTERACTIONS_CAPABILITIES: Final = CAPABILITIES

_BEFORE_3: Final = re.compile(r"(?:.*/)?(?:gemini-(?:1|2)[.-]|gemma|learnlm)")
_BUDGETED: Final = re.compile(r"(?:.*/)?gemini-2\.5-")


def signs_calls(model: str) -> bool:
    """Whether a model wants a thought signature on the calls of the current turn: Gemini 3 and later."""
    return _BEFORE_3.match(model) is None


def takes_budget(model: str) -> bool:
    """Whether a model's thinking is set in tokens instead of words: Gemini 2.5."""
    return _BUDGETED.match(model) is not None
