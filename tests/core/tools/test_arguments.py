"""Arguments checked and converted before the call."""

from __future__ import annotations

import dataclasses
import datetime
import enum
from typing import Annotated, Any, Literal, TypedDict

import attrs
import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamella import AgentInputError, AgentToolCallError, Tool, ToolCallBlock, tool
from lamella.tools.convert import Mismatch, convert


class Color(enum.Enum):
    RED = "red"


@attrs.frozen
class Point:
    x: float = attrs.field()
    y: float = attrs.field(default=0.0)

    @x.validator
    def _positive(self, attribute: object, value: float) -> None:
        if value < 0:
            raise ValueError("x is negative")


@dataclasses.dataclass
class Segment:
    ends: list[Point]


class Named(TypedDict):
    name: str


class Model(pydantic.BaseModel):
    n: int


class Struct(msgspec.Struct):
    n: int


def check(made: Tool, arguments: Any) -> dict[str, Any]:
    if isinstance(arguments, str):
        return made.check(ToolCallBlock(call_id="1", name=made.name, arguments_json=arguments))
    return made.check(ToolCallBlock(call_id="1", name=made.name, arguments=arguments))


def refusal(made: Tool, arguments: Any) -> str:
    with pytest.raises(AgentToolCallError) as caught:
        check(made, arguments)
    cause = caught.value.cause
    return str(caught.value) if cause is None else f"{type(cause).__name__}: {cause}"


@tool
def tool_a(first, second, third=5):  # type: ignore[no-untyped-def]
    """Use this tool.

    :param: first: str: first
    :param: second: int: second
    :param: third: int: (optional) third
    """


@tool
def tool_b(x: float) -> float:
    """Use this tool.

    :param: x: float: a number
    """
    return x


def test_f_tool09_goldens_of_arguments() -> None:
    assert refusal(tool_b, {}) == "TypeError: tool_b() missing 1 required argument: 'x'"
    assert refusal(tool_a, {}) == "TypeError: tool_a() missing 2 required arguments: 'first', 'second'"
    assert refusal(tool_b, {"x": 1, "y": 2}) == "TypeError: tool_b() got 1 unexpected argument: 'y'"
    assert (
        refusal(tool_b, {"x": "hi"})
        == "TypeError: tool_b() got invalid value for argument `x`: 'hi' (could not convert string to float: 'hi')"
    )
    values = check(tool_b, {"x": 8})
    assert values == {"x": 8.0}
    assert type(values["x"]) is float


def test_f_tool10_all_problems_at_once() -> None:
    said = refusal(tool_a, {"second": "x", "more": 1})
    assert said == (
        "TypeError: tool_a() got 1 unexpected argument: 'more'; missing 1 required argument: 'first'; "
        "got invalid value for argument `second`: 'x' (invalid literal for int() with base 10: 'x')"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"x": 1', "the arguments of tool_b must be one JSON object: Expecting"),
        ("[1]", "the arguments of tool_b must be one JSON object: got array"),
        ("null", "got null"),
        ('{"x": NaN}', "NaN and Infinity are not JSON"),
    ],
)
def test_f_n11_malformed_arguments_are_refused(text: str, said: str) -> None:
    assert said in refusal(tool_b, text)


def test_blank_arguments_are_the_empty_object() -> None:
    @tool
    def now() -> str:
        return ""

    assert check(now, "") == {}


def test_f_n14_add_of_two_numeric_strings_is_three() -> None:
    @tool
    def add(a: int, b: int) -> int:
        return a + b

    assert add(**check(add, {"a": "1", "b": "2"})) == 3


@pytest.mark.parametrize(
    ("value", "hint", "result"),
    [
        (8, float, 8.0),
        ("1.5", float, 1.5),
        ("1", int, 1),
        (2.0, int, 2),
        (5, str, "5"),
        ("true", bool, True),
        ("False", bool, False),
        ("12", int | str, "12"),
        (12, str | int, 12),
        (1, float | None, 1.0),
        ("3", int | None, 3),
        (None, int | None, None),
        (["1", 2], list[int], [1, 2]),
        ([1, 1], set[int], {1}),
        ([1, "a"], tuple[int, str], (1, "a")),
        ([1], tuple[int, ...], (1,)),
        ([], tuple[()], ()),
        ({"a": "1"}, dict[str, int], {"a": 1}),
        ({"1": 2}, dict[int, int], {1: 2}),
        ("red", Color, Color.RED),
        ("a", Literal["a", 1], "a"),
        (1, Literal["a", 1], 1),
        ("1", Literal[1, 2], 1),
        ({"x": 1}, Point, Point(1.0)),
        ({"ends": [{"x": 1, "y": 2}]}, Segment, Segment([Point(1.0, 2.0)])),
        ({"name": "n"}, Named, {"name": "n"}),
        ({"n": 1}, Struct, Struct(1)),
        ({"n": 1}, Model, Model(n=1)),
        ({"n": 1}, Point | Struct, Struct(1)),
        ("2026-01-02", datetime.date, datetime.date(2026, 1, 2)),
        ({"deep": [1]}, Any, {"deep": [1]}),
    ],
    ids=str,
)
def test_f_tool09_conversions(value: Any, hint: Any, result: Any) -> None:
    made = convert(value, hint)
    assert made == result
    assert type(made) is type(result)


