"""Blocks: what they hold, what they refuse, and that nothing in them changes."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import attrs
import pytest
from hypothesis import given

from lamella._frozen import FrozenDict, FrozenList, freeze, thaw
from lamella.content import (
    Block,
    MediaContent,
    OpaqueContent,
    ReasoningBlock,
    TextBlock,
    ToolCallBlock,
    ToolOutputBlock,
)
from lamella.errors import AgentInputError

import strategies as strat


def test_f_msg02_tags_are_plain_strings() -> None:
    tags = [cls.type for cls in (TextBlock, ToolCallBlock, ToolOutputBlock, ReasoningBlock)]
    assert tags == ["text", "tool_call", "tool_output", "reasoning"]
    assert all(type(tag) is str for tag in tags)


def test_f_msg01_unknown_fields_are_refused_in_python() -> None:
    with pytest.raises(TypeError, match="colour"):
        TextBlock(text="x", colour="red")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("cls", "fields", "where"),
    [
        (TextBlock, {"text": 1}, "TextBlock.text"),
        (TextBlock, {"text": None}, "TextBlock.text"),
        (ToolCallBlock, {"call_id": 1, "name": "n"}, "ToolCallBlock.call_id"),
        (ReasoningBlock, {"summary": 1}, "ReasoningBlock.summary"),
        (MediaContent, {"url": 1}, "MediaContent.url"),
    ],
)
def test_text_fields_take_text_only(cls: type[Block], fields: dict[str, Any], where: str) -> None:
    with pytest.raises(AgentInputError, match=where):
        cls(**fields)


# -- tool calls -----------------------------------------------------------------------------------


def test_f_msg02_arguments_json_is_kept_character_for_character() -> None:
    block = ToolCallBlock(call_id="c", name="n", arguments_json='{ "b":1,"a" : 2.0}')
    assert block.arguments_json == '{ "b":1,"a" : 2.0}'
    assert block.arguments == {"b": 1, "a": 2.0}


def test_f_msg02_arguments_may_be_given_as_a_dict() -> None:
    block = ToolCallBlock(call_id="c", name="n", arguments={"a": "é"})
    assert block.arguments_json == '{"a": "é"}'


@pytest.mark.parametrize("text", ["[1]", "{", "null", '"x"', '{"a": NaN}', '{"a": -1e999}', "{" * 100_000])
def test_f_msg02_text_that_is_no_object_has_no_arguments(text: str) -> None:
    block = ToolCallBlock(call_id="c", name="n", arguments_json=text)
    assert block.arguments is None
    assert block.arguments_json == text


def test_blank_arguments_are_the_empty_object() -> None:
    assert ToolCallBlock(call_id="c", name="n").arguments == {}


def test_a_copy_of_a_call_without_arguments_keeps_its_text_blank() -> None:
    block = attrs.evolve(ToolCallBlock(call_id="c", name="n"), opaque={"p": 1})
    assert (block.arguments_json, block.arguments) == ("", {})
    assert ToolCallBlock(call_id="c", name="n", arguments={}).arguments_json == "{}"


def test_arguments_that_contradict_their_text_are_refused() -> None:
    with pytest.raises(AgentInputError, match="disagree"):
        ToolCallBlock(call_id="c", name="n", arguments_json='{"a":1}', arguments={"a": 2})
    with pytest.raises(AgentInputError, match="must be a dict"):
        ToolCallBlock(call_id="c", name="n", arguments=[1])  # type: ignore[arg-type]


# -- tool outputs ---------------------------------------------------------------------------------


@pytest.mark.parametrize("output", ["text", 10.8, True, None, [1, {"a": None}], {"a": [1]}])
def test_f_msg02_an_output_is_text_or_json(output: Any) -> None:
    block = ToolOutputBlock(call_id="c", output=output)
    assert block.output == output
    assert (block.name, block.is_error, block.parts) == (None, False, None)


def test_f_n16_a_dict_reads_as_json_text() -> None:
    block = ToolOutputBlock(call_id="c", output={"a": True, "b": None})
    assert block.text == '{"a": true, "b": null}'
    assert block.output == {"a": True, "b": None}


def test_f_msg02_an_output_may_hold_media() -> None:
    image = MediaContent(data=b"x")
    block = ToolOutputBlock(call_id="c", output=["not a block"])
    assert block.parts is None
    block = ToolOutputBlock(call_id="c", output=[TextBlock(text="see "), image])
    assert block.parts == (TextBlock(text="see "), image)
    assert block.text == "see "
    assert ToolOutputBlock(call_id="c", output=image).parts == (image,)


@pytest.mark.parametrize("output", [object(), b"x", float("nan"), {"a": {1, 2}}])
def test_an_output_that_json_cannot_hold_is_refused(output: Any) -> None:
    with pytest.raises(AgentInputError, match="text, JSON or media"):
        ToolOutputBlock(call_id="c", output=output)


def test_an_output_holds_no_calls() -> None:
    with pytest.raises(AgentInputError, match="not ToolCallBlock"):
        ToolOutputBlock(call_id="c", output=[ToolCallBlock(call_id="d", name="n")])


# -- reasoning ------------------------------------------------------------------------------------


def test_f_msg04_reasoning_needs_a_field() -> None:
    with pytest.raises(AgentInputError, match="at least one of"):
        ReasoningBlock(provider="p")


@pytest.mark.parametrize(
    "fields",
    [
        {"summary": ""},
        {"text": "t"},
        {"signature": "s"},
        {"reasoning_id": "r"},
        {"provider_meta": {}},
        {"redacted": True},
        {"opaque": {"anthropic": {"data": "x"}}},
    ],
)
def test_f_msg04_f_msg10_one_field_is_enough_and_kept(fields: dict[str, Any]) -> None:
    block = ReasoningBlock(**fields)
    for name, value in fields.items():
        assert getattr(block, name) == value


def test_f_msg07_reasoning_belongs_to_its_issuer() -> None:
    block = ReasoningBlock(text="t", signature="s", provider="anthropic", opaque={"anthropic": {"data": "x"}})
    assert block.issued_to("anthropic")
    assert not block.issued_to("openai")
    assert ReasoningBlock(text="t").issued_to("openai")
    assert block.opaque_for("anthropic") == {"data": "x"}
    assert block.opaque_for("openai") is None


# -- media ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fields", [{}, {"data": b"x", "url": "u"}, {"url": "u", "file_id": "f"}])
def test_f_msg04_media_has_exactly_one_source(fields: dict[str, Any]) -> None:
    with pytest.raises(AgentInputError, match="exactly one of"):
        MediaContent(**fields)


def test_media_bytes_are_bytes_and_not_empty() -> None:
    with pytest.raises(AgentInputError, match="must be bytes"):
        MediaContent(data="x")  # type: ignore[arg-type]
    with pytest.raises(AgentInputError, match="0 bytes"):
        MediaContent(data=b"")


def test_f_med01_no_bytes_in_the_repr() -> None:
    assert (
        repr(MediaContent(data=b"secret" * 100))
        == "MediaContent(<600 bytes>, mime_type='application/octet-stream')"
    )
    assert len(repr(MediaContent(url="https://x/" + "a" * 5000))) < 300
    assert repr(MediaContent(file_id="f1")) == "MediaContent('f1', mime_type='application/octet-stream')"


def test_base64_forms() -> None:
    media = MediaContent.from_base64("AAE=", "image/png")
    assert (media.data, media.base64_data) == (b"\x00\x01", "AAE=")
    assert media.data_uri == "data:image/png;base64,AAE="
    assert MediaContent(url="u").base64_data is MediaContent(url="u").data_uri is None
    with pytest.raises(AgentInputError, match="not base64"):
        MediaContent.from_base64("?")


# -- immutability ---------------------------------------------------------------------------------


@given(strat.blocks)
def test_f_loop08_blocks_are_frozen_and_copyable(block: Block) -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        block.opaque = {}  # type: ignore[misc]
    assert copy.deepcopy(block) == block
    assert pickle.loads(pickle.dumps(block)) == block


def test_f_loop08_blocks_are_deeply_immutable() -> None:
    given = {"a": [{"b": 1}]}
    block = ToolOutputBlock(call_id="c", output=given)
    given["a"][0]["b"] = 2
    assert block.output == {"a": [{"b": 1}]}
    for change in (
        lambda: block.output.update(a=1),
        lambda: block.output["a"].append(1),
        lambda: block.output["a"][0].pop("b"),
        lambda: block.output.__delitem__("a"),
    ):
        with pytest.raises(TypeError, match="immutable"):
            change()


@given(strat.json_values)
def test_freezing_changes_no_value(value: Any) -> None:
    frozen = freeze(value)
    assert frozen == value
    assert thaw(frozen) == value
    assert freeze(frozen) is frozen or not isinstance(frozen, FrozenDict | FrozenList)
    assert copy.copy(frozen) == frozen


def test_equal_blocks_hash_equal() -> None:
    def make() -> OpaqueContent:
        return OpaqueContent(type="a.b", data={"x": [1, {"y": None}]})

    assert hash(make()) == hash(make())
    assert thaw(make().data)["x"] == [1, {"y": None}]


def test_f_msg02_a_view_is_what_the_text_says() -> None:
    """A key that is no text becomes one in JSON, and in the view."""
    given: Any = {1: {2: "x"}}
    call = ToolCallBlock(call_id="c", name="f", arguments=given)
    assert call.arguments == {"1": {"2": "x"}}
    assert attrs.evolve(call, name="g").arguments == call.arguments
