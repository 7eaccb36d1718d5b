"""Requests: roles and their order, chunks, tools, ids, and the losses that are reported."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest

from lamella import tool
from lamella.content import (
    MediaContent,
    OpaqueContent,
    ReasoningBlock,
    TextBlock,
    ToolCallBlock,
    ToolOutputBlock,
)
from lamella.errors import AgentSerializationError, UnsupportedContentError
from lamella.losses import Loss
from lamella.messages import Message
from lamella.models import ModelRequest, OutputSchema
from lamella_image import ImageContent
from lamella_mistral import ChatMistral

PNG = ImageContent.from_bytes(b"\x89PNG\r\n\x1a\n", "image/png")
PNG_CHUNK = {"type": "image_url", "image_url": PNG.data_uri}
ID = "abcDEF123"


@tool
def weather(city: str) -> str:
    """Tell the weather."""
    return city


def model(**fields: Any) -> ChatMistral:
    return ChatMistral(**{"api_key": "k-x", **fields})


def encoded(messages: Sequence[Message], **fields: Any) -> tuple[dict[str, Any], list[Loss]]:
    request = ModelRequest(messages=messages, **fields)
    report = model().report(request)
    payload = model().encode(request, report)
    accepted(payload)
    return payload, report.losses


def accepted(payload: dict[str, Any]) -> None:
    """The SDK's own types take the payload, and nothing of it is unknown to them."""
    from mistralai.client.models import ChatCompletionRequest, ChatCompletionStreamRequest

    kind = ChatCompletionStreamRequest if payload.get("stream") else ChatCompletionRequest
    read = kind.model_validate(payload)
    assert read.model_dump(mode="json", by_alias=True, exclude_unset=True) == payload


def sent(*messages: Message, **fields: Any) -> list[Any]:
    found: list[Any] = encoded(messages, **fields)[0]["messages"]
    return found


def losses(*messages: Message) -> list[tuple[str, bool]]:
    return [(loss.kind, loss.lossless) for loss in encoded(messages)[1]]


def call(call_id: str = ID, **fields: Any) -> ToolCallBlock:
    return ToolCallBlock(
        **{"call_id": call_id, "name": "weather", "arguments_json": '{"city": "Rome"}', **fields}
    )


def output(call_id: str = ID, said: Any = "sunny", **fields: Any) -> ToolOutputBlock:
    return ToolOutputBlock(call_id=call_id, name="weather", output=said, **fields)


