"""What is left of a history: never a call without its output, never an output without its call."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamella.content import ToolCallBlock, ToolOutputBlock
from lamella.errors import AgentInputError
from lamella.history import check_history
from lamella.memory import Strategy, keep_messages, keep_tokens, keep_turns
from lamella.memory.units import droppable, turns_of, units_of
from lamella.messages import Message
from lamella.models import ModelRequest
from lamella.models.estimate import estimate_tokens

STRATEGIES: list[Strategy] = [keep_messages, keep_turns, keep_tokens]


@st.composite
def histories(draw: Any) -> list[Message]:
    """Sound histories: several calls in a turn, outputs in one message or several, words beside outputs."""
    messages: list[Message] = []
    number = 0
    if draw(st.booleans()):
        messages.append(Message.system("Be brief."))
    if draw(st.booleans()):
        messages.append(Message.assistant("Welcome."))
    for turn in range(draw(st.integers(1, 5))):
        messages += [Message.user(f"question {turn} " + "x" * draw(st.integers(0, 60)))] * draw(
            st.integers(1, 2)
        )
        for _ in range(draw(st.integers(0, 3))):
            count = draw(st.integers(1, 3))
            names = [f"c{number + index}" for index in range(count)]
            number += count
            calls = [ToolCallBlock(call_id=name, name="look", arguments={}) for name in names]
            if draw(st.booleans()):
                messages += [Message.assistant([call]) for call in calls]
            else:
                messages.append(Message.assistant(["let me see", *calls]))
            outputs = [ToolOutputBlock(call_id=name, name="look", output="y" * 20) for name in names]
            if draw(st.booleans()):
                messages += [Message.user([output]) for output in outputs]
            else:
                messages.append(Message.user([*outputs, *draw(st.sampled_from([[], ["and hurry"]]))]))
        if draw(st.booleans()):
            messages.append(Message.system("A note."))
        if turn < 4 or draw(st.booleans()):
            messages += [Message.assistant("answer")] * draw(st.integers(0, 2))
    return messages


def is_opener(message: Message) -> bool:
    return message.role == "user" and not message.tool_outputs


@given(histories(), st.sampled_from(STRATEGIES), st.integers(1, 60))
def test_f_x24_no_strategy_splits_a_call_from_its_output(
    messages: list[Message], strategy: Strategy, limit: int
) -> None:
    assert check_history(messages) == ()
    left = strategy(messages, limit)
    assert check_history(left) == ()
    spoken = [message for message in left if message.role != "system"]
    assert not spoken[0].tool_outputs, "begins with an orphan output"


@given(histories(), st.sampled_from(STRATEGIES), st.integers(1, 60))
def test_system_messages_the_last_words_and_the_last_message_stay(
    messages: list[Message], strategy: Strategy, limit: int
) -> None:
    left = list(strategy(messages, limit))
    places = [next(i for i, other in enumerate(messages) if other is message) for message in left]
    assert places == sorted(places), "in their order"
    assert [m for m in messages if m.role == "system"] == [m for m in left if m.role == "system"]
    last_words = [index for index, message in enumerate(messages) if is_opener(message)][-1]
    assert any(message is messages[last_words] for message in left)
    assert left[-1] is messages[-1]


@given(histories(), st.integers(1, 200))
def test_the_limit_holds_as_far_as_anything_may_be_left_out(messages: list[Message], limit: int) -> None:
    left = keep_tokens(messages, limit)
    if droppable(left):
        assert estimate_tokens(ModelRequest(messages=left)).tokens <= limit
    fewer = keep_messages(messages, limit)
    if droppable(fewer):
        assert sum(message.role != "system" for message in fewer) <= limit
    assert len(turns_of(keep_turns(messages, limit))) <= max(limit, 1) + 1  # system messages may be one more


@given(histories(), st.sampled_from(STRATEGIES))
def test_what_fits_is_left_as_it_is(messages: list[Message], strategy: Strategy) -> None:
    assert tuple(strategy(messages, 10_000)) == tuple(messages)


@given(histories())
def test_units_cover_the_history_in_order(messages: list[Message]) -> None:
    assert [index for unit in units_of(messages) for index in unit] == list(range(len(messages)))
    assert [u for turn in turns_of(messages) for u in turn] == units_of(messages)


def test_steps_of_the_last_turn_go_before_its_question() -> None:
    """A long run of tools on one question stays within the limit too."""
    messages = [Message.user("Go.")]
    for number in range(10):
        messages.append(Message.assistant([ToolCallBlock(call_id=f"c{number}", name="t", arguments={})]))
        messages.append(Message.user([ToolOutputBlock(call_id=f"c{number}", output="done")]))
    left = keep_messages(messages, 5)
    assert left == (messages[0], *messages[-4:])


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("limit", [0, -1, True, 1.5, None])
def test_a_limit_is_a_count(strategy: Any, limit: Any) -> None:
    with pytest.raises(AgentInputError, match="limit must be an int >= 1"):
        strategy([Message.user("a")], limit)
