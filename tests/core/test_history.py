"""Integrity of a conversation, and its repair."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamella.content import ToolCallBlock, ToolOutputBlock
from lamella.errors import AgentInputError
from lamella.history import INTERRUPTED, check_history, repair_history, require_history
from lamella.messages import Message


def calls(*ids: str) -> Message:
    return Message.assistant([ToolCallBlock(call_id=call_id, name="t") for call_id in ids])


def outputs(*ids: str) -> Message:
    return Message.user([ToolOutputBlock(call_id=call_id, output="x") for call_id in ids])


USER, ANSWER = Message.user("u"), Message.assistant("a")


@pytest.mark.parametrize(
    "history",
    [
        [],
        [USER, ANSWER, USER],
        [USER, calls("a", "b"), outputs("a", "b"), ANSWER],
        [calls("a"), calls("b"), outputs("b", "a")],
        [calls("a", "b"), outputs("a"), outputs("b")],
    ],
)
def test_f_msg12_sound_histories_have_no_issue(history: list[Message]) -> None:
    assert check_history(history) == ()
    assert repair_history(history) == history
    require_history(history)


@pytest.mark.parametrize(
    ("history", "kinds"),
    [
        ([calls("")], ["empty_call_id"]),
        ([calls("a"), outputs("a", "")], ["empty_call_id"]),
        ([calls("a", "a"), outputs("a")], ["duplicate_call_id"]),
        ([calls("a"), outputs("a"), calls("a")], ["duplicate_call_id"]),
        ([USER, outputs("a")], ["unknown_result_id"]),
        ([outputs("a"), calls("a"), outputs("a")], ["unknown_result_id", "duplicate_result_id"]),
        ([calls("a"), outputs("a", "a")], ["duplicate_result_id"]),
        ([calls("a", "b"), outputs("a")], ["missing_result"]),
        ([calls("a"), USER], ["missing_result"]),
        ([calls("a"), USER, outputs("a")], ["non_adjacent_results"]),
        ([calls("a"), outputs("b")], ["missing_result", "unknown_result_id"]),
    ],
)
def test_f_msg12_each_defect_is_found(history: list[Message], kinds: list[str]) -> None:
    assert [issue.kind for issue in check_history(history)] == kinds
    with pytest.raises(AgentInputError, match=kinds[0]) as caught:
        require_history(history)
    assert caught.value.context["issues"] == kinds


def test_an_issue_says_where() -> None:
    (issue,) = check_history([USER, calls("a")])
    assert str(issue) == "message 1: missing_result (call id 'a')"
    with pytest.raises(AgentInputError, match="repair_history"):
        require_history([calls("a")])


def test_f_msg12_repair_adds_one_marked_error_output_per_open_call() -> None:
    repaired = repair_history([USER, calls("a", "b", "c"), outputs("b"), ANSWER, calls("d")])
    assert check_history(repaired) == ()
    assert [output.call_id for output in repaired[2].tool_outputs] == ["a", "b", "c"]
    assert [output.is_error for output in repaired[2].tool_outputs] == [True, False, True]
    assert repaired[2].tool_outputs[0].output == INTERRUPTED
    assert repaired[-1].tool_outputs[0].call_id == "d"


def test_f_msg12_repair_puts_outputs_before_the_next_thing_said() -> None:
    repaired = repair_history([calls("a"), USER], note="stopped")
    assert [message.role for message in repaired] == ["assistant", "user", "user"]
    assert repaired[1].tool_outputs[0].output == "stopped"


@st.composite
def histories(draw: st.DrawFn) -> list[Message]:
    """Conversations with any calls left open, as a cancelled run leaves them."""
    history: list[Message] = []
    for turn in range(draw(st.integers(0, 4))):
        made = [f"{turn}{index}" for index in range(draw(st.integers(0, 3)))]
        history.append(calls(*made) if made else ANSWER)
        answered = [call_id for call_id in made if draw(st.booleans())]
        if answered and draw(st.booleans()):
            history.append(outputs(answered[0]))
            answered = answered[1:]
        if answered:
            history.append(outputs(*draw(st.permutations(answered))))
        if draw(st.booleans()):
            history.append(draw(st.sampled_from([USER, ANSWER, Message.system("s")])))
    return history


@given(histories())
def test_f_msg12_repair_is_sound_and_idempotent(history: list[Message]) -> None:
    before = list(history)
    repaired = repair_history(history)
    assert history == before
    assert check_history(repaired) == ()
    assert repair_history(repaired) == repaired
    kept = [output for message in history for output in message.tool_outputs]
    after = [output for message in repaired for output in message.tool_outputs]
    assert all(output in after for output in kept)
    made = [call.call_id for message in history for call in message.tool_calls]
    assert sorted(output.call_id for output in after) == sorted(made)
    assert all(output.is_error for output in after if output not in kept)


def test_f_msg12_a_system_message_parts_outputs_from_their_calls() -> None:
    call = Message.assistant([ToolCallBlock(call_id="a", name="f", arguments={})])
    output = Message.user([ToolOutputBlock(call_id="a", output="o")])
    found = check_history([call, Message.system("s"), output])
    assert [(issue.kind, issue.message) for issue in found] == [("non_adjacent_results", 2)]
    repaired = repair_history([call, Message.system("s"), Message.user("next")])
    assert check_history(repaired) == ()
