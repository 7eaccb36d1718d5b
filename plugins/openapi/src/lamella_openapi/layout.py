"""The arguments of a tool: where each parameter and the body stand among them.

The rule: parameters stand under their own names, and so do the properties of a body that is a plain object. Any other
body stands under ``body``. Where two of these names would be the same, nothing is flat: the arguments are grouped under
``path``, ``query``, ``headers``, ``cookies`` and ``body``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from lamella_openapi.document import Document, Key, LeadsNowhere
from lamella_openapi.files import FILE, file_shape
from lamella_openapi.media import kind_of
from lamella_openapi.naming import legal_key
from lamella_openapi.operations import Body, Operation, Parameter
from lamella_openapi.problems import shortened
from lamella_openapi.schemas import Schema, Schemas

__all__ = ["MISSING", "Layout", "Values", "lay_out"]

MISSING: Final = object()
"""There is no body."""

_GROUPS: Final = {"path": "path", "query": "query", "header": "headers", "cookie": "cookies"}
_NOT_PLAIN: Final = frozenset(
    {"$ref", "allOf", "anyOf", "oneOf", "not", "if", "patternProperties", "dependentSchemas", "propertyNames",
     "dependentRequired", "minProperties", "maxProperties", "unevaluatedProperties", "enum", "const", "discriminator"}
)  # fmt: skip


@attrs.frozen(kw_only=True)
class Values:
    """What a call's arguments mean."""

    parameters: tuple[tuple[Parameter, Any], ...] = ()
    body: Any = MISSING


@attrs.frozen(kw_only=True)
class Layout:
    """The schema of the arguments, and where things stand in them: ``()`` for a body that is not there by itself."""

    schema: Schema
    parameters: tuple[tuple[tuple[str, ...], Parameter], ...]
    body: tuple[str, ...] | None = None
    properties: Mapping[str, str] | None = None
    """Of a body whose properties are arguments: argument to property."""

    always: bool = False
    """Whether such a body is sent also where none of its properties is given."""

    def values(self, arguments: Mapping[str, Any]) -> Values:
        """The parameters and the body that the arguments hold."""
        found = [(parameter, _at(arguments, place)) for place, parameter in self.parameters]
        return Values(
            parameters=tuple((parameter, value) for parameter, value in found if value is not MISSING),
            body=self._body(arguments),
        )

    def _body(self, arguments: Mapping[str, Any]) -> Any:
        if self.properties is not None:
            body = {name: arguments[key] for key, name in self.properties.items() if key in arguments}
            return body if body or self.always else MISSING
        return MISSING if self.body is None else _at(arguments, self.body)


def _at(arguments: Mapping[str, Any], place: Iterable[str]) -> Any:
    value: Any = arguments
    for key in place:
        if not isinstance(value, Mapping) or key not in value:
            return MISSING
        value = value[key]
    return value


def lay_out(
    operation: Operation, parameters: Iterable[Parameter], schemas: Schemas, document: Document
) -> Layout:
    """The layout of an operation's arguments.

    :param parameters: those that the model gives.
    """
    return _Plan(operation, tuple(parameters), schemas, document).layout()


