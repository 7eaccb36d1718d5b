"""Words of a prompt and of a tool, brought to forms that can be compared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import attrs

__all__ = ["COMMON", "Word", "stem", "stems", "words"]

_COMMON_WORDS: Final = """
    a about above after again all also an and any are as ask at be because before but by call calls can
    compute could current did do does each first for from function get give go had has have he hello hey hi
    how i if in into is it its just let list look lookup make many may me more much must my need no not
    of off on once one only or our out over please right run say see she should show so some such tell than
    thank thanks that the their them then there these they this those to today tomorrow tool tools twice
    two under up us use using value was we were what what's when where which while who whose why will with
    would yes yesterday you your answer find fetch return returns query calculate both every between now
    today's it's i'm let's don't monday tuesday wednesday thursday friday saturday sunday extract person
"""

COMMON: Final = frozenset(_COMMON_WORDS.split())
"""Words that name nothing: no value of a parameter, no sign of a tool."""

_WORD: Final = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@attrs.frozen
class Word:
    """A word at its place in a text."""

    text: str
    start: int
    end: int


def words(text: str) -> Iterator[Word]:
    """The words of a text; those of a ``snake_case`` name are several."""
    for match in _WORD.finditer(text):
        yield Word(match.group(), match.start(), match.end())


def stem(word: str) -> str:
    """A form that ``multiply``, ``multiplies`` and ``multiplied`` share. Crude on purpose."""
    word = word.casefold()
    for ending in ("ing", "ied", "ies", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= (4 if ending == "s" else 3):
            word = word.removesuffix(ending) + ("y" if ending in ("ied", "ies") else "")
            break
    return word.removesuffix("e") if len(word) > 3 else word


def stems(text: str | None) -> list[str]:
    """The stems of the words that say something, or of all where none does; ``camelCase`` is split."""
    found = [word.text for word in words(_CAMEL.sub("_", text or ""))]
    return [stem(word) for word in found if word.casefold() not in COMMON] or [stem(word) for word in found]
