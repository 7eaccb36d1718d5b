"""Requests for ``/api/chat``: goldens, the loss report, and the SDK's own types."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import attrs
import pytest
from ollama._client import _copy_messages, _copy_tools
from ollama._types import ChatRequest, Options

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
from lamella_ollama import ChatOllama
from lamella_ollama.tool_schema import without_references

PNG = ImageContent.from_bytes(b"\x89PNG\r\n\x1a\n", "image/png")
B64 = "iVBORw0KGgo="
JPEG = ImageContent.from_bytes(b"\xff\xd8\xff", "image/jpeg")


@tool
def weather(city: str) -> str:
    """Tell the weather."""
    return city


def encoded(*messages: Message, **fields: Any) -> tuple[dict[str, Any], list[Loss]]:
    """The payload, which the SDK's types take, and the losses."""
    model = fields.pop("model", None) or ChatOllama()
    request = ModelRequest(messages=messages or (Message.user("hi"),), **fields)
    report = model.report(request)
    payload: dict[str, Any] = model.encode(request, report)
    json.dumps(payload, allow_nan=False)
    ChatRequest.model_validate(payload)
    assert len(list(_copy_messages(payload["messages"]))) == len(payload["messages"])
    assert len(list(_copy_tools(payload.get("tools")))) == len(payload.get("tools", []))
    Options.model_validate(payload.get("options", {}), strict=True)
    assert payload == model.encode(request)  # pure
    return payload, report.losses


def payload(*messages: Message, **fields: Any) -> dict[str, Any]:
    return encoded(*messages, **fields)[0]


def sent(*messages: Message) -> list[Any]:
    found, losses = encoded(*messages)
    assert losses == []
    messages_sent: list[Any] = found["messages"]
    return messages_sent


def call(number: int = 1, **fields: Any) -> ToolCallBlock:
    given = {"arguments_json": '{"city": "Rome"}', **fields}
    return ToolCallBlock(call_id=f"c{number}", name="weather", **given)


WIRE_CALL = {"id": "c1", "function": {"name": "weather", "arguments": {"city": "Rome"}}}


# -- messages -------------------------------------------------------------------------------------


def test_system_and_user() -> None:
    assert sent(Message.system("be brief"), Message.user("hi")) == [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "hi"},
    ]
    assert payload(system_instruction="first")["messages"][0] == {"role": "system", "content": "first"}


def test_assistant() -> None:
    assert sent(Message.assistant("a")) == [{"role": "assistant", "content": "a"}]
    assert sent(Message.assistant("")) == [{"role": "assistant", "content": ""}]
    assert sent(Message.assistant([TextBlock(text="a"), call()])) == [
        {"role": "assistant", "content": "a", "tool_calls": [WIRE_CALL]}
    ]


def test_native_messages_go_as_they_are() -> None:
    native = ({"role": "user", "content": "x", "images": [B64]},)
    asked = ModelRequest(native=native, messages=(Message.user("y"),))
    assert ChatOllama().encode(asked)["messages"] == [*native, {"role": "user", "content": "y"}]


def test_f_n20_outputs_come_before_other_user_content() -> None:
    """F-N20: each with its id, and the name of its tool, which is that of the call where the output has none."""
    outputs = [
        ToolOutputBlock(call_id="c1", output=10.8),
        ToolOutputBlock(call_id="c2", name="add", output={"a": True}),
        ToolOutputBlock(call_id="c3", output=""),
    ]
    wire = sent(Message.assistant([call()]), Message.user([TextBlock(text="and"), *outputs]))
    assert wire[1:] == [
        {"role": "tool", "content": "10.8", "tool_name": "weather", "tool_call_id": "c1"},
        {"role": "tool", "content": '{"a": true}', "tool_name": "add", "tool_call_id": "c2"},
        {"role": "tool", "content": "", "tool_call_id": "c3"},
        {"role": "user", "content": "and"},
    ]


def test_f_prv01_arguments_that_are_no_object_are_kept_as_text() -> None:
    """F-PRV01: the wire takes objects; broken text never becomes ``{}``."""
    for broken in ('{"city": "Ro', "[1]", "null"):
        wire, losses = encoded(Message.assistant([call(arguments_json=broken)]))
        (made,) = wire["messages"][0]["tool_calls"]
        assert made["function"]["arguments"] == {"unreadable_arguments": broken}
        assert [(loss.kind, loss.what, loss.lossless) for loss in losses] == [
            ("rewritten", "tool_call", False)
        ]
    blank = sent(Message.assistant([call(arguments_json="")]))
    assert blank[0]["tool_calls"][0]["function"]["arguments"] == {}


