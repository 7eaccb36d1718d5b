"""Requests as ``generateContent`` takes them."""

from __future__ import annotations

import json
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
from lamella.errors import AgentInputError, AgentSerializationError, UnsupportedContentError
from lamella.messages import Message
from lamella.models import EncodeReport, ModelRequest, OutputSchema
from lamella_gemini import ChatGemini

SKIP = "skip_thought_signature_validator"
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool
def now() -> str:
    """The time."""
    return "noon"


def model(name: str = "gemini-2.5-flash", **fields: Any) -> ChatGemini:
    return ChatGemini(name, **{"api_key": "k", **fields})


def encode(*messages: Message, name: str = "gemini-2.5-flash", **fields: Any) -> dict[str, Any]:
    return model(name).encode(ModelRequest(messages=messages, **fields))


def told(*messages: Message, name: str = "gemini-2.5-flash", **fields: Any) -> tuple[list[Any], EncodeReport]:
    request = ModelRequest(messages=messages, **fields)
    target = model(name)
    report = target.report(request)
    return target.encode(request, report)["contents"], report


def assistant(*blocks: Any) -> Message:
    return Message(role="assistant", content=blocks)


def user(*blocks: Any) -> Message:
    return Message(role="user", content=blocks)


def call(call_id: str, name: str = "add", arguments: str = '{"a": 1, "b": 2}', **state: Any) -> ToolCallBlock:
    opaque = {"gemini": {"generate": state}} if state else {}
    return ToolCallBlock(call_id=call_id, name=name, arguments_json=arguments, opaque=opaque)


def output(call_id: str, value: Any = "3", **fields: Any) -> ToolOutputBlock:
    return ToolOutputBlock(call_id=call_id, output=value, **fields)


# -- roles and texts ------------------------------------------------------------------------------


def test_f_gem02_roles_and_system() -> None:
    """F-GEM02: system text goes into the system instruction, the assistant is ``model``; neighbours are one."""
    payload = encode(
        Message.system("Be kind."),
        Message.user("Hi"),
        Message.user("there"),
        Message.assistant("Hello"),
        Message.user("Go on"),
        system_instruction="Be brief.",
    )
    assert payload["systemInstruction"] == {"parts": [{"text": "Be brief."}, {"text": "Be kind."}]}
    assert payload["contents"] == [
        {"role": "user", "parts": [{"text": "Hi"}, {"text": "there"}]},
        {"role": "model", "parts": [{"text": "Hello"}]},
        {"role": "user", "parts": [{"text": "Go on"}]},
    ]


def test_a_late_system_message_is_moved_and_reported() -> None:
    _, report = told(Message.user("Hi"), Message.system("Be kind."), Message.user("there"))
    (loss,) = report.losses
    assert (loss.kind, loss.message, loss.lossless) == ("rewritten", 1, False)


def test_empty_texts_are_left_out_and_told() -> None:
    contents, report = told(user(TextBlock(text=""), TextBlock(text="x")), assistant(TextBlock(text="")))
    assert contents == [{"role": "user", "parts": [{"text": "x"}]}]
    assert [loss.lossless for loss in report.losses] == [True, True]
    with pytest.raises(AgentSerializationError, match="nothing to send"):
        encode(assistant(TextBlock(text="")))


def test_native_input_goes_first_as_it_is() -> None:
    native = ({"role": "user", "parts": [{"text": "a"}]}, {"role": "model", "parts": [{"text": "b"}]})
    payload = encode(Message.user("c"), native=native)
    assert payload["contents"] == [*native, {"role": "user", "parts": [{"text": "c"}]}]


def test_extras_are_merged_last() -> None:
    target = model(model_kwargs={"generationConfig": {"topK": 1}, "tools": [{"googleSearch": {}}]}, top_p=1)
    request = ModelRequest.of("hi", tools=(add,), extra={"generationConfig": {"topK": 2}})
    payload = target.encode(request)
    assert payload["generationConfig"] == {"topP": 1, "topK": 2}
    assert list(payload["tools"][1]) == ["googleSearch"]


# -- tools ----------------------------------------------------------------------------------------


