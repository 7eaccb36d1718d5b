"""F-N15: what goes out in strict form comes back as the original before the function is called."""

from __future__ import annotations

import json
from typing import Any, Literal

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from lamella import Agent, Tool, ToolCallBlock, tool

from fakes import ScriptedModel, bare, calls, says


@attrs.frozen
class Filter:
    """A filter."""

    field: str
    limit: int = 10
    tags: list[str] | None = None


seen: list[Any] = []


@tool(strict=True)
def search(
    query: str,
    kind: Literal["a", "b"] = "b",
    filter: Filter = Filter("all"),
    page: int | None = 1,
    exact: bool = False,
) -> str:
    """Search."""
    seen.append((query, kind, filter, page, exact))
    return "found"


def test_f_n15_through_a_run() -> None:
    """Nulls of the strict form are the defaults of the function, at every depth; a null that is meant stays."""
    seen.clear()
    schema, strict = search.wire_schema()
    assert strict
    assert schema["required"] == ["query", "kind", "filter", "page", "exact"]
    assert schema["$defs"]["Filter"]["required"] == ["field", "limit", "tags"]
    sent = '{"query": "x", "kind": null, "filter": {"field": "f", "limit": null, "tags": null}, "page": null, "exact": null}'
    model = ScriptedModel(calls(("1", "search", sent)), says("done"))
    result = Agent(model, tools=[search], project=bare()).run("go")
    assert result.messages[1].tool_outputs[0].output == "found"
    assert seen == [("x", "b", Filter("f"), None, False)]
    assert result.messages[0].tool_calls[0].arguments_json == sent, "what is replayed is what came"


def test_f_n15_what_strict_mode_cannot_say_is_checked_on_arrival() -> None:
    short = Tool(
        lambda name, code="x": seen.append(name),
        name="short",
        strict=True,
        input_schema={
            "type": "object",
            "properties": {
                "name": {"type": "string", "maxLength": 3},
                "code": {"type": "string", "minLength": 1},
            },
            "required": ["name"],
            "additionalProperties": False,
        },
    )
    assert "maxLength" not in str(short.wire_schema()[0])
    seen.clear()
    model = ScriptedModel(
        calls(
            ("1", "short", '{"name": "long name", "code": null}'),
            ("2", "short", '{"name": "abc", "code": null}'),
        ),
        says("done"),
    )
    first, second = Agent(model, tools=[short], project=bare()).run("go").messages[1].tool_outputs
    assert first.is_error
    assert "too long" in first.output
    assert not second.is_error
    assert seen == ["abc"]


_given = st.fixed_dictionaries(
    {"query": st.text(max_size=3)},
    optional={
        "kind": st.sampled_from(["a", "b"]),
        "filter": st.fixed_dictionaries(
            {"field": st.text(max_size=3)},
            optional={"limit": st.integers(0, 9), "tags": st.lists(st.text(max_size=2), max_size=2)},
        ),
        "exact": st.booleans(),
    },
)
_ORDER = ["query", "kind", "filter", "page", "exact"]


@settings(max_examples=60)
@given(_given)
def test_f_n15_the_strict_form_means_what_the_original_means(arguments: dict[str, Any]) -> None:
    loose = attrs.evolve(search, strict=False)
    original = loose.check(ToolCallBlock(call_id="1", name="search", arguments={**arguments, "page": 2}))
    strict: dict[str, Any] = {name: arguments.get(name) for name in _ORDER} | {"page": 2}
    if strict["filter"] is not None:
        strict["filter"] = {name: strict["filter"].get(name) for name in ("field", "limit", "tags")}
    block = ToolCallBlock(call_id="1", name="search", arguments_json=json.dumps(strict))
    assert search.check(block) == original
