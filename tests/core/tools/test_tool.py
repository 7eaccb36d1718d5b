"""``Tool``, ``@tool``, ``as_tools``, ``tool_choice``."""

from __future__ import annotations

import functools
import importlib.util
import subprocess
import sys
from typing import Any

import attrs
import pytest

from lamella import AgentInputError, ConfigError, Tool, ToolCallBlock, ToolRuntime, tool
from lamella.tools import as_tools, effective_choice, normalise_choice


def add(a: int, b: int) -> int:
    """Add two numbers.

    Args:
        a: The first.
    """
    return a + b


async def aadd(a: int, b: int) -> int:
    """Add two numbers, later."""
    return a + b


class Adder:
    """Adds."""

    def __call__(self, a: int) -> int:
        return a


class AsyncAdder:
    async def __call__(self, a: int) -> int:
        """Adds later."""
        return a


def test_f_tool01_name_and_description_default_to_the_functions() -> None:
    made = Tool(add)
    assert (made.name, made.description) == ("add", "Add two numbers.")
    assert made.input_schema["properties"]["a"]["description"] == "The first."
    named = Tool(coroutine=aadd, name="plus", description="Adds.")
    assert (named.name, named.description) == ("plus", "Adds.")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "needs func"),
        ({"func": aadd}, "func must be a sync function"),
        ({"func": AsyncAdder()}, "func must be a sync function"),
        ({"coroutine": add}, "coroutine must be an async function"),
        ({"func": 5}, "func must be callable, got int"),
        ({"func": lambda: 1}, "needs a name"),
        ({"func": add, "name": ""}, "needs a name"),
        ({"func": add, "timeout": 0}, "timeout must be a number of seconds > 0"),
        ({"func": add, "timeout": "1"}, "timeout must be a number of seconds > 0"),
        ({"func": add, "on_error": "ignore"}, "on_error must be 'return' or 'raise'"),
        ({"func": add, "requires_approval": "yes"}, "requires_approval must be a bool"),
        ({"func": add, "description": 5}, "description must be a str"),
        ({"func": add, "coroutine": AsyncAdder()}, "must take the same parameters"),
        ({"func": add, "input_schema": []}, "input_schema must be a JSON schema"),
        ({"func": add, "input_schema": {"type": "array"}}, "must describe an object"),
    ],
)
def test_f_tool01_what_does_not_fit_is_refused(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(AgentInputError, match=said):
        Tool(**arguments)


def test_f_tool01_callable_objects() -> None:
    made = Tool.from_callable(Adder())
    assert (made.name, made.description, made(3)) == ("Adder", "Adds.", 3)
    later = Tool.from_callable(AsyncAdder())
    assert later.coroutine is not None
    assert (later.name, later.description) == ("AsyncAdder", "Adds later.")
    with pytest.raises(AgentInputError, match="made of a function, got int"):
        Tool.from_callable(5)  # type: ignore[arg-type]


async def test_f_tool02_three_ways_and_still_callable() -> None:
    @tool
    def one(a: int) -> int:
        return a

    @tool(name="zwei", description="Two.", strict=True, timeout=3, sequential=True, on_error="raise")
    def two(a: int) -> int:
        return a

    @tool
    async def three(a: int) -> int:
        return a

    made = Tool.from_callable(add, name="n", description="d", strict=True)
    assert (one(1), two(2), await three(3), made(1, 2)) == (1, 2, 3, 3)
    assert one.name == "one"
    assert (two.name, two.description, two.strict, two.timeout) == ("zwei", "Two.", True, 3)
    assert (two.sequential, two.on_error) == (True, "raise")
    assert (made.name, made.description, made.strict) == ("n", "d", True)


def test_f_tool03_which_callable_runs() -> None:
    both = Tool(add, aadd)
    assert both.callable_for("run_sync") == (add, "sync")
    assert both.callable_for("stream_sync") == (add, "sync")
    assert both.callable_for("run_async") == (aadd, "async")
    assert both.callable_for("stream_async") == (aadd, "async")
    assert Tool(add).callable_for("run_async") == (add, "sync")
    assert Tool(coroutine=aadd).callable_for("run_sync") == (aadd, "async")


def test_a_tool_is_frozen_and_can_be_evolved_around_its_function() -> None:
    made = Tool(add)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        made.name = "other"  # type: ignore[misc]

    @functools.wraps(add)
    def louder(*args: Any, **kwargs: Any) -> int:
        return add(*args, **kwargs) * 10

    wrapped = attrs.evolve(made, func=louder)
    values = wrapped.check(ToolCallBlock(call_id="1", name="add", arguments={"a": "1", "b": 2}))
    args, kwargs = wrapped.bind(values)
    assert wrapped.func is not None
    assert wrapped.func(*args, **kwargs) == 30
    assert wrapped == attrs.evolve(wrapped)


def test_positional_only_parameters_are_bound_by_position() -> None:
    def f(a: int, b: int = 2, /, c: int = 3) -> tuple[int, int, int]:
        return a, b, c

    made = Tool(f)
    args, kwargs = made.bind(made.check(ToolCallBlock(call_id="1", name="f", arguments={"a": 1, "c": 9})))
    assert f(*args, **kwargs) == (1, 2, 9)


def test_without_jsonschema_a_given_schema_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r'pip install "lamella\[jsonschema\]"'):
        Tool(lambda **kw: 1, name="f", input_schema={"type": "object"})
    with pytest.raises(ConfigError, match="output_schema"):
        Tool(add, output_schema={"type": "integer"})
    Tool(add)


