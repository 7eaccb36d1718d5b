"""Text as a person reads it: without the disguises that Unicode has for letters, digits and dashes."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

__all__ = ["plain", "readable"]

_DASHES = dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d", "-")


def readable(text: str) -> tuple[str, Sequence[int]]:
    """A text in plain characters, and for each of them its place in the original.

    Compatibility forms (full width, mathematical letters) are what they look like, digits of other scripts
    are 0 to 9, dashes are ``-``, blanks are spaces, and invisible characters are gone.
    """
    if text.isascii():
        return text, range(len(text))
    made: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        for plain_one in _plain(character):
            made.append(plain_one)
            places.append(place)
    return "".join(made), places


def _plain(character: str) -> str:
    if character.isascii():
        return character
    if unicodedata.category(character) == "Cf":
        return ""
    if character in _DASHES:
        return _DASHES[character]
    if character.isspace():
        return "\n" if character in "\u2028\u2029\x85" else " "
    digit = unicodedata.digit(character, None)
    return str(digit) if digit is not None else unicodedata.normalize("NFKC", character)


def plain(text: str) -> str:
    """:func:`readable` text in one case and with single spaces, for comparing words."""
    return " ".join(readable(text)[0].casefold().split())
