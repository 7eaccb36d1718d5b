"""Writing requests for the Interactions API: goldens, settings, transplants, and the SDK's own request types."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from interactions_wires import CALL, FOUND, NOTE, PNG, SAID, SEARCH, STEPS, THOUGHT, body
from wire_player import play

from lamella.content import (
    OpaqueContent,
    ReasoningBlock,
    TextBlock,
    ToolCallBlock,
    ToolOutputBlock,
)
from lamella.errors import AgentInputError, AgentSerializationError, UnsupportedContentError
from lamella.messages import Message
from lamella.models import EncodeReport, ModelRequest, OutputSchema
from lamella.tools import tool
from lamella_gemini import ChatGemini, ChatGeminiInteractions
from lamella_image import ImageContent


@tool
def get_weather(city: str, days: int = 1) -> str:
    """Tell the weather.

    Args:
        city: Where.
        days: How many.
    """
    return f"{city} {days}"


def model(name: str = "gemini-3-flash-preview", **fields: Any) -> ChatGeminiInteractions:
    return ChatGeminiInteractions(name, **{"api_key": "AIza-test", **fields})


def report(mode: Any = "degrade", *, collect: bool = False) -> EncodeReport:
    return EncodeReport(provider="gemini", dialect="gemini.interactions", mode=mode, collect=collect)


def accepted(payload: dict[str, Any]) -> dict[str, Any]:
    """The payload, if the SDK's own types take it and know every step and part of it."""
    from google.genai._gaos.types.interactions import CreateModelInteraction

    parsed = CreateModelInteraction.model_validate(json.loads(json.dumps(payload)))
    assert list(unknown_in(parsed)) == []
    assert set(payload) <= set(parsed.model_dump(mode="json", by_alias=True, exclude_none=True))
    return payload


def unknown_in(value: Any) -> Iterator[Any]:
    """What the SDK took only because it keeps what it does not know."""
    if getattr(value, "is_unknown", False):
        yield value
    inner = value if isinstance(value, list) else getattr(value, "__dict__", {}).values()
    for item in inner:
        yield from unknown_in(item)


def encode(*messages: Message, asked: ChatGeminiInteractions | None = None, **fields: Any) -> dict[str, Any]:
    return accepted((asked or model()).encode(ModelRequest(messages=messages, **fields)))


def steps(*messages: Message, **fields: Any) -> list[Any]:
    found: list[Any] = encode(*messages, **fields)["input"]
    return found


def lossy(*messages: Message, mode: Any = "degrade") -> tuple[list[Any], list[str]]:
    seen = report(mode)
    payload = model().encode(ModelRequest(messages=messages), seen)
    return accepted(payload)["input"], [str(loss) for loss in seen.losses]


async def answer(*wire: dict[str, Any], **fields: Any) -> Message:
    """A message that this API made."""
    got = await play(model(max_retries=0), body(*wire, **fields), streaming=False)
    assert got.completion is not None
    assert got.completion.message is not None
    return got.completion.message


HI = Message.user("hi")


def test_the_sdk_knows_what_it_does_not_know() -> None:
    from google.genai._gaos.types.interactions import CreateModelInteraction

    payload = {"model": "m", "input": [{"type": "user_input", "content": [{"type": "hologram"}]}]}
    assert len(list(unknown_in(CreateModelInteraction.model_validate(payload)))) == 1


# -- the request ----------------------------------------------------------------------------------


