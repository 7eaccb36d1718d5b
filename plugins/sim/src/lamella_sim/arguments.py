"""Fills a tool's arguments from a prompt, by the tool's schema."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

import attrs

from lamella_sim.instances import fits, instance_of, is_integer, is_nullable, kind_of, resolve
from lamella_sim.values import named_values, numbers, said_false, strings

__all__ = ["Filled", "fill", "fill_structure"]

_FREE_TEXT: Final = frozenset(
    {"body", "content", "instruction", "keywords", "message", "prompt", "q", "query", "question", "request"}
    | {"task", "term", "text", "topic"}
)
_EXPRESSION: Final = re.compile(r"[\d(][\d\s.+*/^()%\u00d7\u00f7-]*[\d)]")


@attrs.frozen(kw_only=True)
class Filled:
    """Sets of arguments, one for each call the text asks for; empty when ``missing`` names what it does not say."""

    sets: tuple[dict[str, Any], ...] = ()
    missing: tuple[str, ...] = ()


class _Properties:
    """The properties of a schema, resolved, and which of them a call must or may get from the text."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        root = schema
        schema = resolve(schema, root)
        given = schema.get("properties", {})
        needed = [name for name in schema.get("required", ()) if name in given]
        self.root = root
        self.known = {name: resolve(each, root) for name, each in given.items()}
        self.nullable = [name for name in needed if is_nullable(given[name], root)]
        self.required = [name for name in needed if name not in self.nullable]

    def of_kind(self, kind: str, taken: Collection[str]) -> list[str]:
        """Required ones of a kind; optional ones where none is required."""
        alike = [name for name, each in self.known.items() if kind_of(each) == kind]
        wanted = [name for name in alike if name in self.required] or alike
        return [name for name in wanted if name not in taken]

    def lists_of(self, kind: str) -> bool:
        """Whether a required list takes what is left of a kind."""
        lists = [
            each for name, each in self.known.items() if kind_of(each) == "array" and name in self.required
        ]
        return any(kind_of(resolve(each.get("items", {}), self.root)) == kind for each in lists)


def fill(schema: Mapping[str, Any], text: str, ignore: Collection[str] = (), rest: str = "") -> Filled:
    """The arguments ``text`` gives for ``schema``.

    Values that are named (``city=Paris``) go first, then numbers, names, enum values and flags in order.
    Optional properties the text says nothing of are left out. Twice as many values are two calls.

    :param ignore: stems of words that name the tool.
    :param rest: what follows the tool's name, the last resort of a required string.
    """
    properties = _Properties(schema)
    found = _named(properties, text)
    _put_enums(properties, text, found)
    _put_flags(properties, text, found)
    _deal(properties, "number", numbers(text), found)
    _put_free_text(properties, text, rest, found)
    _deal(properties, "string", strings(text, ignore), found)
    _put_lists(properties, text, ignore, found)
    _put_rest(properties, rest, found)
    missing = tuple(name for name in properties.required if name not in found)
    return Filled(missing=missing) if missing else Filled(sets=_rounds(properties, found))


def fill_structure(schema: Mapping[str, Any], text: str) -> Any:
    """An instance of a schema with the values of the text where they fit, and the smallest ones elsewhere."""
    top = resolve(schema, schema)
    if kind_of(top) != "object":
        return instance_of(schema)
    properties = _Properties(schema)
    found = _named(properties, text)
    _put_enums(properties, text, found)
    _put_flags(properties, text, found)
    _deal(properties, "number", numbers(text), found)
    _deal(properties, "string", strings(text), found)
    _put_lists(properties, text, (), found)
    said = _rounds(properties, found)[0]
    names = [name for name in properties.known if name in said or name in properties.required]
    made = {
        name: said[name] if name in said else instance_of(properties.known[name], properties.root)
        for name in names
    }
    extra = [name for name in top.get("required", ()) if name not in made]
    return {**made, **{name: instance_of({}, properties.root) for name in extra}}