def test_a_wrong_schema_is_an_input_error_when_used() -> None:
    made = Tool(
        lambda **kw: 1, name="f", input_schema={"type": "object", "properties": {"a": {"type": "no"}}}
    )
    with pytest.raises(AgentInputError, match="tool f: not a valid JSON schema"):
        made.check(ToolCallBlock(call_id="1", name="f", arguments={"a": 1}))


def test_as_tools() -> None:
    class Agentlike:
        def as_tool(self) -> Tool:
            return Tool(add, name="agent")

    class Wrong:
        def as_tool(self) -> int:
            return 1

    first = Tool(add, name="first")
    assert [made.name for made in as_tools([first, add, Agentlike()])] == ["first", "add", "agent"]
    assert as_tools(None) == ()
    for items, said in (
        ([add, add], "two tools are called 'add'"),
        ([5], "got int"),
        (add, "must be a list"),
        (first, "must be a list"),
        ("add", "must be a list"),
        ([Wrong()], "gave a int, not a Tool"),
    ):
        with pytest.raises(AgentInputError, match=said):
            as_tools(items)  # type: ignore[arg-type]


def test_f_tool13_choice() -> None:
    names = ["a", "b"]
    assert [normalise_choice(choice, names) for choice in ("auto", "required", "any", "none", "a")] == [
        "auto",
        "required",
        "required",
        "none",
        "a",
    ]
    assert normalise_choice("none", []) == "none"
    with pytest.raises(
        AgentInputError, match="'c' is no tool; use 'auto', 'required', 'none' or one of 'a', 'b'"
    ):
        normalise_choice("c", names)
    for choice in ("required", "any", "a"):
        with pytest.raises(AgentInputError, match="there are no tools"):
            normalise_choice(choice, [])


def test_f_tool13_f_n17_forcing_holds_for_the_first_iteration() -> None:
    for forced in ("required", "a"):
        assert [effective_choice(forced, turn) for turn in range(3)] == [forced, "auto", "auto"]
        assert [effective_choice(forced, turn, True) for turn in range(2)] == [forced, forced]
    assert effective_choice("none", 3) == "none"


def test_tools_import_neither_msgspec_nor_jsonschema_nor_pydantic() -> None:
    code = """
import sys
from lamella.tools import Tool
def f(a: int, b: list[str] | None = None) -> str: "Do."
Tool(f)
print(sorted({"msgspec", "jsonschema", "pydantic", "cattrs", "importlib_metadata"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@tool
def whose(runtime: ToolRuntime, q: str) -> str:
    """Ask."""
    return str(runtime.tenant) + q


def test_f_tool11_runtime_parameters_are_hidden() -> None:
    assert list(whose.input_schema["properties"]) == ["q"]
    values = whose.check(ToolCallBlock(call_id="1", name="whose", arguments={"q": "?"}))
    args, kwargs = whose.bind(values, ToolRuntime({"tenant": "acme"}))
    assert whose(*args, **kwargs) == "acme?"


def test_f_tool02_from_callable_takes_its_first_arguments_in_order() -> None:
    def f(x: int) -> int:
        return x

    made = Tool.from_callable(f, "named", "described", None, None, True)
    assert (made.name, made.description, made.strict) == ("named", "described", True)
