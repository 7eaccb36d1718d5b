"""Which of the offered tools a prompt plainly asks for, and with which arguments."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import attrs

from lamella_sim.arguments import fill
from lamella_sim.instances import kind_of, resolve
from lamella_sim.values import numbers
from lamella_sim.words import COMMON, stem, stems, words

__all__ = ["Ask", "Asks", "Offered", "read_asks"]


class Offered(Protocol):
    """What is read of an offered tool."""

    @property
    def name(self) -> str:
        """The name the model calls it by."""

    @property
    def description(self) -> Any:
        """What it does, ``None`` when nobody said."""

    @property
    def input_schema(self) -> Any:
        """The JSON schema of its arguments."""


@attrs.frozen(kw_only=True)
class Ask:
    """A call the prompt asks for."""

    name: str
    arguments: Mapping[str, Any]


@attrs.frozen(kw_only=True)
class Asks:
    """The calls in the order of the prompt; ``missing`` names arguments the prompt owes, by tool."""

    calls: tuple[Ask, ...] = ()
    missing: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)


_SYNONYMS: Final[Mapping[str, tuple[str, ...]]] = {
    "add": ("plus", "sum", "addition", "total"),
    "sum": ("plus", "add", "addition", "total"),
    "multiply": ("times", "product", "multiplied"),
    "subtract": ("minus", "difference"),
    "divide": ("divided", "quotient"),
    "weather": ("forecast", "temperature"),
    "search": ("find", "look up", "lookup"),
}
_OPERATORS: Final = {
    stem("add"): r"\+|plus",
    stem("sum"): r"\+|plus",
    stem("multiply"): r"\*|\u00d7|x|times|multiplied by",
    stem("subtract"): r"-|\u2212|minus",
    stem("divide"): r"/|\u00f7|divided by|over",
}
_NEGATED: Final = re.compile(
    r"\b(?:don't|do not|don\u2019t|never|without)\s+(?:\w+\s+){0,2}?(?:call|use|run|calling|using|tools?)\b",
    re.I,
)


@attrs.frozen
class _Mention:
    """A tool is named from ``start`` to ``end`` of the prompt."""

    start: int
    end: int
    tool: Offered = attrs.field(order=False)


def read_asks(text: str, tools: Sequence[Offered]) -> Asks:
    """What ``text`` asks the tools for. Deterministic; nothing when it forbids tools."""
    if _NEGATED.search(text):
        return Asks()
    found, rest = _infix(text, tools)
    mentions = _merged(_mentions(rest, tools))
    ignore = {part for tool in tools for part in (*stems(tool.name), *map(stem, _synonyms(tool)))}
    missing: dict[str, tuple[str, ...]] = {}
    for index, mention in enumerate(mentions):
        start = 0 if index == 0 else mention.start
        end = mentions[index + 1].start if index + 1 < len(mentions) else len(rest)
        filled = fill(mention.tool.input_schema, rest[start:end], ignore, _tail(rest[mention.end : end]))
        if filled.missing:
            missing[mention.tool.name] = filled.missing
        found.extend((mention.start, Ask(name=mention.tool.name, arguments=each)) for each in filled.sets)
    calls = [ask for _, ask in sorted(found, key=lambda pair: pair[0])]
    called = {ask.name for ask in calls}
    return Asks(
        calls=_distinct(calls), missing={name: gap for name, gap in missing.items() if name not in called}
    )


def _infix(text: str, tools: Sequence[Offered]) -> tuple[list[tuple[int, Ask]], str]:
    """``2 + 3`` for a tool that adds: the calls, and the text without them."""
    found: list[tuple[int, Ask]] = []
    for tool in tools:
        names = _two_numbers(tool)
        for operator in (
            {_OPERATORS[part] for part in stems(tool.name) if part in _OPERATORS} if names else ()
        ):
            pattern = re.compile(
                rf"(?<![\w.])(-?\d+(?:\.\d+)?)\s*(?:{operator})\s*(-?\d+(?:\.\d+)?)(?![\w])", re.I
            )
            for match in pattern.finditer(text):
                pair = [numbers(part)[0] for part in match.groups()]
                found.append(
                    (match.start(), Ask(name=tool.name, arguments=dict(zip(names, pair, strict=True))))
                )
            text = pattern.sub(lambda match: " " * len(match.group()), text)
    return found, text


def _two_numbers(tool: Offered) -> list[str]:
    schema = resolve(tool.input_schema, tool.input_schema)
    known = schema.get("properties", {})
    names = [name for name, each in known.items() if kind_of(resolve(each, tool.input_schema)) == "number"]
    required = schema.get("required", ())
    return names[:2] if len(names) >= 2 and set(required) <= set(names[:2]) else []


def _mentions(text: str, tools: Sequence[Offered]) -> list[_Mention]:
    plain = [mention for tool in tools for mention in _by_name(text, tool)]
    return sorted(plain, key=lambda mention: (mention.start, -mention.end)) or _by_description(text, tools)


def _by_name(text: str, tool: Offered) -> list[_Mention]:
    """Places that give the tool's name, all words of its name, or a synonym of its only word."""
    exact = [
        _Mention(match.start(), match.end(), tool)
        for match in re.finditer(rf"(?<![\w]){re.escape(tool.name)}(?!\w)", text, re.IGNORECASE)
    ]
    if exact:
        return exact
    parts = stems(tool.name)
    common = all(word.text.casefold() in COMMON for word in words(tool.name))
    places: dict[str, list[_Mention]] = {}
    for word in words(text):
        if common or word.text.casefold() not in COMMON:
            places.setdefault(stem(word.text), []).append(_Mention(word.start, word.end, tool))
    if parts and all(part in places for part in parts):
        return places[parts[-1]]
    return [
        _Mention(match.start(), match.end(), tool)
        for synonym in _synonyms(tool)
        for match in re.finditer(rf"\b{synonym}\b", text, re.IGNORECASE)
    ]


