"""Structured output of a model: always a validated instance, whatever the strategy and whatever the model says."""

from __future__ import annotations

import dataclasses
import enum
import json
import socket
from typing import Annotated, Any, Literal, NamedTuple, TypedDict

import attrs
import msgspec
import pytest

from lamella import (
    AgentInputError,
    Capabilities,
    Message,
    OutputParserError,
    ReasoningDelta,
    ResponseDone,
    ServerError,
    ToolCallDone,
    fallback,
    tool,
)
from lamella.events import Event
from lamella.models import ModelRequest
from lamella.models.structured import OutputType

from fakes import ScriptedModel, calls, says, usage

ABLE = Capabilities(structured_output=True)
TOOLS = Capabilities()
WORDS = Capabilities(tools=False, parallel_tools=False, forced_tools=False)


@attrs.frozen
class Person:
    """A person."""

    name: str
    age: int
    nick: str = ""


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


class Place(TypedDict):
    city: str


class Pair(NamedTuple):
    left: int
    right: str


class Struct(msgspec.Struct):
    n: int


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@attrs.frozen
class Cat:
    lives: int
    kind: Literal["cat"] = "cat"


@attrs.frozen
class Dog:
    kind: Literal["dog"]
    barks: bool
    owner: str | None = None


@attrs.frozen
class Tree:
    name: str
    below: list[Tree] = attrs.field(factory=list)


CASES: list[tuple[Any, Any, Any]] = [
    (Person, {"name": "Ada", "age": 36}, Person("Ada", 36)),
    (Point, {"x": 1}, Point(1)),
    (Place, {"city": "Rome"}, {"city": "Rome"}),
    (Pair, {"left": 1, "right": "r"}, Pair(1, "r")),
    (Struct, {"n": 1}, Struct(1)),
    (Tree, {"name": "a", "below": [{"name": "b"}]}, Tree("a", [Tree("b")])),
    (Literal["yes", "no"], {"value": "no"}, "no"),
    (Colour, {"value": "blue"}, Colour.BLUE),
    (Cat | Dog, {"value": {"kind": "dog", "barks": True}}, Dog("dog", True)),
    (Person | None, {"value": None}, None),
    (list[Person], {"value": [{"name": "Ada", "age": 36}]}, [Person("Ada", 36)]),
    (tuple[int, str], {"value": [1, "a"]}, (1, "a")),
    (dict[str, Point], {"value": {"a": {"x": 1}}}, {"a": Point(1)}),
    (int, {"value": 3}, 3),
    (float, {"value": 3}, 3.0),
    (bool, {"value": True}, True),
    (str, {"value": "text"}, "text"),
    (Annotated[int, msgspec.Meta(ge=1)], {"value": 3}, 3),
]


def answering(data: Any, capabilities: Capabilities) -> ScriptedModel:
    """A model that gives the answer in the way it is asked for."""
    text = json.dumps(data)
    turn = calls(("c1", "structured_output", text)) if capabilities is TOOLS else says(text)
    return ScriptedModel(turn, capabilities=capabilities)


@pytest.mark.parametrize("able", [ABLE, TOOLS, WORDS], ids=["native", "tool", "prompt"])
@pytest.mark.parametrize(("kind", "data", "value"), CASES, ids=lambda case: str(case)[:30])
async def test_f_str01_f_str02_every_type_comes_back_as_a_validated_instance_on_every_strategy(
    kind: Any, data: Any, value: Any, able: Capabilities
) -> None:
    structured = answering(data, able).with_structured_output(kind)
    assert await structured.complete("?") == value
    assert type(await structured.complete("?")) is type(value)


async def test_f_str01_pydantic_models_where_pydantic_is_installed() -> None:
    pydantic = pytest.importorskip("pydantic")
    model = pydantic.create_model("Item", n=(int, ...))
    made = await answering({"n": "3"}, ABLE).with_structured_output(model).complete("?")
    assert isinstance(made, model)
    assert made.n == 3


async def test_a_json_schema_gives_json_that_was_checked() -> None:
    pytest.importorskip("jsonschema")
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    assert await answering({"n": 1}, ABLE).with_structured_output(schema).complete("?") == {"n": 1}
    with pytest.raises(OutputParserError, match="n"):
        await answering({"n": "x"}, ABLE).with_structured_output(schema).complete("?")


def test_f_str01_sync_works_too() -> None:
    assert answering({"x": 1}, ABLE).with_structured_output(Point).complete_sync("?") == Point(1)