class _Plan:
    def __init__(
        self, operation: Operation, parameters: tuple[Parameter, ...], schemas: Schemas, document: Document
    ) -> None:
        self._parameters = parameters
        self._schemas = schemas
        self._document = document
        self._needs: dict[Key, None] = {}
        self._body = operation.body
        self._body_schema: Schema = {}
        self._plain = False
        if operation.body is not None:
            self._settle_body(operation.body)

    def layout(self) -> Layout:
        names = [parameter.name for parameter in self._parameters]
        if self._body is not None:
            names += list(self._body_schema["properties"]) if self._plain else ["body"]
        keys = [legal_key(name, set()) for name in names]
        return self._flat() if len(set(keys)) == len(keys) else self._nested()

    # -- the body -----------------------------------------------------------------------------------

    def _settle_body(self, body: Body) -> None:
        kind = kind_of(body.media)
        if kind in ("text", "binary"):
            self._body_schema = {"type": "string"} if kind == "text" else dict(FILE)
            return
        try:
            raw, base = self._document.follow(body.schema, body.base)
        except LeadsNowhere:
            raw, base = {}, body.base
        needs: dict[Key, None] = {}
        inline = self._schemas.translate(raw, base, needs)
        if kind == "multipart":
            inline = self._with_files(inline, raw, base)
        self._plain = _is_plain(inline, body.required)
        if self._plain or kind == "multipart":
            self._body_schema = inline
            self._needs.update(needs)
        else:
            self._body_schema = self._schemas.translate(body.schema, body.base, self._needs)

    def _with_files(self, made: Schema, raw: Any, base: str) -> Schema:
        """The body of a form, with files where it has bytes."""
        given = raw.get("properties") if isinstance(raw, dict) else None
        properties = dict(made.get("properties", {}))
        for name, item in (given if isinstance(given, dict) else {}).items():
            shape = file_shape(item, base, self._document) if name in properties else None
            if shape is not None:
                properties[name] = dict(FILE) if shape == "one" else {"type": "array", "items": dict(FILE)}
        return {**made, "properties": properties} if properties else made

    # -- the arguments ------------------------------------------------------------------------------

    def _flat(self) -> Layout:
        properties: dict[str, Any] = {}
        required: list[str] = []
        taken: set[str] = set()
        places = []
        for parameter in self._parameters:
            key = legal_key(parameter.name, taken)
            places.append(((key,), parameter))
            properties[key] = self._described(parameter)
            required += [key] if parameter.required else []
        if self._body is None:
            return Layout(schema=self._whole(properties, required), parameters=tuple(places))
        if not self._plain:
            properties["body"] = self._body_described()
            required += ["body"] if self._body.required else []
            return Layout(schema=self._whole(properties, required), parameters=tuple(places), body=("body",))
        names = {}
        for name, item in self._body_schema["properties"].items():
            key = legal_key(name, taken)
            names[key] = name
            properties[key] = item
            required += [key] if name in self._body_schema.get("required", ()) else []
        return Layout(
            schema=self._whole(properties, required),
            parameters=tuple(places),
            properties=names,
            always=self._body.required,
        )

    def _nested(self) -> Layout:
        groups: dict[str, tuple[dict[str, Any], list[str], set[str]]] = {}
        places = []
        for parameter in self._parameters:
            group = _GROUPS[parameter.location]
            properties, required, taken = groups.setdefault(group, ({}, [], set()))
            key = legal_key(parameter.name, taken)
            places.append(((group, key), parameter))
            properties[key] = self._described(parameter)
            required += [key] if parameter.required else []
        outer = {group: _closed(properties, required) for group, (properties, required, _) in groups.items()}
        needed = [group for group, (_, required, _) in groups.items() if required]
        if self._body is not None:
            outer["body"] = self._body_described()
            needed += ["body"] if self._body.required else []
        return Layout(
            schema=self._whole(outer, needed),
            parameters=tuple(places),
            body=None if self._body is None else ("body",),
        )

    def _whole(self, properties: dict[str, Any], required: list[str]) -> Schema:
        made = _closed(properties, required)
        definitions = self._schemas.definitions(self._needs)
        return {**made, "$defs": definitions} if definitions else made

    def _described(self, parameter: Parameter) -> Schema:
        made = self._schemas.translate(parameter.schema, parameter.base, self._needs)
        if parameter.description and "description" not in made:
            made = {**made, "description": shortened(parameter.description, 500)}
        return made

    def _body_described(self) -> Schema:
        body, made = self._body, self._body_schema
        if body is not None and body.description and "description" not in made:
            made = {**made, "description": shortened(body.description, 500)}
        return made


def _is_plain(schema: Schema, required: bool) -> bool:
    """An object with named properties, no conditions, and, where it may be left out, nothing it must have."""
    if _NOT_PLAIN & schema.keys() or not schema.get("properties"):
        return False
    if schema.get("type", "object") != "object" or schema.get("additionalProperties") not in (
        None,
        False,
        {},
    ):
        return False
    if not set(schema.get("required", ())) <= schema["properties"].keys():
        return False
    return required or not schema.get("required")


def _closed(properties: dict[str, Any], required: list[str]) -> Schema:
    made: Schema = {"type": "object", "properties": properties}
    if required:
        made["required"] = required
    return {**made, "additionalProperties": False}