def test_tools_and_their_schemas() -> None:
    payload = encode(Message.user("hi"), tools=(add, now))
    first, second = payload["tools"][0]["functionDeclarations"]
    assert (first["name"], first["description"]) == ("add", "Add two numbers.")
    assert first["parametersJsonSchema"]["required"] == ["a", "b"]
    assert second["parametersJsonSchema"]["type"] == "object"


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        ("auto", {"mode": "AUTO"}),
        ("required", {"mode": "ANY"}),
        ("any", {"mode": "ANY"}),
        ("none", {"mode": "NONE"}),
        ("validated", {"mode": "VALIDATED"}),
        ("add", {"mode": "ANY", "allowedFunctionNames": ["add"]}),
    ],
)
def test_f_gem01_tool_choice(choice: str, config: dict[str, Any]) -> None:
    """F-GEM01: auto, any, none, validated, or one tool."""
    payload = encode(Message.user("hi"), tools=(add,), tool_choice=choice)
    assert payload["toolConfig"] == {"functionCallingConfig": config}


@pytest.mark.parametrize("mode", ["auto", "any", "none", "validated"])
def test_f_gem01_the_mode_as_a_setting(mode: str) -> None:
    """F-GEM01: the setting is for requests that leave it open; a choice of the request wins."""
    target = model(function_calling_mode=mode)
    sent = target.encode(ModelRequest.of("hi", tools=(add,)))["toolConfig"]["functionCallingConfig"]
    assert sent == {"mode": mode.upper()}
    sent = target.encode(ModelRequest.of("hi", tools=(add,), tool_choice="none"))
    assert sent["toolConfig"]["functionCallingConfig"] == {"mode": "NONE"}


def test_an_unknown_choice_is_refused() -> None:
    with pytest.raises(AgentSerializationError, match="subtract"):
        encode(Message.user("hi"), tools=(add,), tool_choice="subtract")


def test_f_gem01_parallel_calls_have_no_switch() -> None:
    """F-GEM01: a warning, and an entry in the report."""
    request = ModelRequest.of("hi", tools=(add,), parallel_tool_calls=False)
    target = model()
    report = target.report(request)
    with pytest.warns(UserWarning, match="parallel_tool_calls"):
        target.encode(request, report)
    assert [(loss.kind, loss.what) for loss in report.losses] == [("dropped", "parallel_tool_calls")]


@pytest.mark.parametrize("name", ["1st", "with space", "x" * 129, "größe"])
def test_names_of_tools_that_the_api_refuses(name: str) -> None:
    with pytest.raises(AgentSerializationError, match="no tool named"):
        encode(Message.user("hi"), tools=(tool(name=name)(lambda: 1),))


def test_structured_output_beside_tools() -> None:
    schema = OutputSchema(schema={"type": "object", "properties": {"x": {"type": "integer"}}})
    payload = encode(Message.user("hi"), tools=(add,), output_schema=schema)
    assert payload["generationConfig"]["responseMimeType"] == "application/json"
    assert payload["generationConfig"]["responseJsonSchema"]["properties"] == {"x": {"type": "integer"}}
    assert payload["tools"]


# -- calls and outputs ----------------------------------------------------------------------------


def test_f_gem02_calls_and_results_keep_ids() -> None:
    """F-GEM02: ids of any origin are sent; all outputs in one content, in the order of the calls."""
    contents, report = told(
        Message.user("?"),
        assistant(call("c1"), call("c2", "now", "")),
        user(output("c2", {"error": "x"}, name="now"), TextBlock(text="and?")),
        user(output("c1", "bad", is_error=True)),
    )
    assert contents[1]["parts"] == [
        {"functionCall": {"id": "c1", "name": "add", "args": {"a": 1, "b": 2}}},
        {"functionCall": {"id": "c2", "name": "now", "args": {}}},
    ]
    assert contents[2] == {
        "role": "user",
        "parts": [
            {"functionResponse": {"id": "c1", "name": "add", "response": {"error": "bad"}}},
            {"functionResponse": {"id": "c2", "name": "now", "response": {"result": {"error": "x"}}}},
            {"text": "and?"},
        ],
    }
    assert report.losses == []