USER, CALL, OUTPUT = Message.user("hi"), Message.assistant(call()), Message.user(output())
WIRE_USER = {"role": "user", "content": "hi"}
WIRE_CALL = {
    "role": "assistant",
    "content": "",
    "tool_calls": [
        {"id": ID, "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}
    ],
}
WIRE_OUTPUT = {"role": "tool", "tool_call_id": ID, "name": "weather", "content": "sunny"}
BRIDGE = {"role": "assistant", "content": "OK"}


# -- roles and their order ------------------------------------------------------------------------


def test_f_mis01_a_conversation() -> None:
    """F-MIS01."""
    said = [Message.system("be brief"), USER, Message.assistant("hello"), Message.user(["a", PNG])]
    assert sent(*said) == [
        {"role": "system", "content": "be brief"},
        WIRE_USER,
        {"role": "assistant", "content": "hello"},
        {"role": "user", "content": [{"type": "text", "text": "a"}, PNG_CHUNK]},
    ]
    assert losses(*said) == []


def test_the_system_instruction_and_native_messages_come_first() -> None:
    native = ({"role": "user", "content": "native"}, {"role": "assistant", "content": "yes"})
    assert sent(USER, system_instruction="be brief", native=native) == [
        {"role": "system", "content": "be brief"},
        *native,
        WIRE_USER,
    ]


def test_calls_and_outputs() -> None:
    history = (
        USER,
        Message.assistant(["look", call(), call("xyzXYZ789")]),
        Message.user([output(), output("xyzXYZ789")]),
    )
    user, assistant, first, second = sent(*history)
    assert user == WIRE_USER
    assert assistant["content"] == "look"
    assert [each["id"] for each in assistant["tool_calls"]] == [ID, "xyzXYZ789"]
    assert (first["tool_call_id"], second["tool_call_id"]) == (ID, "xyzXYZ789")
    assert losses(*history) == []


def test_the_user_after_outputs_waits_for_the_assistant() -> None:
    """Mistral refuses the user after a tool (error 3230); nothing of either is lost."""
    apart = (USER, CALL, OUTPUT, Message.user("and now?"))
    together = (USER, CALL, Message.user([output(), "and now?", PNG]))
    after = [WIRE_USER, WIRE_CALL, WIRE_OUTPUT, BRIDGE]
    assert sent(*apart) == [*after, {"role": "user", "content": "and now?"}]
    assert sent(*together) == [
        *after,
        {"role": "user", "content": [{"type": "text", "text": "and now?"}, PNG_CHUNK]},
    ]
    for history in (apart, together):
        assert losses(*history) == [("rewritten", True)]
    (loss,) = encoded(apart)[1]
    assert (loss.message, loss.block, loss.what) == (3, 0, "text")
    assert "between" in loss.reason
    assert sent(*apart, transplant="strict") == sent(*apart)


def test_outputs_at_the_end_and_an_answer_need_no_bridge() -> None:
    assert sent(USER, CALL, OUTPUT) == [WIRE_USER, WIRE_CALL, WIRE_OUTPUT]
    assert losses(USER, CALL, OUTPUT, Message.assistant("sunny"), USER) == []


def test_outputs_come_before_the_text_beside_them() -> None:
    roles = [message["role"] for message in sent(USER, CALL, Message.user(["text", output()]))]
    assert roles == ["user", "assistant", "tool", "assistant", "user"]


def test_system_messages_where_mistral_takes_none_move_to_the_beginning() -> None:
    late = Message.system("late")
    wire = {"role": "system", "content": "late"}
    assert sent(USER, late, Message.assistant("a"), USER)[1] == wire
    for history in (
        (Message.system("first"), USER, Message.assistant("a"), late, USER),
        (Message.system("first"), USER, late),
    ):
        assert sent(*history)[1] == wire
        assert losses(*history) == [("rewritten", False)]
        with pytest.raises(AgentSerializationError, match="strict"):
            sent(*history, transplant="strict")
    after_outputs = sent(USER, CALL, OUTPUT, late, USER)
    assert [message["role"] for message in after_outputs] == [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
    ]


def test_a_trailing_assistant_is_continued() -> None:
    assert sent(USER, Message.assistant("The"))[-1] == {"role": "assistant", "content": "The", "prefix": True}
    assert sent(USER, Message.assistant("The"), Message.system("s"))[-1]["prefix"] is True
    assert "prefix" not in sent(USER, CALL)[-1]
    assert "prefix" not in sent(USER, Message.assistant("The"), USER)[1]


def test_neighbours_with_calls_are_one_message() -> None:
    """Outputs must follow their calls."""
    merged = sent(
        USER,
        CALL,
        Message.assistant(["more", call("xyzXYZ789")]),
        Message.user([output(), output("xyzXYZ789")]),
    )
    assert [message["role"] for message in merged] == ["user", "assistant", "tool", "tool"]
    assert merged[1]["content"] == "more"
    assert len(merged[1]["tool_calls"]) == 2
    apart = sent(USER, Message.assistant("a"), Message.assistant("b"), USER)
    assert [message["content"] for message in apart] == ["hi", "a", "b", "hi"]


def test_an_assistant_that_says_nothing_is_left_out() -> None:
    """Mistral refuses it (error 3240)."""
    history = (USER, Message.assistant(""), USER)
    assert sent(*history) == [WIRE_USER, WIRE_USER]
    assert losses(*history) == [("rewritten", True)]
    assert sent(USER, Message.assistant(["", call()]), OUTPUT)[1] == WIRE_CALL
    assert sent(Message.user(["", "hi"])) == [WIRE_USER]


# -- calls ----------------------------------------------------------------------------------------


def test_foreign_call_ids_become_mistrals_and_are_reported() -> None:
    history = (
        USER,
        Message.assistant([call("toolu_01"), call("call_x"), call(ID)]),
        Message.user([output("toolu_01"), output("call_x"), output(ID)]),
    )
    messages = sent(*history)
    ids = [each["id"] for each in messages[1]["tool_calls"]]
    assert all(re.fullmatch("[a-zA-Z0-9]{9}", each) for each in ids)
    assert ids == [message["tool_call_id"] for message in messages[2:]]
    assert ids[2] == ID
    assert len(set(ids)) == 3
    assert losses(*history) == [("rewritten", True)] * 4
    assert messages == sent(*history)


def test_a_call_without_arguments() -> None:
    history = (USER, Message.assistant(call(arguments_json="")), OUTPUT)
    assert sent(*history)[1]["tool_calls"][0]["function"]["arguments"] == "{}"
    assert losses(*history) == [("rewritten", True)]


def test_outputs_with_media_errors_json_and_nothing() -> None:
    def last(*said: Any, **fields: Any) -> Any:
        return sent(USER, CALL, Message.user(output(said=said[0] if len(said) == 1 else said, **fields)))[-1][
            "content"
        ]

    assert last(TextBlock(text="see"), PNG) == [{"type": "text", "text": "see"}, PNG_CHUNK]
    assert last(TextBlock(text="a"), TextBlock(text="b")) == "ab"
    assert last({"t": 20}) == '{"t": 20}'
    assert last("") == ""
    assert last("boom", is_error=True) == "boom"
    assert losses(USER, CALL, Message.user(output(said="boom", is_error=True))) == [("rewritten", True)]


# -- what is Mistral's, and what is another's -----------------------------------------------------


def test_f_n36_reasoning() -> None:
    """F-N36: own reasoning as the chunk it was, unsigned reasoning of nobody, and none of another vendor."""
    own = ReasoningBlock(
        text="hm", signature="sig==", provider="mistral", opaque={"mistral": {"rest": {"closed": False}}}
    )
    chunk = {
        "type": "thinking",
        "thinking": [{"type": "text", "text": "hm"}],
        "signature": "sig==",
        "closed": False,
    }
    assert sent(USER, Message.assistant([own, "a", own, call()]), OUTPUT)[1]["content"] == [
        chunk,
        {"type": "text", "text": "a"},
        chunk,
    ]
    nobodys = ReasoningBlock(text="hm")
    plain = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    assert sent(USER, Message.assistant([nobodys, "a"]), USER)[1]["content"][0] == plain
    summary = ReasoningBlock(summary="hm")
    assert sent(USER, Message.assistant([summary, "a"]), USER)[1]["content"][0] == plain
    assert losses(USER, Message.assistant([summary, "a"]), USER) == [("rewritten", False)]


@pytest.mark.parametrize(
    "foreign",
    [
        ReasoningBlock(
            text="CANARY", signature="CANARY", provider="anthropic", opaque={"anthropic": {"a": "CANARY"}}
        ),
        ReasoningBlock(redacted=True, provider="anthropic", opaque={"anthropic": {"data": "CANARY"}}),
        ReasoningBlock(reasoning_id="CANARY", provider="openai", signature="CANARY"),
        OpaqueContent(type="openai.web_search_call", provider="openai", data={"item": {"id": "CANARY"}}),
        OpaqueContent(type="anthropic.x", provider="anthropic", data={"item": {"type": "CANARY"}}),
    ],
)
def test_f_n37_foreign_state_is_dropped_with_a_reason(foreign: Any) -> None:
    """F-N37: no byte of it is sent; strict mode refuses."""
    text = TextBlock(text="a", opaque={"openai": {"item": {"id": "CANARY"}}})
    called = call(opaque={"gemini": {"thought_signature": "CANARY"}})
    history = (USER, Message.assistant([foreign, text, called]), OUTPUT)
    payload, lost = encoded(history)
    assert "CANARY" not in str(payload)
    assert [(loss.kind, loss.message, loss.block) for loss in lost] == [("dropped", 1, 0)]
    with pytest.raises(AgentSerializationError, match="strict"):
        sent(*history, transplant="strict")


def test_opaque_parts_of_the_user() -> None:
    own = OpaqueContent(
        type="mistral.resource_link",
        provider="mistral",
        data={"item": {"type": "resource_link", "uri": "m://1"}},
    )
    foreign = OpaqueContent(type="openai.x", provider="openai", data={"item": {"type": "x"}})
    assert sent(Message.user(["a", own, foreign])) == [
        {
            "role": "user",
            "content": [{"type": "text", "text": "a"}, {"type": "resource_link", "uri": "m://1"}],
        }
    ]
    assert losses(Message.user(["a", own, foreign])) == [("dropped", False)]


def test_file_ids_go_to_their_provider_only() -> None:
    own = MediaContent(file_id="f-1", provider="mistral")
    assert sent(Message.user(["a", own]))[0]["content"][1] == {"type": "file", "file_id": "f-1"}
    with pytest.raises(UnsupportedContentError, match="at openai") as caught:
        sent(Message.user(["a", MediaContent(file_id="f-1", provider="openai")]))
    assert caught.value.context["block"] == 1


def test_f_n39_f_prv01_what_has_no_form_is_refused_by_name() -> None:
    """F-N39, F-PRV01: before any network, with provider, role, block type and place."""
    media = MediaContent(data=b"x", mime_type="video/mp4")
    for history, role, place in (
        ((Message.user(["a", media]),), "user", (0, 1)),
        ((USER, CALL, Message.user(output(said=(media,)))), "user", (2, 0)),
        ((USER, Message.assistant(["a", PNG]), USER), "assistant", (1, 1)),
        ((Message.user(["a", OpaqueContent(type="acme.thing")]),), "user", (0, 1)),
    ):
        with pytest.raises(UnsupportedContentError) as caught:
            encoded(history)
        context = caught.value.context
        assert (context["provider"], context["dialect"], context["role"]) == ("mistral", "mistral.chat", role)
        assert (context["message"], context["block"]) == place
        assert model().plan(ModelRequest(messages=history)).problems


# -- tools and answers ----------------------------------------------------------------------------


def test_f_mis01_tools_and_choices() -> None:
    """F-MIS01: ``required`` is ``any`` here."""
    payload, _ = encoded([USER], tools=(weather,))
    assert payload["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "weather",
                "description": "Tell the weather.",
                "parameters": weather.input_schema,
            },
        }
    ]
    assert (payload["tool_choice"], payload["parallel_tool_calls"]) == ("auto", True)
    for choice, wire in (
        ("required", "any"),
        ("any", "any"),
        ("none", "none"),
        ("weather", {"type": "function", "function": {"name": "weather"}}),
    ):
        payload, _ = encoded([USER], tools=(weather,), tool_choice=choice, parallel_tool_calls=False)
        assert (payload["tool_choice"], payload["parallel_tool_calls"]) == (wire, False)
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & encoded([USER])[0].keys()


