"""Instances satisfy their schemas; jsonschema is the judge."""

from __future__ import annotations

from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamella.errors import AgentExecutionError
from lamella_sim.arguments import fill_structure
from lamella_sim.instances import instance_of

SCHEMAS: list[dict[str, Any]] = [
    {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
    {"type": "string", "format": "date-time"},
    {"type": "string", "minLength": 40},
    {"type": "string", "maxLength": 1},
    {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"},
    {"type": "string", "pattern": "^[A-Z]{3}$"},
    {"type": "integer", "minimum": 7},
    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    {"type": "integer", "multipleOf": 5, "minimum": 11},
    {"type": ["null", "integer"]},
    {"enum": ["x", "y"]},
    {"const": 3},
    {"type": "array", "items": {"type": "integer"}, "minItems": 3, "uniqueItems": True},
    {"type": "array", "prefixItems": [{"type": "string"}, {"type": "number"}], "minItems": 2},
    {"anyOf": [{"type": "null"}, {"type": "object", "properties": {"b": {"type": "boolean"}}, "required": ["b"]}]},
    {"allOf": [{"required": ["x"], "properties": {"x": {"type": "integer"}}}, {"required": ["y"]}], "type": "object"},
    {
        "$defs": {"Node": {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]}}}},
        "$ref": "#/$defs/Node",
    },
    {"type": "object", "properties": {"p": {"$ref": "#/$defs/P"}}, "required": ["p"],
     "$defs": {"P": {"type": "object", "properties": {"n": {"type": "integer", "maximum": -2}}, "required": ["n"]}}},
    {"type": "object", "required": ["free"]},
]  # fmt: skip


def faults(value: Any, schema: dict[str, Any]) -> list[str]:
    """What an independent validator finds wrong."""
    return [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(value)]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_an_instance_satisfies_its_schema(schema: dict[str, Any]) -> None:
    assert faults(instance_of(schema), schema) == []
    assert faults(fill_structure(schema, 'Ada, 36, from "Paris", on 2026-05-04, yes'), schema) == []


_LEAVES: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"type": "string"},
        {"type": "integer", "minimum": 3},
        {"type": "number", "maximum": -1},
        {"type": "boolean"},
        {"enum": ["red", "green"]},
        {"type": ["string", "null"]},
        {"type": "string", "format": "date"},
        {"type": "array", "items": {"type": "string"}},
    ]
)


def _objects(children: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    properties = st.dictionaries(
        st.sampled_from(["name", "age", "city", "flag", "color"]), children, max_size=4
    )
    return properties.map(
        lambda p: {"type": "object", "properties": p, "required": list(p), "additionalProperties": False}
    )


@given(schema=_objects(st.recursive(_LEAVES, _objects, max_leaves=6)), text=st.text(max_size=40))
def test_any_nested_schema_and_any_text(schema: dict[str, Any], text: str) -> None:
    assert faults(fill_structure(schema, text), schema) == []
    assert faults(fill_structure(schema, f"{text} Ada is 36, in Paris, green"), schema) == []


def test_what_cannot_be_made_is_an_error_and_not_a_guess() -> None:
    with pytest.raises(AgentExecutionError, match="script the answer"):
        instance_of({"type": "string", "pattern": "^unguessable-[0-9]{9}$"})
    node = {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "required": ["a"]}
    with pytest.raises(AgentExecutionError, match="without end"):
        instance_of({"$defs": {"A": node}, "$ref": "#/$defs/A"})
    with pytest.raises(AgentExecutionError, match="not in it"):
        instance_of({"$ref": "#/$defs/Missing"})