def test_calls_that_the_server_gave_no_id_go_back_without() -> None:
    """They are matched by name and order."""
    contents, report = told(
        Message.user("?"),
        assistant(call("made1", part={"thoughtSignature": "Sig1"}), call("made2", part={})),
        user(output("made2", 2), output("made1", 1)),
    )
    assert contents[1]["parts"][0] == {
        "functionCall": {"name": "add", "args": {"a": 1, "b": 2}},
        "thoughtSignature": "Sig1",
    }
    assert [part["functionResponse"] for part in contents[2]["parts"]] == [
        {"name": "add", "response": {"result": 1}},
        {"name": "add", "response": {"result": 2}},
    ]
    assert report.losses == []


def test_an_output_needs_a_name() -> None:
    with pytest.raises(AgentSerializationError, match="no name") as caught:
        encode(Message.user("?"), user(output("lost")))
    assert caught.value.context["block_type"] == "tool_output"
    named = encode(Message.user("?"), user(output("lost", name="add")))
    assert named["contents"][0]["parts"][0]["functionResponse"]["name"] == "add"


def test_malformed_arguments_never_become_an_empty_object() -> None:
    contents, report = told(Message.user("?"), assistant(call("c1", arguments='{"a": 1')))
    assert contents[1]["parts"][0]["functionCall"]["args"] == {"raw_arguments": '{"a": 1'}
    assert [(loss.kind, loss.lossless) for loss in report.losses] == [("rewritten", False)]


def test_names_of_old_calls_are_made_fit() -> None:
    contents, report = told(Message.user("?"), assistant(call("c1", "1 st")), user(output("c1")))
    assert contents[1]["parts"][0]["functionCall"]["name"] == "_1_st"
    assert contents[2]["parts"][0]["functionResponse"]["name"] == "_1_st"
    assert [loss.kind for loss in report.losses] == ["rewritten", "rewritten"]


# -- media ----------------------------------------------------------------------------------------


def image(**fields: Any) -> MediaContent:
    from lamella_image import ImageContent

    return ImageContent(**fields)


@pytest.fixture
def dialect(monkeypatch: pytest.MonkeyPatch) -> None:
    """A content plugin that knows this dialect, whatever is installed."""
    from lamella_gemini import contents

    def written(block: Any, dialect: str) -> dict[str, Any]:
        assert dialect == "gemini"
        if not isinstance(block, MediaContent):
            raise UnsupportedContentError("no")
        if block.data is None:
            return {"fileData": {"mimeType": block.mime_type, "fileUri": block.url}}
        return {"inlineData": {"mimeType": block.mime_type, "data": block.base64_data}}

    monkeypatch.setattr(contents, "encode_content", written)


@pytest.mark.usefixtures("dialect")
def test_media_of_outputs_go_inside_for_gemini_3_only() -> None:
    media = image(data=PNG, mime_type="image/png")
    history = (
        Message.user("?"),
        assistant(call("c1", id=True, part={"thoughtSignature": "S"})),
        user(output("c1", (TextBlock(text="see"), media))),
    )
    contents, report = told(*history, name="gemini-3-flash-preview")
    assert contents[2]["parts"] == [
        {
            "functionResponse": {
                "id": "c1",
                "name": "add",
                "response": {"result": "see"},
                "parts": [{"inlineData": {"mimeType": "image/png", "data": media.base64_data}}],
            }
        }
    ]
    assert report.losses == []
    contents, report = told(*history, name="gemini-2.5-flash")
    response, note, part = contents[2]["parts"]
    assert "parts" not in response["functionResponse"]
    assert "c1" in note["text"]
    assert list(part) == ["inlineData"]
    assert [(loss.kind, loss.lossless) for loss in report.losses] == [("rewritten", True)]


@pytest.mark.usefixtures("dialect")
def test_audio_of_an_output_follows_it() -> None:
    sound = MediaContent(data=b"RIFF", mime_type="audio/wav")
    contents, _ = told(
        Message.user("?"), assistant(call("c1")), user(output("c1", (sound,))), name="gemini-3-flash-preview"
    )
    assert "parts" not in contents[2]["parts"][0]["functionResponse"]
    assert contents[2]["parts"][2]["inlineData"]["mimeType"] == "audio/wav"


