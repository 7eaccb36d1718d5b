"""Requests for Chat Completions: table W2 row by row, options, and the state of compatible servers."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from lamella import PromptTemplate, tool
from lamella.content import (
    MediaContent,
    OpaqueContent,
    ReasoningBlock,
    TextBlock,
    ToolCallBlock,
    ToolOutputBlock,
)
from lamella.errors import AgentSerializationError, UnsupportedContentError
from lamella.messages import Message
from lamella.models import ModelRequest, OutputSchema
from lamella_image import ImageContent
from lamella_openai import ChatOpenAICompletions

PNG = ImageContent.from_bytes(b"\x89PNG\r\n\x1a\n", "image/png")
COMPAT = "https://api.compat.example/v1"


@tool
def weather(city: str) -> str:
    """Tell the weather."""
    return city


def model(name: str = "gpt-5-nano", **fields: Any) -> ChatOpenAICompletions:
    return ChatOpenAICompletions(name, api_key="sk-x", **fields)


def payload(*messages: Message, **fields: Any) -> dict[str, Any]:
    return model().encode(ModelRequest(messages=messages or (Message.user("hi"),), **fields))


def sent(*messages: Message) -> list[Any]:
    found: list[Any] = payload(*messages)["messages"]
    return found


def call(number: int = 1, **fields: Any) -> ToolCallBlock:
    return ToolCallBlock(call_id=f"c{number}", name="weather", arguments_json='{"city": "Rome"}', **fields)


WIRE_CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}


# -- table W2 -------------------------------------------------------------------------------------


def test_w2_system() -> None:
    """F-OAI05."""
    assert sent(Message.system("be brief")) == [{"role": "system", "content": "be brief"}]
    assert sent(Message.system("")) == [{"role": "system", "content": ""}]
    assert payload(system_instruction="first")["messages"][0] == {"role": "system", "content": "first"}


def test_w2_user_is_always_a_list_in_message_order() -> None:
    """F-OAI05, F-MSG09."""
    assert sent(Message.user("hi")) == [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]
    assert sent(Message.user(["a", PNG, "b"]))[0]["content"] == [
        {"type": "text", "text": "a"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
        {"type": "text", "text": "b"},
    ]


def test_w2_image_url() -> None:
    url = ImageContent.from_url("https://x.example/a.jpg")
    assert sent(Message.user([url]))[0]["content"] == [
        {"type": "image_url", "image_url": {"url": "https://x.example/a.jpg"}}
    ]


def test_w2_assistant() -> None:
    """F-OAI05: text directly followed by calls is one message; content is null without text."""
    assert sent(Message.assistant("a")) == [{"role": "assistant", "content": "a"}]
    assert sent(Message.assistant([TextBlock(text="a"), call()])) == [
        {"role": "assistant", "content": "a", "tool_calls": [WIRE_CALL]}
    ]
    assert sent(Message.assistant([call()])) == [
        {"role": "assistant", "content": None, "tool_calls": [WIRE_CALL]}
    ]
    assert sent(Message.assistant("")) == [{"role": "assistant", "content": ""}]


def test_w2_outputs_come_before_other_user_content() -> None:
    """F-N20, F-N16, F-MSG05."""
    outputs = [
        ToolOutputBlock(call_id="c1", output=10.8),
        ToolOutputBlock(call_id="c2", output={"a": True, "b": None}),
    ]
    assert sent(Message.user([TextBlock(text="and"), *outputs])) == [
        {"role": "tool", "tool_call_id": "c1", "content": "10.8"},
        {"role": "tool", "tool_call_id": "c2", "content": '{"a": true, "b": null}'},
        {"role": "user", "content": [{"type": "text", "text": "and"}]},
    ]


def test_media_of_outputs_follows_all_outputs() -> None:
    """The wire takes text only in a tool's message; nothing may stand between two of them."""
    outputs = [
        ToolOutputBlock(call_id="c1", name="camera", output=(TextBlock(text="see"), PNG)),
        ToolOutputBlock(call_id="c2", output=(PNG,)),
    ]
    request = ModelRequest(messages=(Message.user(outputs),))
    asked = model()
    report = asked.report(request)
    wire = asked.encode(request, report)["messages"]
    assert [message["role"] for message in wire] == ["tool", "tool", "user"]
    assert wire[0]["content"].startswith("see\n")
    assert "c1" in wire[0]["content"]
    assert [part["type"] for part in wire[2]["content"]] == ["text", "image_url"] * 2
    assert [(loss.kind, loss.what, loss.block) for loss in report.losses] == [
        ("rewritten", "tool_output", 0),
        ("rewritten", "tool_output", 1),
    ]


