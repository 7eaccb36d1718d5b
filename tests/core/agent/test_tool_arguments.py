"""F-N11, F-TOOL10: arguments nobody should have sent: a typed error, soon, in little memory; the function is not called."""

from __future__ import annotations

import logging
import time
import tracemalloc
from typing import Any

import attrs
import pytest

from lamella import Agent, AgentToolCallError, RunResult, Tool, fold, from_json, to_json, tool

from fakes import ScriptedModel, bare, calls, says

MEGABYTE = 1_000_000


@attrs.frozen
class Node:
    """A node of a tree."""

    children: list[Node] = attrs.field(factory=list)


called: list[Any] = []


@tool
def typed(text: str, numbers: list[int] | None = None) -> str:
    """Take typed arguments."""
    called.append(text)
    return "ran"


@tool
def loose(value: Any = None) -> str:
    """Take anything."""
    called.append(value)
    return "ran"


@tool
def tree(node: Node) -> str:
    """Take a tree."""
    called.append(node)
    return "ran"


SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "node": {"$ref": "#/$defs/node"},
        "numbers": {"type": "array", "items": {"type": "integer"}},
    },
    "additionalProperties": False,
    "$defs": {
        "node": {"type": "object", "properties": {"node": {"$ref": "#/$defs/node"}}, "maxProperties": 1}
    },
}
given = Tool(lambda **arguments: called.append(arguments), name="given", input_schema=SCHEMA)


def answer(made: Tool, arguments: str, **options: Any) -> tuple[RunResult, Any]:
    """A run in which the model sends these arguments, and the output of the call."""
    called.clear()
    model = ScriptedModel(calls(("c1", made.name, arguments)), says("done"))
    result = Agent(model, tools=[made], project=bare(), **options).run("go")
    assert result.output == "done"
    (call,) = result.messages[0].tool_calls
    assert call.arguments_json == arguments, "the text is kept as it came"
    (output,) = result.messages[1].tool_outputs
    return result, output


def nested(levels: int) -> str:
    return '{"value": ' + "[" * levels + "]" * levels + "}"


def objects(levels: int, key: str = "node") -> str:
    return f'{{"{key}": ' * levels + "{}" + "}" * levels


MALFORMED = {
    "cut": '{"text": "a',
    "no object": '["text"]',
    "a text": '"text"',
    "python": "{'text': 'a'}",
    "nan": '{"text": NaN}',
    "infinite": '{"text": 1e999}',
    "two": '{"text": "a"}{"text": "b"}',
    "comment": '{"text": "a"} // done',
    "control": '{"text": "\x00"}',
    "long number": '{"text": ' + "9" * 5000 + "}",
    "markup": "<function=typed>",
    "words": "text=a",
}


@pytest.mark.parametrize("arguments", MALFORMED.values(), ids=MALFORMED.keys())
def test_f_n11_malformed_arguments_through_a_run(arguments: str) -> None:
    _, output = answer(typed, arguments)
    assert output.is_error
    assert output.output.startswith("AgentToolCallError: the arguments of typed must be one JSON object: ")
    assert len(output.output) < 500
    assert called == []


HUGE = {
    "one text": lambda: '{"value": "' + "a" * 10 * MEGABYTE + '"}',
    "small lists": lambda: '{"value": [' + "[]," * 3_300_000 + "1]}",
    "numbers": lambda: '{"value": [' + "1," * 5_000_000 + "1]}",
    "keys": lambda: "{" + ",".join(f'"{index}":{index}' for index in range(600_000)) + "}",
    "no end": lambda: "[" * 10 * MEGABYTE,
}


@pytest.mark.parametrize("made", HUGE.values(), ids=HUGE.keys())
def test_f_n11_huge_arguments_cost_neither_time_nor_memory(made: Any) -> None:
    """F-N11: 10 MB of arguments are not even parsed."""
    arguments = made()
    tracemalloc.start()
    started = time.perf_counter()
    try:
        _, output = answer(loose, arguments)
        taken, peak = time.perf_counter() - started, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert output.is_error
    assert output.output == (
        "AgentToolCallError: the arguments of loose must be one JSON object: "
        f"got {len(arguments):,} characters, and at most 1,000,000 are read"
    )
    assert called == []
    assert taken < 2
    assert peak < 3 * len(arguments)


