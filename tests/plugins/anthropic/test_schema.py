"""Schemas as constrained decoding takes them here: kept, moved into descriptions, or refused by name."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from lamella import tool
from lamella.errors import AgentSerializationError
from lamella.models import ModelRequest, OutputSchema
from lamella_anthropic import ChatAnthropic
from lamella_anthropic.schema import narrow


def encoded(schema: dict[str, Any], *, name: str = "claude-sonnet-5", **fields: Any) -> tuple[Any, list[Any]]:
    model = ChatAnthropic(name, api_key="sk-x")
    request = ModelRequest.of("hi", output_schema=OutputSchema(schema=schema, **fields))
    report = model.report(request)
    return model.encode(request, report)["output_config"]["format"], report.losses


def objects(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def test_a_schema_goes_in_strict_form() -> None:
    sent, losses = encoded(objects(a={"type": "string"}), description="what it is")
    assert sent == {
        "type": "json_schema",
        "schema": {
            "type": "object",
            "properties": {"a": {"type": "string"}},
            "required": ["a"],
            "additionalProperties": False,
            "description": "what it is",
        },
    }
    assert losses == []


def test_response_format_of_the_model_and_effort_stand_together() -> None:
    @attrs.frozen
    class Answer:
        a: int

    model = ChatAnthropic(api_key="sk-x", response_format=Answer, effort="low")
    config = model.encode(ModelRequest.of("hi"))["output_config"]
    assert config["effort"] == "low"
    assert config["format"]["schema"]["properties"] == {"a": {"type": "integer"}}


def test_bounds_move_into_the_description_and_are_reported() -> None:
    sent, losses = encoded(
        objects(
            n={"type": "integer", "minimum": 1, "maximum": 9, "description": "How many."},
            many={"type": "array", "items": {"type": "number", "multipleOf": 2}, "minItems": 2},
            some={"type": "array", "items": {"type": "string"}, "minItems": 1},
            when={"type": "string", "format": "date"},
            odd={"type": "string", "format": "iri"},
            easy={"type": "string", "pattern": "^[a-z]+$"},
            hard={"type": "string", "pattern": "^(?!x)y"},
        )
    )
    properties = sent["schema"]["properties"]
    assert properties["n"] == {"type": "integer", "description": "How many.\n\n{minimum: 1, maximum: 9}"}
    assert properties["many"] == {
        "type": "array",
        "items": {"type": "number", "description": "{multipleOf: 2}"},
        "description": "{minItems: 2}",
    }
    assert properties["some"]["minItems"] == 1
    assert properties["when"]["format"] == "date"
    assert properties["odd"] == {"type": "string", "description": "{format: iri}"}
    assert properties["easy"]["pattern"] == "^[a-z]+$"
    assert properties["hard"] == {"type": "string", "description": "{pattern: ^(?!x)y}"}
    assert len(losses) == 5
    assert all(loss.lossless for loss in losses)


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        (objects(a={"type": "object", "additionalProperties": {"type": "integer"}}), "keys of any name"),
        (objects(a={}), "any JSON value"),
        (objects(a={"enum": [{"x": 1}], "type": "object", "properties": {}}), "enumeration of objects"),
        (objects(a={"$ref": "https://x.example/s.json"}), "the reference"),
        (
            {
                **objects(a={"$ref": "#/$defs/Node"}),
                "$defs": {"Node": objects(next={"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]})},
            },
            "holds itself",
        ),
    ],
    ids=["open", "any", "enum", "external", "recursive"],
)
def test_a_schema_that_cannot_be_said_is_refused_with_the_reason(schema: dict[str, Any], why: str) -> None:
    """There is no other mode than strict: no field is lost in silence."""
    with pytest.raises(AgentSerializationError, match=why):
        encoded(schema)
    with pytest.raises(AgentSerializationError, match=why):
        encoded(schema, strict=False)


def test_a_schema_that_need_not_be_strict_is_sent_so_with_a_report() -> None:
    _, losses = encoded(objects(a={"type": "string"}), strict=False)
    assert [loss.lossless for loss in losses] == [True]


def test_models_without_structured_output_refuse_schemas() -> None:
    with pytest.raises(AgentSerializationError, match="no structured output"):
        encoded(objects(a={"type": "string"}), name="claude-sonnet-4-20250514")


def test_a_definition_at_the_root_is_resolved() -> None:
    schema = {
        "$ref": "#/$defs/A",
        "$defs": {"A": objects(b={"$ref": "#/$defs/B"}), "B": objects(c={"type": "null"})},
    }
    sent, _ = encoded(schema)
    assert sent["schema"]["type"] == "object"
    assert list(sent["schema"]["$defs"]) == ["B"]


def test_a_strict_tool_that_cannot_be_said_is_sent_without() -> None:
    @tool(strict=True)
    def walk(table: dict[str, int]) -> int:
        """Walk."""
        return len(table)

    model = ChatAnthropic(api_key="sk-x")
    request = ModelRequest.of("hi", tools=(walk,))
    report = model.report(request)
    (sent,) = model.encode(request, report)["tools"]
    assert "strict" not in sent
    assert sent["input_schema"] == walk.input_schema
    assert report.losses[0].what == "tool walk"


def test_narrowing_leaves_its_argument_alone() -> None:
    schema = objects(a={"type": "integer", "minimum": 1})
    before = repr(schema)
    narrow(schema)
    assert repr(schema) == before
