"""Messages: roles, what each may hold, and their constructors."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given

from lamella.content import (
    MediaContent,
    OpaqueContent,
    ReasoningBlock,
    TextBlock,
    ToolCallBlock,
    ToolOutputBlock,
)
from lamella.errors import AgentInputError
from lamella.messages import ROLES, Message
from lamella.usage import TokenUsage

import strategies as strat

TEXT = TextBlock(text="x")
CALL = ToolCallBlock(call_id="c", name="n")
OUTPUT = ToolOutputBlock(call_id="c", output="o")
REASONING = ReasoningBlock(text="hm")
IMAGE = MediaContent(url="https://x/y")
OPAQUE = OpaqueContent(type="acme.search")


def test_f_msg01_roles_are_exactly_three_plain_strings() -> None:
    assert ROLES == ("system", "user", "assistant")
    assert all(type(role) is str for role in ROLES)


@pytest.mark.parametrize("role", ["tool", "human", "ai", "", None, 1])
def test_f_msg01_another_role_is_refused_by_name(role: Any) -> None:
    with pytest.raises(AgentInputError, match=f"unknown role {role!r}"):
        Message(role=role, content="x")


def test_f_msg01_unknown_fields_are_refused() -> None:
    with pytest.raises(TypeError, match="name"):
        Message(role="user", content="x", name="n")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("role", "block", "allowed"),
    [
        ("system", TEXT, True),
        ("system", IMAGE, False),
        ("system", OUTPUT, False),
        ("system", OPAQUE, False),
        ("user", TEXT, True),
        ("user", IMAGE, True),
        ("user", OUTPUT, True),
        ("user", OPAQUE, True),
        ("user", CALL, False),
        ("user", REASONING, False),
        ("assistant", TEXT, True),
        ("assistant", REASONING, True),
        ("assistant", CALL, True),
        ("assistant", IMAGE, True),
        ("assistant", OPAQUE, True),
        ("assistant", OUTPUT, False),
        ("user", None, False),
        ("user", 3, False),
    ],
)
def test_f_msg03_what_a_role_may_hold(role: Any, block: Any, allowed: bool) -> None:
    if allowed:
        assert Message(role=role, content=[block]).content == (block,)
        return
    with pytest.raises(ValueError, match="block 1 is") as caught:
        Message(role=role, content=["first", block])
    assert isinstance(caught.value, AgentInputError)


@pytest.mark.parametrize("role", ROLES)
def test_f_msg04_empty_content_is_refused(role: Any) -> None:
    with pytest.raises(AgentInputError, match="is empty"):
        Message(role=role, content=[])


def test_f_msg04_a_user_message_must_say_something() -> None:
    for content in ("", [TextBlock(text="")], ["", ""]):
        with pytest.raises(AgentInputError, match="its text is empty"):
            Message.user(content)
    assert Message.assistant("").text == ""
    assert Message.user(["", IMAGE]).content == (TextBlock(text=""), IMAGE)


def test_content_is_no_mapping_and_no_bytes() -> None:
    for content in ({"text": "x"}, b"x", 3, None):
        with pytest.raises(AgentInputError, match="content must be text or a sequence of blocks"):
            Message(role="user", content=content)  # type: ignore[arg-type]


def test_f_msg05_a_message_carries_any_number_of_calls_or_outputs() -> None:
    calls = [ToolCallBlock(call_id=str(index), name="n") for index in range(5)]
    outputs = [ToolOutputBlock(call_id=str(index), output=index) for index in range(5)]
    assert Message.assistant(calls).tool_calls == tuple(calls)
    assert Message.user([*outputs, "and"]).tool_outputs == tuple(outputs)


def test_f_msg06_usage_and_raw_are_none_when_built_locally() -> None:
    message = Message.user("x")
    assert message.usage is message.raw is None
    kept = Message(role="assistant", content="x", usage=TokenUsage(output_tokens=1), raw=[{"chunk": 1}])
    assert kept.usage == TokenUsage(output_tokens=1)
    assert kept.raw == [{"chunk": 1}]


@pytest.mark.parametrize("role", ROLES)
def test_f_msg08_constructors_take_text_or_blocks(role: str) -> None:
    make = getattr(Message, role)
    assert make("x") == make([TEXT]) == make(TEXT) == make(["x"]) == Message(role=role, content="x")  # type: ignore[arg-type]
    assert make("x").role == role


def test_f_msg09_from_multimodal_keeps_the_order() -> None:
    message = Message.from_multimodal("user", ["Describe:", IMAGE])
    assert message.content[0] == TextBlock(text="Describe:")
    assert message.content[1] is IMAGE
    assert message.text == "Describe:"
    assert Message.from_multimodal("user", iter([IMAGE, "a", IMAGE, "b"])).text == "ab"


def test_f_n28_a_string_is_text_even_if_it_names_a_file() -> None:
    message = Message.from_multimodal("user", [__file__])
    assert message.content == (TextBlock(text=__file__),)


@given(strat.messages)
def test_f_loop08_messages_are_frozen(message: Message) -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        message.role = "user"  # type: ignore[misc]
    with pytest.raises(TypeError):
        message.content[0] = TEXT  # type: ignore[index]
    with pytest.raises(TypeError):
        message.meta["x"] = 1  # type: ignore[index]


def test_f_loop08_a_message_with_raw_payloads_can_be_hashed() -> None:
    first = Message(role="assistant", content="x", raw={"id": ["r"]})
    assert hash(first) == hash(Message(role="assistant", content="x", raw={"id": ["r"]}))
    assert len({first, Message(role="assistant", content="x")}) == 2
