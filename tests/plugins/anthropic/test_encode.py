"""Requests: table W3 row by row, the order of a turn, state of this vendor and of others."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from lamella import tool
from lamella.content import (
    Block,
    MediaContent,
    OpaqueContent,
    ReasoningBlock,
    TextBlock,
    ToolCallBlock,
    ToolOutputBlock,
)
from lamella.errors import AgentSerializationError, UnsupportedContentError
from lamella.messages import Message
from lamella.models import ModelRequest
from lamella_anthropic import ChatAnthropic
from lamella_image import ImageContent

PNG = ImageContent.from_bytes(b"\x89PNG\r\n\x1a\n", "image/png")
WIRE_PNG = {
    "type": "image",
    "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="},
}
SIGNED = ReasoningBlock(text="hm", signature="c2ln", provider="anthropic")
WIRE_SIGNED = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}


@tool
def weather(city: str) -> str:
    """Tell the weather."""
    return city


def model(**fields: Any) -> ChatAnthropic:
    return ChatAnthropic(**{"api_key": "sk-x", **fields})


def encoded(
    *messages: Message, made: ChatAnthropic | None = None, **fields: Any
) -> tuple[dict[str, Any], Any]:
    request = ModelRequest(messages=messages or (Message.user("hi"),), **fields)
    made = made or model()
    report = made.report(request)
    return made.encode(request, report), report


def content(*blocks: Block | str, **fields: Any) -> tuple[list[Any], list[str]]:
    """The assistant's content on the wire, and the reported losses."""
    payload, report = encoded(Message.user("hi"), Message.assistant(list(blocks)), **fields)
    messages = payload["messages"]
    return (messages[1]["content"] if len(messages) > 1 else []), [str(loss) for loss in report.losses]


def call(number: int = 1, text: str = '{"city": "Rome"}', **fields: Any) -> ToolCallBlock:
    return ToolCallBlock(**{"call_id": f"c{number}", "name": "weather", "arguments_json": text, **fields})


def wire_call(number: int = 1) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"c{number}", "name": "weather", "input": {"city": "Rome"}}


# -- table W3 -------------------------------------------------------------------------------------


def test_w3_system() -> None:
    """F-ANT02: the instruction first, then leading system messages; a later one is refused."""
    payload, _ = encoded(
        Message.system(["one", "two"]), Message.system("three"), Message.user("hi"), system_instruction="zero"
    )
    assert payload["system"] == [{"type": "text", "text": each} for each in ("zero", "one", "two", "three")]
    assert [message["role"] for message in payload["messages"]] == ["user"]
    with pytest.raises(AgentSerializationError) as caught:
        encoded(Message.user("hi"), Message.system("be brief"))
    assert caught.value.context["role"] == "system"
    assert caught.value.context["message"] == 1
    assert caught.value.context["provider"] == "anthropic"


def test_w3_text_and_call() -> None:
    """F-ANT01."""
    got, losses = content("hello", call())
    assert got == [{"type": "text", "text": "hello"}, wire_call()]
    assert losses == []


def test_w3_output() -> None:
    """F-ANT01: text, JSON, media; errors; nothing."""
    payload, _ = encoded(
        Message.user("hi"),
        Message.assistant([call(1), call(2), call(3), call(4)]),
        Message.user(
            [
                ToolOutputBlock(call_id="c1", output="sunny"),
                ToolOutputBlock(call_id="c2", output={"t": 20}, is_error=True),
                ToolOutputBlock(call_id="c3", output=(TextBlock(text="see"), PNG)),
                ToolOutputBlock(call_id="c4", output=""),
            ]
        ),
    )
    head = {"type": "tool_result", "is_error": False}
    assert payload["messages"][2]["content"] == [
        {**head, "tool_use_id": "c1", "content": "sunny"},
        {**head, "tool_use_id": "c2", "content": '{"t": 20}', "is_error": True},
        {**head, "tool_use_id": "c3", "content": [{"type": "text", "text": "see"}, WIRE_PNG]},
        {**head, "tool_use_id": "c4"},
    ]