def _synonyms(tool: Offered) -> tuple[str, ...]:
    parts = [word.text.casefold() for word in words(tool.name)]
    said = [part for part in parts if part not in COMMON]
    return _SYNONYMS.get(said[0], ()) if len(said) == 1 else ()


def _by_description(text: str, tools: Sequence[Offered]) -> list[_Mention]:
    """The tool whose description and parameters share most words with the prompt, two at least."""
    best: tuple[int, list[_Mention]] = (1, [])
    for tool in tools:
        known = resolve(tool.input_schema, tool.input_schema).get("properties", {})
        about = {
            *stems(tool.name),
            *stems(tool.description),
            *(part for name in known for part in stems(name)),
        }
        hits = [
            word for word in words(text) if word.text.casefold() not in COMMON and stem(word.text) in about
        ]
        score = len({stem(word.text) for word in hits})
        if score > best[0]:
            best = (score, [_Mention(hits[0].start, hits[-1].end, tool)])
    return best[1]


def _merged(mentions: Sequence[_Mention]) -> list[_Mention]:
    """Mentions in a row of the same tool are one; of two at one place the longer counts."""
    merged: list[_Mention] = []
    for mention in mentions:
        last = merged[-1] if merged else None
        if last is None:
            merged.append(mention)
        elif mention.start < last.end or mention.tool is last.tool:
            continue
        else:
            merged.append(mention)
    return merged


def _tail(text: str) -> str:
    """What follows the tool's name, without the words that lead to it and the stop at the end."""
    text = re.split(r"[.?!;](?:\s|$)", text.strip(), maxsplit=1)[0]
    text = re.sub(
        r"^(?:(?:the|tool|for|of|in|with|on|about|to|is|are|like|a|an|and|me|:)\b\s*|[:,]\s*)+",
        "",
        text,
        flags=re.I,
    )
    return re.sub(r"(?:\s*,)?\s*\band\b\s*$", "", text).strip(" ,:\"'")


def _distinct(calls: Sequence[Ask]) -> tuple[Ask, ...]:
    kept: list[Ask] = []
    for call in calls:
        if call not in kept:
            kept.append(call)
    return tuple(kept)
