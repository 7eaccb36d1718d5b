"""``ProviderSettings``: what can be set on a model of any provider over HTTP.

``None`` means "not set", and what is not set is not sent; 0 is sent.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import attrs

from lamella.models.options import header_fields, query_fields
from lamella.providers.checks import flag, instance, integer, number, optional, text
from lamella.providers.key import Key, to_key
from lamella.specs import secret

__all__ = ["ProviderSettings", "own", "table", "text_list"]

table = optional(instance("a dict", dict))
"""Check of a field that holds a table or nothing."""


def own(value: Any) -> Any:
    """A copy that no change of the caller's reaches."""
    return copy.deepcopy(value)


def text_list(value: Any) -> Any:
    """A list of its own; a single text is a list of one. Anything else is left for the validator."""
    if isinstance(value, str):
        return [value]
    return list(value) if isinstance(value, list | tuple) else value


@attrs.define(kw_only=True, slots=False, eq=False, repr=False)
class ProviderSettings:
    """What all providers share.

    :param api_key: the key; else the provider's variable in the environment or ``.env``. ``""`` sends none,
        for local servers.
    :param base_url: where the server is; else the provider's variable, else the vendor.
    :param provider_name: what this provider is called in events, runs and prices; else the plugin's own id.
    :param issuer: whose reasoning state and item ids this model makes and accepts; else told from the host.
    :param timeout: seconds to wait for the next byte, ``None`` for no limit.
    :param max_retries: attempts after the first, with increasing waits; the only retries there are.
    :param streaming: false asks for answers in one piece.
    :param headers: HTTP headers sent with every request, over those of the SDK. Their values are secrets.
    :param query: parameters added to the URL of every request. Their values are secrets.
    :param model_kwargs: merged into the payload last.
    :param response_format: a JSON schema, or a type to make one from, that every answer must follow.
    """

    api_key: str | Key | None = secret(  # noqa: RUF009  # makes an attrs.field
        default=None, converter=to_key, validator=optional(instance("a text", Key))
    )
    base_url: str | None = attrs.field(default=None, validator=optional(text))
    provider_name: str | None = attrs.field(default=None, validator=optional(text))
    _issuer: str | None = attrs.field(default=None, validator=optional(text))
    timeout: float | None = attrs.field(default=60.0, validator=optional(number(0.001)))
    max_retries: int = attrs.field(default=3, validator=integer(0))
    streaming: bool = attrs.field(default=True, validator=flag)
    headers: Mapping[str, str] = secret(default=None, converter=header_fields)  # makes an attrs.field
    query: Mapping[str, str] = secret(default=None, converter=query_fields)  # makes an attrs.field
    model_kwargs: dict[str, Any] = attrs.field(
        factory=dict, converter=own, validator=instance("a dict", dict)
    )
    response_format: Any = attrs.field(default=None, converter=own)
