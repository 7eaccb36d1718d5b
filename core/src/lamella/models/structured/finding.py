"""JSON in a model's text: the whole text, a fenced block, or the first value that stands in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from lamella._frozen import JSON
from lamella._json import loads
from lamella.errors import AgentSerializationError

__all__ = ["fenced_blocks", "find_json"]

_FENCE: Final = re.compile(
    r"^[ \t]*(?P<fence>`{3,}|~{3,})[ \t]*(?P<lang>[\w.+-]*)[^\n]*\n(?P<body>.*?)^[ \t]*(?P=fence)[ \t]*$",
    re.S | re.M,
)
_STARTS: Final = 64
"""How many places where a value might begin are tried in one text: a model that writes more means none of them."""


def fenced_blocks(text: str, language: str | None = None) -> list[str]:
    """The bodies of the fenced code blocks of a text, in order; of one language, where one is named."""
    return [
        match["body"].removesuffix("\n")
        for match in _FENCE.finditer(text)
        if language is None or match["lang"].lower() == language.lower()
    ]


def find_json(text: str) -> Iterator[JSON]:
    """The JSON values that a text may mean, the likeliest first."""
    whole = text.strip()
    for candidate in (whole, *fenced_blocks(text)):
        try:
            yield loads(candidate)
        except AgentSerializationError:
            continue
        if candidate is whole:
            return
    yield from _embedded(text)


def _embedded(text: str) -> Iterator[Any]:
    """The objects and arrays that stand between words."""
    decoder = json.JSONDecoder()
    place = -1
    for _ in range(_STARTS):
        found = re.compile(r"[\[{]").search(text, place + 1)
        if found is None:
            return
        place = found.start()
        try:
            _, end = decoder.raw_decode(text, place)
            yield loads(text[place:end])
        except (ValueError, RecursionError, AgentSerializationError):
            continue
        place = end - 1
