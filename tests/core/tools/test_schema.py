"""Schemas from hints."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import functools
import uuid
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, NewType, Optional, TypedDict

import attrs
import jsonschema  # type: ignore[import-untyped]
import msgspec
import pydantic
import pytest

from lamella import AgentInputError, Tool, tool
from lamella.tools.schema import SchemaBuilder


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Odd(enum.Enum):
    A = object()
    B = ("not", "a", "scalar")


@attrs.frozen
class Point:
    """A place."""

    x: float
    _y: float = attrs.field(default=0.0, alias="why", metadata={"description": "up"})
    made: int = attrs.field(init=False, default=1)


@dataclasses.dataclass
class Tree:
    label: str
    children: list[Tree] = dataclasses.field(default_factory=list)


class Options(TypedDict, total=False):
    depth: int


class Pair(NamedTuple):
    a: int
    b: str = ""


class Struct(msgspec.Struct):
    n: int


class Model(pydantic.BaseModel):
    n: int = pydantic.Field(ge=0)


UserId = NewType("UserId", int)


def schema_of(hint: Any) -> dict[str, Any]:
    return SchemaBuilder().schema(hint)


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        (str, {"type": "string"}),
        (float, {"type": "number"}),
        (int, {"type": "integer"}),
        (bool, {"type": "boolean"}),
        (None, {"type": "null"}),
        (Any, {}),
        (list[str], {"type": "array", "items": {"type": "string"}}),
        (list, {"type": "array"}),
        (Sequence[int], {"type": "array", "items": {"type": "integer"}}),
        (set[int], {"type": "array", "items": {"type": "integer"}, "uniqueItems": True}),
        (tuple[int, ...], {"type": "array", "items": {"type": "integer"}}),
        (
            tuple[int, str],
            {
                "type": "array",
                "prefixItems": [{"type": "integer"}, {"type": "string"}],
                "minItems": 2,
                "maxItems": 2,
            },
        ),
        (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
        (Mapping[str, Any], {"type": "object"}),
        (
            dict[Literal["a", "b"], Any],
            {"type": "object", "propertyNames": {"enum": ["a", "b"]}},
        ),
        (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        (Optional[str], {"anyOf": [{"type": "string"}, {"type": "null"}]}),  # noqa: UP045
        (int | str, {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
        (Literal[1, "b", None], {"type": ["integer", "string", "null"], "enum": [1, "b", None]}),
        (Color, {"type": "string", "enum": ["red", "blue"]}),
        (Odd, {"type": "string", "enum": ["A", "B"]}),
        (UserId, {"type": "integer"}),
        (Annotated[int, msgspec.Meta(ge=1, lt=9)], {"type": "integer", "minimum": 1, "exclusiveMaximum": 9}),
        (Annotated[str, pydantic.Field(max_length=3)], {"type": "string", "maxLength": 3}),
        (Annotated[str, "a name"], {"type": "string", "description": "a name"}),
        (
            Annotated[list[int], msgspec.Meta(min_length=1)],
            {"type": "array", "items": {"type": "integer"}, "minItems": 1},
        ),
        (datetime.datetime, {"type": "string", "format": "date-time"}),
        (uuid.UUID, {"type": "string", "format": "uuid"}),
    ],
    ids=str,
)
def test_f_n14_f_tool04_schema_of(hint: Any, schema: dict[str, Any]) -> None:
    assert schema_of(hint) == schema


def test_f_n14_classes_are_defs_under_a_plain_root() -> None:
    def place(p: Point, t: Tree, o: Options, pair: Pair, s: Struct, m: Model) -> str:
        return ""

    schema = tool(place).input_schema
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    assert schema["properties"]["p"] == {"$ref": "#/$defs/Point"}
    assert schema["$defs"]["Point"] == {
        "type": "object",
        "description": "A place.",
        "properties": {"x": {"type": "number"}, "why": {"type": "number", "description": "up"}},
        "required": ["x"],
        "additionalProperties": False,
    }
    tree = schema["$defs"]["Tree"]
    assert tree["properties"]["children"] == {"type": "array", "items": {"$ref": "#/$defs/Tree"}}
    assert "description" not in tree
    assert schema["$defs"]["Options"]["required"] == []
    assert schema["$defs"]["Pair"]["required"] == ["a"]
    assert schema["$defs"]["Struct"]["properties"] == {"n": {"type": "integer"}}
    assert schema["$defs"]["Model"]["properties"]["n"]["minimum"] == 0
    jsonschema.Draft202012Validator.check_schema(schema)


def test_union_of_two_classes() -> None:
    made = schema_of(Point | Tree)
    assert made == {"anyOf": [{"$ref": "#/$defs/Point"}, {"$ref": "#/$defs/Tree"}]}


def test_two_classes_of_one_name_are_kept_apart() -> None:
    first = attrs.make_class("Thing", {"a": attrs.field(type=int)})
    second = attrs.make_class("Thing", {"b": attrs.field(type=int)})
    builder = SchemaBuilder()
    builder.schema(first | second)
    assert list(builder.defs) == ["Thing", "Thing_2"]


def test_a_type_without_a_schema_is_refused_with_what_to_do() -> None:
    class Opaque:
        pass

    def f(x: Opaque) -> None: ...

    with pytest.raises(AgentInputError, match="Opaque has no JSON schema; use an attrs class"):
        tool(f)


def test_f_tool04_required_skips_and_defaults() -> None:
    """F-TOOL04: required = parameters without default; *args and **kwargs skipped; no other keys."""

    def f(a: int, /, b: str = "x", *args: int, c: bool, d: int = None, **kwargs: int) -> None:  # type: ignore[assignment] # noqa: RUF013
        """Do."""

    schema = tool(f).input_schema
    assert list(schema["properties"]) == ["a", "b", "c", "d"]
    assert schema["required"] == ["a", "c"]
    assert schema["properties"]["d"] == {"anyOf": [{"type": "integer"}, {"type": "null"}]}
    assert schema["additionalProperties"] is False


def test_f_tool06_golden() -> None:
    """F-TOOL06: the golden of the ``:param:`` grammar, with and without hints."""

    def bare(how):  # type: ignore[no-untyped-def]
        """Something else
        that does stuff.
        :param: how: enum good bad: which way
        """

    def hinted(how: str) -> None:
        """Something else
        that does stuff.
        :param: how: enum good bad: which way
        """

    for made in (tool(bare), tool(hinted)):
        assert made.description == "Something else that does stuff."
        assert made.input_schema == {
            "type": "object",
            "properties": {"how": {"type": "string", "enum": ["good", "bad"], "description": "which way"}},
            "required": ["how"],
            "additionalProperties": False,
        }


def test_f_tool06_types_of_param_lines() -> None:
    def f(s, x, n, b=True):  # type: ignore[no-untyped-def]
        """Do.

        :param: s: str: a
        :param: x: float: b
        :param: n: int: c
        :param: b: bool: (optional) d
        """

    schema = tool(f).input_schema
    assert [p["type"] for p in schema["properties"].values()] == ["string", "number", "integer", "boolean"]
    assert schema["properties"]["b"]["description"] == "(optional) d"
    assert schema["required"] == ["s", "x", "n"]


def _undocumented(x: int) -> None:
    """Do.

    :param: y: int: not there
    """


def _wrong_type(x: int) -> None:
    """Do.

    :param: x: str: a text
    """


def _wrong_enum(x: Literal["a", "b"]) -> None:
    """Do.

    :param: x: enum a c: a choice
    """


def _enum_of_int(x: int) -> None:
    """Do.

    :param: x: enum 1 2: a choice
    """


def _not_optional(x: int) -> None:
    """Do.

    :param: x: int: (optional) not really
    """


def _google_type(x: int) -> None:
    """Do.

    Args:
        x (str): A text.
    """


def _sphinx_unknown(x: int) -> None:
    """Do.

    :param y: Not there.
    """


@pytest.mark.parametrize(
    ("fn", "said"),
    [
        (_undocumented, "documents 'y', which the function does not take; it takes 'x'"),
        (_wrong_type, "the type of 'x' is int, the docstring says str"),
        (_wrong_enum, "the values of 'x' are ['a', 'b'], the docstring says ['a', 'c']"),
        (_enum_of_int, "the values of 'x' are int, the docstring says ['1', '2']"),
        (_not_optional, "calls 'x' optional, but it has no default"),
        (_google_type, "the type of 'x' is int, the docstring says str"),
        (_sphinx_unknown, "documents 'y'"),
    ],
)
def test_f_tool05_contradictions_are_errors_when_the_tool_is_made(fn: Any, said: str) -> None:
    with pytest.raises(AgentInputError) as caught:
        Tool(fn)
    assert said in str(caught.value)


def test_f_tool05_agreements() -> None:
    def f(color: Color, x: Literal["a", "b"] = "a", n: int | None = None) -> None:
        """Do.

        :param: color: enum blue red: one
        :param: x: enum b a: two
        :param: n: int: (optional) three
        """

    assert [p["description"] for p in tool(f).input_schema["properties"].values()] == [
        "one",
        "two",
        "(optional) three",
    ]


def test_free_text_types_do_not_contradict() -> None:
    def f(x: list[int], y: int) -> None:
        """Do.

        Args:
            x (list of int): Numbers.
            y: A number.
        """

    assert tool(f).input_schema["properties"]["x"]["description"] == "Numbers."


def test_an_unannotated_parameter_takes_any_value_and_is_documented() -> None:
    def f(x, y: int):  # type: ignore[no-untyped-def]
        """Do.

        Args:
            x: Whatever.
        """

    assert tool(f).input_schema["properties"]["x"] == {"description": "Whatever."}


def test_f_n12_local_classes_resolve_under_postponed_annotations() -> None:
    """F-N12: this module has ``from __future__ import annotations``."""

    @attrs.frozen
    class Local:
        n: int

    @tool
    def f(x: Local, y: list[Local]) -> None: ...

    assert f.input_schema["properties"]["x"] == {"$ref": "#/$defs/Local"}


def test_an_unresolvable_hint_is_named() -> None:
    def f(x: Nowhere) -> None: ...  # type: ignore[name-defined] # noqa: F821

    with pytest.raises(AgentInputError, match="the type of parameter 'x' cannot be resolved: 'Nowhere'"):
        tool(f)


def test_partials_methods_and_classes() -> None:
    class Api:
        def get(self, key: str) -> str:
            """Get it."""
            return key

    def add(a: int, b: int) -> int:
        return a + b

    assert Tool(Api().get).description == "Get it."
    assert Tool(functools.partial(add, b=2)).input_schema["required"] == ["a"]
    assert list(Tool(Point).input_schema["properties"]) == ["x", "why"]
    with pytest.raises(AgentInputError, match="a method without its object"):
        Tool(Api.get)
