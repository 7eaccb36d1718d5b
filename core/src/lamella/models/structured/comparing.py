"""Compares a schema with the one that a wire sends: what of it is kept, changed and lost, place by place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, TypeAlias

import attrs

from lamella._frozen import thaw

__all__ = ["Difference", "Fate", "compare"]

Fate: TypeAlias = Literal["kept", "changed", "lost", "refused"]
"""``changed``: said in another way; ``lost``: not said, so only the check on arrival holds; ``refused``: not sent."""

_FEATURES: Final[dict[str, str]] = {
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), "bounds"),
    **dict.fromkeys(
        ("minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties"),
        "sizes",
    ),
    **dict.fromkeys(("pattern",), "pattern"),
    **dict.fromkeys(("format", "contentEncoding"), "format"),
    **dict.fromkeys(("enum", "const"), "choices"),
    **dict.fromkeys(("default",), "default"),
    **dict.fromkeys(("title", "description", "examples"), "words"),
    **dict.fromkeys(("allOf", "not", "if", "then", "else", "contains"), "conditions"),
    **dict.fromkeys(("dependentRequired", "dependentSchemas"), "conditions"),
    **dict.fromkeys(("patternProperties", "propertyNames"), "open map"),
    **dict.fromkeys(("prefixItems",), "tuple"),
}
_NULL: Final = {"type": "null"}


@attrs.frozen
class Difference:
    """What became of one feature at one place of a schema."""

    path: str
    feature: str
    fate: Fate
    detail: str = ""


def compare(given: Mapping[str, Any], sent: Mapping[str, Any]) -> list[Difference]:
    """What of ``given`` is in ``sent``; references are followed in both."""
    return list(_Comparing(thaw(given), thaw(sent)).node("$", thaw(given), thaw(sent), ()))


class _Comparing:
    def __init__(self, given: Mapping[str, Any], sent: Mapping[str, Any]) -> None:
        self._given = given
        self._sent = sent

    def node(self, path: str, given: Any, sent: Any, above: tuple[str, ...]) -> Iterator[Difference]:
        reference = given.get("$ref") if isinstance(given, Mapping) else None
        if reference in above:
            whole = _refers(sent)
            why = "" if whole else "the schema ends here: a value of any form is admitted below"
            yield Difference(path, "recursion", "kept" if whole else "lost", why)
            return
        above = above if reference is None else (*above, reference)
        given, sent = _followed(given, self._given), _followed(sent, self._sent)
        if not isinstance(given, Mapping) or not isinstance(sent, Mapping):
            if given != sent:
                yield Difference(path, "schema", "lost", f"{given} is sent as {sent}")
            return
        sent = _without_null(given, sent, self._sent)
        yield from self._words(path, given, sent)
        yield from self._options(path, given, sent, above)
        yield from self._object(path, given, sent, above)
        if "items" in given:
            yield from self._part(f"{path}[]", given["items"], sent.get("items"), "items", above)

    def _part(
        self, path: str, given: Any, sent: Any, feature: str, above: tuple[str, ...]
    ) -> Iterator[Difference]:
        if sent is None:
            yield Difference(path, feature, "lost", "not sent")
        else:
            yield from self.node(path, given, sent, above)

    def _words(self, path: str, given: Mapping[str, Any], sent: Mapping[str, Any]) -> Iterator[Difference]:
        """The keywords that stand by themselves."""
        told = str(sent.get("description", ""))
        kinds = given.get("type"), sent.get("type")
        if kinds[0] is not None and _types(kinds[0]) != _types(kinds[1]):
            yield Difference(path, "type", "changed", f"{kinds[0]} is sent as {kinds[1]}")
        for word, feature in _FEATURES.items():
            if word not in given:
                continue
            if (
                sent.get(word) == given[word]
                or (word == "description" and str(given[word]) in told)
                or (word == "enum" and _same_choices(given[word], sent.get(word)))
            ):
                yield Difference(path, feature, "kept", word)
            elif word in sent:
                yield Difference(path, feature, "changed", f"{word} {given[word]} is sent as {sent[word]}")
            elif f"{word}: {given[word]}" in told:
                yield Difference(path, feature, "changed", f"{word} moved into the description")
            else:
                yield Difference(path, feature, "lost", f"{word} {given[word]} is checked on arrival only")

    def _options(
        self, path: str, given: Mapping[str, Any], sent: Mapping[str, Any], above: tuple[str, ...]
    ) -> Iterator[Difference]:
        word = next((word for word in ("anyOf", "oneOf") if word in given), None)
        if word is None:
            return
        options = [option for option in given[word] if option != _NULL]
        nullable = len(options) < len(given[word])
        other = next((name for name in ("anyOf", "oneOf") if name in sent), None)
        found = [option for option in sent.get(other, ()) if option != _NULL] if other else [sent]
        feature = "union" if len(options) > 1 else "nullable"
        if len(options) != len(found):
            yield Difference(path, feature, "lost", f"{len(options)} options are sent as {len(found)}")
            return
        if nullable and not (_NULL in sent.get(other, ()) if other else "null" in _types(sent.get("type"))):
            yield Difference(path, "nullable", "lost", "null is not admitted")
        same = other == word
        yield Difference(path, feature, "kept" if same else "changed", word if same else f"{word} as {other}")
        for option, counterpart in zip(options, found, strict=True):
            yield from self.node(path, option, counterpart, above)

    def _object(
        self, path: str, given: Mapping[str, Any], sent: Mapping[str, Any], above: tuple[str, ...]
    ) -> Iterator[Difference]:
        if "object" not in _types(given.get("type")) and "properties" not in given:
            return
        yield from self._closed(path, given, sent)
        fields, found = given.get("properties", {}), sent.get("properties", {})
        for name, schema in fields.items():
            place = f"{path}.{name}"
            if name not in found:
                yield Difference(place, "field", "lost", "the field is not sent")
                continue
            yield from self._required(place, name, given, sent)
            yield from self.node(place, schema, found[name], above)

    def _required(
        self, path: str, name: str, given: Mapping[str, Any], sent: Mapping[str, Any]
    ) -> Iterator[Difference]:
        was, now = name in given.get("required", ()), name in sent.get("required", ())
        if was and not now:
            yield Difference(path, "required", "lost", "sent as optional")
        elif not was:
            detail = "always sent: null where it is not given" if now else ""
            yield Difference(path, "optional", "changed" if now else "kept", detail)

    def _closed(self, path: str, given: Mapping[str, Any], sent: Mapping[str, Any]) -> Iterator[Difference]:
        was, now = given.get("additionalProperties", True), sent.get("additionalProperties", True)
        if was is False:
            if now is not False:
                yield Difference(path, "closed object", "lost", "other keys are admitted")
        elif was == now or (_refers(was) and isinstance(now, Mapping)):
            yield Difference(path, "open map", "kept")
        elif "properties" in given and now is False:
            yield Difference(path, "open map", "changed", "other keys are not admitted")
        else:
            yield Difference(path, "open map", "lost", f"keys of any name are sent as {now}")


def _refers(schema: Any) -> bool:
    """Whether a reference is here, by itself or as the one option beside null."""
    if not isinstance(schema, Mapping):
        return False
    return "$ref" in schema or any(_refers(option) for option in schema.get("anyOf", ()))


def _followed(schema: Any, root: Mapping[str, Any]) -> Any:
    for _ in range(32):  # references to references; a longer chain is a circle
        if not isinstance(schema, Mapping) or not isinstance(schema.get("$ref"), str):
            return schema
        beside = {word: value for word, value in schema.items() if word != "$ref"}
        found = root.get("$defs", {}).get(schema["$ref"].removeprefix("#/$defs/"), {})
        schema = {**found, **beside} if isinstance(found, Mapping) else found
    return schema


def _without_null(given: Mapping[str, Any], sent: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    """What is sent, without the null that stands for "not given", and without a union around one option."""
    if "anyOf" in given or "oneOf" in given or "anyOf" not in sent:
        return sent
    options = [option for option in sent["anyOf"] if option != _NULL]
    if len(options) != 1:
        return sent
    beside = {word: value for word, value in sent.items() if word != "anyOf"}
    return {**_followed(options[0], root), **beside}


def _types(kind: Any) -> set[str]:
    kinds = {kind} if isinstance(kind, str) else set(kind or ())
    return kinds - {"null"} if len(kinds) > 1 else kinds


def _same_choices(given: Any, sent: Any) -> bool:
    return isinstance(sent, list) and [item for item in sent if item is not None] == [
        item for item in given if item is not None
    ]