# -- images ---------------------------------------------------------------------------------------


def test_images_travel_beside_the_text() -> None:
    assert sent(Message.user(["what is it?", PNG, JPEG])) == [
        {"role": "user", "content": "what is it?", "images": [B64, "/9j/"]}
    ]
    assert sent(Message.user([PNG])) == [{"role": "user", "content": "", "images": [B64]}]


def test_images_between_texts_lose_their_place_and_it_is_reported() -> None:
    wire, losses = encoded(Message.user(["first:", PNG, "second:", JPEG]))
    assert wire["messages"] == [{"role": "user", "content": "first:second:", "images": [B64, "/9j/"]}]
    assert [(loss.kind, loss.block, loss.lossless) for loss in losses] == [
        ("rewritten", 1, False),
        ("rewritten", 3, False),
    ]


def test_media_of_outputs_follows_all_outputs() -> None:
    outputs = [
        ToolOutputBlock(call_id="c1", name="camera", output=(TextBlock(text="see"), PNG)),
        ToolOutputBlock(call_id="c2", output=(JPEG,)),
    ]
    wire, losses = encoded(Message.user([*outputs, TextBlock(text="so?")]))
    first, second, user = wire["messages"]
    assert first["content"].startswith("see\n")
    assert "c1" in first["content"]
    assert second["role"] == "tool"
    assert "images" not in first | second
    assert user["images"] == [B64, "/9j/"]
    assert user["content"].endswith("\n\nso?")
    assert user["content"].index("c1") < user["content"].index("c2")
    assert [(loss.kind, loss.what, loss.block, loss.lossless) for loss in losses] == [
        ("rewritten", "tool_output", 0, True),
        ("rewritten", "tool_output", 1, True),
    ]


@pytest.mark.parametrize(
    "block",
    [
        ImageContent.from_url("https://x.example/a.png"),
        ImageContent(file_id="f1", provider="openai"),
        ImageContent(file_id="f1"),
        MediaContent(data=b"x", mime_type="audio/x-unknown"),
        OpaqueContent(type="acme.thing", data={"a": 1}),
    ],
)
def test_f_n39_what_has_no_form_is_refused_by_name(block: Any) -> None:
    """F-N39, F-PRV01: URLs, file ids, other media: provider, role, block and hint; before any network."""
    for message in (
        Message.user(["see", block]),
        Message.user([ToolOutputBlock(call_id="c1", output=(block,))]),
    ):
        with pytest.raises(UnsupportedContentError) as caught:
            payload(message)
        found = caught.value.context
        assert (found["provider"], found["role"], found["message"]) == ("ollama", "user", 0)
        assert found["block_type"] in ("image", "media", "tool_output", "acme.thing")


def test_f_n39_media_of_the_assistant_is_refused() -> None:
    """F-N39."""
    with pytest.raises(UnsupportedContentError, match="user message"):
        payload(Message.assistant([PNG]))


# -- reasoning and vendor state -------------------------------------------------------------------


def test_f_n36_own_thinking_is_sent_back() -> None:
    """F-N36: thinking is unsigned text; it goes back to its server with the call that it led to."""
    thought = ReasoningBlock(text="hm", provider="ollama")
    assert sent(Message.assistant([thought, call()])) == [
        {"role": "assistant", "content": "", "thinking": "hm", "tool_calls": [WIRE_CALL]}
    ]
    assert (
        sent(Message.assistant([ReasoningBlock(text="mine"), TextBlock(text="a")]))[0]["thinking"] == "mine"
    )


@pytest.mark.parametrize(
    "foreign",
    [
        ReasoningBlock(text="SECRET", signature="SECRET", provider="anthropic"),
        ReasoningBlock(summary="SECRET", provider="openai", opaque={"openai": {"item": "SECRET"}}),
        ReasoningBlock(redacted=True, signature="SECRET", provider="anthropic"),
        ReasoningBlock(text="SECRET", provider="gpu.example"),
        ReasoningBlock(summary="SECRET"),
        OpaqueContent(type="openai.web_search", provider="openai", data={"item": {"id": "SECRET"}}),
    ],
)
def test_f_n37_foreign_state_is_dropped_with_a_reason(foreign: Any) -> None:
    """F-N37, F-PRV01: nothing of it is on the wire; strict mode refuses."""
    wire, losses = encoded(Message.user("q"), Message.assistant([foreign, TextBlock(text="a")]))
    assert "SECRET" not in json.dumps(wire)
    assert wire["messages"][1] == {"role": "assistant", "content": "a"}
    assert [(loss.kind, loss.message, loss.block) for loss in losses] == [("dropped", 1, 0)]
    assert losses[0].reason
    with pytest.raises(AgentSerializationError, match="strict"):
        payload(Message.assistant([foreign]), transplant="strict")
    assert len(payload(Message.user("q"), Message.assistant([foreign]))["messages"]) == 1


