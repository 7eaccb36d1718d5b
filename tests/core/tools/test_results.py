"""What tools return."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
from typing import Any, NamedTuple

import attrs
import msgspec
import pydantic
import pytest

from lamella import AgentToolExecutionError, MediaContent, TextBlock, ToolOutputBlock
from lamella.tools.results import check_result, normalise_result

PICTURE = MediaContent(data=b"x", mime_type="image/png")


class Color(enum.Enum):
    RED = "red"


@attrs.frozen
class Point:
    x: int
    _y: int = 2


@dataclasses.dataclass
class Box:
    corner: Point
    colors: tuple[Color, ...]


class Pair(NamedTuple):
    a: int
    b: int


class Struct(msgspec.Struct):
    n: int


class Model(pydantic.BaseModel):
    when: datetime.date


@pytest.mark.parametrize(
    ("value", "output"),
    [
        ("text", "text"),
        (1, 1),
        (1.5, 1.5),
        (True, True),
        (None, None),
        ([1, ("a", None)], [1, ["a", None]]),
        ([], []),
        ({"a": {"b": [1]}}, {"a": {"b": [1]}}),
        ({1: "a", Color.RED: "b"}, {"1": "a", "red": "b"}),
        (Point(1), {"x": 1, "y": 2}),
        (Box(Point(1), (Color.RED,)), {"corner": {"x": 1, "y": 2}, "colors": ["red"]}),
        (Pair(1, 2), {"a": 1, "b": 2}),
        (Struct(1), {"n": 1}),
        (Model(when=datetime.date(2026, 1, 2)), {"when": "2026-01-02"}),
        (datetime.datetime(2026, 1, 2, 3), "2026-01-02T03:00:00"),
        (decimal.Decimal("1.10"), "1.10"),
        (PICTURE, (PICTURE,)),
        (["see", PICTURE], (TextBlock(text="see"), PICTURE)),
        (TextBlock(text="t"), (TextBlock(text="t"),)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_f_tool12_results(value: Any, output: Any) -> None:
    made = normalise_result(value, "t")
    assert made == output
    assert type(made) is type(output)
    assert ToolOutputBlock(call_id="1", output=made).output == output


def _circle() -> list[Any]:
    circle: list[Any] = []
    circle.append(circle)
    return circle


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (object(), "tool t returned a object, which is no text"),
        ({1, 2}, "tool t returned a set"),
        (b"x", "tool t returned a bytes"),
        (float("nan"), "tool t returned nan"),
        ([float("inf")], "tool t returned inf"),
        ({(1, 2): 3}, "a dict with a tuple as key"),
        ([PICTURE, 5], "media together with a int"),
        ({"a": PICTURE}, "MediaContent"),
        (Point, "tool t returned a type"),
        (_circle(), "tool t returned a list that is nested too deeply, or contains itself"),
        ((n for n in "a"), "tool t returned a generator"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_f_tool12_anything_else_is_an_error_with_tool_and_type(value: Any, said: str) -> None:
    with pytest.raises(AgentToolExecutionError) as caught:
        normalise_result(value, "t")
    assert said in str(caught.value)


def test_f_n16_a_dict_reaches_the_model_as_json() -> None:
    block = ToolOutputBlock(call_id="1", output=normalise_result({"a": True, "b": None}, "t"))
    assert block.text == '{"a": true, "b": null}'
    assert block.output == {"a": True, "b": None}


INTEGER = {"type": "integer"}
WRAPPED = {"type": "object", "properties": {"result": INTEGER}, "required": ["result"]}


@pytest.mark.parametrize(
    ("output", "schema"),
    [(5, INTEGER), (5, None), (5, WRAPPED), ({"result": 5}, WRAPPED), ({"result": 5}, INTEGER)],
)
def test_f_tool10_output_schema_accepts(output: Any, schema: Any) -> None:
    assert check_result(output, schema, "t") is None  # type: ignore[func-returns-value]


@pytest.mark.parametrize(
    ("output", "schema", "said"),
    [
        ("x", INTEGER, "the result of tool t breaks its output_schema: $: 'x' is not of type 'integer'"),
        ("x", WRAPPED, "is not of type 'object'"),
        ({"result": "x"}, WRAPPED, "$.result: 'x'"),
        ((PICTURE,), INTEGER, "returned media"),
    ],
)
def test_f_tool10_output_schema_refuses(output: Any, schema: Any, said: str) -> None:
    with pytest.raises(AgentToolExecutionError) as caught:
        check_result(output, schema, "t")
    assert said in str(caught.value)