def test_w3_reasoning() -> None:
    """F-ANT02, F-N36, F-N37: verbatim, never truncated; redacted; with hidden text."""
    long = "ö " * 100_000
    got, losses = content(
        attrs.evolve(SIGNED, text=long),
        ReasoningBlock(signature="ZGF0YQ==", redacted=True, provider="anthropic"),
        ReasoningBlock(text="", signature="b21pdA==", provider="anthropic"),
        "so",
    )
    assert got == [
        {"type": "thinking", "thinking": long, "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "ZGF0YQ=="},
        {"type": "thinking", "thinking": "", "signature": "b21pdA=="},
        {"type": "text", "text": "so"},
    ]
    assert losses == []


def test_w3_image() -> None:
    """F-ANT01: by value and by URL."""
    by_url = ImageContent(url="https://x.example/a.png", mime_type="image/png")
    payload, _ = encoded(Message.user(["look", PNG, by_url]))
    assert payload["messages"][0]["content"] == [
        {"type": "text", "text": "look"},
        WIRE_PNG,
        {"type": "image", "source": {"type": "url", "url": "https://x.example/a.png"}},
    ]


def test_w3_tools_and_choices() -> None:
    """F-ANT01."""
    payload, _ = encoded(tools=(weather,))
    assert payload["tools"] == [
        {"name": "weather", "description": "Tell the weather.", "input_schema": weather.input_schema}
    ]
    choices: dict[str, Any] = {
        "auto": {"type": "auto"},
        "required": {"type": "any"},
        "none": {"type": "none"},
        "weather": {"type": "tool", "name": "weather"},
    }
    for choice, wire in choices.items():
        assert encoded(tools=(weather,), tool_choice=choice)[0]["tool_choice"] == wire
        alone = encoded(tools=(weather,), tool_choice=choice, parallel_tool_calls=False)[0]["tool_choice"]
        assert alone == (wire if choice == "none" else {**wire, "disable_parallel_tool_use": True})
    assert "tool_choice" not in encoded()[0]


def test_strict_tools() -> None:
    strict = attrs.evolve(weather, strict=True)
    (sent,) = encoded(tools=(strict,))[0]["tools"]
    assert sent["strict"] is True
    assert sent["input_schema"] == strict.wire_schema()[0]
    old, report = encoded(tools=(strict,), made=model(model="claude-sonnet-4-20250514"))
    assert "strict" not in old["tools"][0]
    assert "without strict mode" in report.losses[0].reason


def test_tool_names_are_checked() -> None:
    """F-PRV01: before the network, with what to do."""
    bad = attrs.evolve(weather, name="tell.weather")
    with pytest.raises(AgentSerializationError, match="64 letters"):
        encoded(tools=(bad,))


@pytest.mark.parametrize("thinking", ["adaptive", 2048, {"type": "adaptive"}])
@pytest.mark.parametrize("choice", ["required", "weather"])
def test_a_model_that_thinks_cannot_be_forced(thinking: Any, choice: str) -> None:
    """F-PRV01: and the plan says so."""
    thinker = model(thinking=thinking)
    with pytest.raises(AgentSerializationError, match="while the model thinks"):
        encoded(tools=(weather,), tool_choice=choice, made=thinker)
    request = ModelRequest.of("hi", tools=(weather,), tool_choice=choice)
    assert not thinker.plan(request).possible
    assert model(thinking="disabled").plan(request).possible


# -- turns ----------------------------------------------------------------------------------------


def test_f_ant02_neighbours_of_one_role_are_one() -> None:
    """F-ANT02."""
    payload, report = encoded(
        Message.user("a"),
        Message.user("b"),
        Message.assistant("c"),
        Message.assistant([" ", "d"]),
        Message.assistant("\n"),
        Message.user("e"),
    )
    assert [
        (message["role"], [part["text"] for part in message["content"]]) for message in payload["messages"]
    ] == [
        ("user", ["a", "b"]),
        ("assistant", ["c", "d"]),
        ("user", ["e"]),
    ]
    assert [(loss.message, loss.block, loss.lossless) for loss in report.losses] == [
        (3, 0, True),
        (4, 0, True),
    ]


def test_f_ant02_order_within_a_turn() -> None:
    """F-ANT02: thinking, text, calls; each move is reported and loses nothing."""
    got, losses = content(call(), "text", SIGNED)
    assert got == [WIRE_SIGNED, {"type": "text", "text": "text"}, wire_call()]
    assert len(losses) == 2
    strict, _ = content(call(), "text", transplant="strict")
    assert [part["type"] for part in strict] == ["text", "tool_use"]


def test_f_ant02_interleaved_thinking_stays_where_it_was() -> None:
    """F-ANT02, F-N36."""
    second = attrs.evolve(SIGNED, text="again", signature="Mg==")
    got, losses = content(SIGNED, call(1), second, call(2), "after")
    assert [part["type"] for part in got] == ["thinking", "tool_use", "thinking", "tool_use", "text"]
    assert losses == []


def test_f_ant02_the_vendors_own_turn_keeps_its_order() -> None:
    """F-ANT02."""
    own = call(1, opaque={"anthropic": {"block": {"caller": {"type": "direct"}}}})
    got, losses = content(own, "after")
    assert got == [{**wire_call(1), "caller": {"type": "direct"}}, {"type": "text", "text": "after"}]
    assert losses == []


def test_outputs_stand_first() -> None:
    payload, report = encoded(
        Message.user("hi"),
        Message.assistant([call()]),
        Message.user(["and?", ToolOutputBlock(call_id="c1", output="sunny")]),
    )
    assert [part["type"] for part in payload["messages"][2]["content"]] == ["tool_result", "text"]
    assert [loss.lossless for loss in report.losses] == [True]


def test_media_of_a_failed_call_follows_its_output() -> None:
    """An error holds text only."""
    failed = ToolOutputBlock(call_id="c1", output=(TextBlock(text="broke"), PNG), is_error=True)
    payload, report = encoded(Message.user("hi"), Message.assistant([call()]), Message.user([failed]))
    result, note, image = payload["messages"][2]["content"]
    assert result["content"] == [{"type": "text", "text": "broke"}]
    assert "c1" in note["text"]
    assert image == WIRE_PNG
    assert [loss.lossless for loss in report.losses] == [True]


def test_native_history_goes_as_it_is() -> None:
    native = ({"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"})
    payload, _ = encoded(Message.user("more"), native=native)
    assert payload["messages"][:2] == list(native)
    with pytest.raises(AgentSerializationError):
        encoded(Message.system("x"), native=native)


# -- ids, names, arguments ------------------------------------------------------------------------


def test_ids_that_the_vendor_refuses_are_mapped_alike() -> None:
    payload, report = encoded(
        Message.user("hi"),
        Message.assistant([call(call_id="a|b.c:1"), call(call_id="call_ok")]),
        Message.user(
            [ToolOutputBlock(call_id="a|b.c:1", output="x"), ToolOutputBlock(call_id="call_ok", output="y")]
        ),
        transplant="strict",
    )
    first, second = payload["messages"][1]["content"]
    assert first["id"].isalnum()
    assert second["id"] == "call_ok"
    assert [part["tool_use_id"] for part in payload["messages"][2]["content"]] == [first["id"], "call_ok"]
    assert all(loss.lossless for loss in report.losses)


@pytest.mark.parametrize("text", ['{"city": "Ro', "[1]", "null", "free text", '{"x": NaN}'])
def test_malformed_arguments_never_become_an_empty_object(text: str) -> None:
    """Law 4: the text is kept whole, and reported."""
    got, losses = content(call(1, text))
    assert got[0]["input"] == {"_malformed_arguments": text}
    assert "no JSON object" in losses[0]


def test_blank_arguments_are_the_empty_object() -> None:
    assert content(call(1, ""))[0][0]["input"] == {}


def test_foreign_call_names_are_rewritten_with_a_report() -> None:
    got, losses = content(call(1, name="default_api:weather"))
    assert got[0]["name"] == "default_api_weather"
    assert "default_api:weather" in losses[0]


# -- state of this vendor and of others -----------------------------------------------------------


def test_foreign_state_is_dropped_with_the_reason() -> None:
    """F-N37: no foreign signature, work or citation is sent."""
    canary = "CANARY"
    got, losses = content(
        ReasoningBlock(text="t", signature=canary, provider="openai"),
        ReasoningBlock(signature=canary, redacted=True, provider="gemini"),
        OpaqueContent(type="openai.web_search_call", provider="openai", data={"item": {"id": canary}}),
        TextBlock(text="said", annotations=[{"url": canary}], opaque={"openai": {"item": {"id": canary}}}),
        call(opaque={"openai": {"item": {"id": canary}}}),
    )
    assert got == [{"type": "text", "text": "said"}, wire_call()]
    assert canary not in str(losses)
    assert len(losses) == 4
    with pytest.raises(AgentSerializationError, match="strict mode"):
        content(ReasoningBlock(text="t", signature=canary, provider="openai"), "x", transplant="strict")


def test_thinking_without_a_signature() -> None:
    """F-ANT02: unsigned thinking of nobody is dropped, built by hand as the vendor's it is refused."""
    got, losses = content(ReasoningBlock(text="hm"), "so")
    assert got == [{"type": "text", "text": "so"}]
    assert "no signature" in losses[0]
    for block in (
        ReasoningBlock(text="hm", provider="anthropic"),
        ReasoningBlock(redacted=True, provider="anthropic"),
    ):
        with pytest.raises(AgentSerializationError, match="replayed with its signature"):
            content(block, "so")


def test_signed_thinking_of_nobody_is_vouched_for() -> None:
    assert content(ReasoningBlock(text="hm", signature="c2ln"), "so")[0][0] == WIRE_SIGNED


def test_thinking_that_came_unsigned() -> None:
    """The vendor takes none of it back; a compatible server gets back what it gave."""
    unsigned = ReasoningBlock(text="hm", provider="anthropic", opaque={"anthropic": {"block": {}}})
    assert [part["type"] for part in content(unsigned, "so")[0]] == ["text"]
    other = ReasoningBlock(text="hm", provider="gw.example", opaque={"gw.example": {"block": {}}})
    got, losses = content(other, "so", made=model(base_url="https://gw.example"))
    assert got[0] == {"type": "thinking", "thinking": "hm", "signature": ""}
    assert losses == []


def test_server_side_work_goes_back_verbatim() -> None:
    """F-N37."""
    use = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}}
    result = {
        "type": "web_search_tool_result",
        "tool_use_id": "srvtoolu_1",
        "content": [{"encrypted_content": "E"}],
    }
    blocks = [
        OpaqueContent(type=f"anthropic.{item['type']}", provider="anthropic", data={"item": item})
        for item in (use, result)
    ]
    got, losses = content("before", *blocks, "after")
    assert got == [{"type": "text", "text": "before"}, use, result, {"type": "text", "text": "after"}]
    assert losses == []


