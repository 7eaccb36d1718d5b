"""The model in process: its names, its metadata, its deltas, its estimates."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from lamella.content import MediaContent, ReasoningBlock, ToolCallBlock, ToolOutputBlock
from lamella.errors import AgentInputError, ConfigError, InvalidRequestError
from lamella.events import MessageOutputDelta, ReasoningDelta, ResponseDone, ToolCallDelta
from lamella.messages import Message
from lamella.models import ModelRequest, OutputSchema
from lamella_sim import ChatSim, Delay, Reasoning, Script, SimSettings, ToolCall
from lamella_sim.received import ReceivedImage
from lamella_sim.tokens import count_request, count_text


async def test_replies_say_what_they_come_from() -> None:
    completion = await ChatSim().complete("hello")
    assert (completion.provider, completion.model) == ("sim", "sim-demo")
    assert completion.raw is not None
    assert completion.raw["simulated"] is True
    assert completion.id is not None
    assert completion.id.startswith("sim_")
    assert completion.stop_reason == "end_turn"
    assert ChatSim().settings["simulated"] is True
    assert ChatSim().issuer == "sim"


async def test_echo_repeats_and_does_nothing_else(tools: Any) -> None:
    model = ChatSim("echo")
    image = ReceivedImage(data=b"12345", mime_type="image/png")
    completion = await model.complete(Message.user(["Say this.", image]))
    assert completion.content == "Say this.\nan image (image/png, 5 bytes)"
    assert not model.capabilities.tools
    assert model.check(ModelRequest.of("hi", tools=tools))
    for fields in ({"tools": tools}, {"output_schema": OutputSchema(schema={})}):
        with pytest.raises(InvalidRequestError, match="sim:echo only repeats"):
            await model.complete("hi", **fields)


def test_an_unknown_model_lists_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"did you mean 'sim:echo'.*sim:demo, sim:echo, sim:script"):
        ChatSim("ecko")


def test_sim_script_needs_a_script(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="was given none"):
        ChatSim("script")
    file = tmp_path / "a.toml"
    file.write_text("[[turns]]\ntext = 'from a file'")
    for script in (file, str(file), {"turns": [{"text": "from a file"}]}):
        assert ChatSim("script", script=script).complete_sync("hi").content == "from a file"


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="chunk must be one of word, char, whole"):
        ChatSim(chunk="line")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="delay must be seconds"):
        ChatSim(delay=-1)
    with pytest.raises(AgentInputError, match="script must be"):
        ChatSim(script=3)  # type: ignore[arg-type]


async def test_native_input_is_refused_before_anything_happens() -> None:
    with pytest.raises(InvalidRequestError, match="no native form"):
        await ChatSim().complete([{"role": "user", "content": "hi"}])


async def events_of(model: ChatSim, **fields: Any) -> list[Any]:
    return [event async for event in model.stream(ModelRequest.of("hi", **fields))]


STEPS = [Reasoning("some thought", summary="a summary"), "two  words\nand more ", ToolCall("t", {"a": "b c"})]


@pytest.mark.parametrize("chunk", ["word", "char", "whole"])
async def test_deltas_join_to_what_is_done(chunk: Any) -> None:
    model = ChatSim(script=Script.of(STEPS), chunk=chunk)
    events = await events_of(model)
    text = [event.delta for event in events if isinstance(event, MessageOutputDelta)]
    call = [str(event.delta) for event in events if isinstance(event, ToolCallDelta)]
    thought = [event.delta for event in events if isinstance(event, ReasoningDelta)]
    assert "".join(text) == "two  words\nand more "
    assert "".join(call) == '{"a": "b c"}'
    assert "".join(thought) == "a summarysome thought"
    assert len(text) == {"word": 5, "char": 20, "whole": 1}[chunk]
    assert isinstance(events[-1], ResponseDone)


async def test_unstreamed_is_streamed_without_deltas() -> None:
    model = ChatSim(script=Script.of([ToolCall("t", call_id="c"), "text"]))
    streamed = [event for event in await events_of(model) if event.durable]
    whole = await events_of(model, streaming=False)
    assert [event.type for event in whole] == [event.type for event in streamed]
    assert all(event.durable for event in whole)


async def test_delays_are_waited_for() -> None:
    start = time.perf_counter()
    await ChatSim(script=Script.of([Delay(0.05), "a"]), delay=0.02).complete("hi")
    assert time.perf_counter() - start >= 0.07


async def test_usage_is_estimated_and_says_so() -> None:
    completion = await ChatSim(script=Script.of("12345678")).complete("1234")
    assert completion.usage is not None
    assert (completion.usage.input_tokens, completion.usage.output_tokens) == (1 + 3, 2)
    assert completion.usage.total_tokens == 6
    assert completion.usage.estimated == ("input_tokens", "output_tokens", "reasoning_tokens")


async def test_tokens_are_counted_by_the_rule(tools: Any) -> None:
    assert [count_text(text) for text in ("", "a", "abcd", "abcde", "é" * 4)] == [0, 1, 1, 2, 2]
    image = MediaContent(data=b"x", mime_type="image/png")
    messages = [
        Message.user(["abcd", image]),
        Message.assistant(
            [ReasoningBlock(text="abcd"), ToolCallBlock(call_id="1", name="abcd", arguments={})]
        ),
        Message.user([ToolOutputBlock(call_id="1", output=(image,))]),
    ]
    request = ModelRequest.of(messages, system_instruction="abcd")
    assert count_request(request) == (1 + 3) + (3 + 1 + 100) + (3 + 1 + 1 + 1) + (3 + 100)
    counted = await ChatSim().count_tokens(ModelRequest.of("hi", tools=tools))
    assert counted.estimated
    assert counted.tokens > 30


async def test_the_model_list_and_the_capabilities() -> None:
    model = ChatSim()
    assert [info.formal_name for info in await model.list_models()] == ["demo", "echo", "script"]
    assert model.capabilities.parallel_tools
    assert not model.capabilities.reasoning
    assert ChatSim(reasoning=True).capabilities.reasoning
    assert repr(model) == "ChatSim('demo')"
    with pytest.raises(InvalidRequestError):
        await model.embed(["x"])


def test_the_settings_class_and_the_constructor_agree() -> None:
    import attrs

    assert ChatSim(**attrs.asdict(SimSettings())).settings["chunk"] == "word"
    assert ChatSim(script=Script.of("a", name="mine")).settings["script"] == "mine"