def test_a_signature_is_never_sent() -> None:
    block = ReasoningBlock(text="hm", signature="SECRET")
    wire, losses = encoded(Message.assistant([block]))
    assert wire["messages"] == [{"role": "assistant", "content": "", "thinking": "hm"}]
    assert [(loss.kind, loss.lossless) for loss in losses] == [("rewritten", False)]


def test_state_of_other_issuers_on_calls_and_texts_stays_away() -> None:
    state = {"gpu.example": {"type": "SECRET"}, "openai": {"item": {"id": "SECRET"}}}
    wire, losses = encoded(
        Message.assistant(
            [TextBlock(text="a", opaque=state, annotations=({"url": "SECRET"},)), call(opaque=state)]
        )
    )
    assert "SECRET" not in json.dumps(wire)
    assert [str(loss) for loss in losses] == [
        "message 0, block 0: text rewritten: sent without its citations: Ollama has none"
    ]


def test_a_failed_output_loses_its_mark_and_says_so() -> None:
    failed = ToolOutputBlock(call_id="c1", name="weather", output="no station", is_error=True)
    wire, losses = encoded(Message.assistant(call()), Message.user([failed]))
    assert wire["messages"][1]["content"] == "no station"
    assert [(loss.kind, loss.lossless) for loss in losses] == [("rewritten", True)]


def test_own_state_goes_back_in_its_place() -> None:
    own = call(opaque={"ollama": {"type": "function", "function": {"index": 1}}})
    item = OpaqueContent(type="ollama.message", provider="ollama", data={"item": {"images": [B64]}})
    assert sent(Message.assistant([TextBlock(text="a"), item, own])) == [
        {
            "role": "assistant",
            "content": "a",
            "images": [B64],
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "weather", "arguments": {"city": "Rome"}, "index": 1},
                }
            ],
        }
    ]


def test_server_side_work_in_a_users_message_is_dropped() -> None:
    work = OpaqueContent(type="openai.x", provider="openai", data={"item": {"id": "SECRET"}})
    wire, losses = encoded(Message.user(["hi", work]))
    assert "SECRET" not in json.dumps(wire)
    assert [(loss.kind, loss.block) for loss in losses] == [("dropped", 1)]


# -- tools ----------------------------------------------------------------------------------------


def test_tools() -> None:
    wire, losses = encoded(tools=(weather,))
    function = {"name": "weather", "description": "Tell the weather.", "parameters": weather.input_schema}
    assert wire["tools"] == [{"type": "function", "function": function}]
    assert losses == []
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & payload(tool_choice="required").keys()


def test_no_tool_choice_none_leaves_the_tools_out() -> None:
    wire, losses = encoded(tools=(weather,), tool_choice="none", transplant="strict")
    assert "tools" not in wire
    assert [(loss.kind, loss.what, loss.lossless) for loss in losses] == [("rewritten", "tool_choice", True)]


@pytest.mark.parametrize("choice", ["required", "weather"])
def test_f_prv01_forcing_a_call_is_refused(choice: str) -> None:
    """F-PRV01: before the network, naming it; ``plan`` says so beforehand."""
    with pytest.raises(AgentSerializationError, match="tool_choice") as caught:
        payload(tools=(weather,), tool_choice=choice)
    assert caught.value.context["provider"] == "ollama"
    asked = ModelRequest.of("hi", tools=(weather,), tool_choice=choice)
    plan = ChatOllama().plan(asked)
    assert any("tool_choice" in problem.message for problem in plan.problems)