def test_w2_tools_and_choice() -> None:
    """F-OAI05, F-TOOL04."""
    function = {"name": "weather", "description": "Tell the weather.", "parameters": weather.input_schema}
    assert payload(tools=(weather,))["tools"] == [{"type": "function", "function": function}]
    strict = payload(tools=(attrs.evolve(weather, strict=True),))["tools"]
    assert strict[0]["function"]["strict"] is True
    forced = payload(tools=(weather,), tool_choice="weather")["tool_choice"]
    assert forced == {"type": "function", "function": {"name": "weather"}}
    assert payload(tools=(weather,), tool_choice="required")["tool_choice"] == "required"
    assert payload(tools=(weather,))["parallel_tool_calls"] is True


def test_f_tool07_without_tools_there_is_none_of_their_keys() -> None:
    """F-TOOL07."""
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & payload(tool_choice="required").keys()


# -- options --------------------------------------------------------------------------------------


def test_f_oai06_usage_is_asked_for_in_streams() -> None:
    """F-OAI06."""
    assert payload()["stream_options"] == {"include_usage": True}
    assert not {"stream", "stream_options"} & payload(streaming=False).keys()
    assert "stream_options" not in model(stream_options={}).encode(ModelRequest.of("hi"))
    assert model(top_logprobs=2).encode(ModelRequest.of("hi"))["logprobs"] is True


def test_f_oai07_unset_is_not_sent_and_zero_is() -> None:
    """F-OAI07, F-N42."""
    assert payload(streaming=False) == {
        "model": "gpt-5-nano",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
    }
    given: dict[str, Any] = {
        "temperature": 0,
        "top_p": 0.0,
        "max_tokens": 1,
        "max_completion_tokens": 2,
        "stop": ["END"],
        "frequency_penalty": 0.0,
        "presence_penalty": 0,
        "seed": 0,
        "logprobs": False,
        "top_logprobs": 0,
        "reasoning_effort": "none",
        "verbosity": "low",
        "store": False,
        "service_tier": "auto",
        "prompt_cache_key": "k",
        "safety_identifier": "s",
        "metadata": {},
        "user": "u",
    }
    wire = model(**given).encode(ModelRequest.of("hi"))
    assert {name: wire[name] for name in given} == given


def test_f_str04_response_format() -> None:
    """F-STR04."""
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    wanted = ModelRequest.of("hi", output_schema=OutputSchema(schema=schema, name="answer"))
    assert model().encode(wanted)["response_format"] == {
        "type": "json_schema",
        "json_schema": {
            "name": "answer",
            "schema": {**schema, "additionalProperties": False},
            "strict": True,
        },
    }
    asked = model(text_format="json_object").encode(ModelRequest.of("hi"))
    assert asked["response_format"] == {"type": "json_object"}
    assert (
        model(response_format=schema).encode(ModelRequest.of("hi"))["response_format"]["type"]
        == "json_schema"
    )


# -- state of compatible servers ------------------------------------------------------------------


def reasoning(
    state: dict[str, Any], text: str | None = "hm", provider: str = "api.compat.example"
) -> ReasoningBlock:
    return ReasoningBlock(text=text, provider=provider, opaque={provider: {"chat": state}})


