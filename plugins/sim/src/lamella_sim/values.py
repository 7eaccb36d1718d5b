"""Values a prompt holds: numbers, strings, and what it plainly says about a name."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Final

from lamella_sim.words import COMMON, stem

__all__ = ["named_values", "numbers", "said_false", "strings"]

_NUMBER: Final = r"-?\d+(?:,\d{3})*(?:\.\d+)?"
_NUMBERS: Final = re.compile(rf"(?<![\w.]){_NUMBER}(?!\w)")
_COUNTED: Final = (
    *("zero", "one", "two", "three", "four", "five", "six"),
    *("seven", "eight", "nine", "ten", "eleven", "twelve"),
)
_NUMBER_WORDS: Final = {word: number for number, word in enumerate(_COUNTED)}
_QUOTED: Final = re.compile(r"\"([^\"]+)\"|“([^”]+)”|`([^`]+)`|(?<!\w)'([^']+)'(?!\w)")
_NAME_LIKE: Final = re.compile(r"[^\W\d_][\w.\u2019'-]*")
_AFTER_PREPOSITION: Final = re.compile(
    r"\b(?:in|for|of|from|to|at|near|about|named|called|on|with|and|or|is)\s+(?:the\s+)?((?:[^\W\d_][\w\u2019'-]*\s*)+)",
    re.I,
)
_ADDRESS: Final = re.compile(r"https?://[^\s<>\"']+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|\b\d{4}-\d{2}-\d{2}\b")


def numbers(text: str) -> list[int | float]:
    """The numbers of a text in order: digits, else words up to twelve."""
    found = [_number(match.group()) for match in _NUMBERS.finditer(_ADDRESS.sub(" ", text))]
    said = re.findall(r"[a-z]+", text.casefold())
    return found or [_NUMBER_WORDS[word] for word in said if word in _NUMBER_WORDS]


def strings(text: str, ignore: Collection[str] = ()) -> list[str]:
    """What a text names, in order: quoted parts, addresses and dates, names in capitals, else what follows a preposition.

    :param ignore: stems of words that name the tool and not a value.
    """
    spans: list[tuple[int, str]] = []

    def take(match: re.Match[str]) -> str:
        spans.append((match.start(), next((part for part in match.groups() if part), match.group())))
        return " ; " + " " * (len(match.group()) - 3) if len(match.group()) > 2 else " " * len(match.group())

    rest = _ADDRESS.sub(take, _QUOTED.sub(take, text))
    spans.extend(_capitalised(rest, ignore))
    if not spans:
        spans.extend(_after_prepositions(rest, ignore))
    return [value for _, value in sorted(spans)]


def named_values(name: str, text: str) -> list[str]:
    """What a text says of ``name``: ``name=value``, ``name: value``, ``name "value"``, ``name 3`` or ``3 name``."""
    word = re.escape(name).replace("_", r"[_\s-]?")
    value = rf"\"(?P<q>[^\"]+)\"|'(?P<s>[^']+)'|(?P<n>{_NUMBER})(?![\w])"
    patterns = [rf"\b{word}\s*(?:=|:|\bis\b)\s*(?:{value}|(?P<w>[^\s,;\"']*\w))"]
    if len(name) > 1:
        patterns += [rf"\b{word}\s+(?:of\s+)?(?:{value})", rf"(?<![\w.])(?P<n>{_NUMBER})\s+{word}s?\b"]
    for pattern in patterns:
        matches = list(re.finditer(pattern, text, re.IGNORECASE))
        if matches:
            return [
                next(part for part in match.groupdict().values() if part is not None) for match in matches
            ]
    return []


def said_false(name: str, text: str) -> bool:
    """Whether a text denies ``name``: ``without name``, ``no name``, ``not name``."""
    word = re.escape(name).replace("_", r"[_\s-]?")
    return re.search(rf"\b(?:without|no|not|non)[\s-]+(?:\w+\s+)?{word}", text, re.IGNORECASE) is not None


def _number(text: str) -> int | float:
    value: int | float = json.loads(text.replace(",", "").lstrip("0") or "0") if _plain(text) else float(text)
    return value


def _plain(text: str) -> bool:
    return re.fullmatch(r"-?(?:0|[1-9]\d*)(?:,\d{3})*(?:\.\d+)?", text) is not None


def _capitalised(text: str, ignore: Collection[str]) -> list[tuple[int, str]]:
    groups: list[tuple[int, int]] = []
    for match in _NAME_LIKE.finditer(text):
        word = match.group().rstrip(".'\u2019-")
        if not word[0].isupper() or word.casefold() in COMMON or stem(word) in ignore:
            continue
        end = match.start() + len(word)
        if groups and text[groups[-1][1] : match.start()] == " ":
            groups[-1] = (groups[-1][0], end)
        else:
            groups.append((match.start(), end))
    return [(start, text[start:end].removesuffix("'s").removesuffix("\u2019s")) for start, end in groups]


def _after_prepositions(text: str, ignore: Collection[str]) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    position = 0
    while (match := _AFTER_PREPOSITION.search(text, position)) is not None:
        kept: list[str] = []
        for word in match.group(1).split():
            if word.casefold() in COMMON or stem(word) in ignore:
                break
            kept.append(word)
        if kept:
            found.append((match.start(1), " ".join(kept)))
        position = match.start(1) if match.start(1) > position else match.end()
    return found