def test_f_gem01_golden() -> None:
    """F-GEM01: all that a request holds."""
    asked = model(
        store=True,
        reasoning_effort="low",
        reasoning_summary="auto",
        temperature=0,
        top_p=0.5,
        max_output_tokens=99,
        stop_sequences=["END"],
        seed=7,
        service_tier="flex",
        previous_interaction_id="v1_0",
        cached_content="abc",
        response_format={"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
    )
    payload = encode(HI, asked=asked, system_instruction="Be brief.", tools=(get_weather,))
    assert payload == {
        "model": "gemini-3-flash-preview",
        "input": [{"type": "user_input", "content": [{"type": "text", "text": "hi"}]}],
        "store": True,
        "system_instruction": "Be brief.",
        "previous_interaction_id": "v1_0",
        "service_tier": "flex",
        "cached_content": "cachedContents/abc",
        "response_format": {
            "type": "text",
            "mime_type": "application/json",
            "schema": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
        },
        "tools": [
            {
                "type": "function",
                "name": "get_weather",
                "description": "Tell the weather.",
                "parameters": dict(get_weather.input_schema),
            }
        ],
        "generation_config": {
            "temperature": 0,
            "top_p": 0.5,
            "max_output_tokens": 99,
            "stop_sequences": ["END"],
            "seed": 7,
            "thinking_level": "low",
            "thinking_summaries": "auto",
            "tool_choice": "auto",
        },
        "stream": True,
    }


def test_f_gem01_defaults() -> None:
    """F-GEM01: nothing is stored, and what is not set is not sent."""
    assert encode(HI, streaming=False) == {
        "model": "gemini-3-flash-preview",
        "input": [{"type": "user_input", "content": [{"type": "text", "text": "hi"}]}],
        "store": False,
    }


def test_f_gem01_default_model_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """F-GEM01."""
    monkeypatch.setenv("GOOGLE_API_KEY", "AIza-env")
    made = ChatGeminiInteractions()
    assert made.model == "gemini-3-flash-preview"
    assert (made.provider, made.dialect, made.issuer) == (
        "gemini-interactions",
        "gemini.interactions",
        "gemini",
    )
    assert "AIza-env" not in repr(made)


@pytest.mark.parametrize("effort", ["minimal", "low", "medium", "high", "xhigh"])
def test_f_gem01_reasoning_effort(effort: str) -> None:
    """F-GEM01."""
    assert encode(HI, asked=model(reasoning_effort=effort))["generation_config"] == {"thinking_level": effort}


@pytest.mark.parametrize("summary", ["auto", "none"])
def test_f_gem01_reasoning_summary(summary: str) -> None:
    """F-GEM01."""
    payload = encode(HI, asked=model(reasoning_summary=summary))
    assert payload["generation_config"] == {"thinking_summaries": summary}


@pytest.mark.parametrize(
    "wrong",
    [
        {"reasoning_effort": "extreme"},
        {"reasoning_summary": "detailed"},
        {"store": "yes"},
        {"previous_interaction_id": ""},
        {"max_output_tokens": 0},
        {"function_calling_mode": "sometimes"},
        {"reasoning_efort": "low"},
    ],
)
def test_f_gem01_settings_are_checked(wrong: dict[str, Any]) -> None:
    """F-GEM01."""
    with pytest.raises(AgentInputError, match=next(iter(wrong))):
        model(**wrong)


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", "auto"),
        ("required", "any"),
        ("any", "any"),
        ("none", "none"),
        ("validated", "validated"),
        ("get_weather", {"allowed_tools": {"mode": "any", "tools": ["get_weather"]}}),
    ],
)
def test_f_gem01_tool_choice(choice: str, sent: Any) -> None:
    """F-GEM01: auto, any, none, validated, or one tool."""
    payload = encode(HI, tools=(get_weather,), tool_choice=choice)
    assert payload["generation_config"]["tool_choice"] == sent


def test_f_gem01_tool_choice_of_the_settings() -> None:
    """F-GEM01: ``validated`` by a setting; a request's own word wins."""
    asked = model(function_calling_mode="validated")
    sent = encode(HI, asked=asked, tools=(get_weather,))["generation_config"]["tool_choice"]
    forced = encode(HI, asked=asked, tools=(get_weather,), tool_choice="none")
    assert sent == "validated"
    assert forced["generation_config"]["tool_choice"] == "none"
    assert "generation_config" not in encode(HI, asked=asked)


def test_tool_choice_of_no_tool_is_refused() -> None:
    with pytest.raises(AgentSerializationError, match="get_time"):
        encode(HI, tools=(get_weather,), tool_choice="get_time")