def test_f_n39_media_without_a_form_are_refused() -> None:
    """F-N39, F-PRV01: with provider, role and type of the block."""
    with pytest.raises(UnsupportedContentError) as caught:
        encode(user(MediaContent(data=b"x", mime_type="audio/strange")))
    assert caught.value.context["provider"] == "gemini"
    assert caught.value.context["role"] == "user"
    assert caught.value.context["block_type"] == "media"


def test_foreign_files_are_refused() -> None:
    with pytest.raises(UnsupportedContentError, match="openai"):
        encode(user(image(file_id="file-1", provider="openai")))


# -- reasoning and vendor state -------------------------------------------------------------------


def test_f_gem02_thoughts_need_their_signature() -> None:
    """F-GEM02: a thought of nobody in particular, or of Gemini, is refused without one."""
    for provider in (None, "gemini"):
        with pytest.raises(AgentSerializationError, match="signature"):
            encode(Message.user("?"), assistant(ReasoningBlock(text="hm", provider=provider)))
        contents, _ = told(
            Message.user("?"), assistant(ReasoningBlock(text="hm", signature="U2ln", provider=provider))
        )
        assert contents[1]["parts"] == [{"text": "hm", "thought": True, "thoughtSignature": "U2ln"}]


def test_f_gem02_foreign_reasoning_is_dropped_by_name() -> None:
    """F-GEM02: no foreign signature, encrypted or redacted reasoning on this wire."""
    history = (
        Message.user("?"),
        assistant(
            ReasoningBlock(text="hm", signature="CANARY", provider="anthropic"),
            ReasoningBlock(redacted=True, provider="anthropic", opaque={"anthropic": {"data": "CANARY"}}),
            OpaqueContent(type="openai.web_search_call", provider="openai", data={"item": {"id": "CANARY"}}),
            TextBlock(text="yes", opaque={"openai": {"item": {"id": "CANARY"}}}),
        ),
    )
    contents, report = told(*history)
    assert "CANARY" not in json.dumps(contents)
    assert [(loss.kind, loss.block) for loss in report.losses] == [
        ("dropped", 0),
        ("dropped", 1),
        ("dropped", 2),
    ]
    with pytest.raises(AgentSerializationError, match="strict mode"):
        told(*history, transplant="strict")


def test_state_of_the_interactions_api_is_no_part() -> None:
    step = {"type": "google_search_call", "id": "CANARY"}
    contents, report = told(
        Message.user("?"),
        assistant(
            ReasoningBlock(signature="CANARY", provider="gemini", opaque={"gemini": {"interactions": {}}}),
            OpaqueContent(type="gemini.google_search_call", provider="gemini", data={"item": step}),
            TextBlock(text="yes"),
        ),
    )
    assert "CANARY" not in json.dumps(contents)
    assert [loss.kind for loss in report.losses] == ["dropped", "dropped"]


def test_parts_of_other_kinds_go_back_in_their_place() -> None:
    item = {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "S"}
    contents, report = told(
        Message.user("?"),
        assistant(
            OpaqueContent(type="gemini.executableCode", provider="gemini", data={"item": item}),
            TextBlock(text="1"),
        ),
    )
    assert contents[1]["parts"] == [item, {"text": "1"}]
    assert report.losses == []


def test_a_changed_text_loses_its_signature() -> None:
    state = {"gemini": {"generate": {"segments": [[5, {"thoughtSignature": "S"}]]}}}
    contents, report = told(Message.user("?"), assistant(TextBlock(text="Hello", opaque=state)))
    assert contents[1]["parts"] == [{"text": "Hello", "thoughtSignature": "S"}]
    assert report.losses == []
    contents, report = told(Message.user("?"), assistant(TextBlock(text="Changed", opaque=state)))
    assert contents[1]["parts"] == [{"text": "Changed"}]
    assert [loss.kind for loss in report.losses] == ["rewritten"]


@pytest.mark.parametrize("segments", [1, [1], [[1, 2]], [["1", {}]], [[1, {}, 2]], "ab"])
def test_state_of_no_form_is_left_alone(segments: Any) -> None:
    state = {"gemini": {"generate": {"segments": segments}}}
    contents, report = told(Message.user("?"), assistant(TextBlock(text="ab", opaque=state)))
    assert contents[1]["parts"] == [{"text": "ab"}]
    assert [loss.kind for loss in report.losses] == ["rewritten"]


