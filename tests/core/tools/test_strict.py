"""Strict mode."""

from __future__ import annotations

import enum
from typing import Any, Literal

import attrs
import jsonschema  # type: ignore[import-untyped]
import pytest

from lamella import Tool, ToolCallBlock, tool


class Color(enum.Enum):
    RED = "red"


@attrs.frozen
class Inner:
    a: int
    b: str = "b"


def test_f_n15_all_required_optional_nullable() -> None:
    @tool(strict=True)
    def f(
        a: int,
        b: str = "x",
        c: Literal["u", "v"] = "u",
        d: Inner | None = None,
        e: Color = Color.RED,
        g: Inner = Inner(1),
    ) -> None:
        """Do.

        Args:
            g: The inner.
        """

    schema, strict = f.wire_schema()
    assert strict is True
    assert f.strict_problems == ()
    assert schema["required"] == ["a", "b", "c", "d", "e", "g"]
    properties = schema["properties"]
    assert properties["a"] == {"type": "integer"}
    assert properties["b"] == {"type": ["string", "null"]}
    assert properties["c"] == {"type": ["string", "null"], "enum": ["u", "v", None]}
    assert properties["d"] == {"anyOf": [{"$ref": "#/$defs/Inner"}, {"type": "null"}]}
    assert properties["e"] == {"type": ["string", "null"], "enum": ["red", None]}
    assert properties["g"] == {
        "anyOf": [{"$ref": "#/$defs/Inner"}, {"type": "null"}],
        "description": "The inner.",
    }
    inner = schema["$defs"]["Inner"]
    assert inner["required"] == ["a", "b"]
    assert inner["properties"]["b"] == {"type": ["string", "null"]}
    assert inner["additionalProperties"] is False
    assert f.input_schema["required"] == ["a"]
    jsonschema.Draft202012Validator.check_schema(schema)


def test_f_n15_nulls_for_optional_parameters_are_dropped() -> None:
    @tool(strict=True)
    def f(a: int, b: str = "x", c: int | None = 7, inner: Inner = Inner(1)) -> tuple[Any, ...]:
        return a, b, c, inner

    def call(arguments: dict[str, Any]) -> Any:
        return f(**f.check(ToolCallBlock(call_id="1", name="f", arguments=arguments)))

    assert call({"a": 1, "b": None, "c": None, "inner": None}) == (1, "x", None, Inner(1))
    assert call({"a": 1, "b": "y", "c": 2, "inner": {"a": 2, "b": None}}) == (1, "y", 2, Inner(2))


def test_f_n15_given_schemas_too() -> None:
    schema = {
        "type": "object",
        "properties": {
            "a": {"type": "integer", "default": 3},
            "b": {"enum": ["x"]},
            "l": {
                "type": "array",
                "items": {"type": "object", "properties": {"z": {"type": "string", "minLength": 1}}},
            },
        },
    }
    made = Tool(lambda **kw: kw, name="f", input_schema=schema, strict=True)
    wire, strict = made.wire_schema()
    assert strict
    assert wire["properties"]["a"] == {"type": ["integer", "null"]}
    assert wire["required"] == ["a", "b", "l"]
    arguments = {"a": None, "b": None, "l": [{"z": None}]}
    assert made.check(ToolCallBlock(call_id="1", name="f", arguments=arguments)) == {"l": [{}]}


@pytest.mark.parametrize(
    ("hint", "problem"),
    [
        (dict[str, int], "$.x: an object with keys of any name"),
        (dict, "$.x: an object with keys of any name"),
        (list, "$.x: an array of any JSON value (give its items a type)"),
        (Any, "$.x: any JSON value (give it a type)"),
        (tuple[int, str], "$.x: prefixItems"),
    ],
    ids=str,
)
def test_f_n15_what_strict_cannot_say_falls_back_with_the_reason(hint: Any, problem: str) -> None:
    def f(x):  # type: ignore[no-untyped-def]
        ...

    f.__annotations__["x"] = hint
    made = Tool(f, strict=True)
    schema, strict = made.wire_schema()
    assert not strict
    assert schema == made.input_schema
    assert problem in made.strict_problems


def test_without_strict_the_schema_is_sent_as_it_is() -> None:
    @tool
    def f(x: int = 1) -> None: ...

    assert f.wire_schema() == (f.input_schema, False)
    with pytest.raises(TypeError):
        f.input_schema["type"] = "array"  # type: ignore[index]