@pytest.mark.parametrize(
    ("state", "text", "fields"),
    [
        ({"fields": ["reasoning_content"]}, "hm", {"reasoning_content": "hm"}),
        ({"fields": ["reasoning_content"]}, "", {"reasoning_content": ""}),
        (
            {
                "fields": ["reasoning"],
                "raw": {"reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}]},
            },
            "hm",
            {"reasoning": "hm", "reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}]},
        ),
    ],
)
def test_f_x19_reasoning_of_compatible_servers_goes_back(state: Any, text: str, fields: Any) -> None:
    """F-X19: under the names it came by; ``None`` is not ``""``."""
    request = ModelRequest(messages=(Message.assistant([reasoning(state, text), call()]),))
    wire = model(base_url=COMPAT).encode(request)["messages"]
    assert wire == [{"role": "assistant", "content": None, **fields, "tool_calls": [WIRE_CALL]}]


def test_f_msg07_reasoning_of_others_is_left_out() -> None:
    """F-MSG07: other vendors', and the Responses API's, which this one has no form for."""
    blocks = [
        reasoning({"fields": ["reasoning_content"]}),
        ReasoningBlock(summary="s", signature="enc", reasoning_id="rs", provider="openai"),
        OpaqueContent(type="openai.web_search_call", provider="openai", data={"item": {"id": "ws"}}),
        TextBlock(text="a"),
    ]
    request = ModelRequest(messages=(Message.assistant(blocks),))
    asked = model()
    report = asked.report(request)
    assert asked.encode(request, report)["messages"] == [{"role": "assistant", "content": "a"}]
    assert [(loss.kind, loss.block) for loss in report.losses] == [
        ("dropped", 0),
        ("dropped", 1),
        ("dropped", 2),
    ]
    with pytest.raises(AgentSerializationError):
        asked.encode(attrs.evolve(request, transplant="strict"))


def test_a_turn_of_which_nothing_is_left_is_not_sent() -> None:
    message = Message.assistant([ReasoningBlock(summary="s", signature="x", provider="anthropic")])
    assert sent(Message.user("hi"), message) == [
        {"role": "user", "content": [{"type": "text", "text": "hi"}]}
    ]


def test_what_the_caller_vouches_for_is_sent_to_a_compatible_server() -> None:
    request = ModelRequest(messages=(Message.assistant([ReasoningBlock(text="hm"), TextBlock(text="a")]),))
    wire = model(base_url=COMPAT).encode(request)["messages"]
    assert wire == [{"role": "assistant", "content": "a", "reasoning_content": "hm"}]


def test_refusals_audio_and_attachments_of_calls_go_back() -> None:
    state = {"chat": {"kind": "refusal"}}
    refused = Message.assistant([TextBlock(text="no", opaque={"openai": state})])
    assert sent(refused) == [{"role": "assistant", "content": None, "refusal": "no"}]
    spoken = Message.assistant(
        [
            TextBlock(text="hello", opaque={"openai": {"chat": {"kind": "transcript"}}}),
            OpaqueContent(type="openai.audio", provider="openai", data={"api": "chat", "item": {"id": "a1"}}),
        ]
    )
    assert sent(spoken) == [{"role": "assistant", "content": None, "audio": {"id": "a1"}}]
    other = ModelRequest(messages=(spoken,))
    assert model(base_url=COMPAT).encode(other)["messages"] == [{"role": "assistant", "content": "hello"}]
    extra = {"extra_content": {"google": {"thought_signature": "s"}}}
    signed = call(opaque={"openai": {"chat": {"call": extra}}})
    assert sent(Message.assistant([signed]))[0]["tool_calls"] == [{**WIRE_CALL, **extra}]


def test_custom_tool_calls_keep_their_form() -> None:
    state = {"openai": {"chat": {"call": {"type": "custom"}}}}
    block = ToolCallBlock(call_id="c1", name="shell", arguments_json="ls", opaque=state)
    assert sent(Message.assistant([block]))[0]["tool_calls"] == [
        {"id": "c1", "type": "custom", "custom": {"name": "shell", "input": "ls"}}
    ]


# -- refusals -------------------------------------------------------------------------------------


def test_f_msg03_media_of_the_assistant_is_refused() -> None:
    """F-MSG03, F-N39."""
    with pytest.raises(UnsupportedContentError, match="assistant") as caught:
        sent(Message.assistant(["a", PNG]))
    assert caught.value.context["block"] == 1


def test_f_med08_unknown_content_is_refused() -> None:
    """F-MED08, F-N39, F-PRV01."""

    @attrs.frozen(kw_only=True)
    class Hologram(MediaContent):
        type = "hologram"

    with pytest.raises(UnsupportedContentError, match="hologram"):
        sent(Message.user([Hologram(data=b"x")]))
    output = ToolOutputBlock(call_id="c1", output=(Hologram(data=b"x"),))
    assert len(model().check([Message.user([output])])) == 1


def test_f_oai05_a_turn_in_several_messages_is_one_message() -> None:
    """A template makes a message for the text and for each call; outputs must follow the one with the calls."""
    template = (
        PromptTemplate()
        .add_user("go")
        .add_assistant("I look.")
        .add_tool_call("weather", '{"city": "Rome"}', "c1")
        .add_tool_call("weather", '{"city": "Rome"}', "c2")
        .add_tool_output("c1", "sun")
        .add_tool_output("c2", "rain")
        .add_assistant("Mixed.")
        .add_assistant("Really.")
    )
    assert sent(*template)[1:] == [
        {"role": "assistant", "content": "I look.", "tool_calls": [WIRE_CALL, {**WIRE_CALL, "id": "c2"}]},
        {"role": "tool", "tool_call_id": "c1", "content": "sun"},
        {"role": "tool", "tool_call_id": "c2", "content": "rain"},
        {"role": "assistant", "content": "Mixed."},
        {"role": "assistant", "content": "Really."},
    ]


def test_f_oai05_texts_around_a_call_stay_apart() -> None:
    output = Message.user([ToolOutputBlock(call_id="c1", output="sun")])
    turn = sent(Message.assistant("a"), Message.assistant([call()]), Message.assistant("b"), output)
    assert turn[0] == {"role": "assistant", "content": "a\n\nb", "tool_calls": [WIRE_CALL]}
    assert turn[1]["role"] == "tool"


def test_f_oai07_a_payload_is_not_the_model() -> None:
    fields: dict[str, Any] = {"stop": ["x"], "model_kwargs": {"deep": {"list": [1]}}}
    made = ChatOpenAICompletions(api_key="sk-x", **fields)
    first = made.encode(ModelRequest.of("hi"))
    first["stop"].append("y")
    first["deep"]["list"].append(2)
    second = made.encode(ModelRequest.of("hi"))
    assert (second["stop"], second["deep"]) == (["x"], {"list": [1]})


def test_what_the_wire_has_no_field_for_is_reported() -> None:
    """Foreign citations are lost; the mark of an error and the place of media are not what the model reads."""
    said = TextBlock(text="a", annotations=({"url": "https://x.example"},))
    outputs = (
        ToolOutputBlock(call_id="c1", output="no station", is_error=True),
        ToolOutputBlock(call_id="c2", output=(PNG,)),
    )
    request = ModelRequest(messages=(Message.assistant([said, call(1), call(2)]), Message.user(outputs)))
    report = model().report(request)
    assert model().encode(request, report)["messages"][0]["content"] == "a"
    assert [(loss.message, loss.block, loss.kind, loss.lossless) for loss in report.losses] == [
        (0, 0, "rewritten", False),
        (1, 0, "rewritten", True),
        (1, 1, "rewritten", True),
    ]


def test_its_own_citations_are_no_loss() -> None:
    """The API gives them and does not want them back."""
    said = TextBlock(text="a", annotations=({"url": "u"},), opaque={"openai": {"chat": {}}})
    request = ModelRequest(messages=(Message.assistant(said),), transplant="strict")
    report = model().report(request)
    assert model().encode(request, report)["messages"] == [{"role": "assistant", "content": "a"}]
    assert report.losses == []
