"""What can be set on Gemini models: the fields of the classes, and the tables of the configuration.

``None`` means "not set", and what is not set is not sent; 0 is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from lamella.errors import AgentInputError
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

__all__ = ["GeminiBaseSettings", "GeminiSettings", "InteractionsSettings"]

EFFORTS = ("minimal", "low", "medium", "high", "xhigh")
SUMMARIES = ("auto", "none")
MODES = ("auto", "any", "none", "validated")
TIERS = ("standard", "flex", "priority")
RESOLUTIONS = ("low", "medium", "high")


def _store(owner: Any, field: attrs.Attribute[Any], value: Any) -> None:
    flag(owner, field, value)
    if value:
        raise AgentInputError(
            f"{type(owner).__name__}.store=True: generateContent keeps no answer at the vendor; use "
            "ChatGeminiInteractions(store=True), whose answers are kept and can be gone on from. (The request "
            'logs of a project are switched by model_kwargs={"store": True}.)'
        )


def _tables(owner: Any, field: attrs.Attribute[Any], value: Any) -> None:
    whole = isinstance(value, Sequence) and not isinstance(value, str)
    if not whole or not all(isinstance(item, dict) for item in value):
        raise AgentInputError(
            f"{type(owner).__name__}.{field.name} must be a list of dicts, got {f'{value!r:.80}'}"
        )


@attrs.define(kw_only=True, slots=False, eq=False, repr=False)
class GeminiBaseSettings(ProviderSettings):
    """What both APIs share.

    :param api_version: part of every path; pinned, because the SDK's default moves.
    :param max_output_tokens: limit of the answer, thoughts included.
    :param reasoning_effort: how much to think; models before Gemini 3 take a budget of tokens instead.
    :param reasoning_summary: ``auto`` asks for summaries of the thoughts, ``none`` for none.
    :param response_mime_type: ``application/json`` asks for any JSON; ``response_format`` implies it.
    :param cached_content: the name of cached content that the request begins with.
    :param function_calling_mode: how tools are called where a request leaves it open; ``validated`` holds calls
        to their schemas.
    """

    api_version: str = attrs.field(default="v1beta", validator=text)
    temperature: float | None = attrs.field(default=None, validator=optional(number(0, 2)))
    top_p: float | None = attrs.field(default=None, validator=optional(number(0, 1)))
    max_output_tokens: int | None = attrs.field(default=None, validator=optional(integer(1)))
    stop_sequences: list[str] | None = attrs.field(
        default=None, converter=text_list, validator=optional(texts)
    )
    seed: int | None = attrs.field(default=None, validator=optional(integer()))
    reasoning_effort: str | None = attrs.field(default=None, validator=optional(one_of(*EFFORTS)))
    reasoning_summary: str | None = attrs.field(default=None, validator=optional(one_of(*SUMMARIES)))
    response_mime_type: str | None = attrs.field(default=None, validator=optional(text))
    function_calling_mode: str = attrs.field(default="auto", validator=one_of(*MODES))
    cached_content: str | None = attrs.field(default=None, validator=optional(text))
    service_tier: str | None = attrs.field(default=None, validator=optional(one_of(*TIERS)))


@attrs.define(kw_only=True, slots=False, eq=False, repr=False)
class GeminiSettings(GeminiBaseSettings):
    """The settings of ``gemini``.

    :param store: only ``False``: this API keeps nothing; ``ChatGeminiInteractions`` can.
    :param thinking_budget: tokens for thoughts on Gemini 2.5 (0 for none, -1 for what the model finds right);
        instead of ``reasoning_effort``.
    :param response_modalities: what the answer may be made of, such as ``["TEXT", "IMAGE"]``.
    :param safety_settings: ``{"category": …, "threshold": …}`` each.
    :param media_resolution: how finely media are read.
    :param logprobs: how many alternatives to each token to tell, with ``response_logprobs``.
    """

    store: bool = attrs.field(default=False, validator=_store)
    top_k: int | None = attrs.field(default=None, validator=optional(integer(1)))
    presence_penalty: float | None = attrs.field(default=None, validator=optional(number(-2, 2)))
    frequency_penalty: float | None = attrs.field(default=None, validator=optional(number(-2, 2)))
    response_logprobs: bool | None = attrs.field(default=None, validator=optional(flag))
    logprobs: int | None = attrs.field(default=None, validator=optional(integer(0, 20)))
    thinking_budget: int | None = attrs.field(default=None, validator=optional(integer(-1)))
    response_modalities: list[str] | None = attrs.field(
        default=None, converter=text_list, validator=optional(texts)
    )
    safety_settings: list[dict[str, Any]] | None = attrs.field(
        default=None, converter=own, validator=optional(_tables)
    )
    media_resolution: str | None = attrs.field(default=None, validator=optional(one_of(*RESOLUTIONS)))
    speech_config: dict[str, Any] | None = attrs.field(default=None, converter=own, validator=table)
    image_config: dict[str, Any] | None = attrs.field(default=None, converter=own, validator=table)
    labels: dict[str, str] | None = attrs.field(
        default=None, converter=own, validator=optional(instance("a dict of texts", dict))
    )


@attrs.define(kw_only=True, slots=False, eq=False, repr=False)
class InteractionsSettings(GeminiBaseSettings):
    """The settings of ``gemini-interactions``. ``temperature`` and ``top_p`` are deprecated by the vendor here.

    :param store: whether Google keeps the interaction, so that ``previous_interaction_id`` can name it.
    :param previous_interaction_id: the stored interaction that the request goes on from.
    """

    store: bool = attrs.field(default=False, validator=flag)
    previous_interaction_id: str | None = attrs.field(default=None, validator=optional(text))