@pytest.mark.parametrize("levels", [129, 200, 500, 990, 5_000, 10_000])
@pytest.mark.parametrize("made", [typed, loose, tree, given], ids=lambda made: made.name)
def test_f_n11_deeply_nested_arguments(made: Tool, levels: int) -> None:
    """F-N11: the run goes on, whatever the depth, and its events can be stored and read."""
    for arguments in (nested(levels), objects(levels), '{"node":' + objects(levels, "children") + "}"):
        started = time.perf_counter()
        result, output = answer(made, arguments)
        assert output.is_error
        assert output.output == (
            f"AgentToolCallError: the arguments of {made.name} must be one JSON object: "
            "nested in more than 128 levels"
        )
        assert called == []
        assert time.perf_counter() - started < 2
        assert from_json(to_json(result), RunResult) == result


def test_f_n11_what_is_nested_less_still_runs_or_fails_in_words() -> None:
    _, output = answer(loose, nested(127))
    assert (output.output, output.is_error) == ("ran", False)
    _, output = answer(given, objects(100))
    assert not output.is_error, output.output
    chain = '{"node": ' + '{"children": [' * 60 + "]}" * 60 + "}"
    _, output = answer(tree, chain)
    assert output.output in (
        "ran",
        "AgentToolCallError: the arguments of tree are nested too deeply to be checked",
    )


ADVERSARIAL = {
    "the runtime": '{"text": "a", "runtime": {"tenant": "other"}}',
    "dunder": '{"text": "a", "__class__": "x", "__init__": 1}',
    "self": '{"self": 1, "text": "a"}',
    "prototype": '{"__proto__": {"text": "a"}}',
    "null": '{"text": null}',
    "wrong type": '{"text": {"$ref": "#"}}',
    "wrong item": '{"text": "a", "numbers": [1, 2, "three"]}',
    "bool for a number": '{"text": "a", "numbers": [true]}',
    "overflow": '{"text": "a", "numbers": [1e308, 1.5]}',
    "format": '{"text": "{0.__class__}", "{text}": 1}',
    "homoglyph": '{"t\u0435xt": "a"}',
    "surrogate": '{"\\ud800": 1}',
}


@pytest.mark.parametrize("arguments", ADVERSARIAL.values(), ids=ADVERSARIAL.keys())
def test_f_tool10_adversarial_arguments(arguments: str) -> None:
    result, output = answer(typed, arguments)
    assert output.is_error
    assert output.output.startswith("TypeError: typed() ")
    assert called == []
    assert from_json(to_json(result), RunResult).messages == result.messages


FLOODS = {
    "unexpected": (typed, lambda: "{" + ",".join(f'"key{index}":1' for index in range(60_000)) + "}"),
    "long key": (typed, lambda: '{"' + "k" * 900_000 + '": 1}'),
    "wrong items": (typed, lambda: '{"text": "a", "numbers": [' + ",".join(['"x"'] * 200_000) + "]}"),
    "wrong text": (typed, lambda: '{"text": ["' + "x" * 900_000 + '"]}'),
    "wrong for a schema": (given, lambda: '{"numbers": [' + ",".join(['"x"'] * 200_000) + "]}"),
    "long for a schema": (given, lambda: '{"numbers": ["' + "x" * 900_000 + '"]}'),
    "unexpected for a schema": (given, lambda: "{" + ",".join(f'"key{n}":1' for n in range(60_000)) + "}"),
}


@pytest.mark.parametrize(("made", "arguments"), FLOODS.values(), ids=FLOODS.keys())
def test_f_tool10_a_flood_of_problems_is_told_in_few_words(made: Tool, arguments: Any) -> None:
    """F-TOOL10: the message names the first problems; it does not repeat a megabyte to the model."""
    started = time.perf_counter()
    _, output = answer(made, arguments())
    assert output.is_error
    assert output.output.startswith(f"TypeError: {made.name}() got ")
    assert len(output.output) < 25_000
    assert called == []
    assert time.perf_counter() - started < 5


def test_f_n11_bad_arguments_end_the_run_of_a_tool_that_raises() -> None:
    stubborn = attrs.evolve(loose, on_error="raise")
    for arguments in (nested(10_000), '{"value": "' + "a" * 2 * MEGABYTE + '"}', "{"):
        with pytest.raises(AgentToolCallError, match="must be one JSON object"):
            answer(stubborn, arguments)


def test_f_n11_no_argument_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="lamella")
    answer(typed, '{"text": ["my-private-words"]}')
    assert "my-private-words" not in caplog.text


def test_f_n11_blank_arguments_are_none_given() -> None:
    for blank in ("", " \n"):
        _, output = answer(loose, blank)
        assert output.output == "ran"


def test_f_n11_the_events_of_such_a_run_fold_to_its_result() -> None:
    called.clear()
    model = ScriptedModel(calls(("c1", "loose", nested(10_000))), says("done"))
    with Agent(model, tools=[loose], project=bare()).stream("go") as stream:
        events = list(stream)
        assert fold(events) == stream.result