# -- strategies -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("able", "strategy"), [(ABLE, "native"), (TOOLS, "tool"), (WORDS, "prompt")])
async def test_f_str02_the_capabilities_choose_the_strategy(able: Capabilities, strategy: str) -> None:
    model = answering({"x": 1}, able)
    structured = model.with_structured_output(Point)
    await structured.complete("?", system_instruction="Be brief.")
    (request,) = model.requests
    assert structured.strategy == strategy
    assert (request.output_schema is not None) == (strategy == "native")
    assert [each.name for each in request.tools] == (["structured_output"] if strategy == "tool" else [])
    assert request.tool_choice == ("structured_output" if strategy == "tool" else "auto")
    instruction = request.system_instruction or ""
    assert instruction.startswith("Be brief.")
    assert ('"properties"' in instruction) == (strategy == "prompt")


async def test_f_str02_a_strategy_may_be_asked_for() -> None:
    model = answering({"x": 1}, WORDS)
    model._capabilities = ABLE
    assert await model.with_structured_output(Point, strategy="prompt").complete("?") == Point(1)
    assert model.requests[0].output_schema is None


async def test_a_model_chain_does_what_all_of_its_models_can() -> None:
    chain = fallback(answering({"x": 1}, ABLE), answering({"x": 1}, WORDS))
    assert chain.with_structured_output(Point).strategy == "prompt"


def test_objects_are_at_the_root_and_other_types_are_wrapped() -> None:
    assert "name" in OutputType.of(Person).root["properties"]
    assert list(OutputType.of(list[Person]).root["properties"]) == ["value"]
    assert OutputType.of(dict[str, Any]).root["properties"]["value"]["type"] == "object"


async def test_an_answer_without_the_wrapper_is_taken() -> None:
    assert await ScriptedModel(says("[1, 2]"), capabilities=WORDS).with_structured_output(list[int]).complete(
        "?"
    ) == [1, 2]


@pytest.mark.parametrize(
    "text",
    [
        '{"x": 1}',
        'Here you are:\n```json\n{"x": 1}\n```\nAnything else?',
        'I think {"x": 1} is right.',
        'Not {"a": 2}, but {"x": 1}.',
        '{ hm } {"x": 1}',
        '~~~\n{"x": 1}\n~~~',
    ],
)
async def test_f_str02_a_prompted_answer_is_found_in_its_text(text: str) -> None:
    assert await ScriptedModel(says(text), capabilities=WORDS).with_structured_output(Point).complete(
        "?"
    ) == (Point(1))


async def test_a_text_full_of_braces_costs_little() -> None:
    text = "{" * 200_000
    with pytest.raises(OutputParserError):
        await ScriptedModel(says(text), capabilities=WORDS).with_structured_output(Point).complete("?")


async def test_nulls_for_what_is_not_given_are_taken_out_inside_unions_too() -> None:
    data = {"value": {"lives": 9, "kind": None}}
    assert await answering(data, ABLE).with_structured_output(Cat | Dog).complete("?") == Cat(9)


# -- failures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("able", [ABLE, TOOLS, WORDS], ids=["native", "tool", "prompt"])
@pytest.mark.parametrize(
    ("turn", "said"),
    [
        ([ResponseDone(token_usage=usage(3, 2))], "no answer"),
        (says("I cannot help.", usage(3, 2), stop_reason="refusal"), "refused"),
        (says('{"name": "Ada"', usage(3, 2), stop_reason="max_tokens"), "cut off"),
        (says("no json", usage(3, 2)), "not valid JSON"),
        (says('{"name": "Ada", "age": "old"}', usage(3, 2)), "at .age"),
        (calls(("c", "structured_output", '{"name": 1'), tokens=usage(3, 2)), "not valid JSON"),
        (calls(("c", "structured_output", '{"age": 1}'), tokens=usage(3, 2)), "at .name: required"),
    ],
    ids=["silent", "refusal", "cut", "words", "unfit", "bad call", "unfit call"],
)
async def test_f_str03_a_failure_has_the_raw_text_the_cause_and_the_usage(
    turn: list[Event], said: str, able: Capabilities
) -> None:
    with pytest.raises(OutputParserError, match=said) as caught:
        await ScriptedModel(turn, capabilities=able).with_structured_output(Person).complete("?")
    error = caught.value
    made = [event for event in turn if isinstance(event, ToolCallDone)]
    assert error.context["raw"] == (made[0].arguments_json if made else error.partial.content)
    assert error.partial.usage == usage(3, 2)
    assert error.context["problems"]
    if said.startswith(("at", "not")):
        assert error.cause is not None


async def test_f_str02_several_calls_must_say_the_same() -> None:
    same = calls(("a", "structured_output", '{"x": 1}'), ("b", "structured_output", '{"x": 1}'))
    other = calls(("a", "structured_output", '{"x": 1}'), ("b", "structured_output", '{"x": 2}'))
    assert await ScriptedModel(same).with_structured_output(Point, strategy="tool").complete("?") == Point(1)
    with pytest.raises(OutputParserError, match="2 times"):
        await ScriptedModel(other).with_structured_output(Point, strategy="tool").complete("?")


