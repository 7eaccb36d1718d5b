"""Strict mode: the schema that a provider's constrained decoding accepts.

All properties are required, optional ones nullable, other keys forbidden. Limits that strict mode has
no word for (lengths, uniqueness, defaults) are left out of the wire's schema; arguments are checked
against the full one when they arrive. What cannot be said at all is a *problem*.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_ANNOTATIONS: Final = {"title", "default", "examples", "$schema", "$id", "$comment", "readOnly", "writeOnly"}
_CHECKED_ON_ARRIVAL: Final = {
    "minLength", "maxLength", "uniqueItems", "minProperties", "maxProperties", "contentEncoding",
}  # fmt: skip
_INEXPRESSIBLE: Final = (
    "allOf", "not", "if", "then", "else", "prefixItems", "patternProperties", "propertyNames", "contains",
    "dependentRequired", "dependentSchemas", "unevaluatedProperties", "unevaluatedItems",
)  # fmt: skip
_NULL: Final = {"type": "null"}


class _Strict:
    def __init__(self) -> None:
        self.problems: list[str] = []

    def node(self, schema: Any, path: str) -> dict[str, Any]:
        if not isinstance(schema, Mapping):
            self.problems.append(f"{path}: a boolean schema")
            return {}
        for word in _INEXPRESSIBLE:
            if word in schema:
                self.problems.append(f"{path}: {word}")
        kept = {k: v for k, v in schema.items() if k not in _ANNOTATIONS and k not in _CHECKED_ON_ARRIVAL}
        if not kept.keys() - {"description", "$defs"}:
            self.problems.append(f"{path}: any JSON value (give it a type)")
        return self._children(kept, path)

    def _children(self, node: dict[str, Any], path: str) -> dict[str, Any]:
        for word in ("anyOf", "oneOf"):
            if word in node:
                node["anyOf"] = [self.node(option, path) for option in node.pop(word)]
        if "items" in node:
            node["items"] = self.node(node["items"], f"{path}[]")
        elif node.get("type") == "array" and "prefixItems" not in node:
            self.problems.append(f"{path}: an array of any JSON value (give its items a type)")
        if "object" in _types(node) or "properties" in node:
            self._object(node, path)
        if "$defs" in node:
            node["$defs"] = {name: self.node(body, f"$defs.{name}") for name, body in node["$defs"].items()}
        if "$ref" in node and len(node) > 1 and path != "$":
            # Words beside a reference are refused; a union of one says the same.
            node = {"anyOf": [{"$ref": node.pop("$ref")}], **node}
        return node

    def _object(self, node: dict[str, Any], path: str) -> None:
        open_ended = bool(node.get("additionalProperties"))
        if open_ended or ("properties" not in node and path != "$"):
            self.problems.append(f"{path}: an object with keys of any name")
        required = set(node.get("required", ()))
        node["properties"] = {
            name: self._property(schema, f"{path}.{name}", name in required)
            for name, schema in node.get("properties", {}).items()
        }
        node["required"] = list(node["properties"])
        node["additionalProperties"] = False

    def _property(self, schema: Any, path: str, required: bool) -> dict[str, Any]:
        made = self.node(schema, path)
        return made if required else _nullable(made)


def strict_schema(schema: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The schema in strict form and, where that is impossible, why: one line for each place."""
    strict = _Strict()
    made = strict.node(schema, "$")
    return made, tuple(strict.problems)


def _types(schema: Mapping[str, Any]) -> list[str]:
    kind = schema.get("type", [])
    return [kind] if isinstance(kind, str) else list(kind)


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    if "anyOf" in schema:
        options = list(schema["anyOf"])
        return {**schema, "anyOf": options if _NULL in options else [*options, _NULL]}
    kinds = _types(schema)
    if not kinds:
        texts = {"description": schema.pop("description")} if "description" in schema else {}
        return {"anyOf": [schema, _NULL], **texts}
    made = {**schema, "type": kinds if "null" in kinds else [*kinds, "null"]}
    if "enum" in schema and None not in schema["enum"]:
        made["enum"] = [*schema["enum"], None]
    return made


def drop_nulls(value: Any, schema: Any, root: Mapping[str, Any] | None = None) -> Any:
    """Take out the nulls that stand for "not given": those of optional properties that admit no null."""
    root = schema if root is None else root
    schema = _option(value, _target(schema, root), root)
    if isinstance(value, list):
        return [drop_nulls(item, schema.get("items", {}), root) for item in value]
    if not isinstance(value, dict):
        return value
    properties, required = schema.get("properties", {}), schema.get("required", ())
    return {
        key: drop_nulls(item, properties.get(key, {}), root)
        for key, item in value.items()
        if item is not None or key in required or _admits_null(properties.get(key, {}), root)
    }


def _option(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of a union, the only option that an object can be meant for: by its keys and by its tags."""
    options = [_target(option, root) for option in schema.get("anyOf", ())]
    if not options or not isinstance(value, dict):
        return schema
    fitting = [option for option in options if _may_be(value, option)]
    return fitting[0] if len(fitting) == 1 else schema


def _may_be(value: Mapping[str, Any], option: Mapping[str, Any]) -> bool:
    properties = option.get("properties", {})
    return (
        "object" in _types(option)
        and value.keys() <= properties.keys()
        and all(key in value for key in option.get("required", ()))
        and all(
            item in properties[key]["enum"]
            for key, item in value.items()
            if isinstance(properties[key], Mapping) and "enum" in properties[key]
            if item is not None or key in option.get("required", ())
        )
    )


def _target(schema: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema a reference or an optional leads to."""
    for _ in range(32):  # references to references; a longer chain is a circle
        if not isinstance(schema, Mapping):
            return {}
        options = [option for option in schema.get("anyOf", ()) if option != _NULL]
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference.startswith("#/$defs/"):
            schema = root.get("$defs", {}).get(reference.removeprefix("#/$defs/"), {})
        elif len(options) == 1:
            schema = options[0]
        else:
            return schema
    return {}


def _admits_null(schema: Any, root: Mapping[str, Any]) -> bool:
    if not isinstance(schema, Mapping):
        return True
    if any(_admits_null(option, root) for word in ("anyOf", "oneOf") for option in schema.get(word, ())):
        return True
    if "$ref" in schema:
        target = _target({"$ref": schema["$ref"]}, root)
        return "null" in _types(target)
    if "enum" in schema:
        return None in schema["enum"]
    if "const" in schema:
        return schema["const"] is None
    return (
        "anyOf" not in schema and "oneOf" not in schema and (not _types(schema) or "null" in _types(schema))
    )
