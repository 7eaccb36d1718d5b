"""What can be set on Ollama models: the fields of the class, and the table of the configuration.

``None`` means "not set", and what is not set is not sent; 0 is sent.
"""

from __future__ import annotations

import math
import re
from typing import Any, Final

import attrs

from lamella.errors import AgentInputError
from lamella.providers import (
    ProviderSettings,
    flag,
    integer,
    number,
    one_of,
    optional,
    text,
    text_list,
    texts,
)
from lamella_ollama.hosts import normal_url

__all__ = ["OllamaSettings"]

TEXT_FORMATS: Final = ("text", "json_object", "json_schema")
THINK_LEVELS: Final = ("low", "medium", "high", "max")

_DURATION: Final = re.compile(r"-?((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+|-?0")
"""What Go's ``time.ParseDuration`` reads."""


def _think(owner: Any, field: attrs.Attribute[Any], value: Any) -> None:
    if value is not None and not isinstance(value, bool) and value not in THINK_LEVELS:
        raise AgentInputError(
            f"{type(owner).__name__}.think must be True, False or one of {', '.join(THINK_LEVELS)}, "
            f"got {value!r:.80}"
        )


def _keep_alive(owner: Any, field: attrs.Attribute[Any], value: Any) -> None:
    if isinstance(value, str):
        good = _DURATION.fullmatch(value) is not None
    else:
        real = isinstance(value, int | float) and not isinstance(value, bool)
        good = value is None or (real and math.isfinite(value))
    if not good:
        raise AgentInputError(
            f'{type(owner).__name__}.keep_alive must be a duration such as "5m" or "1h30m", or seconds '
            f"(0 unloads at once, -1 never), got {value!r:.80}"
        )


@attrs.define(kw_only=True, slots=False, eq=False, repr=False)
class OllamaSettings(ProviderSettings):
    """The settings of ``ollama``.

    :param base_url: where the server is: a URL, ``host:port`` or ``host``; else ``OLLAMA_BASE_URL``, else
        ``OLLAMA_HOST``, else ``http://127.0.0.1:11434``.
    :param timeout: seconds to wait for the next byte: loading a large model takes its time.
    :param connect_timeout: seconds to wait for a connection; a server that is there answers at once.
    :param keep_alive: how long the model stays loaded: a duration such as ``"5m"``, or seconds; 0 unloads it
        at once, -1 keeps it.
    :param think: whether, or how hard, a model thinks first. Not set, a model that can think does.
    :param num_ctx: size of the context window in tokens. Not set, it is the server's, which may be small;
        what does not fit is cut off by the server **without an error**.
    :param num_predict: limit of the answer, thinking included; -1 for none.
    :param text_format: ``json_object`` asks for any JSON object; ``response_format`` implies ``json_schema``.
    """

    base_url: str | None = attrs.field(default=None, converter=normal_url, validator=optional(text))
    timeout: float | None = attrs.field(default=120.0, validator=optional(number(0.001)))
    connect_timeout: float | None = attrs.field(default=2.0, validator=optional(number(0.001)))
    keep_alive: str | float | None = attrs.field(default="5m", validator=_keep_alive)
    think: bool | str | None = attrs.field(default=None, validator=_think)
    text_format: str = attrs.field(default="text", validator=one_of(*TEXT_FORMATS))
    num_ctx: int | None = attrs.field(default=None, validator=optional(integer(1)))
    num_predict: int | None = attrs.field(default=None, validator=optional(integer(-2)))
    temperature: float | None = attrs.field(default=None, validator=optional(number(0)))
    top_k: int | None = attrs.field(default=None, validator=optional(integer(0)))
    top_p: float | None = attrs.field(default=None, validator=optional(number(0, 1)))
    min_p: float | None = attrs.field(default=None, validator=optional(number(0, 1)))
    seed: int | None = attrs.field(default=None, validator=optional(integer()))
    stop: list[str] | None = attrs.field(default=None, converter=text_list, validator=optional(texts))
    repeat_penalty: float | None = attrs.field(default=None, validator=optional(number(0)))
    presence_penalty: float | None = attrs.field(default=None, validator=optional(number(-2, 2)))
    frequency_penalty: float | None = attrs.field(default=None, validator=optional(number(-2, 2)))
    logprobs: bool | None = attrs.field(default=None, validator=optional(flag))
    top_logprobs: int | None = attrs.field(default=None, validator=optional(integer(0, 20)))