def test_work_that_broke_off_is_left_out() -> None:
    use = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    half = OpaqueContent(
        type="anthropic.server_tool_use", provider="anthropic", data={"item": use, "partial_json": '{"q'}
    )
    got, losses = content("a", half)
    assert len(got) == 1
    assert "broke off" in losses[0]
    block = OpaqueContent(type="anthropic.server_tool_use", provider="anthropic", data={"item": use})
    cut = Message(role="assistant", content=["a", block], meta={"incomplete": True})
    payload, report = encoded(Message.user("hi"), cut, Message.user("go on"))
    assert len(payload["messages"][1]["content"]) == 1
    assert "broke off" in report.losses[0].reason
    paused = Message(role="assistant", content=["a", block])
    assert encoded(Message.user("hi"), paused)[0]["messages"][1]["content"][1] == use


def test_citations_go_back_on_the_assistants_text_only() -> None:
    citation = {"type": "char_location", "cited_text": "x", "document_index": 0, "file_id": None}
    own = TextBlock(text="said", annotations=[citation], opaque={"anthropic": {"block": {}}})
    got, losses = content(own)
    assert got[0]["citations"] == [{k: v for k, v in citation.items() if k != "file_id"}]
    assert losses == []
    payload, report = encoded(Message.user([own]))
    assert payload["messages"][0]["content"] == [{"type": "text", "text": "said"}]
    assert "citations" in report.losses[0].reason


