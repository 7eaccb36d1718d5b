"""What can be set on OpenAI models: the fields of the classes, and the tables of the configuration.

``None`` means "not set", and what is not set is not sent; 0 is sent.
"""

from __future__ import annotations

import copy
from typing import Any

import attrs

from lamella.specs import secret
from lamella_openai.checks import flag, instance, integer, number, one_of, optional, text, texts
from lamella_openai.key import Key, to_key

__all__ = ["ChatSettings", "OpenAISettings", "ResponsesSettings"]

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
SUMMARIES = ("auto", "concise", "detailed")
VERBOSITIES = ("low", "medium", "high")
TEXT_FORMATS = ("text", "json_object", "json_schema")

_table = optional(instance("a dict", dict))


def _text_list(value: list[str] | str | None) -> list[str] | None:
    """A list of its own; a single text is a list of one."""
    if isinstance(value, str):
        return [value]
    return list(value) if isinstance(value, list | tuple) else value


def _own(value: dict[str, Any]) -> dict[str, Any]:
    """A copy that no change of the caller's reaches."""
    return copy.deepcopy(value)


def _own_or_none(value: dict[str, Any] | None) -> dict[str, Any] | None:
    return copy.deepcopy(value)


def _own_schema(value: Any) -> Any:
    return copy.deepcopy(value)


@attrs.define(kw_only=True, slots=False, eq=False, repr=False)
class OpenAISettings:
    """What both endpoints share.

    :param api_key: the key; else ``OPENAI_API_KEY`` of the environment or ``.env``. ``""`` sends none,
        for local servers.
    :param organization: whom to bill, where a key belongs to several; else ``OPENAI_ORG_ID``.
    :param project: the project to bill; else ``OPENAI_PROJECT_ID``.
    :param base_url: where the server is; else ``OPENAI_BASE_URL``, else OpenAI.
    :param issuer: whose reasoning state and item ids this model makes and accepts; else told from the host.
    :param timeout: seconds to wait for the next byte, ``None`` for no limit.
    :param max_retries: attempts after the first, with increasing waits; the only retries there are.
    :param streaming: false asks for answers in one piece.
    :param model_kwargs: merged into the payload last.
    :param response_format: a JSON schema, or a type to make one from; implies ``text_format="json_schema"``.
    """

    api_key: str | Key | None = secret(  # noqa: RUF009  # makes an attrs.field
        default=None, converter=to_key, validator=optional(instance("a text", Key))
    )
    organization: str | None = attrs.field(default=None, validator=optional(text))
    project: str | None = attrs.field(default=None, validator=optional(text))
    base_url: str | None = attrs.field(default=None, validator=optional(text))
    _issuer: str | None = attrs.field(default=None, validator=optional(text))
    timeout: float | None = attrs.field(default=60.0, validator=optional(number(0.001)))
    max_retries: int = attrs.field(default=3, validator=integer(0))
    streaming: bool = attrs.field(default=True, validator=flag)
    stream_options: dict[str, Any] | None = attrs.field(
        default=None, converter=_own_or_none, validator=_table
    )
    model_kwargs: dict[str, Any] = attrs.field(
        factory=dict, converter=_own, validator=instance("a dict", dict)
    )
    temperature: float | None = attrs.field(default=None, validator=optional(number(0, 2)))
    top_p: float | None = attrs.field(default=None, validator=optional(number(0, 1)))
    logprobs: bool | None = attrs.field(default=None, validator=optional(flag))
    top_logprobs: int | None = attrs.field(default=None, validator=optional(integer(0, 20)))
    reasoning_effort: str | None = attrs.field(default=None, validator=optional(one_of(*EFFORTS)))
    verbosity: str | None = attrs.field(default=None, validator=optional(one_of(*VERBOSITIES)))
    text_format: str = attrs.field(default="text", validator=one_of(*TEXT_FORMATS))
    response_format: Any = attrs.field(default=None, converter=_own_schema)
    service_tier: str | None = attrs.field(default=None, validator=optional(text))
    prompt_cache_key: str | None = attrs.field(default=None, validator=optional(text))
    safety_identifier: str | None = attrs.field(default=None, validator=optional(text))
    metadata: dict[str, str] | None = attrs.field(default=None, converter=_own_or_none, validator=_table)
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
    include: list[str] | None = attrs.field(default=None, converter=_text_list, validator=optional(texts))


@attrs.define(kw_only=True, slots=False, eq=False, repr=False)
class ChatSettings(OpenAISettings):
    """The settings of ``openai-chat``.

    :param max_tokens: limit of the answer; reasoning models want ``max_completion_tokens``.
    :param stream_options: instead of ``{"include_usage": true}``; ``{}`` for servers that refuse any.
    """

    store: bool | None = attrs.field(default=None, validator=optional(flag))
    max_tokens: int | None = attrs.field(default=None, validator=optional(integer(1)))
    max_completion_tokens: int | None = attrs.field(default=None, validator=optional(integer(1)))
    stop: list[str] | None = attrs.field(default=None, converter=_text_list, validator=optional(texts))
    frequency_penalty: float | None = attrs.field(default=None, validator=optional(number(-2, 2)))
    presence_penalty: float | None = attrs.field(default=None, validator=optional(number(-2, 2)))
    seed: int | None = attrs.field(default=None, validator=optional(integer()))
