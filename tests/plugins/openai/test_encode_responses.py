"""Requests for the Responses API: table W1 row by row, options, and what goes back to its issuer."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from lamella import tool
from lamella.content import (
    OpaqueContent,
    ReasoningBlock,
    TextBlock,
    ToolCallBlock,
    ToolOutputBlock,
)
from lamella.errors import AgentInputError, AgentSerializationError, UnsupportedContentError
from lamella.messages import Message
from lamella.models import ModelRequest, OutputSchema
from lamella_image import ImageContent
from lamella_openai import ChatOpenAI

PNG = ImageContent.from_bytes(b"\x89PNG\r\n\x1a\n", "image/png")


@tool
def weather(city: str, days: int = 1) -> str:
    """Tell the weather."""
    return f"{city} {days}"


def model(name: str = "gpt-5-nano", **fields: Any) -> ChatOpenAI:
    return ChatOpenAI(name, api_key="sk-x", **fields)


def payload(*messages: Message, **fields: Any) -> dict[str, Any]:
    return model().encode(ModelRequest(messages=messages or (Message.user("hi"),), **fields))


def items(*messages: Message) -> list[Any]:
    found: list[Any] = payload(*messages)["input"]
    return found


# -- table W1 -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "native",
    [
        [{"role": "user", "content": "hi"}],
        [
            {"role": "system", "content": [{"type": "input_text", "text": "be brief"}]},
            {"role": "user", "content": "hi"},
        ],
        [
            {"role": "user", "content": "hi"},
            {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "fine"},
        ],
        [{"nonsense": True}],
    ],
)
def test_f_msg15_native_payloads_pass_unchanged(native: list[dict[str, Any]]) -> None:
    """F-MSG15, W1 (a plain string as content is the wire's own short form)."""
    assert model().encode(ModelRequest.of(native))["input"] == native


@pytest.mark.parametrize("role", ["system", "user"])
def test_w1_text_of_system_and_user(role: Any) -> None:
    assert items(Message(role=role, content="hi")) == [
        {"role": role, "content": [{"type": "input_text", "text": "hi"}]}
    ]


def test_w1_text_of_the_assistant() -> None:
    assert items(Message.assistant(["a", "b"])) == [
        {
            "role": "assistant",
            "content": [{"type": "output_text", "text": "a"}, {"type": "output_text", "text": "b"}],
        }
    ]


def test_w1_tool_call() -> None:
    """F-MSG02: the arguments are the string as it was received."""
    call = ToolCallBlock(call_id="c1", name="weather", arguments_json='{"city":  "Rome"')
    assert items(Message.assistant([call])) == [
        {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"city":  "Rome"'}
    ]


@pytest.mark.parametrize(
    ("output", "wire"),
    [
        ("fine", "fine"),
        (10.8, "10.8"),
        ({"a": True, "b": None}, '{"a": true, "b": null}'),
        (None, "null"),
        ("", ""),
    ],
)
def test_w1_tool_output(output: Any, wire: str) -> None:
    assert items(Message.user([ToolOutputBlock(call_id="c1", output=output)])) == [
        {"type": "function_call_output", "call_id": "c1", "output": wire}
    ]


def test_w1_tool_output_with_media() -> None:
    output = ToolOutputBlock(call_id="c1", output=(TextBlock(text="see"), PNG))
    assert items(Message.user([output]))[0]["output"] == [
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "image_url": PNG.data_uri},
    ]


def test_f_n20_outputs_stand_first_and_in_order() -> None:
    """F-N20, F-MSG05."""
    outputs = [ToolOutputBlock(call_id=f"c{number}", output="x") for number in (1, 2)]
    sent = items(Message.user([outputs[0], TextBlock(text="and"), outputs[1]]))
    assert [item.get("call_id", item.get("role")) for item in sent] == ["c1", "c2", "user"]


def test_w1_image() -> None:
    """F-N38: base64 exactly once; a URL as it is; the order of the message."""
    url = ImageContent.from_url("https://x.example/a.jpg")
    (sent,) = items(Message.user(["see", PNG, url]))
    assert sent["content"] == [
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo="},
        {"type": "input_image", "image_url": "https://x.example/a.jpg"},
    ]


def test_w1_reasoning() -> None:
    block = ReasoningBlock(reasoning_id="rs_1", summary="thought", signature="enc")
    assert items(Message.assistant([block])) == [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "thought"}],
            "encrypted_content": "enc",
        }
    ]


