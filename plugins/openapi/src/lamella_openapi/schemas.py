"""The schemas of a document as JSON Schema 2020-12: finite, legal, and of what is sent.

A reference stays one: what it leads to is a definition in ``$defs``, so recursive schemas stay finite. The words of
OpenAPI 3.0 that JSON Schema has no longer (``nullable``, ``exclusiveMinimum: true``) are said in those it has. Read-only
properties are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

import attrs

from lamella_openapi.document import Document, Key, LeadsNowhere
from lamella_openapi.keywords import LISTS, MAPS, PLAIN, SILENT, SINGLES, TYPES, pattern
from lamella_openapi.notes import Notes
from lamella_openapi.problems import shortened

__all__ = ["Schema", "Schemas", "nullable"]

Schema: TypeAlias = dict[str, Any]

_NULL: Final = {"type": "null"}
_SLOPPY: Final = {
    "bool": "boolean", "date": "string", "date-time": "string", "datetime": "string", "decimal": "number",
    "dict": "object", "double": "number", "file": "string", "float": "number", "int": "integer", "int32": "integer",
    "int64": "integer", "list": "array", "long": "integer", "map": "object", "str": "string", "uuid": "string",
}  # fmt: skip
"""Types that are none, and what is meant."""

_MOST_NODES: Final = 50_000
_DEEPEST: Final = 60
_DESCRIPTION: Final = 500


def nullable(schema: Schema) -> Schema:
    """The schema, with null admitted."""
    kind = schema.get("type")
    if isinstance(kind, list) and "null" in kind:
        return schema
    if kind is None or "$ref" in schema or "const" in schema or LISTS & schema.keys() - {"prefixItems"}:
        texts = {"description": schema.pop("description")} if "description" in schema else {}
        if not schema:
            return texts
        return {"anyOf": [schema, dict(_NULL)], **texts}
    made = {**schema, "type": [*([kind] if isinstance(kind, str) else kind), "null"]}
    if "enum" in schema and None not in schema["enum"]:
        made["enum"] = [*schema["enum"], None]
    return made


@attrs.define
class _Work:
    """One schema while it is translated: what it refers to, and how much of it there was."""

    needs: dict[Key, None] = attrs.field(factory=dict)
    nodes: int = 0


class Schemas:
    """Translates the schemas of one document. Definitions are translated once and have one name throughout."""

    def __init__(self, document: Document, notes: Notes) -> None:
        self._document = document
        self._notes = notes
        self._old = str(document.root.get("openapi")).startswith("3.0")
        self._names: dict[Key, str] = {}
        self._taken: set[str] = set()
        self._bodies: dict[Key, tuple[Schema, tuple[Key, ...]]] = {}

    def translate(self, schema: Any, base: str, needs: dict[Key, None]) -> Schema:
        """A schema of the file ``base``. The definitions it refers to are added to ``needs``."""
        work = _Work(needs)
        return _as_mapping(self._node(schema, base, work, 0, frozenset()))

    def definitions(self, needs: Iterable[Key]) -> dict[str, Schema]:
        """All that is needed, by the names that the references have."""
        found: dict[str, Schema] = {}
        pending = list(needs)
        while pending:
            key = pending.pop(0)
            name = self._name(key)
            if name not in found:
                found[name], more = self._body(key)
                pending.extend(more)
        return found

    # -- definitions --------------------------------------------------------------------------------

    def _body(self, key: Key) -> tuple[Schema, tuple[Key, ...]]:
        if key not in self._bodies:
            work = _Work()
            made = _as_mapping(self._node(self._document.find(key), key[0], work, 0, frozenset()))
            self._bodies[key] = made, tuple(work.needs)
        return self._bodies[key]

    def _name(self, key: Key) -> str:
        if key not in self._names:
            last = key[1].rpartition("/")[2] or key[0].rpartition("/")[2]
            stem = re.sub(r"[^A-Za-z0-9_.-]+", "_", last).strip("_")[:60] or "schema"
            name, number = stem, 2
            while name in self._taken:
                name, number = f"{stem}_{number}", number + 1
            self._taken.add(name)
            self._names[key] = name
        return self._names[key]

    def _reference(self, reference: str, base: str, work: _Work) -> Schema:
        key = self._document.key(reference, base)
        try:
            self._document.follow({"$ref": reference}, base)
        except LeadsNowhere as error:
            self._notes.add(f"the reference {reference} is taken for any value: {error}")
            return {}
        work.needs.setdefault(key)
        return {"$ref": f"#/$defs/{self._name(key)}"}

    # -- one schema ---------------------------------------------------------------------------------

    def _node(self, schema: Any, base: str, work: _Work, depth: int, hidden: frozenset[str]) -> Schema | bool:
        work.nodes += 1
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, dict):
            self._note("a schema", schema)
            return {}
        if work.nodes > _MOST_NODES or depth > _DEEPEST:
            self._notes.add("a schema that is too large is cut: what is left out may be any value")
            return {}
        hidden |= self._read_only(schema, base, 0)
        made = self._words(schema, base, work, depth, hidden)
        if isinstance(reference := schema.get("$ref"), str):
            made = self._beside(self._reference(reference, base, work), made)
        self._settle_type(made, schema)
        self._settle_bounds(made, schema)
        self._settle_required(made, hidden)
        if schema.get("nullable") is True:
            return nullable(made)
        return made

    def _words(self, schema: Schema, base: str, work: _Work, depth: int, hidden: frozenset[str]) -> Schema:
        made: Schema = {}
        for word, value in schema.items():
            if word in SINGLES:
                if word == "items" and isinstance(value, list) and value:
                    made["prefixItems"] = [
                        self._node(item, base, work, depth + 1, frozenset()) for item in value
                    ]
                elif isinstance(value, dict | bool):
                    made[word] = self._node(value, base, work, depth + 1, frozenset())
                else:
                    self._note(word, value)
            elif word in LISTS:
                self._list(made, word, value, base, work, depth, hidden)
            elif word in MAPS:
                self._map(made, word, value, base, work, depth, hidden)
            elif word in PLAIN:
                self._plain(made, word, value)
            elif word == "discriminator":
                self._discriminator(made, value, base, work)
            elif word not in SILENT and word not in ("$ref", "type") and not word.startswith("x-"):
                self._notes.add(f"the word {word!r} in schemas is left out")
        return made

    def _list(
        self, made: Schema, word: str, value: Any, base: str, work: _Work, depth: int, hidden: frozenset[str]
    ) -> None:
        if not isinstance(value, list) or not value:
            self._note(word, value)
            return
        down = hidden if word == "allOf" else frozenset()
        made[word] = [self._node(item, base, work, depth + 1, down) for item in value]

    def _map(
        self, made: Schema, word: str, value: Any, base: str, work: _Work, depth: int, hidden: frozenset[str]
    ) -> None:
        if not isinstance(value, dict):
            self._note(word, value)
            return
        made[word] = {
            name: self._node(item, base, work, depth + 1, frozenset())
            for name, item in value.items()
            if not (word == "properties" and name in hidden)
            and (word != "patternProperties" or pattern(name))
        }

    def _plain(self, made: Schema, word: str, value: Any) -> None:
        if PLAIN[word](value):
            made[word] = shortened(value, _DESCRIPTION) if word == "description" else value
        elif not (word in ("exclusiveMinimum", "exclusiveMaximum") and isinstance(value, bool)):
            self._note(word, value)

    def _discriminator(self, made: Schema, value: Any, base: str, work: _Work) -> None:
        if not isinstance(value, dict) or not isinstance(value.get("propertyName"), str):
            self._note("discriminator", value)
            return
        mapping = value.get("mapping") if isinstance(value.get("mapping"), dict) else {}
        named = {name: target for name, target in (mapping or {}).items() if isinstance(target, str)}
        reachable = {}
        for name, target in named.items():
            key = self._document.key(target if "/" in target else f"#/components/schemas/{target}", base)
            if key in work.needs or key in self._names:
                reachable[name] = f"#/$defs/{self._name(key)}"
        made["discriminator"] = {"propertyName": value["propertyName"]}
        if reachable and len(reachable) == len(named):
            made["discriminator"]["mapping"] = reachable

    # -- what the words mean together ---------------------------------------------------------------

    def _beside(self, reference: Schema, made: Schema) -> Schema:
        """A reference and the words beside it: in 3.0 only those that say something are heeded."""
        if self._old:
            made = {word: made[word] for word in ("description", "default") if word in made}
        return {**made, **reference}

    def _settle_type(self, made: Schema, schema: Schema) -> None:
        given = schema.get("type")
        if given is None or (self._old and "$ref" in schema):
            return
        kinds = [str(kind) for kind in (given if isinstance(given, list) else [given])]
        meant = [kind if kind in TYPES else _SLOPPY.get(kind.lower()) for kind in kinds]
        known = list(dict.fromkeys(kind for kind in meant if kind is not None))
        if known != kinds:
            self._note("type", given)
        if known:
            made["type"] = known[0] if len(known) == 1 else known

    def _settle_bounds(self, made: Schema, schema: Schema) -> None:
        for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
            if schema.get(exclusive) is True and bound in made:
                made[exclusive] = made.pop(bound)

    def _settle_required(self, made: Schema, hidden: frozenset[str]) -> None:
        if "required" in made:
            kept = [name for name in made["required"] if name not in hidden]
            made.pop("required") if not kept else made.update(required=kept)

    def _read_only(self, schema: Schema, base: str, depth: int) -> frozenset[str]:
        """The names of the read-only properties, those of ``allOf`` included."""
        found: set[str] = set()
        properties = schema.get("properties")
        for name, item in (properties if isinstance(properties, dict) else {}).items():
            if isinstance(item, dict) and self._is_read_only(item, base):
                found.add(name)
        parts = schema.get("allOf")
        for item in parts if isinstance(parts, list) and depth < 8 else ():
            try:
                target, where = self._document.follow(item, base)
            except LeadsNowhere:
                continue  # noted where it is translated
            if isinstance(target, dict):
                found |= self._read_only(target, where, depth + 1)
        return frozenset(found)

    def _is_read_only(self, schema: Schema, base: str) -> bool:
        if schema.get("readOnly") is True or "$ref" not in schema:
            return schema.get("readOnly") is True
        try:
            target, _ = self._document.follow(schema, base)
        except LeadsNowhere:
            return False
        return isinstance(target, dict) and target.get("readOnly") is True

    def _note(self, word: str, value: Any) -> None:
        self._notes.add(
            f"{word} with the value {shortened(repr(value), 60)} in a schema is no JSON Schema; left out"
        )


def _as_mapping(schema: Schema | bool) -> Schema:
    if isinstance(schema, Mapping):
        return schema
    return {} if schema else {"not": {}}
