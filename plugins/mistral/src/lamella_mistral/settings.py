"""What can be set on Mistral models: the fields of the class, and the table of the configuration.

``None`` means "not set", and what is not set is not sent; 0 is sent.
"""

from __future__ import annotations

from typing import Any

import attrs

from lamella.providers import (
    ProviderSettings,
    flag,
    instance,
    integer,
    number,
    one_of,
    optional,
    own,
    table,
    text,
    text_list,
    texts,
)

__all__ = ["MistralSettings"]

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
TEXT_FORMATS = ("text", "json_object", "json_schema")
TIERS = ("auto", "standard_only")


def _tables(owner: Any, field: attrs.Attribute[Any], value: Any) -> None:
    instance("a list of dicts", list)(owner, field, value)
    for item in value:
        instance("a list of dicts", dict)(owner, field, item)


@attrs.define(kw_only=True, slots=False, eq=False, repr=False)
class MistralSettings(ProviderSettings):
    """The settings of ``mistral``.

    :param stop: texts that end the answer.
    :param random_seed: the same seed and request give the same answer.
    :param reasoning_effort: how much the hybrid models think.
    :param prompt_mode: ``reasoning`` puts Mistral's own system prompt for reasoning models first.
    :param prediction: what the answer will be like, which makes it faster; a text, or Mistral's table.
    :param prompt_cache_key: requests with the same key share cached input.
    :param guardrails: Mistral's moderation of input and output.
    :param safe_prompt: put Mistral's safety instruction before the conversation.
    :param text_format: ``json_object`` asks for any JSON object; ``response_format`` implies ``json_schema``.
    """

    temperature: float | None = attrs.field(default=None, validator=optional(number(0, 1.5)))
    top_p: float | None = attrs.field(default=None, validator=optional(number(0, 1)))
    top_k: int | None = attrs.field(default=None, validator=optional(integer(1)))
    max_tokens: int | None = attrs.field(default=None, validator=optional(integer(1)))
    min_tokens: int | None = attrs.field(default=None, validator=optional(integer(0)))
    stop: list[str] | None = attrs.field(default=None, converter=text_list, validator=optional(texts))
    random_seed: int | None = attrs.field(default=None, validator=optional(integer(0)))
    presence_penalty: float | None = attrs.field(default=None, validator=optional(number(-2, 2)))
    frequency_penalty: float | None = attrs.field(default=None, validator=optional(number(-2, 2)))
    repetition_penalty: float | None = attrs.field(default=None, validator=optional(number(0)))
    logprobs: bool | None = attrs.field(default=None, validator=optional(flag))
    top_logprobs: int | None = attrs.field(default=None, validator=optional(integer(0)))
    reasoning_effort: str | None = attrs.field(default=None, validator=optional(one_of(*EFFORTS)))
    prompt_mode: str | None = attrs.field(default=None, validator=optional(one_of("reasoning")))
    prediction: str | dict[str, Any] | None = attrs.field(
        default=None, converter=own, validator=optional(instance("a text or a dict", str, dict))
    )
    prompt_cache_key: str | None = attrs.field(default=None, validator=optional(text))
    service_tier: str | None = attrs.field(default=None, validator=optional(one_of(*TIERS)))
    guardrails: list[dict[str, Any]] | None = attrs.field(
        default=None, converter=own, validator=optional(_tables)
    )
    metadata: dict[str, Any] | None = attrs.field(default=None, converter=own, validator=table)
    safe_prompt: bool | None = attrs.field(default=None, validator=optional(flag))
    text_format: str = attrs.field(default="text", validator=one_of(*TEXT_FORMATS))
