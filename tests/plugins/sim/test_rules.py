"""What the simulator does without a script: plain asks are called, outputs are told, nothing is random."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest

from lamella import Agent, tool
from lamella.content import MediaContent, ToolCallBlock, ToolOutputBlock
from lamella.errors import AgentExecutionError, InvalidRequestError
from lamella.messages import Message
from lamella.models import ModelRequest, OutputSchema
from lamella_sim import ChatSim, Reasoning, Script, Structured, Text, ToolCall, Turn
from lamella_sim.rules import decide


def asked(prompt: str | list[Message], tools: Any = (), **fields: Any) -> list[tuple[str, Any]]:
    turn = decide(ModelRequest.of(prompt, tools=tuple(tools), **fields))
    return [(step.name, dict(step.arguments or {})) for step in turn.steps if isinstance(step, ToolCall)]


def said(turn: Turn) -> str:
    (step,) = turn.steps
    assert isinstance(step, Text)
    return step.text


CASES = [
    ("What's the weather in Paris?", [("weather", {"city": "Paris"})]),
    ("weather in Paris and in Rome", [("weather", {"city": "Paris"}), ("weather", {"city": "Rome"})]),
    ("weather in paris and rome", [("weather", {"city": "paris"}), ("weather", {"city": "rome"})]),
    ("What is the weather in New York City?", [("weather", {"city": "New York City"})]),
    ('Tell me the weather in "São Paulo".', [("weather", {"city": "São Paulo"})]),
    ("What is the forecast for Oslo", [("weather", {"city": "Oslo"})]),
    ("add 2 and 3", [("add", {"a": 2, "b": 3})]),
    ("What is 2 + 3?", [("add", {"a": 2, "b": 3})]),
    ("Please use the add tool on 17 and 25.", [("add", {"a": 17, "b": 25})]),
    ("add with b=3 and a=2", [("add", {"a": 2, "b": 3})]),
    ("add -1.0 to 1,000", [("add", {"a": -1, "b": 1000})]),
    ("add two and three", [("add", {"a": 2, "b": 3})]),
    ("add 2 and 3 and multiply 4 by 5", [("add", {"a": 2, "b": 3}), ("multiply", {"a": 4, "b": 5})]),
    ("what is 2 plus 3 and 4 times 2.5", [("add", {"a": 2, "b": 3}), ("multiply", {"a": 4, "b": 2.5})]),
    ("add 1 and 2 and add 3 and 4", [("add", {"a": 1, "b": 2}), ("add", {"a": 3, "b": 4})]),
    ("What time is it now?", [("now", {})]),
    ("weather in Rome, and 3 * 4?", [("weather", {"city": "Rome"}), ("multiply", {"a": 3, "b": 4})]),
    ("Hello there", []),
    ("What is the weather?", []),
    ("Don't use tools. What is 2 + 3?", []),
]


@pytest.mark.parametrize(("prompt", "calls"), CASES)
def test_a_plain_ask_is_called(prompt: str, calls: Any, tools: Any) -> None:
    assert asked(prompt, tools) == calls
    assert asked(prompt, tools) == asked(prompt, tools)  # deterministic


def test_arguments_follow_the_schema(offer: Any) -> None:
    unit = {"enum": ["celsius", "fahrenheit"], "default": "celsius"}
    weather = offer("get_weather", "Current weather", ["location"], location={"type": "string"}, unit=unit)
    assert asked("Weather in Oslo, fahrenheit", [weather]) == [
        ("get_weather", {"location": "Oslo", "unit": "fahrenheit"})
    ]
    assert asked("How is the weather in Berlin?", [weather]) == [("get_weather", {"location": "Berlin"})]
    hotel = offer(
        "book_hotel",
        "",
        ["city", "nights"],
        city={"type": "string"},
        nights={"type": "integer"},
        breakfast={"type": "boolean"},
    )
    assert asked("Book a hotel in Rome for 3 nights, without breakfast", [hotel]) == [
        ("book_hotel", {"city": "Rome", "nights": 3, "breakfast": False})
    ]
    assert asked("Book 3 nights in a hotel in Rome and 2 nights in Paris", [hotel]) == [
        ("book_hotel", {"city": "Rome", "nights": 3}),
        ("book_hotel", {"city": "Paris", "nights": 2}),
    ]
    mean = offer("mean", "", values={"type": "array", "items": {"type": "number"}})
    assert asked("What is the mean of 1, 2 and 4.5?", [mean]) == [("mean", {"values": [1, 2, 4.5]})]
    search = offer("search_web", "", query={"type": "string"})
    assert asked("Search the web for attrs and cattrs.", [search]) == [
        ("search_web", {"query": "attrs and cattrs"})
    ]
    mail = offer("send_email", "", to={"type": "string"}, subject={"type": "string"})
    assert asked('Send an email to bob@example.com, subject "Hi"', [mail]) == [
        ("send_email", {"to": "bob@example.com", "subject": "Hi"})
    ]


def test_a_tool_is_also_known_by_its_description(offer: Any) -> None:
    tool = offer("lookup_q7", "Returns the capital city of a country", country={"type": "string"})
    assert asked("What is the capital of the country France?", [tool]) == [
        ("lookup_q7", {"country": "France"})
    ]
    assert asked("What is the capital of Assyria?", [offer("weather", "", city={"type": "string"})]) == []


def test_a_strict_schema_leaves_optional_arguments_null(offer: Any) -> None:
    unit = {"anyOf": [{"enum": ["celsius", "fahrenheit"]}, {"type": "null"}]}
    tool = offer("weather", "", city={"type": "string"}, unit=unit)
    assert asked("Weather in Oslo?", [tool]) == [("weather", {"city": "Oslo", "unit": None})]


def test_one_call_at_a_time_when_parallel_calls_are_off(tools: Any) -> None:
    prompt = "weather in Paris and in Rome"
    first = asked(prompt, tools, parallel_tool_calls=False)
    assert first == [("weather", {"city": "Paris"})]
    history = [
        Message.user(prompt),
        Message.assistant([ToolCallBlock(call_id="1", name="weather", arguments={"city": "Paris"})]),
        Message.user([ToolOutputBlock(call_id="1", output="sunny")]),
    ]
    assert asked(history, tools, parallel_tool_calls=False) == [("weather", {"city": "Rome"})]


def test_tool_choice_is_kept(tools: Any) -> None:
    assert asked("What is 2 + 3?", tools, tool_choice="none") == []
    assert asked("Hello", tools, tool_choice="now") == [("now", {})]
    assert asked("What is 2 + 3? Weather in Rome?", tools, tool_choice="weather") == [
        ("weather", {"city": "Rome"})
    ]
    ((name, arguments),) = asked("Hello", tools, tool_choice="required")
    assert (name, list(arguments)) == ("weather", ["city"])
    with pytest.raises(
        InvalidRequestError, match="'nothing'; the tools offered are: weather, add, multiply, now"
    ):
        asked("Hello", tools, tool_choice="nothing")


def answered(outputs: list[tuple[str, dict[str, Any], Any, bool]]) -> str:
    calls = [ToolCallBlock(call_id=str(i), name=n, arguments=a) for i, (n, a, _, _) in enumerate(outputs)]
    blocks = [ToolOutputBlock(call_id=str(i), output=o, is_error=e) for i, (_, _, o, e) in enumerate(outputs)]
    history = [Message.user("go"), Message.assistant(calls), Message.user(blocks)]
    return said(decide(ModelRequest.of(history)))


def test_it_answers_from_the_outputs() -> None:
    assert answered([("add", {"a": 2, "b": 3}, 5, False)]) == "According to add(a=2, b=3), the answer is 5."
    two = answered(
        [("weather", {"city": "Paris"}, "sunny", False), ("now", {}, {"time": "12:00", "zone": "CET"}, False)]
    )
    assert two == (
        'According to weather(city="Paris"), the answer is sunny. '
        "According to now(), the answer is time 12:00, zone CET."
    )
    assert (
        answered([("now", {}, '{"time": "12:00"}', False)]) == "According to now(), the answer is time 12:00."
    )


def test_tool_errors_are_told_as_errors() -> None:
    assert answered([("add", {}, "TypeError: no a", True)]) == "add() failed: TypeError: no a."
    assert "failed" in answered([("add", {}, "ValueError: over a wire the mark is lost", False)])


def test_media_is_acknowledged_with_type_and_size() -> None:
    image = MediaContent(data=b"x" * 123, mime_type="image/png")
    turn = decide(ModelRequest.of(Message.user(["What is this?", image])))
    assert "You sent an image (image/png, 123 bytes)." in said(turn)
    link = MediaContent(url="https://example.com/a.pdf", mime_type="application/pdf")
    assert "a document (application/pdf, by URL)" in said(decide(ModelRequest.of(Message.user([link]))))


def test_it_says_that_it_is_no_model(tools: Any) -> None:
    text = said(decide(ModelRequest.of("Tell me a story", tools=tools)))
    assert text.startswith("[sim] This is the offline simulator, not a language model.")
    assert "“Tell me a story”" in text
    assert "(weather, add, multiply, now)" in text
    missing = said(decide(ModelRequest.of("What is the weather?", tools=tools)))
    assert "The tool weather needs city, which the prompt does not give." in missing


def test_a_schema_is_answered_with_an_instance_from_the_prompt() -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}, "tags": {"type": "array"}},
        "required": ["name", "age", "tags"],
    }
    turn = decide(ModelRequest.of("Extract the person: Ada, 36", output_schema=OutputSchema(schema=schema)))
    assert turn.steps == (Structured({"name": "Ada", "age": 36, "tags": []}),)


def test_tools_come_before_the_structured_answer(tools: Any) -> None:
    schema = OutputSchema(
        schema={"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"]}
    )
    assert asked("add 2 and 3", tools, output_schema=schema) == [("add", {"a": 2, "b": 3})]


def test_reasoning_on_request(tools: Any) -> None:
    turn = decide(ModelRequest.of("add 2 and 3", tools=tools), reasoning=True)
    assert turn.steps[0] == Reasoning(summary="The prompt asks for add, so I call it.")


async def test_a_whole_tool_loop_in_process(tools: Any) -> None:
    model = ChatSim()
    first = await model.complete("What is 2 + 3?", tools=tools)
    (call,) = first.tool_calls
    assert first.message is not None
    history = [
        Message.user("What is 2 + 3?"),
        first.message,
        Message.user(
            [ToolOutputBlock(call_id=call.call_id, output=json.loads(call.arguments_json)["a"] + 3)]
        ),
    ]
    second = await model.complete(history, tools=tools)
    assert second.content == "According to add(a=2, b=3), the answer is 5."


def test_the_agent_loop_by_rule() -> None:
    @tool
    def weather(city: str, unit: Literal["celsius", "fahrenheit"] = "celsius") -> str:
        """The weather of a city."""
        return f"sunny in {city}, 20 degrees {unit}"

    @tool
    def divide(a: float, b: float) -> float:
        """Divide a by b."""
        return a / b

    agent = Agent(ChatSim(reasoning=True), tools=[weather, divide])
    result = agent.run("What is the weather in Paris and in Rome? And what is 1 / 0?")
    assert result.output == (
        'According to weather(city="Paris"), the answer is sunny in Paris, 20 degrees celsius. '
        'According to weather(city="Rome"), the answer is sunny in Rome, 20 degrees celsius. '
        "divide(a=1, b=0) failed: ZeroDivisionError: float division by zero."
    )
    assert result.token_usage is not None
    assert "output_tokens" in result.token_usage.estimated
    with pytest.raises(AgentExecutionError, match="has 1 turn"):
        Agent(ChatSim(script=Script.of(ToolCall("divide", {"a": 1, "b": 2}))), tools=[divide]).run("go")
