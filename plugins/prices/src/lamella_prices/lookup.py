"""Which row of the price data a model is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, Provider

__all__ = ["Found", "find", "find_provider"]

_IDS: Final = {
    "bedrock": "aws",
    "gemini": "google",
    "moonshot": "moonshotai",
    "vertex": "google",
    "voyage": "voyageai",
    "xai": "x-ai",
}
"""The names of Lamella's providers that the price data knows by another one."""

_DATE: Final = re.compile(r"[-:@](?:20\d{2}-[01]\d-[0-3]\d|20\d{2}[01]\d[0-3]\d|latest)$")
_FINE_TUNED: Final = "ft"


@attrs.frozen(kw_only=True)
class Found:
    """A model of the price data, whose provider bills for it, and the name it was found by."""

    provider: Provider
    model: ModelInfo
    name: str


def find(model: str, provider: str | None = None) -> Found | None:
    """The model of that name, ``None`` for what the price data does not know.

    Without a provider the model may be written ``provider:model``; else it is its maker's.
    """
    if provider is None:
        return _find_alone(model)
    if provider == "huggingface":  # a router: the suffix says who answers, and bills
        model, _, backend = model.rpartition(":")
        provider = f"huggingface_{backend}"
    billing = find_provider(provider)
    return None if billing is None or not model else _find_at(model, billing)


def find_provider(name: str) -> Provider | None:
    """The provider of that name. Names must be equal: a server called ``my-openai`` is not OpenAI."""
    wanted = _IDS.get(name.lower(), name.lower())
    return next((provider for provider in _snapshot().providers if provider.id == wanted), None)


def _snapshot() -> Any:
    from genai_prices.data_snapshot import get_snapshot

    return get_snapshot()


def _find_alone(model: str) -> Found | None:
    named, colon, rest = model.partition(":")
    if colon and named != _FINE_TUNED:
        return find(rest, named) if rest else None
    if "/" in model:  # a gateway's way to write it: whose, nobody said
        return None
    makers = (maker for maker in _snapshot().providers if maker.model_match is not None)
    maker = next((maker for maker in makers if maker.model_match.is_match(model.lower())), None)
    return None if maker is None else _find_at(model, maker)


def _find_at(model: str, billing: Provider) -> Found | None:
    for name in _names(model.lower()):
        try:
            _, row = _snapshot().find_provider_model(name, billing, None, None)
        except LookupError:
            continue
        if _is_whole(row.match, name) or not row.match.is_match(name):
            return Found(provider=billing, model=row, name=name)
    return None


def _names(model: str) -> Iterator[str]:
    """The name, then without the folder that Google puts before it, then without a date behind it."""
    yield model
    if "models/" in model:
        model = model.rpartition("models/")[2]
        yield model
    undated = _DATE.sub("", model)
    if undated != model:
        yield undated


def _is_whole(clause: Any, name: str) -> bool:
    """Whether a name matches without a number being cut: ``gpt-4.1`` is no ``gpt-4``, nor ``x-59`` an ``x-5``."""
    for combine, parts in ((any, "or_"), (all, "and_")):
        if hasattr(clause, parts):
            return combine(_is_whole(part, name) for part in getattr(clause, parts))
    if not clause.is_match(name):
        return False
    text = getattr(clause, "starts_with", None) or getattr(clause, "contains", None)
    return text is None or not _cuts_number(name, name.find(text.lower()) + len(text))


def _cuts_number(name: str, end: int) -> bool:
    before, after = name[:end], name[end:]
    if not before[-1:].isdigit():
        return False
    if re.match(r"\.\d", after):
        return True
    digits = re.findall(r"\d+$", before)[0] + re.findall(r"^\d*", after)[0]
    return after[:1].isdigit() and len(digits) < 4  # four digits or more are a date
