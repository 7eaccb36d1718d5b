"""Any script, served over each wire and read by the real SDK, streamed or not, equals the script."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamella_sim import ChatSim, Reasoning, Refusal, Script, SimServer, Structured, Text, ToolCall, Turn

TEXTS = st.text(max_size=30)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-1000, 1000)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
CALLS = st.builds(ToolCall, st.sampled_from(["add", "weather"]), st.dictionaries(TEXTS, JSON, max_size=3))
RAW_CALLS = st.builds(lambda raw: ToolCall("add", arguments_json=raw), st.text(min_size=1, max_size=20))
REASONING = st.builds(
    lambda text, summary, signature: Reasoning(text, summary=summary, signature=signature),
    TEXTS,
    st.none() | TEXTS,
    st.none() | st.text(min_size=1, max_size=20),
)
STEPS = st.one_of(TEXTS.map(Text), CALLS, RAW_CALLS, REASONING, JSON.map(Structured), TEXTS.map(Refusal))
TURNS = st.lists(STEPS, max_size=5).map(Turn)


class Stage:
    """One server and client for all examples; the turn is set before each."""

    turn = Turn(())
    client: openai.OpenAI


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    stage = Stage()
    with (
        SimServer(lambda request: stage.turn) as server,
        openai.OpenAI(api_key="k", base_url=server.base_url, max_retries=0) as stage.client,
    ):
        yield stage


def spoken(step: Any) -> Any:
    """A step in the words of a Responses item."""
    if isinstance(step, Structured):
        return ("text", Script.of(step).turns and _json(step))
    if isinstance(step, Text | Refusal):
        return (step.kind, step.text)
    if isinstance(step, ToolCall):
        return ("tool_call", step.name, step.arguments_json)
    return ("reasoning", step.text, step.summary, step.signature)


def _json(step: Structured) -> str:
    return ChatSim(script=Script.of(step)).complete_sync("x").content


def heard(item: Any) -> Any:
    """A Responses item in the words of a step."""
    if item.type == "function_call":
        return ("tool_call", item.name, item.arguments)
    if item.type == "reasoning":
        text = item.content[0].text if item.content else None
        summary = item.summary[0].text if item.summary else None
        return ("reasoning", text, summary, item.encrypted_content)
    (part,) = item.content
    return ("refusal", part.refusal) if part.type == "refusal" else ("text", part.text)


@settings(deadline=None, max_examples=40)
@given(turn=TURNS)
def test_responses_equals_the_script(stage: Stage, turn: Turn) -> None:
    stage.turn = turn
    expected = [spoken(step) for step in turn.steps]
    whole = stage.client.responses.create(model="m", input="hi")
    assert [heard(item) for item in whole.output] == expected
    deltas: dict[int, list[str]] = {}
    done: list[Any] = []
    final: Any = None
    for event in stage.client.responses.create(model="m", input="hi", stream=True):
        if event.type.endswith(".delta"):
            deltas.setdefault(event.output_index, []).append(event.delta)  # type: ignore[union-attr, arg-type]
        elif event.type == "response.output_item.done":
            done.append(event.item)
        elif event.type == "response.completed":
            final = event.response
    assert [heard(item) for item in done] == expected
    assert [heard(item) for item in final.output] == expected
    assert final.usage == whole.usage
    for index, step in enumerate(expected):
        full = (step[2] or "") + (step[1] or "") if step[0] == "reasoning" else step[-1]
        assert "".join(deltas.get(index, [])) == full


@settings(deadline=None, max_examples=40)
@given(turn=TURNS)
def test_chat_equals_the_script(stage: Stage, turn: Turn) -> None:
    stage.turn = turn
    steps = [spoken(step) for step in turn.steps]
    texts = [step[1] for step in steps if step[0] == "text"]
    refusals = [step[1] for step in steps if step[0] == "refusal"]
    thoughts = [(step[2] or "") + (step[1] or "") for step in steps if step[0] == "reasoning"]
    calls = [(step[1], step[2]) for step in steps if step[0] == "tool_call"]
    messages: Any = [{"role": "user", "content": "hi"}]

    whole = stage.client.chat.completions.create(model="m", messages=messages)
    said: Any = whole.choices[0].message
    assert said.content == ("".join(texts) if texts else None)
    assert said.refusal == ("".join(refusals) if refusals else None)
    assert getattr(said, "reasoning_content", "") == "".join(thoughts)
    assert [(call.function.name, call.function.arguments) for call in said.tool_calls or ()] == calls

    parts: dict[str, str] = {"content": "", "refusal": "", "reasoning_content": ""}
    streamed: dict[int, list[str]] = {}
    reason, usage = None, None
    for chunk in stage.client.chat.completions.create(
        model="m", messages=messages, stream=True, stream_options={"include_usage": True}
    ):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            reason = choice.finish_reason or reason
            for key in parts:
                parts[key] += getattr(choice.delta, key, None) or ""
            for call in choice.delta.tool_calls or ():
                assert call.function is not None
                if call.id:
                    streamed[call.index] = [call.function.name or "", ""]
                streamed[call.index][1] += call.function.arguments or ""
    assert parts == {
        "content": "".join(texts),
        "refusal": "".join(refusals),
        "reasoning_content": "".join(thoughts),
    }
    assert [(name, arguments) for name, arguments in streamed.values()] == calls
    assert reason == whole.choices[0].finish_reason
    assert usage == whole.usage


@settings(deadline=None, max_examples=40)
@given(turn=TURNS)
def test_the_model_in_process_equals_the_script(turn: Turn) -> None:
    completion = ChatSim(script=lambda request: turn).complete_sync("hi")
    steps = [spoken(step) for step in turn.steps]
    assert [(call.name, call.arguments_json) for call in completion.tool_calls] == [
        (step[1], step[2]) for step in steps if step[0] == "tool_call"
    ]
    assert completion.content == "".join(step[1] for step in steps if step[0] in ("text", "refusal"))
    assert [("reasoning", block.text, block.summary, block.signature) for block in completion.reasoning] == [
        step for step in steps if step[0] == "reasoning"
    ]
