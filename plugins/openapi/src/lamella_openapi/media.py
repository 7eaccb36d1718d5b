"""Media types: what kind of body each is, and which one is sent where a document offers several."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

__all__ = ["Kind", "best_media", "essence", "kind_of"]

Kind: TypeAlias = Literal["json", "form", "multipart", "text", "binary"]

_ORDER = ("json", "form", "multipart", "text", "binary")


def essence(media: str) -> str:
    """A media type without parameters, in lower case."""
    return media.partition(";")[0].strip().lower()


def kind_of(media: str) -> Kind:
    """How a body of this media type is written."""
    plain = essence(media)
    if plain in ("application/json", "text/json", "*/*", "application/*") or plain.endswith("+json"):
        return "json"
    if plain == "application/x-www-form-urlencoded":
        return "form"
    if plain.startswith("multipart/"):
        return "multipart"
    if plain.startswith("text/") or plain.endswith(
        ("+xml", "/xml", "/yaml", "+yaml", "x-ndjson", "/jsonl", "/graphql")
    ):
        return "text"
    return "binary"


def best_media(offered: Iterable[str]) -> str:
    """The one that a model writes best: JSON, then forms, then text, then bytes; of equal ones the first.

    Plain ``application/json`` goes before other JSON (patches, vendors' types).
    """

    def rank(media: str) -> tuple[int, bool]:
        return _ORDER.index(kind_of(media)), essence(media) != "application/json"

    return min(offered, key=rank)