@pytest.mark.parametrize(
    ("value", "hint", "said"),
    [
        (True, int, "expected an integer, got boolean"),
        (True, float, "expected a number, got boolean"),
        (True, str, "expected a string, got boolean"),
        (1.5, int, "1.5 is not an integer"),
        (1, bool, "expected a boolean, got number"),
        (None, int, "expected an integer, got null"),
        ("nan", float, "NaN and Infinity are not JSON numbers"),
        (10**400, float, "int too large"),
        ("x", float | None, "could not convert string to float: 'x'"),
        ({}, int | str, "fits none of int, str"),
        ("green", Color, "valid values are ['red']"),
        (True, Literal[1], "valid values are [1]"),
        ("a", list[int], "expected an array, got string"),
        ([1], tuple[int, int], "expected 2 items, got 1"),
        ([{}], set[Any], "dict values cannot be in a set or be keys"),
        ([1, "x"], list[int], "at [1]: invalid literal"),
        (
            {"ends": [{"y": "n", "z": 1}]},
            Segment,
            "at .ends[0].z: unexpected key; at .ends[0].x: required, but missing; at .ends[0].y: could not",
        ),
        ({"x": -1}, Point, "Point refused it: ValueError: x is negative"),
        ({"n": "x"}, Model, "at .n: Input should be a valid integer"),
        ({"n": "x"}, Struct, "Expected `int`"),
        (0, Annotated[int, msgspec.Meta(ge=1)], "must be >= 1"),
        ("abcd", Annotated[str, msgspec.Meta(max_length=3, pattern="^z")], "at most 3; must match '^z'"),
        (3, Annotated[int, pydantic.Field(multiple_of=2)], "multiple of 2"),
    ],
    ids=str,
)
def test_f_tool09_refusals(value: Any, hint: Any, said: str) -> None:
    with pytest.raises(Mismatch) as caught:
        convert(value, hint)
    assert said in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    value=JSON,
    hint=st.sampled_from(
        [
            int,
            float,
            str,
            bool,
            list[int],
            dict[str, Any],
            int | None,
            Point,
            Segment,
            Color,
            Struct,
            Model,
            Named,
        ]
    ),
)
def test_conversion_gives_the_type_or_a_mismatch(value: Any, hint: Any) -> None:
    mismatch: Mismatch | None = None
    made: Any = None
    try:
        made = convert(value, hint)
    except Mismatch as error:
        mismatch = error
    if mismatch is not None:
        assert str(mismatch)
        assert mismatch.problems
        return
    kinds: dict[Any, Any] = {
        list[int]: list,
        dict[str, Any]: dict,
        int | None: (int, type(None)),
        Named: dict,
    }
    assert isinstance(made, kinds.get(hint, hint))
    assert not (isinstance(made, bool) and hint is not bool)


def test_the_values_are_mutable_and_the_block_is_untouched() -> None:
    @tool
    def f(x: Any) -> None: ...

    call = ToolCallBlock(call_id="1", name="f", arguments={"x": {"a": [1]}})
    f.check(call)["x"]["a"].append(2)
    assert call.arguments == {"x": {"a": [1]}}


EXPLICIT = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
    "required": ["city"],
    "additionalProperties": False,
}


def test_f_tool10_a_given_schema_is_checked_with_all_errors() -> None:
    made = Tool(lambda **kwargs: kwargs, name="weather", input_schema=EXPLICIT)
    assert made.input_schema == EXPLICIT
    assert check(made, {"city": "Bern"}) == {"city": "Bern"}
    said = refusal(made, {"city": 1, "days": 0})
    assert said.startswith("TypeError: weather() got invalid arguments: $.city: 1 is not of type 'string'")
    assert "$.days: 0 is less than the minimum of 1" in said


def test_references_of_a_given_schema_are_never_fetched() -> None:
    for reference in ("http://127.0.0.1:9/schema", "#/$defs/gone"):
        made = Tool(lambda **kw: kw, name="f", input_schema={"properties": {"a": {"$ref": reference}}})
        with pytest.raises(AgentInputError, match="tool f: a reference in the JSON schema leads nowhere"):
            check(made, {"a": 1})


def test_schemas_that_are_equal_only_in_python_are_told_apart() -> None:
    one, true = (
        Tool(lambda **kw: kw, name="f", input_schema={"properties": {"a": {"const": value}}})
        for value in (1, True)
    )
    assert check(one, {"a": 1}) == {"a": 1}
    assert check(true, {"a": True}) == {"a": True}
    assert "True was expected" in refusal(true, {"a": 1})