# -- refusals -------------------------------------------------------------------------------------


class Sound(MediaContent):
    type = "sound"


@pytest.mark.parametrize(
    "block",
    [
        Sound(data=b"x", mime_type="audio/wav"),
        ImageContent(data=b"x", mime_type="image/tiff"),
        ImageContent(file_id="file-1", provider="openai", mime_type="image/png"),
        OpaqueContent(type="hologram", data={"x": 1}),
    ],
    ids=["unknown", "format", "foreign-file", "uninstalled"],
)
def test_f_n39_unsupported_media_is_named(block: Block) -> None:
    """F-N39, F-PRV01: in a message and in a tool's output."""
    for blocks in ([block], [ToolOutputBlock(call_id="c1", output=(TextBlock(text="x"), block))]):
        with pytest.raises(UnsupportedContentError) as caught:
            encoded(Message.user("hi"), Message.assistant([call()]), Message.user(blocks))
        assert caught.value.context["message"] == 2
        assert caught.value.context["dialect"] == "anthropic.messages"
        assert caught.value.context["role"] == "user"


def test_own_file_ids_are_sent() -> None:
    image = ImageContent(file_id="file_1", provider="anthropic", mime_type="image/png")
    payload, _ = encoded(Message.user([image]))
    assert payload["messages"][0]["content"][0]["source"] == {"type": "file", "file_id": "file_1"}


def test_f_prv01_media_of_the_assistant_is_refused_by_name() -> None:
    """F-PRV01."""
    with pytest.raises(UnsupportedContentError, match="give it in a user message"):
        content(PNG)


def test_a_request_is_not_changed_by_its_payload() -> None:
    made = model(model_kwargs={"metadata": {"a": "b"}}, cache="5m")
    request = ModelRequest(messages=[Message.user("hi")], tools=(weather,), extra={"metadata": {"c": "d"}})
    first = made.encode(request)
    first["metadata"]["x"] = "y"
    first["tools"][0]["cache_control"]["x"] = 1
    assert made.encode(request) == made.encode(request)
    assert made.encode(request)["metadata"] == {"a": "b", "c": "d"}


def test_a_failure_without_a_word_gets_one() -> None:
    """The vendor refuses errors without content."""
    for output in ("", " \n"):
        failed = ToolOutputBlock(call_id="call_1", output=output, is_error=True)
        payload, report = encoded(Message.user("hi"), Message.assistant([call()]), Message.user([failed]))
        (result,) = payload["messages"][2]["content"]
        assert (result["content"], result["is_error"]) == ("(no message)", True)
        assert [(loss.what, loss.lossless) for loss in report.losses if loss.message == 2] == [
            ("tool_output", True)
        ]