async def test_the_error_of_a_tagged_union_is_that_of_the_member_that_is_meant() -> None:
    with pytest.raises(OutputParserError, match="barks"):
        await answering({"value": {"kind": "dog"}}, ABLE).with_structured_output(Cat | Dog).complete("?")


@pytest.mark.parametrize("able", [ABLE, TOOLS, WORDS], ids=["native", "tool", "prompt"])
async def test_f_str02_f_n25_answers_go_back_to_the_model_and_every_try_is_counted(
    able: Capabilities,
) -> None:
    def turn(data: Any) -> list[Event]:
        text = json.dumps(data)
        if able is TOOLS:
            return calls(("c", "structured_output", text), tokens=usage(3, 2))
        return says(text, usage(3, 2))

    model = ScriptedModel(turn({"name": 1}), turn({"name": "Ada"}), turn({"name": "Ada", "age": 3}))
    model._capabilities = able
    answer = await model.with_structured_output(Person, retries=2).answer("?")
    assert answer.value == Person("Ada", 3)
    assert answer.json == {"name": "Ada", "age": 3}
    assert (answer.tries, answer.usage) == (3, usage(9, 6))
    told = model.requests[-1].messages[-1]
    assert told.role == "user"
    if able is TOOLS:
        assert told.tool_outputs[0].is_error
        assert ".age: required" in told.tool_outputs[0].text
    else:
        assert ".age: required" in told.text


async def test_f_n25_the_usage_of_all_tries_is_on_the_error() -> None:
    model = ScriptedModel(*[says("no", usage(3, 2))] * 3, capabilities=ABLE)
    with pytest.raises(OutputParserError) as caught:
        await model.with_structured_output(Person, retries=2).complete("?")
    assert caught.value.partial.usage == usage(9, 6)
    assert caught.value.context["tries"] == len(model.requests) == 3


async def test_f_n25_a_failing_model_after_a_correction_has_the_usage_before_it() -> None:
    model = ScriptedModel(says("no", usage(3, 2)), [ServerError("down")], capabilities=ABLE)
    with pytest.raises(ServerError) as caught:
        await model.with_structured_output(Person, retries=2).complete("?")
    assert caught.value.partial.usage == usage(3, 2)


async def test_f_str03_a_refusal_is_not_asked_again() -> None:
    model = ScriptedModel(says("No.", stop_reason="refusal"), capabilities=ABLE)
    with pytest.raises(OutputParserError, match="refused"):
        await model.with_structured_output(Person, retries=5).complete("?")
    assert len(model.requests) == 1


async def test_f_n36_reasoning_before_the_answer_is_no_part_of_it() -> None:
    turn = [ReasoningDelta(delta='{"x": 9}'), *says('{"x": 1}')]
    assert await ScriptedModel(turn, capabilities=ABLE).with_structured_output(Point).complete("?") == Point(
        1
    )


async def test_deep_nesting_is_an_output_parser_error() -> None:
    text = "[" * 5000 + "]" * 5000
    with pytest.raises(OutputParserError):
        await ScriptedModel(says(text), capabilities=WORDS).with_structured_output(list[Any]).complete("?")


@pytest.mark.parametrize(
    "options", [{"strategy": "best"}, {"retries": -1}, {"retries": True}, {"name": "a name"}]
)
def test_options_that_do_not_fit_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(AgentInputError):
        ScriptedModel().with_structured_output(Person, **options)


async def test_a_request_with_tools_is_refused_with_what_to_do() -> None:
    @tool
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    structured = answering({"x": 1}, ABLE).with_structured_output(Point)
    with pytest.raises(AgentInputError, match="output_type"):
        await structured.complete(ModelRequest.of("?", tools=[add]))


async def test_a_type_without_a_schema_is_refused_at_once() -> None:
    with pytest.raises(AgentInputError, match="no JSON schema"):
        ScriptedModel().with_structured_output(socket.socket)


async def test_history_is_given_as_it_is() -> None:
    model = ScriptedModel([], says('{"x": 1}'), capabilities=ABLE)
    history = [Message.user("a"), Message.assistant("b"), Message.user("c")]
    await model.with_structured_output(Point, name="point", description="A point.").complete(history)
    (request,) = model.requests
    assert list(request.messages) == history
    assert request.output_schema is not None
    assert (request.output_schema.name, request.output_schema.description) == ("point", "A point.")


def test_the_plan_says_what_becomes_of_the_schema() -> None:
    plan = answering({}, ABLE).with_structured_output(Point).plan("?")
    assert [(entry.what, entry.status) for entry in plan.entries] == [("structured_output", "native")]
