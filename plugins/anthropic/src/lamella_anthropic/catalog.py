"""The models Anthropic is known to have, and what they can do (the model list of the API, and the SDK's)."""

from __future__ import annotations

import re
from typing import Final

from lamella.models.capabilities import Capabilities
from lamella.specs import ModelInfo

__all__ = ["CAPABILITIES", "DEFAULT_MODEL", "MODELS", "takes_schemas", "window_of"]

DEFAULT_MODEL: Final = "claude-sonnet-5"


def _info(
    name: str, shown: str, window: int | None = None, out: int | None = None, old: bool = False
) -> ModelInfo:
    return ModelInfo(
        formal_name=name, display_name=shown, context_window=window, max_output_tokens=out, outdated=old
    )


MODELS: Final = (
    _info("claude-fable-5-2", "Claude Fable 5.2"),
    _info("claude-mythos-5-2", "Claude Mythos 5.2"),
    _info("claude-opus-5-5", "Claude Opus 5.5"),
    _info("claude-sonnet-5-5", "Claude Sonnet 5.5"),
    _info("claude-haiku-5-5", "Claude Haiku 5.5"),
    _info("claude-fable-5-1", "Claude Fable 5.1"),
    _info("claude-mythos-5-1", "Claude Mythos 5.1"),
    _info("claude-fable-5", "Claude Fable 5"),
    _info("claude-mythos-5", "Claude Mythos 5"),
    _info("claude-opus-5", "Claude Opus 5"),
    _info("claude-sonnet-5", "Claude Sonnet 5"),
    _info("claude-opus-4-8", "Claude Opus 4.8"),
    _info("claude-opus-4-7", "Claude Opus 4.7", 1_000_000, 128_000),
    _info("claude-opus-4-6", "Claude Opus 4.6", 1_000_000, 128_000),
    _info("claude-sonnet-4-6", "Claude Sonnet 4.6", 1_000_000, 128_000),
    _info("claude-opus-4-5", "Claude Opus 4.5 (latest)", 200_000, 64_000),
    _info("claude-opus-4-5-20251101", "Claude Opus 4.5", 200_000, 64_000),
    _info("claude-haiku-4-5", "Claude Haiku 4.5 (latest)", 200_000, 64_000),
    _info("claude-haiku-4-5-20251001", "Claude Haiku 4.5", 200_000, 64_000),
    _info("claude-mythos-preview", "Claude Mythos Preview", old=True),
    _info("claude-sonnet-4-5", "Claude Sonnet 4.5 (latest)", 1_000_000, 64_000, old=True),
    _info("claude-sonnet-4-5-20250929", "Claude Sonnet 4.5", 1_000_000, 64_000, old=True),
    _info("claude-opus-4-1-20250805", "Claude Opus 4.1", 200_000, 32_000, old=True),
    _info("claude-opus-4-20250514", "Claude Opus 4", 200_000, 32_000, old=True),
    _info("claude-sonnet-4-20250514", "Claude Sonnet 4", 1_000_000, 64_000, old=True),
)

CAPABILITIES: Final = Capabilities(
    structured_output=True,
    reasoning=True,
    native_input=True,
    count_tokens=True,
    list_models=True,
    inputs=frozenset({"text", "image", "document"}),
)

_SCHEMALESS: Final = re.compile(
    r"(?:.*[/.])?claude-(?:[123]|instant|(?:opus|sonnet)-4(?:-0|[-@]2025\d{4})?(?:$|[-@:]v))"
)
_WINDOWS: Final = {info.formal_name: info.context_window for info in MODELS}


def takes_schemas(model: str) -> bool:
    """Whether a model has constrained decoding: all but those that are known not to."""
    return _SCHEMALESS.match(model) is None


def window_of(model: str) -> int | None:
    """The context window in tokens, where it is known."""
    return _WINDOWS.get(model)