def _named(properties: _Properties, text: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for name, schema in properties.known.items():
        values = [_parsed(value, schema) for value in named_values(name, text)]
        if any(value is not None for value in values):
            found[name] = [value for value in values if value is not None]
    return found


def _parsed(value: str, schema: Mapping[str, Any]) -> Any:
    kind = kind_of(schema)
    if kind == "number":
        given = [number for number in numbers(value) if fits(schema, number)]
        return _whole(given[0], schema) if given else None
    if kind == "boolean":
        return {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}.get(
            value.casefold()
        )
    if kind == "enum":
        return next((each for each in _choices(schema) if str(each).casefold() == value.casefold()), None)
    return value if kind == "string" and fits(schema, value) else None


def _choices(schema: Mapping[str, Any]) -> list[Any]:
    return list(schema["enum"]) if "enum" in schema else [schema["const"]]


def _put_enums(properties: _Properties, text: str, found: dict[str, list[Any]]) -> None:
    for name in (
        name for name, each in properties.known.items() if kind_of(each) == "enum" and name not in found
    ):
        choices = _choices(properties.known[name])
        places = [(match.start(), choice) for choice in choices for match in _mentions(str(choice), text)]
        if places:
            found[name] = [choice for _, choice in sorted(places, key=lambda place: place[0])]
        elif len(choices) == 1 and name in properties.required:
            found[name] = choices


def _mentions(choice: str, text: str) -> list[re.Match[str]]:
    spelled = re.escape(choice).replace("_", r"[_\s-]")
    return list(re.finditer(rf"(?<!\w){spelled}(?!\w)", text, re.IGNORECASE))


def _put_flags(properties: _Properties, text: str, found: dict[str, list[Any]]) -> None:
    for name, schema in properties.known.items():
        if kind_of(schema) != "boolean" or name in found:
            continue
        if said_false(name, text):
            found[name] = [False]
        elif _mentions(name, text):
            found[name] = [True]
        elif name in properties.required:
            found[name] = [re.search(r"\b(?:true|yes)\b", text, re.IGNORECASE) is not None]


def _put_lists(
    properties: _Properties, text: str, ignore: Collection[str], found: dict[str, list[Any]]
) -> None:
    for name in properties.of_kind("array", found):
        schema = properties.known[name]
        item = resolve(schema.get("items", {}), properties.root)
        pool: list[Any] = list(numbers(text)) if kind_of(item) == "number" else []
        if kind_of(item) == "string":
            pool = list(strings(text, ignore))
        used = _used(found)
        free = [_whole(value, item) for value in pool if fits(item, value) and repr(value) not in used]
        values = free[: schema.get("maxItems")]
        if values and len(values) >= schema.get("minItems", 0):
            found[name] = [values]
        elif name in properties.required:
            found[name] = [instance_of(schema, properties.root)]
    for name in properties.of_kind("object", found):
        if name in properties.required:
            found[name] = [instance_of(properties.known[name], properties.root)]


def _deal(properties: _Properties, kind: str, pool: list[Any], found: dict[str, list[Any]]) -> None:
    """Hand the values out to the properties of a kind in turn; as many rounds as come out even."""
    names = properties.of_kind(kind, found)
    used = _used(found)
    pool = [value for value in pool if repr(value) not in used]
    if not names or not pool:
        return
    even = len(pool) % len(names) == 0 and not properties.lists_of(kind)
    rounds = len(pool) // len(names) if even else 1
    for place, name in enumerate(names):
        schema = properties.known[name]
        values = [
            _whole(value, schema) for value in pool[place :: len(names)][:rounds] if fits(schema, value)
        ]
        if values:
            found[name] = values


def _used(found: Mapping[str, list[Any]]) -> set[str]:
    return {repr(value) for values in found.values() for value in values}


def _put_free_text(properties: _Properties, text: str, rest: str, found: dict[str, list[Any]]) -> None:
    for name in properties.of_kind("string", found):
        if name == "expression" and (match := _EXPRESSION.search(text)) is not None:
            found[name] = [match.group().strip()]
        elif name in _FREE_TEXT and name in properties.required:
            quoted = re.findall(r"\"([^\"]+)\"|“([^”]+)”", text)
            said = next((part for part in quoted[0] if part), "") if quoted else ""
            found[name] = [said or rest or text.strip()]


def _put_rest(properties: _Properties, rest: str, found: dict[str, list[Any]]) -> None:
    for name in properties.of_kind("string", found):
        if name in properties.required and rest and fits(properties.known[name], rest):
            found[name] = [rest]
            return


def _whole(value: Any, schema: Mapping[str, Any]) -> Any:
    if isinstance(value, float) and is_integer(schema) and value.is_integer():
        return int(value)
    return value


def _rounds(properties: _Properties, found: Mapping[str, list[Any]]) -> tuple[dict[str, Any], ...]:
    count = max((len(values) for values in found.values()), default=1)
    dealt = {**{name: [None] for name in properties.nullable}, **found}
    names = [name for name in properties.known if name in dealt]
    return tuple(
        {name: dealt[name][min(index, len(dealt[name]) - 1)] for name in names} for index in range(count)
    )
