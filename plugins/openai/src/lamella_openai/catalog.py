"""The models OpenAI is known to have, and what they can do (model pages of the API documentation)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import attrs

from lamella.models.capabilities import Capabilities
from lamella.specs import ModelInfo

if TYPE_CHECKING:
    from lamella_openai.deviations import Deviations

__all__ = [
    "CHAT_CAPABILITIES",
    "MODELS",
    "RESPONSES_CAPABILITIES",
    "chat_capabilities",
    "reasons",
    "takes_parallel_flag",
]


def _info(
    name: str, shown: str, window: int | None = None, out: int | None = None, old: bool = False
) -> ModelInfo:
    return ModelInfo(
        formal_name=name, display_name=shown, context_window=window, max_output_tokens=out, outdated=old
    )


MODELS: Final = (
    _info("gpt-5.6", "GPT-5.6"),
    _info("gpt-5.6-sol", "GPT-5.6 Sol"),
    _info("gpt-5.6-terra", "GPT-5.6 Terra"),
    _info("gpt-5.4", "GPT-5.4"),
    _info("gpt-5.4-nano", "GPT-5.4 nano"),
    _info("gpt-5.3-codex", "GPT-5.3 Codex"),
    _info("gpt-5.1-codex-max", "GPT-5.1 Codex Max", 400_000, 128_000),
    _info("gpt-5.1", "GPT-5.1", 400_000, 128_000),
    _info("gpt-5", "GPT-5", 400_000, 128_000),
    _info("gpt-5-mini", "GPT-5 mini", 400_000, 128_000),
    _info("gpt-5-nano", "GPT-5 nano", 400_000, 128_000),
    _info("o4-mini", "o4-mini", 200_000, 100_000),
    _info("o3", "o3", 200_000, 100_000),
    _info("gpt-4.1", "GPT-4.1", 1_047_576, 32_768),
    _info("gpt-4.1-mini", "GPT-4.1 mini", 1_047_576, 32_768),
    _info("gpt-4.1-nano", "GPT-4.1 nano", 1_047_576, 32_768),
    _info("gpt-4o", "GPT-4o (latest)", 128_000, 16_384),
    _info("gpt-4o-mini", "GPT-4o mini", 128_000, 16_384),
    _info("gpt-4o-2024-05-13", "GPT-4o", 128_000, 4_096, old=True),
    _info("gpt-4-turbo-2024-04-09", "GPT-4", 128_000, 4_096, old=True),
    _info("gpt-3.5-turbo-0125", "GPT-3.5", 16_385, 4_096, old=True),
)

RESPONSES_CAPABILITIES: Final = Capabilities(
    structured_output=True,
    reasoning=True,
    native_input=True,
    embeddings=True,
    count_tokens=True,
    list_models=True,
    inputs=frozenset({"text", "image", "document"}),
    outputs=frozenset({"text", "image"}),
)
CHAT_CAPABILITIES: Final = Capabilities(
    structured_output=True,
    reasoning=True,
    native_input=True,
    embeddings=True,
    list_models=True,
    inputs=frozenset({"text", "image", "audio", "document"}),
)


def chat_capabilities(deviations: Deviations) -> Capabilities:
    """What models behind a server with these deviations can do."""
    known = CHAT_CAPABILITIES
    return attrs.evolve(
        known,
        tools=deviations.tools,
        parallel_tools=deviations.tools,
        forced_tools=deviations.tools and bool(deviations.tool_choice & {"required", "function"}),
        structured_output=deviations.structured_output != "none",
        embeddings=deviations.embeddings,
        list_models=deviations.list_models,
        inputs=known.inputs if deviations.inputs is None else {"text", *deviations.inputs},
    )


_PLAIN: Final = re.compile(r"(?:.*/)?(?:ft:)?(?:gpt-3\.5|gpt-4|chatgpt|gpt-5[\d.]*-chat)")
_O_SERIES: Final = re.compile(r"(?:.*/)?(?:ft:)?o\d")


def reasons(model: str) -> bool:
    """Whether a model may reason: all but those that are known not to."""
    return _PLAIN.match(model) is None


def takes_parallel_flag(model: str) -> bool:
    """Whether a model takes ``parallel_tool_calls``: the o-series refuses the mere presence of it."""
    return _O_SERIES.match(model) is None