def test_f_oai04_reasoning_with_a_signature_and_no_summary() -> None:
    """F-OAI04, F-N37: ``summary: []``."""
    block = ReasoningBlock(reasoning_id="rs_1", signature="enc")
    assert items(Message.assistant([block])) == [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "enc"}
    ]
    assert (
        "encrypted_content"
        not in items(Message.assistant([ReasoningBlock(reasoning_id="r", summary="s")]))[0]
    )


@pytest.mark.parametrize(
    "block",
    [
        ReasoningBlock(summary="s"),
        ReasoningBlock(signature="enc"),
        ReasoningBlock(reasoning_id="rs_1"),
        ReasoningBlock(reasoning_id="rs_1", text="t", provider="openai"),
    ],
)
def test_f_oai04_reasoning_that_cannot_be_replayed(block: ReasoningBlock) -> None:
    """F-OAI04, F-PRV01."""
    with pytest.raises(AgentSerializationError) as caught:
        items(Message.user("hi"), Message.assistant([block]))
    assert caught.value.context["message"] == 1
    assert caught.value.context["block_type"] == "reasoning"


def test_w1_system_instruction_and_tools() -> None:
    sent = payload(system_instruction="be brief", tools=(weather,))
    assert sent["instructions"] == "be brief"
    assert sent["tools"] == [
        {
            "type": "function",
            "name": "weather",
            "description": "Tell the weather.",
            "parameters": weather.input_schema,
            "strict": False,
        }
    ]
    assert sent["tool_choice"] == "auto"
    assert sent["parallel_tool_calls"] is True
    assert payload(tools=(weather,), parallel_tool_calls=False)["parallel_tool_calls"] is False


def test_w1_strict_tool() -> None:
    """F-TOOL04, F-N15."""
    strict = attrs.evolve(weather, strict=True)
    (sent,) = payload(tools=(strict,))["tools"]
    assert sent["strict"] is True
    assert sent["parameters"]["required"] == ["city", "days"]


def test_strict_that_cannot_be_had_is_reported() -> None:
    @tool(strict=True)
    def anything(value: Any) -> str:
        """Take anything."""
        return str(value)

    request = ModelRequest.of("hi", tools=(anything,))
    plan = model().plan(request)
    assert plan.possible
    assert [loss.kind for loss in plan.losses] == ["rewritten"]
    assert model().encode(request)["tools"][0]["strict"] is False


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        ("auto", "auto"),
        ("none", "none"),
        ("required", "required"),
        ("any", "required"),
        ("weather", {"type": "function", "name": "weather"}),
    ],
)
def test_w1_tool_choice(choice: str, wire: Any) -> None:
    """F-TOOL13."""
    assert payload(tools=(weather,), tool_choice=choice)["tool_choice"] == wire


def test_f_tool07_without_tools_there_is_none_of_their_keys() -> None:
    """F-TOOL07."""
    sent = payload(tool_choice="required", parallel_tool_calls=False)
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & sent.keys()


def test_the_o_series_is_not_sent_the_flag_it_refuses() -> None:
    request = ModelRequest.of("hi", tools=(weather,))
    assert "parallel_tool_calls" not in model("o4-mini").encode(request)
    assert (
        model("o4-mini").encode(attrs.evolve(request, parallel_tool_calls=False))["parallel_tool_calls"]
        is False
    )


# -- options --------------------------------------------------------------------------------------


def test_unset_is_not_sent_and_zero_is() -> None:
    """F-OAI07, F-OAI01."""
    assert payload() == {
        "model": "gpt-5-nano",
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "stream": True,
    }
    sent = model(temperature=0, top_p=0.0, top_logprobs=0).encode(ModelRequest.of("hi", streaming=False))
    assert (sent["temperature"], sent["top_p"], sent["top_logprobs"]) == (0, 0.0, 0)
    assert "stream" not in sent


