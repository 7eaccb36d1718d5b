"""A row as a class of models: ``ChatOpenAICompletions`` with the row's facts. This imports OpenAI's plugin."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from lamella.providers import issuer_of
from lamella_gateways.rows import Row
from lamella_openai import ChatOpenAICompletions
from lamella_openai.deviations import Deviations

__all__ = ["model_class"]

_made: dict[str, type[ChatOpenAICompletions]] = {}


def model_class(row: Row) -> type[ChatOpenAICompletions]:
    """The class of a row's models, always the same for a row."""
    if row.id not in _made:
        _made[row.id] = _make(row)
    return _made[row.id]


def _make(row: Row) -> type[ChatOpenAICompletions]:
    """A gateway issues what it sends: its host does, or for a server on the own machine its id."""
    facts: dict[str, Any] = {
        "__doc__": f"{row.summary} ({row.docs}).",
        "__module__": __name__,
        "provider": row.id,
        "vendor": issuer_of(row.base_url, row.id, ()),
        "vendor_hosts": (urlsplit(row.base_url).hostname or row.id,),
        "default_base_url": row.base_url,
        "key_variables": row.env,
        "url_variables": (),
        "needs_key": row.needs_key,
        "known_models": (),
        "known_deviations": Deviations().changed(row.deviations),
    }
    name = "".join(part.capitalize() for part in row.id.split("-"))
    return type(name, (ChatOpenAICompletions,), facts)