def test_parallel_calls_and_strict_mode_are_reported() -> None:
    strict = attrs.evolve(weather, strict=True)
    wire, losses = encoded(tools=(strict,), parallel_tool_calls=False)
    assert wire["tools"][0]["function"] == {
        "name": "weather",
        "description": "Tell the weather.",
        "parameters": weather.input_schema,
    }
    assert [(loss.kind, loss.what) for loss in losses] == [
        ("dropped", "parallel_tool_calls"),
        ("rewritten", "tool weather"),
    ]


@dataclass
class Place:
    city: str
    country: str = "Italy"


@dataclass
class Tree:
    name: str
    children: list[Tree]


def test_references_in_tools_are_resolved() -> None:
    """The server reads no ``$ref`` in a property, so a class would be sent as nothing."""

    @tool
    def visit(place: Place, others: list[Place]) -> str:
        """Visit."""
        return place.city

    parameters = payload(tools=(visit,))["tools"][0]["function"]["parameters"]
    text = json.dumps(parameters)
    assert "$ref" not in text
    assert "$defs" not in text
    assert set(parameters["properties"]["place"]["properties"]) == {"city", "country"}
    assert set(parameters["properties"]["others"]["items"]["properties"]) == {"city", "country"}


def test_references_that_repeat_stay() -> None:
    tree = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "children": {"type": "array", "items": {"$ref": "#/$defs/Tree"}},
        },
    }
    schema = {
        "type": "object",
        "properties": {"root": {"$ref": "#/$defs/Tree", "description": "the root"}},
        "$defs": {"Tree": tree, "Unused": {"type": "string"}},
    }
    made = without_references(schema)
    root = made["properties"]["root"]
    assert root["description"] == "the root"
    assert root["properties"]["children"]["items"] == {"$ref": "#/$defs/Tree"}
    assert made["$defs"] == {"Tree": tree}
    assert schema["properties"]["root"] == {"$ref": "#/$defs/Tree", "description": "the root"}  # type: ignore[index]
    assert without_references({"type": "object", "$ref": "#/elsewhere"}) == {
        "type": "object",
        "$ref": "#/elsewhere",
    }


# -- options --------------------------------------------------------------------------------------


def test_f_oll01_options() -> None:
    """F-OLL01: keep_alive and think beside the options; what is not set is not sent, 0 is."""
    assert payload() == {
        "model": "llama3.2",
        "messages": [{"role": "user", "content": "hi"}],
        "keep_alive": "5m",
        "stream": True,
    }
    given: dict[str, Any] = {
        "num_ctx": 4096,
        "num_predict": 10,
        "temperature": 0,
        "top_k": 0,
        "top_p": 0.5,
        "min_p": 0.1,
        "seed": 0,
        "stop": ["END"],
        "repeat_penalty": 1.1,
        "presence_penalty": 0.5,
        "frequency_penalty": -0.5,
    }
    made = payload(model=ChatOllama("m", **given, think="low", top_logprobs=2, keep_alive=0))
    assert made["options"] == given
    assert (made["think"], made["keep_alive"], made["logprobs"], made["top_logprobs"]) == ("low", 0, True, 2)
    assert payload(model=ChatOllama(think=False))["think"] is False


def test_streaming_is_always_said() -> None:
    """The server's default is a stream."""
    assert payload(streaming=False)["stream"] is False
    assert payload(model=ChatOllama(streaming=False))["stream"] is False


def test_model_kwargs_and_extra_are_merged_last() -> None:
    model = ChatOllama(temperature=0, model_kwargs={"options": {"mirostat": 1}, "truncate": False})
    made = payload(model=model, extra={"options": {"temperature": 1}})
    assert made["options"] == {"temperature": 1, "mirostat": 1}
    assert made["truncate"] is False


def test_f_oll01_json_schema_via_format() -> None:
    """F-OLL01: flat, of the request before the model's; a JSON object without schema is ``json``."""
    schema = {
        "$ref": "#/$defs/A",
        "$defs": {"A": {"type": "object", "properties": {"a": {"type": "integer"}}}},
    }
    asked = OutputSchema(schema=schema, description="An a.")
    made, losses = encoded(output_schema=asked)
    assert made["format"] == {
        "description": "An a.",
        "type": "object",
        "properties": {"a": {"type": "integer"}},
    }
    assert losses == []
    set_on_model = ChatOllama(response_format={"title": "B", "type": "object", "properties": {}})
    assert payload(model=set_on_model)["format"]["title"] == "B"
    assert "title" not in payload(model=set_on_model, output_schema=asked)["format"]
    assert payload(model=ChatOllama(text_format="json_object"))["format"] == "json"