def test_f_gem01_no_parallel_toggle() -> None:
    """F-GEM01: ``parallel_tool_calls=False`` warns and is reported."""
    seen = report()
    request = ModelRequest(messages=(HI,), tools=(get_weather,), parallel_tool_calls=False)
    with pytest.warns(UserWarning, match="parallel_tool_calls"):
        payload = model().encode(request, seen)
    assert "parallel" not in json.dumps(payload)
    assert [loss.what for loss in seen.losses] == ["parallel_tool_calls"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encode(HI, tools=(get_weather,))


def test_f_gem01_response_format_and_mime_type() -> None:
    """F-GEM01: any JSON by its type; the schema of the request wins over that of the model."""
    assert encode(HI, asked=model(response_mime_type="application/json"))["response_format"] == {
        "type": "text",
        "mime_type": "application/json",
    }
    asked = model(response_format={"type": "object", "properties": {"a": {"type": "string"}}})
    wanted = OutputSchema(schema={"type": "object", "properties": {"b": {"type": "integer"}}})
    assert encode(HI, asked=asked, output_schema=wanted)["response_format"]["schema"] == wanted.schema


def test_extra_fields_are_merged_last() -> None:
    asked = model(
        reasoning_effort="low",
        model_kwargs={"generation_config": {"thinking_level": "high"}, "tools": [{"type": "google_search"}]},
    )
    payload = encode(HI, asked=asked, tools=(get_weather,), extra={"background": True})
    assert payload["generation_config"] == {"thinking_level": "high", "tool_choice": "auto"}
    assert [each["type"] for each in payload["tools"]] == ["function", "google_search"]
    assert payload["background"] is True


def test_nothing_to_send_is_refused() -> None:
    with pytest.raises(AgentSerializationError, match="nothing to send"):
        model().encode(ModelRequest(messages=(Message.system("only this"),)))
    going_on = model(previous_interaction_id="v1_0").encode(ModelRequest())
    assert going_on["input"] == []


def test_native_history_goes_first_as_it_is() -> None:
    native = ({"type": "user_input", "content": [{"type": "text", "text": "before"}]},)
    assert steps(HI, native=native)[0] == native[0]


def test_encoding_is_pure() -> None:
    asked = model(model_kwargs={"labels": {"a": "b"}}, stop_sequences=["x"])
    request = ModelRequest(messages=(HI,), tools=(get_weather,))
    first = asked.encode(request)
    first["labels"]["a"] = "changed"
    first["generation_config"]["stop_sequences"].append("y")
    first["tools"][0]["parameters"]["changed"] = True
    again = asked.encode(request)
    assert again["labels"] == {"a": "b"}
    assert again["generation_config"]["stop_sequences"] == ["x"]
    assert "changed" not in again["tools"][0]["parameters"]


# -- the history ----------------------------------------------------------------------------------


def test_f_gem02_a_whole_conversation() -> None:
    """F-GEM02: roles become steps, calls and results keep their ids, system text goes apart."""
    history = (
        Message.system("Be brief."),
        Message.user("Weather?"),
        Message.assistant(
            [
                ReasoningBlock(summary="Look.", signature="c2ln", provider="gemini"),
                TextBlock(text="One moment."),
                ToolCallBlock(call_id="a", name="get_weather", arguments={"city": "Paris"}),
                ToolCallBlock(call_id="b", name="get_weather", arguments={"city": "Rome"}),
            ]
        ),
        Message.user(
            [
                TextBlock(text="Here:"),
                ToolOutputBlock(call_id="a", output={"sky": "blue"}),
                ToolOutputBlock(call_id="b", name="get_weather", output="no such city", is_error=True),
            ]
        ),
    )
    payload = encode(*history, system_instruction="Always.")
    assert payload["system_instruction"] == "Always.\n\nBe brief."
    assert payload["input"] == [
        {"type": "user_input", "content": [{"type": "text", "text": "Weather?"}]},
        {"type": "thought", "signature": "c2ln", "summary": [{"type": "text", "text": "Look."}]},
        {"type": "model_output", "content": [{"type": "text", "text": "One moment."}]},
        {"type": "function_call", "id": "a", "name": "get_weather", "arguments": {"city": "Paris"}},
        {"type": "function_call", "id": "b", "name": "get_weather", "arguments": {"city": "Rome"}},
        {"type": "function_result", "call_id": "a", "name": "get_weather", "result": {"sky": "blue"}},
        {
            "type": "function_result",
            "call_id": "b",
            "name": "get_weather",
            "result": "no such city",
            "is_error": True,
        },
        {"type": "user_input", "content": [{"type": "text", "text": "Here:"}]},
    ]


@pytest.mark.parametrize(
    ("output", "sent"),
    [
        ("text", "text"),
        ("", ""),
        ({"a": 1}, {"a": 1}),
        ({}, {}),
        ([1, 2], "[1, 2]"),
        (3, "3"),
        (None, "null"),
        ((TextBlock(text="a"), TextBlock(text="b")), "ab"),
    ],
)
def test_f_gem02_outputs(output: Any, sent: Any) -> None:
    """F-GEM02: an object or a text; other JSON goes as its text."""
    call = ToolCallBlock(call_id="a", name="f", arguments={})
    history = (HI, Message.assistant(call), Message.user(ToolOutputBlock(call_id="a", output=output)))
    assert steps(*history)[-1] == {"type": "function_result", "call_id": "a", "name": "f", "result": sent}


def test_f_gem02_media_in_outputs() -> None:
    """F-GEM02: media stay inside the result."""
    image = ImageContent.from_base64(PNG, "image/png")
    output = ToolOutputBlock(call_id="a", name="f", output=(TextBlock(text="see"), image))
    history = (
        HI,
        Message.assistant(ToolCallBlock(call_id="a", name="f", arguments={})),
        Message.user(output),
    )
    assert steps(*history)[-1]["result"] == [
        {"type": "text", "text": "see"},
        {"type": "image", "mime_type": "image/png", "data": PNG},
    ]


def test_media_of_the_user_and_of_others() -> None:
    image = ImageContent.from_base64(PNG, "image/png")
    linked = ImageContent(url="https://example.org/i.png", mime_type="image/png")
    found = steps(Message.user(["look", image, linked]), Message.assistant(["made", image]), HI)
    shown = {"type": "image", "mime_type": "image/png", "data": PNG}
    assert found[0]["content"] == [
        {"type": "text", "text": "look"},
        shown,
        {"type": "image", "mime_type": "image/png", "uri": "https://example.org/i.png"},
    ]
    assert found[1] == {"type": "model_output", "content": [{"type": "text", "text": "made"}, shown]}


def test_foreign_files_are_refused() -> None:
    stored = ImageContent(file_id="file-1", provider="openai", mime_type="image/png")
    with pytest.raises(UnsupportedContentError, match="openai") as caught:
        steps(Message.user(["look", stored]))
    assert (caught.value.context["message"], caught.value.context["block"]) == (0, 1)


def test_f_n39_unknown_content_is_refused() -> None:
    """F-N39, F-MED08."""
    with pytest.raises(UnsupportedContentError, match=r"hologram"):
        steps(Message.user(["look", OpaqueContent(type="hologram")]))


async def test_f_gem02_steps_of_the_vendor_go_back_as_they_came() -> None:
    """F-GEM02, F-N37: server-side work, citations, media, unknown fields and unknown steps, in their places."""
    odd = {"type": "time_travel_call", "id": "t", "arguments": {"year": 1985}}
    thought = {"type": "thought", "signature": "c2ln", "summary": [], "depth": 2}
    imaged = {
        "type": "thought",
        "signature": "c2ln",
        "summary": [{"type": "text", "text": "a"}, {"type": "image", "data": PNG, "mime_type": "image/png"}],
    }
    second = {"type": "model_output", "content": [{"type": "text", "text": "More.", "mood": "calm"}], "x": 1}
    untyped = {"type": "model_output", "content": [{"type": "image", "data": PNG}]}
    wire: list[dict[str, Any]] = [thought, odd, imaged, *STEPS, second, second, untyped, CALL]
    message = await answer(*wire)
    request = ModelRequest(messages=(HI, message, HI))
    seen = report("strict")
    payload = model().encode(request, seen)
    assert payload["input"][1:-1] == wire
    assert seen.losses == []
    kept = await answer(*STEPS)
    assert steps(HI, kept, HI)[1:-1] == STEPS


async def test_f_gem02_state_does_not_go_to_other_issuers() -> None:
    """F-GEM02: no signature, no item and no citation of Google on another server's wire."""
    message = await answer(*STEPS)
    elsewhere = model(base_url="https://gemini.example.org")
    assert elsewhere.issuer == "gemini.example.org"
    seen = report()
    payload = accepted(elsewhere.encode(ModelRequest(messages=(HI, message, HI)), seen))
    text = json.dumps(payload["input"])
    assert not [word for word in ("c2ln", "google_search", "url_citation", "extra_field") if word in text]
    assert [step["type"] for step in payload["input"]] == [
        "user_input",
        "model_output",
        "function_call",
        "user_input",
    ]
    assert [(loss.kind, loss.block) for loss in seen.losses] == [
        ("dropped", 0),
        ("dropped", 1),
        ("dropped", 2),
        ("rewritten", 3),
    ]
    with pytest.raises(AgentSerializationError, match="strict"):
        elsewhere.encode(ModelRequest(messages=(message,)), report("strict"))


def test_foreign_state_is_not_sent() -> None:
    """Reasoning, server-side work and item ids of others stay away from this wire."""
    history = (
        HI,
        Message.assistant(
            [
                ReasoningBlock(summary="s", signature="enc", reasoning_id="rs_1", provider="openai"),
                OpaqueContent(
                    type="openai.web_search_call", provider="openai", data={"item": {"id": "ws_1"}}
                ),
                TextBlock(text="Yes.", opaque={"openai": {"item": {"id": "msg_1"}}}),
                ToolCallBlock(
                    call_id="c", name="f", arguments={}, opaque={"openai": {"item": {"id": "fc_1"}}}
                ),
            ]
        ),
        Message.user(ToolOutputBlock(call_id="c", output="x")),
    )
    found, losses = lossy(*history)
    assert not [word for word in ("enc", "rs_1", "ws_1", "msg_1", "fc_1") if word in json.dumps(found)]
    assert len(losses) == 2
    assert all("openai" in loss for loss in losses)


async def test_generate_content_and_interactions_keep_apart() -> None:
    """Both have one issuer: what one API made has no form in the other, and that is said."""
    theirs = {
        "candidates": [
            {
                "content": {
                    "role": "model",
                    "parts": [
                        {"text": "Hm.", "thought": True},
                        {"executableCode": {"language": "PYTHON", "code": "1"}},
                        {"functionCall": {"id": "c", "name": "f", "args": {}}, "thoughtSignature": "c2ln"},
                    ],
                },
                "finishReason": "STOP",
            }
        ]
    }
    chat = ChatGemini(api_key="AIza-test", max_retries=0)
    got = await play(chat, json.dumps(theirs).encode(), streaming=False)
    assert got.completion is not None
    assert got.completion.message is not None
    found, losses = lossy(HI, got.completion.message, Message.user(ToolOutputBlock(call_id="c", output="x")))
    assert [step["type"] for step in found] == ["user_input", "function_call", "function_result"]
    assert "c2ln" not in json.dumps(found)
    assert len(losses) == 3
    message = await answer(*STEPS)
    payload = json.dumps(chat.encode(ModelRequest(messages=(HI, message, HI))))
    assert not [word for word in ("google_search_call", "extra_field", "model_output") if word in payload]


@pytest.mark.parametrize(
    "block",
    [
        ReasoningBlock(summary="s", provider="gemini"),
        ReasoningBlock(summary="s"),
        ReasoningBlock(text="t", redacted=True),
        ReasoningBlock(summary="s", signature="", provider="gemini"),
    ],
)
def test_f_gem02_thoughts_need_their_signature(block: ReasoningBlock) -> None:
    """F-GEM02."""
    with pytest.raises(AgentSerializationError, match="signature") as caught:
        steps(HI, Message.assistant([block, "x"]))
    assert (caught.value.context["message"], caught.value.context["block"]) == (1, 0)


async def test_f_gem02_a_thought_that_came_unsigned_is_refused_too() -> None:
    """F-GEM02."""
    message = await answer({"type": "thought", "summary": [{"type": "text", "text": "Hm."}]}, SAID)
    with pytest.raises(AgentSerializationError, match="signature"):
        steps(HI, message)


def test_the_text_of_a_thought_is_its_summary_here() -> None:
    found, losses = lossy(HI, Message.assistant([ReasoningBlock(text="t", signature="c2ln"), "x"]))
    assert found[1] == {"type": "thought", "signature": "c2ln", "summary": [{"type": "text", "text": "t"}]}
    assert len(losses) == 1


@pytest.mark.parametrize("raw", ['{"city": "Par', "[1]", "nonsense"])
def test_f_n11_malformed_arguments_go_back_as_their_text(raw: str) -> None:
    """F-N11: the wire takes an object, so the raw text is inside one, and never ``{}``."""
    call = ToolCallBlock(call_id="a", name="f", arguments_json=raw)
    history = (
        HI,
        Message.assistant(call),
        Message.user(ToolOutputBlock(call_id="a", output="bad", is_error=True)),
    )
    found, losses = lossy(*history, mode="strict")
    assert found[1]["arguments"] == {"raw_arguments": raw}
    assert len(losses) == 1


def test_empty_texts_and_late_system_texts_are_reported() -> None:
    history = (
        Message.user(["", "hi"]),
        Message.assistant(["", "yes"]),
        Message.system("From now on in French."),
        HI,
    )
    seen = report()
    payload = model().encode(ModelRequest(messages=history), seen)
    assert payload["system_instruction"] == "From now on in French."
    assert [step["content"] for step in payload["input"]] == [
        [{"type": "text", "text": "hi"}],
        [{"type": "text", "text": "yes"}],
        [{"type": "text", "text": "hi"}],
    ]
    assert [(loss.kind, loss.message, loss.lossless) for loss in seen.losses] == [
        ("rewritten", 0, True),
        ("rewritten", 1, True),
        ("rewritten", 2, False),
    ]


def test_foreign_citations_are_reported() -> None:
    found, losses = lossy(HI, Message.assistant([TextBlock(text="Yes.", annotations=[NOTE])]), HI)
    assert found[1]["content"] == [{"type": "text", "text": "Yes."}]
    assert len(losses) == 1


async def test_changed_blocks_go_as_they_are_now() -> None:
    message = await answer(SAID, CALL)
    first, *rest, call = message.content
    assert isinstance(first, TextBlock)
    assert isinstance(call, ToolCallBlock)
    changed = [
        attrs.evolve(first, text="Rainy."),
        *rest,
        attrs.evolve(call, arguments_json='{"city": "Rome"}', arguments=None),
    ]
    found = steps(HI, Message.assistant(changed), HI)
    assert found[1]["content"][0]["text"] == "Rainy."
    assert found[2]["arguments"] == {"city": "Rome"}
    assert found[2]["extra_field"] == {"kept": True}


async def test_stored_messages_go_back_as_they_came() -> None:
    """JSON in between changes nothing."""
    from lamella.serial import from_json, to_json

    message = await answer(*STEPS)
    again = from_json(to_json(message), Message)
    assert steps(HI, again, HI)[1:-1] == STEPS


@pytest.mark.parametrize("wire", [[THOUGHT, CALL], [SEARCH, FOUND, SAID], STEPS])
async def test_the_sdk_takes_what_goes_back(wire: list[Any]) -> None:
    message = await answer(*wire)
    assert steps(HI, message, HI)[1:-1] == wire