def test_gemini_3_gets_the_documented_signature_for_calls_it_did_not_make() -> None:
    """The first call of each step since the last question; reported, and nothing is lost."""
    history = (
        Message.user("first"),
        assistant(call("c0")),
        user(output("c0")),
        Message.assistant("ok"),
        Message.user("second"),
        assistant(call("c1"), call("c2")),
        user(output("c1"), output("c2")),
        assistant(call("c3", id=True, part={"thoughtSignature": "Own"}), call("c4", id=True)),
        user(output("c3"), output("c4")),
        assistant(call("c5")),
        user(output("c5")),
    )
    contents, report = told(*history, name="gemini-3-flash-preview", transplant="strict")
    signatures = [
        part.get("thoughtSignature")
        for content in contents
        for part in content["parts"]
        if "functionCall" in part
    ]
    assert signatures == [None, SKIP, None, "Own", None, SKIP]
    assert [(loss.message, loss.block, loss.lossless) for loss in report.losses] == [
        (5, 0, True),
        (9, 0, True),
    ]
    contents, report = told(*history, name="models/gemini-2.5-flash")
    assert SKIP not in json.dumps(contents)
    assert report.losses == []


def test_f_prv01_what_has_no_form_is_refused_by_name() -> None:
    """F-PRV01: never dropped."""
    with pytest.raises(UnsupportedContentError) as caught:
        encode(user(OpaqueContent(type="hologram", data={})))
    assert caught.value.context["block_type"] == "hologram"
    plan = model().plan(ModelRequest(messages=(user(OpaqueContent(type="hologram", data={})),)))
    assert [entry.status for entry in plan.entries] == ["impossible"]


def test_an_effort_that_cannot_be_is_refused_before_any_request() -> None:
    with pytest.raises(AgentInputError):
        model(reasoning_effort="low", thinking_budget=5)


# -- the SDK takes it -----------------------------------------------------------------------------


@pytest.mark.usefixtures("dialect")
def test_payloads_are_what_the_sdk_sends() -> None:
    """Every field is one of the SDK's own types, which forbid others."""
    from google.genai import types

    target = model(
        "gemini-3-flash-preview",
        temperature=0.5,
        top_k=3,
        stop_sequences=["x"],
        reasoning_effort="xhigh",
        reasoning_summary="auto",
        media_resolution="high",
        response_modalities=["TEXT"],
        logprobs=2,
        safety_settings=[{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
        service_tier="flex",
        response_format={"type": "object", "properties": {"x": {"type": "integer"}}},
        cached_content="abc",
    )
    payload = target.encode(
        ModelRequest(
            messages=(
                user(TextBlock(text="?"), image(data=PNG)),
                assistant(
                    ReasoningBlock(summary="hm", signature="U2ln", provider="gemini"), call("c1"), call("c2")
                ),
                user(output("c1", (image(data=PNG),)), output("c2", [1, {"x": None}])),
            ),
            system_instruction="Be brief.",
            tools=(add, now),
            tool_choice="validated",
        )
    )
    for content in payload["contents"]:
        types.Content.model_validate(content)
    config = dict(payload["generationConfig"])
    beside = {
        name: payload[name]
        for name in (
            "systemInstruction",
            "tools",
            "toolConfig",
            "safetySettings",
            "serviceTier",
            "cachedContent",
        )
    }
    types.GenerateContentConfig.model_validate({**config, **beside})
    assert payload.keys() == {"contents", "generationConfig", *beside}


def test_foreign_citations_are_reported_and_own_ones_are_not() -> None:
    """F-PRV01: Gemini gives citations and takes none; another vendor's are a loss, its own are its protocol."""
    for annotation, reasons in (
        (
            {"type": "url_citation", "url": "https://x.example"},
            ["sent without its citations: they are in another API's form"],
        ),
        ({"groundingMetadata": {"webSearchQueries": ["x"]}}, []),
    ):
        history = [
            Message.user("hi"),
            Message.assistant([TextBlock(text="Yes.", annotations=[annotation])]),
            Message.user("so?"),
        ]
        plan = ChatGemini(api_key="k").plan(history)
        assert [loss.reason for loss in plan.losses] == reasons
