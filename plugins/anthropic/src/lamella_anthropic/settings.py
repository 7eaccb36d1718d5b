"""What can be set on Anthropic models: the fields of the class, and the table of the configuration.

``None`` means "not set", and what is not set is not sent; 0 is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from lamella.errors import AgentInputError
from lamella.providers import (
    ProviderSettings,
    integer,
    number,
    one_of,
    optional,
    own,
    text,
    text_list,
    texts,
)

__all__ = ["API_VERSION", "AnthropicSettings", "check_together", "thinks"]

API_VERSION: Final = "2026-10-21"
"""The version of the API that this plugin was written for; the SDK's own default moves."""

_EFFORTS: Final = ("low", "medium", "high", "xhigh", "max")
_DISPLAYS: Final = ("summarized", "omitted")
_THINKING_WORDS: Final = ("adaptive", "disabled", "between_tools")
_LEAST_BUDGET: Final = 1024
_SAMPLING: Final = ("temperature", "top_p", "top_k")


def _thinking(owner: Any, field: attrs.Attribute[Any], value: Any) -> None:
    """A word, a budget in tokens, or the vendor's own object."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    if value in _THINKING_WORDS if isinstance(value, str) else whole and value >= _LEAST_BUDGET:
        return
    if isinstance(value, Mapping) and isinstance(value.get("type"), str):
        return
    raise AgentInputError(
        f"{type(owner).__name__}.{field.name} must be one of {', '.join(_THINKING_WORDS)}, a budget of at least "
        f"{_LEAST_BUDGET} tokens, or a dict with a type, got {value!r:.80}"
    )


@attrs.define(kw_only=True, slots=False, eq=False, repr=False)
class AnthropicSettings(ProviderSettings):
    """The settings of ``anthropic``.

    :param max_tokens: limit of the answer, thinking included; 0 only fills the prompt cache.
    :param temperature: taken by older models with ``anthropic_version="2023-06-01"`` only, as ``top_p`` and
        ``top_k``: the API of 2026-10-21 has removed them.
    :param user: an id of your user, sent as ``metadata.user_id``.
    :param thinking: ``adaptive``, ``disabled``, ``between_tools``, a budget in tokens (1024 or more), or the
        vendor's object as it is.
    :param thinking_display: whether thinking is shown ``summarized`` or ``omitted``; signatures come either way.
    :param effort: how much work goes into an answer.
    :param service_tier: ``auto`` or ``standard_only``.
    :param cache: ``5m`` or ``1h`` puts cache breakpoints on the last tool, the last system block and the last
        user message.
    :param betas: names of beta features, sent in ``anthropic-beta``.
    :param anthropic_version: the version of the API.
    """

    max_tokens: int = attrs.field(default=4096, validator=integer(0))
    temperature: float | None = attrs.field(default=None, validator=optional(number(0, 1)))
    top_p: float | None = attrs.field(default=None, validator=optional(number(0, 1)))
    top_k: int | None = attrs.field(default=None, validator=optional(integer(0)))
    stop_sequences: list[str] | None = attrs.field(
        default=None, converter=text_list, validator=optional(texts)
    )
    user: str | None = attrs.field(default=None, validator=optional(text))
    thinking: str | int | dict[str, Any] | None = attrs.field(
        default=None, converter=own, validator=optional(_thinking)
    )
    thinking_display: str | None = attrs.field(default=None, validator=optional(one_of(*_DISPLAYS)))
    effort: str | None = attrs.field(default=None, validator=optional(one_of(*_EFFORTS)))
    service_tier: str | None = attrs.field(default=None, validator=optional(one_of("auto", "standard_only")))
    cache: str | None = attrs.field(default=None, validator=optional(one_of("5m", "1h")))
    betas: list[str] | None = attrs.field(default=None, converter=text_list, validator=optional(texts))
    anthropic_version: str = attrs.field(default=API_VERSION, validator=text)


def thinks(settings: AnthropicSettings) -> bool:
    """Whether thinking is switched on by the settings."""
    kind = settings.thinking.get("type") if isinstance(settings.thinking, Mapping) else settings.thinking
    return kind in ("adaptive", "enabled") or isinstance(kind, int)


def check_together(settings: AnthropicSettings) -> None:
    """Refuse settings that cannot stand together.

    :raises AgentInputError: sampling with a version that has none, a budget that is no part of
        ``max_tokens``, a display without thinking.
    """
    name = type(settings).__name__
    given = [field for field in _SAMPLING if getattr(settings, field) is not None]
    if given and settings.anthropic_version >= API_VERSION:
        raise AgentInputError(
            f"{name}.{given[0]} is not taken by the API of {settings.anthropic_version}, which has removed "
            f'{", ".join(_SAMPLING)}; models that still take them do so with anthropic_version="2023-06-01"'
        )
    budget = settings.thinking
    interleaved = any("interleaved-thinking" in beta for beta in settings.betas or ())
    if isinstance(budget, int) and budget >= settings.max_tokens and not interleaved:
        raise AgentInputError(
            f"{name}.thinking, a budget of {budget} tokens, must be less than max_tokens ({settings.max_tokens}), "
            "which it is part of; raise max_tokens"
        )
    if settings.thinking_display is not None and not thinks(settings):
        raise AgentInputError(
            f'{name}.thinking_display goes with thinking; set thinking="adaptive" or a budget'
        )
