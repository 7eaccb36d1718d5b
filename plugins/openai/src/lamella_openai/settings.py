"""What can be set on OpenAI models: the fields of the classes, and the tables of the configuration.

``None`` means "not set", and what is not set is not sent; 0 is sent.
"""

from __future__ import annotations

from typing import Any

import attrs

from lamella.providers import (
    ProviderSettings,
    flag,
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
from lamella_openai.deviations import as_changes

__all__ = ["ChatSettings", "OpenAISettings", "ResponsesSettings"]

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
SUMMARIES = ("auto", "concise", "detailed")
VERBOSITIES = ("low", "medium", "high")
TEXT_FORMATS = ("text", "json_object", "json_schema")


@attrs.define(kw_only=True, slots=False, eq=False, repr=False)
class OpenAISettings(ProviderSettings):
    """What both endpoints share.

    :param organization: whom to bill, where a key belongs to several; else ``OPENAI_ORG_ID``.
    :param project: the project to bill; else ``OPENAI_PROJECT_ID``.
    :param stream_options: sent with streams.
    :param text_format: ``json_object`` asks for any JSON object; ``response_format`` implies ``json_schema``.
    """

    organization: str | None = attrs.field(default=None, validator=optional(text))
    project: str | None = attrs.field(default=None, validator=optional(text))
    stream_options: dict[str, Any] | None = attrs.field(default=None, converter=own, validator=table)
    temperature: float | None = attrs.field(default=None, validator=optional(number(0, 2)))
    top_p: float | None = attrs.field(default=None, validator=optional(number(0, 1)))
    logprobs: bool | None = attrs.field(default=None, validator=optional(flag))
    top_logprobs: int | None = attrs.field(default=None, validator=optional(integer(0, 20)))
    reasoning_effort: str | None = attrs.field(default=None, validator=optional(one_of(*EFFORTS)))
    verbosity: str | None = attrs.field(default=None, validator=optional(one_of(*VERBOSITIES)))
    text_format: str = attrs.field(default="text", validator=one_of(*TEXT_FORMATS))
    service_tier: str | None = attrs.field(default=None, validator=optional(text))
    prompt_cache_key: str | None = attrs.field(default=None, validator=optional(text))
    safety_identifier: str | None = attrs.field(default=None, validator=optional(text))
    metadata: dict[str, str] | None = attrs.field(default=None, converter=own, validator=table)
    user: str | None = attrs.field(default=None, validator=optional(text))


@attrs.define(kw_only=True, slots=False, eq=False, repr=False)
class ResponsesSettings(OpenAISettings):
    """The settings of ``openai``.

    :param max_output_tokens: limit of the answer, reasoning included.
    :param store: whether OpenAI keeps the response. When it does not, encrypted reasoning is asked for,
        kept, and sent back with the next turn.
    :param include: extra outputs to ask for, instead of what is chosen from the other settings.
    """

    store: bool = attrs.field(default=False, validator=flag)
    max_output_tokens: int | None = attrs.field(default=None, validator=optional(integer(1)))
    max_tool_calls: int | None = attrs.field(default=None, validator=optional(integer(1)))
    reasoning_summary: str | None = attrs.field(default=None, validator=optional(one_of(*SUMMARIES)))
    truncation: str | None = attrs.field(default=None, validator=optional(one_of("auto", "disabled")))
    include: list[str] | None = attrs.field(default=None, converter=text_list, validator=optional(texts))


@attrs.define(kw_only=True, slots=False, eq=False, repr=False)
class ChatSettings(OpenAISettings):
    """The settings of ``openai-chat``.

    :param max_tokens: limit of the answer; reasoning models want ``max_completion_tokens``.
    :param stream_options: instead of ``{"include_usage": true}``; ``{}`` sends none.
    :param deviations: where the server differs from OpenAI's, the fields of
        :class:`~lamella_openai.deviations.Deviations` that are not as they are known to be.
    """

    deviations: dict[str, Any] | None = attrs.field(default=None, converter=as_changes)
    store: bool | None = attrs.field(default=None, validator=optional(flag))
    max_tokens: int | None = attrs.field(default=None, validator=optional(integer(1)))
    max_completion_tokens: int | None = attrs.field(default=None, validator=optional(integer(1)))
    stop: list[str] | None = attrs.field(default=None, converter=text_list, validator=optional(texts))
    frequency_penalty: float | None = attrs.field(default=None, validator=optional(number(-2, 2)))
    presence_penalty: float | None = attrs.field(default=None, validator=optional(number(-2, 2)))
    seed: int | None = attrs.field(default=None, validator=optional(integer()))