def test_f_oai02_reasoning_text_and_store() -> None:
    """F-OAI02, F-N36."""
    asked = model(
        reasoning_effort="low", reasoning_summary="auto", verbosity="high", text_format="json_object"
    )
    sent = asked.encode(ModelRequest.of("hi"))
    assert sent["reasoning"] == {"effort": "low", "summary": "auto"}
    assert sent["text"] == {"verbosity": "high", "format": {"type": "json_object"}}
    assert model(store=True).encode(ModelRequest.of("hi"))["store"] is True


def test_every_option_is_sent_under_its_name() -> None:
    """F-N42."""
    given: dict[str, Any] = {
        "max_output_tokens": 9,
        "max_tool_calls": 2,
        "service_tier": "flex",
        "truncation": "auto",
        "prompt_cache_key": "k",
        "safety_identifier": "s",
        "metadata": {"a": "b"},
        "user": "u",
        "stream_options": {"include_obfuscation": False},
    }
    sent = model(**given).encode(ModelRequest.of("hi"))
    assert {name: sent[name] for name in given} == given


@pytest.mark.parametrize(
    ("name", "fields", "include"),
    [
        ("gpt-5-nano", {}, ["reasoning.encrypted_content"]),
        ("some-model", {}, ["reasoning.encrypted_content"]),
        ("gpt-5-nano", {"store": True}, None),
        ("gpt-4o-mini", {}, None),
        ("gpt-4.1", {}, None),
        ("openai/gpt-5-chat-latest", {}, None),
        ("gpt-4o-mini", {"reasoning_effort": "low"}, ["reasoning.encrypted_content"]),
        ("gpt-5-nano", {"include": []}, None),
        ("gpt-5-nano", {"include": ["web_search_call.results"]}, ["web_search_call.results"]),
        ("gpt-4o", {"logprobs": True}, ["message.output_text.logprobs"]),
        ("gpt-4o", {"top_logprobs": 2}, ["message.output_text.logprobs"]),
    ],
)
def test_f_n37_encrypted_reasoning_is_asked_for(name: str, fields: Any, include: Any) -> None:
    """F-N37, F-OAI06: what is not stored travels encrypted; models that never reason refuse the question."""
    assert model(name, **fields).encode(ModelRequest.of("hi")).get("include") == include


def test_f_oai01_model_kwargs_and_extra_are_merged_last() -> None:
    """F-OAI01: over everything else; hosted tools join the agent's."""
    asked = model(
        temperature=0.1,
        reasoning_effort="low",
        model_kwargs={
            "temperature": 0.2,
            "reasoning": {"context": "all_turns"},
            "tools": [{"type": "web_search"}],
            "new_thing": 1,
        },
    )
    sent = asked.encode(ModelRequest.of("hi", tools=(weather,), extra={"new_thing": 2}))
    assert sent["temperature"] == 0.2
    assert sent["reasoning"] == {"effort": "low", "context": "all_turns"}
    assert [entry.get("name", entry["type"]) for entry in sent["tools"]] == ["weather", "web_search"]
    assert sent["new_thing"] == 2
    assert asked.model_kwargs["new_thing"] == 1


# -- structured output ----------------------------------------------------------------------------


@attrs.frozen
class City:
    name: str
    people: int | None = None


SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}, "people": {"type": "integer"}}}
STRICT = {
    "type": "object",
    "properties": {"name": {"type": ["string", "null"]}, "people": {"type": ["integer", "null"]}},
    "required": ["name", "people"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    "given",
    [
        SCHEMA,
        {"name": "structured_output", "schema": SCHEMA},
        {"type": "json_schema", "json_schema": {"name": "structured_output", "schema": SCHEMA}},
    ],
)
def test_f_str04_a_schema_is_sent_strict(given: dict[str, Any]) -> None:
    """F-STR04."""
    sent = model(text_format="json_schema", response_format=given).encode(ModelRequest.of("hi"))
    assert sent["text"] == {
        "format": {"type": "json_schema", "name": "structured_output", "schema": STRICT, "strict": True}
    }


def test_f_str04_a_type_is_sent_as_its_strict_schema() -> None:
    """F-STR04: an object at the root, every property required."""
    form = model(response_format=City).encode(ModelRequest.of("hi"))["text"]["format"]
    assert (form["name"], form["strict"]) == ("City", True)
    assert form["schema"]["type"] == "object"
    assert form["schema"]["required"] == ["name", "people"]
    assert "$ref" not in form["schema"]


def test_f_str04_what_strict_mode_cannot_say_is_sent_without_it() -> None:
    """F-STR04: with an entry in the report."""
    asked = model(response_format={"type": "object", "additionalProperties": {"type": "string"}})
    plan = asked.plan("hi")
    assert asked.encode(ModelRequest.of("hi"))["text"]["format"]["strict"] is False
    assert [loss.what for loss in plan.losses] == ["output_schema"]


def test_f_str04_format_and_schema_go_together() -> None:
    """F-STR04, F-OAI02."""
    for fields in (
        {"text_format": "json_schema"},
        {"text_format": "json_object", "response_format": SCHEMA},
        {"response_format": list[int]},
        {"response_format": {"type": "string"}},
    ):
        with pytest.raises(AgentInputError):
            model(**fields)


def test_the_requests_schema_wins() -> None:
    asked = model(response_format=City)
    wanted = OutputSchema(schema=SCHEMA, name="other", description="d")
    form = asked.encode(ModelRequest.of("hi", output_schema=wanted))["text"]["format"]
    assert (form["name"], form["description"]) == ("other", "d")


# -- the issuer's state ---------------------------------------------------------------------------

ITEM = {"id": "msg_1", "status": "completed", "phase": "final_answer"}


def test_a_message_goes_back_as_its_item() -> None:
    """F-N37: id, status, phase, citations, refusals, and parts of one item together."""
    note = {
        "type": "url_citation",
        "url": "https://x.example",
        "title": "X",
        "start_index": 0,
        "end_index": 1,
    }
    blocks = [
        TextBlock(text="a", annotations=[note], opaque={"openai": {"item": ITEM}}),
        TextBlock(text="no", opaque={"openai": {"item": ITEM, "refusal": True}}),
        TextBlock(text="b", opaque={"openai": {"item": {"id": "msg_2"}}}),
        TextBlock(text="mine"),
    ]
    assert items(Message.assistant(blocks)) == [
        {
            "type": "message",
            "role": "assistant",
            **ITEM,
            "content": [
                {"type": "output_text", "text": "a", "annotations": [note]},
                {"type": "refusal", "refusal": "no"},
            ],
        },
        {
            "type": "message",
            "role": "assistant",
            "id": "msg_2",
            "content": [{"type": "output_text", "text": "b", "annotations": []}],
        },
        {"role": "assistant", "content": [{"type": "output_text", "text": "mine"}]},
    ]


def test_f_msg07_foreign_state_stays_at_home() -> None:
    """F-MSG07, F-PRV01: text and calls cross; reasoning, ids and server-side work of others do not."""
    message = Message.assistant(
        [
            ReasoningBlock(text="hm", signature="sig", provider="anthropic", opaque={"anthropic": {"x": 1}}),
            TextBlock(text="a", annotations=[{"type": "page"}], opaque={"anthropic": {"item": {"id": "m"}}}),
            OpaqueContent(type="anthropic.web_search", provider="anthropic", data={"item": {"type": "x"}}),
            ToolCallBlock(call_id="c1", name="weather", opaque={"anthropic": {"item": {"id": "t"}}}),
        ]
    )
    request = ModelRequest(messages=(message,))
    asked = model()
    report = asked.report(request)
    assert asked.encode(request, report)["input"] == [
        {"role": "assistant", "content": [{"type": "output_text", "text": "a"}]},
        {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": ""},
    ]
    assert [(loss.kind, loss.what, loss.block) for loss in report.losses] == [
        ("dropped", "reasoning", 0),
        ("rewritten", "text", 1),
        ("dropped", "anthropic.web_search", 2),
    ]
    with pytest.raises(AgentSerializationError, match="strict"):
        asked.encode(attrs.evolve(request, transplant="strict"))


def test_a_failed_output_loses_its_mark_and_says_so() -> None:
    """The wire has no field for it; the text says what went wrong, so strict mode allows it."""
    failed = ToolOutputBlock(call_id="c1", output="no station", is_error=True)
    request = ModelRequest(messages=(Message.user([failed]),), transplant="strict")
    report = model().report(request)
    (item,) = model().encode(request, report)["input"]
    assert item == {"type": "function_call_output", "call_id": "c1", "output": "no station"}
    assert [(loss.kind, loss.lossless) for loss in report.losses] == [("rewritten", True)]


def test_an_id_is_not_sent_without_its_reasoning() -> None:
    """The server refuses an item without the reasoning it came from."""
    state = {"item": {"id": "fc_1", "status": "completed"}, "follows": "rs_1"}
    call = ToolCallBlock(call_id="c1", name="weather", arguments_json="{}", opaque={"openai": state})
    work = OpaqueContent(
        type="openai.web_search_call",
        provider="openai",
        data={"item": {"type": "web_search_call", "id": "ws_1"}},
        opaque={"openai": {"follows": "rs_1"}},
    )
    reasoning = ReasoningBlock(
        reasoning_id="rs_1", signature="enc", provider="openai", opaque={"openai": {"item": {}}}
    )
    kept = items(Message.assistant([reasoning, work, call]))
    assert [item.get("id") for item in kept] == ["rs_1", "ws_1", "fc_1"]
    (alone,) = items(Message.assistant([work, call]))
    assert alone == {
        "type": "function_call",
        "call_id": "c1",
        "name": "weather",
        "arguments": "{}",
        "status": "completed",
    }


def test_reasoning_the_server_would_refuse_is_left_out() -> None:
    """Neither stored nor encrypted; nothing after it; a model that does not reason."""
    state = {"openai": {"item": {}, "stored": False}}
    lost = ReasoningBlock(reasoning_id="rs_1", provider="openai", opaque=state)
    kept = ReasoningBlock(reasoning_id="rs_1", signature="e", provider="openai", opaque=state)
    for asked, blocks in (
        (model(), [lost, TextBlock(text="a")]),
        (model(), [TextBlock(text="a"), kept]),
        (model("gpt-4o"), [kept, TextBlock(text="a")]),
    ):
        request = ModelRequest(messages=(Message.assistant(blocks),))
        report = asked.report(request)
        assert [item.get("type") for item in asked.encode(request, report)["input"]] == [None]
        assert [loss.kind for loss in report.losses] == ["dropped"]


def test_custom_tool_calls_keep_their_form() -> None:
    state = {"openai": {"item": {"id": "ctc_1", "type": "custom_tool_call"}}}
    call = ToolCallBlock(call_id="c1", name="shell", arguments_json="ls -l", opaque=state)
    sent = items(Message.assistant([call]), Message.user([ToolOutputBlock(call_id="c1", output="a")]))
    assert sent == [
        {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c1", "name": "shell", "input": "ls -l"},
        {"type": "custom_tool_call_output", "call_id": "c1", "output": "a"},
    ]


# -- refusals -------------------------------------------------------------------------------------


def test_f_msg03_media_of_the_assistant_is_refused() -> None:
    """F-MSG03, F-N39: before any network, by place; a generated image goes back to who made it."""
    with pytest.raises(UnsupportedContentError) as caught:
        items(Message.user("hi"), Message.assistant(["see", PNG]))
    assert (caught.value.context["message"], caught.value.context["block"]) == (1, 1)
    made = attrs.evolve(PNG, opaque={"openai": {"item": {"type": "image_generation_call", "id": "ig_1"}}})
    assert items(Message.assistant([made])) == [
        {"type": "image_generation_call", "id": "ig_1", "result": PNG.base64_data}
    ]


def test_f_med08_unknown_content_is_refused_and_planned() -> None:
    """F-MED08, F-PRV01."""
    message = Message.user(["see", OpaqueContent(type="hologram", data={"x": 1})])
    with pytest.raises(UnsupportedContentError, match="hologram"):
        items(message)
    assert [problem.code for problem in model().check([message])] == ["agent.content.unsupported"]


def test_w1_a_plain_string_is_sent_as_one() -> None:
    """W1: plain string → ``{role: "user", content: "…"}``; the same text in a message is a list of parts."""
    model = ChatOpenAI(api_key="sk-x")
    assert model.encode(ModelRequest.of("hi"))["input"] == [{"role": "user", "content": "hi"}]
    assert model.encode(ModelRequest.of([Message.user("hi")]))["input"] == [
        {"role": "user", "content": [{"type": "input_text", "text": "hi"}]}
    ]
