"""JSON Schema from type hints.

Classes become entries of ``$defs``; their unknown keys are refused. Dates, UUIDs, decimals, bytes and
``msgspec.Struct`` are msgspec's, models are pydantic's where pydantic is loaded.
"""

from __future__ import annotations

import collections.abc
import enum
import inspect
import sys
from collections.abc import Mapping
from typing import Any, Final, Literal, get_args

from lamella.errors import AgentInputError
from lamella.tools.constraints import constrain_schema, read_constraints
from lamella.tools.fields import object_fields
from lamella.tools.hints import Hint, bare, hint_name, origin_of, union_members

_SCALARS: Final[dict[Any, str]] = {str: "string", bool: "boolean", int: "integer", float: "number"}
_ABC = collections.abc
ARRAYS: Final = (
    list, set, frozenset, _ABC.Sequence, _ABC.MutableSequence, _ABC.Iterable, _ABC.Collection, _ABC.Set,
    _ABC.MutableSet,
)  # fmt: skip
SETS: Final = (set, frozenset, _ABC.Set, _ABC.MutableSet)
MAPPINGS: Final = (dict, _ABC.Mapping, _ABC.MutableMapping)
REF = "#/$defs/{name}"


def is_model(hint: Hint) -> bool:
    """Whether a hint is a pydantic model; pydantic is asked only where the program has imported it."""
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and isinstance(hint, type) and issubclass(hint, pydantic.BaseModel)


def enum_values(cls: type[enum.Enum]) -> dict[Any, enum.Enum]:
    """The members of an Enum by what stands for them in JSON: the value, or the name where a value is no scalar."""
    by_value = {member.value: member for member in cls if isinstance(member.value, str | int | float)}
    return by_value if len(by_value) == len(cls) else dict(cls.__members__)


def json_type(value: object) -> str:
    """JSON Schema's name for the type of a scalar."""
    return "null" if value is None else _SCALARS.get(type(value), "string")


class SchemaBuilder:
    """Writes schemas that share one set of ``$defs``."""

    def __init__(self) -> None:
        self.defs: dict[str, Any] = {}
        self._names: dict[Any, str] = {}

    def schema(self, hint: Hint) -> dict[str, Any]:
        """The schema of a hint.

        :raises AgentInputError: the type has no JSON form.
        """
        plain = bare(hint)
        made = self._plain(plain.hint)
        return constrain_schema(made, read_constraints(plain.metadata)) if plain.metadata else made

    def _plain(self, hint: Hint) -> dict[str, Any]:
        if hint is Any or hint is object or hint is inspect.Parameter.empty:
            return {}
        if hint is None or hint is type(None):
            return {"type": "null"}
        if isinstance(hint, type) and hint in _SCALARS:
            return {"type": _SCALARS[hint]}
        if (members := union_members(hint)) is not None:
            return self._union(members)
        if origin_of(hint) is Literal:
            return _choices(get_args(hint))
        if isinstance(hint, type) and issubclass(hint, enum.Enum):
            return _choices(tuple(enum_values(hint)))
        return self._container(hint) or self._class(hint)

    def _union(self, members: tuple[Hint, ...]) -> dict[str, Any]:
        options: list[dict[str, Any]] = []
        for member in members:
            option = self.schema(member)
            if option not in options:
                options.append(option)
        if {} in options:
            return {}
        return options[0] if len(options) == 1 else {"anyOf": options}

    def _container(self, hint: Hint) -> dict[str, Any] | None:
        kind, args = origin_of(hint) or hint, get_args(hint)
        if kind in MAPPINGS:
            return self._mapping(args)
        if kind is tuple and (len(args) != 2 or args[1] is not Ellipsis):
            return self._tuple(args)
        if kind is not tuple and kind not in ARRAYS:
            return None
        items = self.schema(args[0]) if args else {}
        unique = {"uniqueItems": True} if kind in SETS else {}
        return {"type": "array", **({"items": items} if items else {}), **unique}

    def _mapping(self, args: tuple[Hint, ...]) -> dict[str, Any]:
        values = self.schema(args[1]) if args else {}
        made: dict[str, Any] = {"type": "object"}
        if values:
            made["additionalProperties"] = values
        keys = self.schema(args[0]) if args else {}
        if "enum" in keys:
            made["propertyNames"] = {"enum": [str(key) for key in keys["enum"]]}
        return made

    def _tuple(self, args: tuple[Hint, ...]) -> dict[str, Any]:
        if not args:
            return {"type": "array"}
        items = [] if args == ((),) else [self.schema(arg) for arg in args]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}

    def _class(self, hint: Hint) -> dict[str, Any]:
        if hint in self._names:
            return {"$ref": REF.format(name=self._names[hint])}
        if is_model(hint):
            return self._adopt(hint.model_json_schema(ref_template="#/$defs/{model}"), hint)
        fields = object_fields(hint)
        if fields is None:
            return self._leaf(hint)
        name = self._claim(hint)
        properties: dict[str, Any] = {}
        for field in fields:
            made = self.schema(field.hint)
            properties[field.key] = (
                made if field.description is None else {**made, "description": field.description}
            )
        self.defs[name] = {
            "type": "object",
            **_class_description(hint),
            "properties": properties,
            "required": [field.key for field in fields if field.required],
            "additionalProperties": False,
        }
        return {"$ref": REF.format(name=name)}

    def _claim(self, hint: Hint) -> str:
        """A name in ``$defs`` that no other class has."""
        wanted = getattr(origin_of(hint) or hint, "__name__", "Object")
        name, count = wanted, 1
        while name in self.defs:
            count += 1
            name = f"{wanted}_{count}"
        self._names[hint] = name
        self.defs[name] = {}
        return name

    def _adopt(self, schema: Mapping[str, Any], hint: Hint) -> dict[str, Any]:
        """Take a foreign schema in: its own ``$defs`` join ours."""
        body = {key: value for key, value in schema.items() if key != "$defs"}
        for name, definition in schema.get("$defs", {}).items():
            if self.defs.setdefault(name, definition) != definition:
                raise AgentInputError(
                    f"two different types are called {name!r} in one tool schema; rename one of them"
                )
        if "$ref" in body:
            return body
        name = self._claim(hint)
        self.defs[name] = body
        return {"$ref": REF.format(name=name)}

    def _leaf(self, hint: Hint) -> dict[str, Any]:
        import msgspec

        try:
            (schema,), components = msgspec.json.schema_components((hint,), ref_template=REF)
        except (TypeError, NameError) as error:
            raise AgentInputError(
                f"{hint_name(hint)} has no JSON schema; use an attrs class, a dataclass, a TypedDict, a "
                f"msgspec.Struct or a plain JSON type, or pass input_schema",
                cause=error,
            ) from error
        if components:
            return self._adopt({**schema, "$defs": components}, hint)
        if getattr(hint, "__name__", "") == "datetime":
            schema = {**schema, "format": "date-time"}
        return dict(schema)


def _choices(values: tuple[Any, ...]) -> dict[str, Any]:
    kinds = list(dict.fromkeys(json_type(value) for value in values))
    return {"type": kinds[0] if len(kinds) == 1 else kinds, "enum": list(values)}


def _class_description(hint: Hint) -> dict[str, str]:
    cls = origin_of(hint) or hint
    doc = cls.__dict__.get("__doc__")
    # A dataclass without a docstring gets its signature as one.
    if not doc or doc.startswith(f"{cls.__name__}("):
        return {}
    return {"description": inspect.cleandoc(doc)}