def test_strict_tools() -> None:
    @tool(strict=True)
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    function = encoded([USER], tools=(add,))[0]["tools"][0]["function"]
    assert function["strict"] is True
    assert function["parameters"]["additionalProperties"] is False


def test_f_mis01_structured_output() -> None:
    """F-MIS01: the schema is under ``schema``; the request's wins over the model's."""
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    asked = OutputSchema(schema=schema, name="Asked", description="d")
    wire = encoded([USER], output_schema=asked)[0]["response_format"]
    assert wire["type"] == "json_schema"
    assert wire["json_schema"]["name"] == "Asked"
    assert wire["json_schema"]["strict"] is True
    assert wire["json_schema"]["description"] == "d"
    assert wire["json_schema"]["schema"] == {**schema, "additionalProperties": False}
    own = model(response_format={**schema, "title": "Mine"})
    payload = own.encode(ModelRequest.of("hi"))
    accepted(payload)
    assert payload["response_format"]["json_schema"]["name"] == "Mine"
    assert own.encode(ModelRequest.of("hi", output_schema=asked))["response_format"] == wire


def test_streaming_and_additions() -> None:
    assert encoded([USER])[0]["stream"] is True
    assert "stream" not in encoded([USER], streaming=False)[0]
    assert "stream" not in model(streaming=False).encode(ModelRequest.of("hi"))
    own = model(model_kwargs={"seed_of_mine": 1, "tools": [{"type": "image_generation"}]})
    payload = own.encode(ModelRequest.of("hi", tools=(weather,), extra={"metadata": {"a": 1}}))
    assert payload["seed_of_mine"] == 1
    assert payload["tools"][1] == {"type": "image_generation"}
    assert payload["metadata"] == {"a": 1}


def test_encoding_is_pure() -> None:
    history = (USER, CALL, OUTPUT, Message.user("x"))
    one = model()
    assert one.encode(ModelRequest(messages=history)) == one.encode(ModelRequest(messages=history))
