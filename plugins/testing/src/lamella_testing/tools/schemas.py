"""The schemas of the tools: valid, of an object, and what becomes of them in strict mode."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lamella._frozen import thaw
from lamella._json import dumps
from lamella.errors import LamellaError
from lamella.tools.strict import strict_schema
from lamella_testing.tools.base import ToolSourceBase
from lamella_testing.verdict import fail, require, skip

__all__ = ["SchemaContract"]


class SchemaContract(ToolSourceBase):
    """What holds of the schemas."""

    def test_input_schemas_are_valid_and_of_objects(self) -> None:
        """JSON Schema 2020-12, ``type: object``, with references that lead somewhere."""

        async def checked() -> None:
            async with self.opened() as (_, tools):
                for name, tool in tools.items():
                    schema = thaw(tool.input_schema)
                    require(
                        schema.get("type") == "object",
                        f'{name}: input_schema has the type {schema.get("type")!r}; write {{"type": "object", …}}',
                    )
                    _require_valid(f"{name}: input_schema", schema)

        self.play(checked)

    def test_output_schemas_are_valid(self) -> None:
        """JSON Schema 2020-12, where there is one."""

        async def checked() -> None:
            async with self.opened() as (_, tools):
                for name, tool in tools.items():
                    if tool.output_schema is not None:
                        _require_valid(f"{name}: output_schema", thaw(tool.output_schema))

        self.play(checked)

    def test_schemas_become_strict_or_say_why(self) -> None:
        """In strict form a schema is still valid; a tool that wants strict mode can have it."""

        async def checked() -> None:
            async with self.opened() as (_, tools):
                for name, tool in tools.items():
                    try:
                        made, problems = strict_schema(tool.input_schema)
                    except Exception as error:
                        fail(
                            f"{name}: input_schema cannot be brought into strict form: {type(error).__name__}: "
                            f"{error}; keep to the words of JSON Schema"
                        )
                    if not problems:
                        _require_valid(f"{name}: the strict form of input_schema", made)
                    require(
                        not (tool.strict and problems),
                        f"{name} has strict=True, and its schema cannot be strict: {'; '.join(problems[:5])}; "
                        "leave strict out, or say it otherwise",
                    )

        self.play(checked)


def _require_valid(what: str, schema: Mapping[str, Any]) -> None:
    try:
        import jsonschema  # type: ignore[import-untyped]  # ships no types
    except ImportError:
        skip('jsonschema is not installed: pip install "lamella[jsonschema]"')
    declared = schema.get("$schema")
    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
        dumps(schema)
    except (jsonschema.SchemaError, LamellaError, TypeError, ValueError) as error:
        said = getattr(error, "message", None) or str(error)
        fail(f"{what} is no valid JSON Schema ({declared or '2020-12'}): {said}; correct it")
    from referencing import Registry
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012, specification_with

    specification = specification_with(declared, default=DRAFT202012) if declared else DRAFT202012
    resource = specification.create_resource(dict(schema))
    resolver = Registry().with_resource("", resource).resolver()
    for reference in _references(schema):
        try:
            resolver.lookup(reference)
        except (Unresolvable, ValueError) as error:
            fail(f"{what}: the reference {reference!r} leads nowhere ({error}); give what it names in $defs")


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _references(item)
