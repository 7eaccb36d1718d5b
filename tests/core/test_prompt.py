"""``PromptTemplate``: chaining, checks, copies."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from lamella.content import ReasoningBlock, ToolCallBlock, ToolOutputBlock
from lamella.errors import AgentInputError, AgentSerializationError
from lamella.history import check_history
from lamella.messages import Message
from lamella.prompt import PromptTemplate


def full() -> PromptTemplate:
    return (
        PromptTemplate()
        .add_system("be brief")
        .add_user("weather?")
        .add_reasoning(summary="look it up", signature="s", reasoning_id="r", provider_meta={"a": 1})
        .add_tool_call("weather", {"city": "Oslo"}, "c1")
        .add_tool_output("c1", {"rain": True}, name="weather", is_error=False)
        .add_assistant("It rains.")
        .add_message(Message.user("and now?"))
        .add_messages([Message.assistant("still"), Message.user("hm")])
    )


def test_f_msg11_every_method_returns_the_template() -> None:
    messages = full().to_messages()
    assert [message.role for message in messages] == [
        "system", "user", "assistant", "assistant", "user", "assistant", "user", "assistant", "user",
    ]  # fmt: skip
    assert messages[2].content == (
        ReasoningBlock(summary="look it up", signature="s", reasoning_id="r", provider_meta={"a": 1}),
    )
    assert messages[3].content == (ToolCallBlock(call_id="c1", name="weather", arguments={"city": "Oslo"}),)
    assert messages[4].content == (ToolOutputBlock(call_id="c1", name="weather", output={"rain": True}),)
    assert check_history(messages) == ()


def test_f_msg11_argument_text_is_kept_as_it_is() -> None:
    template = PromptTemplate().add_tool_call("n", '{"a":1 }', "c").add_tool_output("c", "x", is_error=True)
    (call,), (output,) = (message.content for message in template)
    assert isinstance(call, ToolCallBlock)
    assert call.arguments_json == '{"a":1 }'
    assert isinstance(output, ToolOutputBlock)
    assert output.is_error


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", '{"a": NaN}'])
def test_f_msg11_bad_argument_text_is_refused(text: str) -> None:
    with pytest.raises(AgentSerializationError, match="add_tool_call arguments"):
        PromptTemplate().add_tool_call("n", text, "c")


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("add_system", [1]),
        ("add_user", [None]),
        ("add_user", [""]),
        ("add_assistant", [b"x"]),
        ("add_tool_call", ["n", [1], "c"]),
        ("add_tool_call", [1, {}, "c"]),
        ("add_tool_call", ["n", {}, 1]),
        ("add_tool_output", ["c", 1]),
        ("add_tool_output", [1, "x"]),
        ("add_reasoning", []),
        ("add_reasoning", [1]),
        ("add_reasoning", [None, None, None, "x"]),
        ("add_message", [{"role": "user", "content": "x"}]),
        ("add_messages", ["text"]),
        ("add_messages", [None]),
        ("add_messages", [[Message.user("kept out"), "x"]]),
    ],
)
def test_f_msg11_other_types_are_refused_and_nothing_is_added(method: str, arguments: list[Any]) -> None:
    template = PromptTemplate().add_tool_call("n", {}, "c")
    with pytest.raises(AgentInputError):
        getattr(template, method)(*arguments)
    assert len(template) == 1


def test_f_msg12_an_output_needs_an_earlier_open_call() -> None:
    template = PromptTemplate().add_tool_call("n", {}, "c1")
    with pytest.raises(AgentInputError, match="no open call has id 'c2'; open calls: 'c1'"):
        template.add_tool_output("c2", "x")
    template.add_tool_output("c1", "x")
    with pytest.raises(AgentInputError, match="open calls: none"):
        template.add_tool_output("c1", "x")


def test_f_msg13_copies_never_change_the_template() -> None:
    template = PromptTemplate().add_user("a")
    twin, messages = template.copy(), template.to_messages()
    twin.add_user("b")
    messages.append(Message.user("c"))
    assert (len(template), len(twin)) == (1, 2)
    assert twin.to_messages()[0] is template.to_messages()[0]


def test_f_msg13_len_and_iteration() -> None:
    template = full()
    assert len(template) == len(list(template)) == 9
    for message in template:
        template.add_message(message)
    assert len(template) == 18
    assert repr(template) == "PromptTemplate(18 messages)"


def test_f_msg13_copy_copy_is_a_copy_too() -> None:
    template = PromptTemplate().add_user("a").add_tool_call("f", {}, "c1")
    twin = copy.copy(template)
    twin.add_tool_output("c1", "done")
    assert (len(template), len(twin)) == (2, 3)
    template.add_tool_output("c1", "its own")
    with pytest.raises(AgentInputError, match="open calls: none"):
        twin.add_tool_output("c1", "again")


def test_f_msg11_a_long_template_is_not_searched_for_each_output(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = 0
    outputs = Message.tool_outputs.fget
    assert outputs is not None

    def counted(message: Message) -> Any:
        nonlocal looked
        looked += 1
        return outputs(message)

    monkeypatch.setattr(Message, "tool_outputs", property(counted))
    template = PromptTemplate()
    for number in range(50):
        template.add_tool_call("f", {}, f"c{number}").add_tool_output(f"c{number}", "o")
    assert looked == len(template) == 100
