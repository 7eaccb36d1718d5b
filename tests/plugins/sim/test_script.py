"""Scripts: turns are chosen by the history alone, and a script that ends says so."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lamella.content import ToolCallBlock, ToolOutputBlock
from lamella.errors import AgentExecutionError, AgentInputError, RateLimitError
from lamella.messages import Message
from lamella.models import ModelRequest
from lamella.usage import TokenUsage
from lamella_sim import (
    ChatSim,
    Delay,
    Error,
    Match,
    Reasoning,
    Refusal,
    Script,
    Structured,
    Text,
    ToolCall,
    Turn,
)


def conversation(*texts: str) -> list[Message]:
    return [
        Message.user(text) if index % 2 == 0 else Message.assistant(text) for index, text in enumerate(texts)
    ]


async def test_turns_are_played_by_position() -> None:
    model = ChatSim(script=Script.of("one", "two", "three"))
    assert (await model.complete("hi")).content == "one"
    assert (await model.complete(conversation("hi", "one", "and?"))).content == "two"
    assert (await model.complete("hi")).content == "one"  # no counter: the history decides


async def test_past_the_end_is_a_typed_error() -> None:
    model = ChatSim("script", script=Script.of("one", "two", name="demo.toml"))
    with pytest.raises(AgentExecutionError, match=r"demo\.toml has 2 turns .* asks for turn 3") as caught:
        await model.complete(conversation("a", "one", "b", "two", "c"))
    assert caught.value.context["turns"] == 2
    assert caught.value.context["provider"] == "sim"


async def test_f_n33_concurrent_runs_share_a_model_and_no_state() -> None:
    """F-N33: a hundred conversations at different turns, on one model, at once."""
    model = ChatSim(script=Script.of(*[[f"turn {n}", Delay(0.001)] for n in range(10)]))

    async def ask(turn: int) -> str:
        history = conversation(*["x"] * (2 * turn + 1))
        return (await model.complete(history)).content

    turns = [number % 10 for number in range(100)]
    assert await asyncio.gather(*map(ask, turns)) == [f"turn {turn}" for turn in turns]


async def test_matches_go_first_and_count_from_the_text() -> None:
    script = Script.of(
        Turn([ToolCall("weather", {"city": "Rome"})], match=Match(text="ROME")),
        Turn("sunny in Rome", match=Match(text="ROME")),
        Turn("a number", match=Match(regex=r"\d+")),
        Turn("the second", match=Match(turn=1)),
        "anything",
    )
    model = ChatSim(script=script)
    first = await model.complete("weather in Rome?")
    (call,) = first.tool_calls
    assert first.message is not None
    answered = [
        Message.user("weather in Rome?"),
        first.message,
        Message.user([ToolOutputBlock(call_id=call.call_id, output="sunny")]),
    ]
    assert (await model.complete(answered)).content == "sunny in Rome"
    assert (await model.complete("give me 5")).content == "a number"
    assert (await model.complete("hello")).content == "anything"
    assert (await model.complete(conversation("hello", "anything", "more"))).content == "the second"
    with pytest.raises(AgentExecutionError, match="with match text='ROME'"):
        await model.complete([*answered, Message.assistant("sunny in Rome"), *answered[2:]])


async def test_a_function_is_a_script() -> None:
    def shout(request: ModelRequest) -> Turn:
        return Turn(request.messages[-1].text.upper())

    assert (await ChatSim(script=shout).complete("hello")).content == "HELLO"
    assert (
        await ChatSim(script=Script.of(lambda request: "text will do")).complete("hello")
    ).content == "text will do"


async def test_a_function_that_raises_is_a_typed_error() -> None:
    def broken(request: ModelRequest) -> Turn:
        raise KeyError("city")

    with pytest.raises(
        AgentExecutionError, match="the function 'broken' of the script raised KeyError: 'city'"
    ):
        await ChatSim(script=broken).complete("hello")


async def test_every_step_is_an_event_and_a_block() -> None:
    steps = [
        Reasoning("thought", summary="short", signature="sig"),
        Text("look:"),
        ToolCall("add", {"a": 1}, call_id="c1"),
    ]
    completion = await ChatSim(script=Script.of(steps)).complete("hi")
    (reasoning,) = completion.reasoning
    assert (reasoning.text, reasoning.summary, reasoning.signature) == ("thought", "short", "sig")
    assert reasoning.provider == "sim"
    assert completion.content == "look:"
    assert completion.tool_calls == (ToolCallBlock(call_id="c1", name="add", arguments={"a": 1}),)
    assert completion.stop_reason == "tool_use"


async def test_structured_refusal_usage_and_stop_reason() -> None:
    model = ChatSim(script=Script.of(Structured({"a": [1]})))
    assert (await model.complete("hi")).content == '{"a": [1]}'
    refused = await ChatSim(script=Script.of(Refusal("no"))).complete("hi")
    assert (refused.content, refused.stop_reason) == ("no", "refusal")
    turn = Turn("cut", usage=TokenUsage(output_tokens=7), stop_reason="max_tokens")
    cut = await ChatSim(script=Script((turn,))).complete("hi")
    assert cut.stop_reason == "max_tokens"
    assert cut.usage is not None
    assert cut.usage.output_tokens == 7
    assert cut.usage.estimated == ("input_tokens", "reasoning_tokens")


async def test_malformed_arguments_are_said_as_they_are() -> None:
    completion = await ChatSim(script=Script.of(ToolCall("add", arguments_json='{"a": 1,'))).complete("hi")
    assert completion.tool_calls[0].arguments_json == '{"a": 1,'
    assert completion.tool_calls[0].arguments is None


async def test_errors_have_their_type_and_what_was_said_before() -> None:
    script = Script.of(["partial text", Error(429, "slow down", code="rate_limit_exceeded", retry_after=3)])
    with pytest.raises(RateLimitError, match="slow down") as caught:
        await ChatSim(script=script).complete("hi")
    assert caught.value.retry_after == 3
    assert caught.value.partial.content == "partial text"


async def test_invented_call_ids_never_repeat() -> None:
    model = ChatSim(script=Script.of([ToolCall("a"), ToolCall("a")]))
    ids = {call.call_id for _ in range(50) for call in (await model.complete("hi")).tool_calls}
    assert len(ids) == 100


BAD: list[Any] = [
    (lambda: Turn([Error(500), "after"]), "an error ends its turn"),
    (lambda: Turn([3]), "step 0 is int"),
    (
        lambda: Text(3),  # type: ignore[arg-type]
        "text: 'text' must be text",
    ),
    (lambda: Delay(-1), "delay: 'seconds' must be seconds"),
    (lambda: Error(200), "an HTTP error status"),
    (lambda: Reasoning(), "at least one of text, summary and signature"),
    (lambda: ToolCall("a", {"x": object()}), "an object .* of JSON"),
    (lambda: ToolCall("a", {"x": 1}, arguments_json='{"x": 2}'), "disagree"),
    (lambda: Structured(float("nan")), "JSON"),
    (lambda: Match(), "at least one of text, regex and turn"),
    (lambda: Match(regex="("), "no regular expression"),
    (lambda: Script.of(3), "a turn is text, a step"),
]


@pytest.mark.parametrize(("make", "message"), BAD)
def test_what_makes_no_sense_is_refused(make: Any, message: str) -> None:
    with pytest.raises(AgentInputError, match=message):
        make()
