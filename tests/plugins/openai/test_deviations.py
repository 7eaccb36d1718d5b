"""Servers that are almost OpenAI's: what differs is data, and the encoder reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import pytest
from loopback_server import Answer, LoopbackServer

from lamella import get_model, tool
from lamella.config import Project
from lamella.content import OpaqueContent, ReasoningBlock, TextBlock, ToolCallBlock, ToolOutputBlock
from lamella.errors import (
    AgentInputError,
    AgentSerializationError,
    ConfigError,
    InvalidRequestError,
    UnsupportedContentError,
)
from lamella.losses import Loss
from lamella.messages import Message
from lamella.models import ModelRequest, OutputSchema
from lamella_image import ImageContent
from lamella_openai import ChatOpenAICompletions
from lamella_openai.deviations import TOOL_CHOICES, Deviations

PNG = ImageContent.from_bytes(b"\x89PNG\r\n\x1a\n", "image/png")
COMPAT = "https://api.compat.example/v1"
SCHEMA = OutputSchema(
    schema={"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}, name="answer"
)


@tool
def weather(city: str) -> str:
    """Tell the weather."""
    return city


@tool
def clock(zone: str = "UTC") -> str:
    """Tell the time."""
    return zone


def model(deviations: Any = None, **fields: Any) -> ChatOpenAICompletions:
    given = {"api_key": "sk-x", "base_url": COMPAT, **fields}
    return ChatOpenAICompletions("m", deviations=deviations, **given)


def encoded(
    asked: ChatOpenAICompletions, *messages: Message, **fields: Any
) -> tuple[dict[str, Any], list[Loss]]:
    request = ModelRequest(messages=messages or (Message.user("hi"),), **fields)
    report = asked.report(request)
    return asked.encode(request, report), report.losses


def call(**fields: Any) -> ToolCallBlock:
    return ToolCallBlock(call_id="c1", name="weather", arguments_json='{"city": "Rome"}', **fields)


TURN = (
    Message.user("go"),
    Message.assistant([call()]),
    Message.user([ToolOutputBlock(call_id="c1", output="sun")]),
)


# -- the data ---------------------------------------------------------------------------------------


def test_the_defaults_are_openai_itself() -> None:
    assert model()._deviates == Deviations()
    strict = attrs.evolve(weather, strict=True)
    fields: dict[str, Any] = {"tools": (strict, clock), "tool_choice": "weather", "output_schema": SCHEMA}
    every = Deviations(tool_choice=frozenset(TOOL_CHOICES))
    assert encoded(model(), *TURN, **fields) == encoded(model(every), *TURN, **fields)
    assert model().capabilities == model(every).capabilities


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"strict_tool": False}, "there is no deviation 'strict_tool'; did you mean 'strict_tools'?"),
        ({"zzz": 1}, "there is no deviation 'zzz' (there are: tools, tool_choice,"),
        ({"strict_tools": "no"}, "Deviations.strict_tools must be True or False, got 'no'"),
        ({"structured_output": "xml"}, "one of json_schema, json_object, none"),
        ({"tool_choice": ["auto", "any"]}, "Deviations.tool_choice must be a list of auto, none"),
        ({"tool_choice": ["none"]}, 'with "auto" in it'),
        ({"tool_choice": "auto"}, "Deviations.tool_choice must be a list of"),
        ({"inputs": "text"}, "Deviations.inputs must be a list of content types"),
        ({"reasoning_field": ""}, "Deviations.reasoning_field must be a non-empty text"),
        ("strict", "deviations must be a table or Deviations"),
    ],
)
def test_a_wrong_deviation_is_refused_when_the_model_is_built(given: Any, said: str) -> None:
    with pytest.raises(AgentInputError) as caught:
        model(given)
    assert said in str(caught.value)


def test_deviations_are_a_setting_of_their_own() -> None:
    asked = model({"strict-tools": False, "inputs": ("text", "image")})
    assert asked.settings["deviations"] == {"strict_tools": False, "inputs": ["text", "image"]}
    again = asked.with_settings(temperature=0)
    assert again._deviates == asked._deviates == Deviations(strict_tools=False, inputs=["text", "image"])
    whole = model(Deviations(tools=False))
    assert whole._deviates == Deviations(tools=False)
    assert json.dumps(dict(whole.settings))


def test_deviations_come_from_the_configuration(tmp_path: Path) -> None:
    """F-PRV03: `[provider.mylab] deviations = { strict_tools = false }`."""
    file = tmp_path / "lamella.toml"
    file.write_text(
        '[provider.mylab]\nlike = "openai-chat"\nbase_url = "https://llm.mylab.example/v1"\n'
        'api_key = { env = "MYLAB_API_KEY" }\n'
        'deviations = { strict_tools = false, tool_choice = ["auto"] }\n'
    )
    environ = {"MYLAB_API_KEY": "sk-mylab"}
    built: Any = get_model("mylab:some-model", project=Project.load(tmp_path, environ=environ))
    assert isinstance(built, ChatOpenAICompletions)
    assert (built.provider, built.model, built.issuer) == ("mylab", "some-model", "llm.mylab.example")
    assert built._deviates == Deviations(strict_tools=False, tool_choice=["auto"])
    assert "provider_name" not in built.settings
    table = '{"strict_tools": true, "parallel_tool_calls": false}'
    changed = Project.load(tmp_path, environ={**environ, "LAMELLA__PROVIDER__MYLAB__DEVIATIONS": table})
    built = get_model("mylab:m", project=changed)
    assert built._deviates == Deviations(parallel_tool_calls=False)
    file.write_text(file.read_text().replace("strict_tools", "strict_tool"))
    with pytest.raises(ConfigError, match=r"lamella\.toml: provider\.mylab: .*did you mean 'strict_tools'"):
        get_model("mylab:m", project=Project.load(tmp_path, environ=environ))


def test_a_missing_key_of_an_alias_names_the_variable(tmp_path: Path) -> None:
    (tmp_path / "lamella.toml").write_text('[provider.mylab]\nlike = "openai-chat"\n')
    from lamella.errors import AuthenticationError

    with pytest.raises(AuthenticationError) as caught:
        get_model("mylab:m", project=Project.load(tmp_path, environ={}))
    assert caught.value.context["provider"] == "mylab"


# -- tools ------------------------------------------------------------------------------------------


def test_a_server_without_tools_refuses_them_and_their_history() -> None:
    asked = model({"tools": False})
    with pytest.raises(AgentSerializationError, match="takes no tools"):
        encoded(asked, tools=(weather,))
    with pytest.raises(UnsupportedContentError, match="calls and their outputs have no form") as caught:
        encoded(asked, *TURN)
    assert (caught.value.context["message"], caught.value.context["block"]) == (1, 0)
    with pytest.raises(UnsupportedContentError) as caught:
        encoded(asked, TURN[2])
    assert caught.value.context["block_type"] == "tool_output"
    assert not asked.capabilities.tools
    assert not asked.plan(ModelRequest.of("hi", tools=(weather,))).possible
    assert asked.plan("hi").possible


NAMED = {"type": "function", "function": {"name": "weather"}}


@pytest.mark.parametrize(
    ("forms", "tools", "choice", "sent", "offered", "reported"),
    [
        (["auto", "none", "required"], (weather, clock), "weather", "required", ["weather"], True),
        (["auto", "none", "required"], (weather, clock), "required", "required", ["weather", "clock"], False),
        (["auto", "none", "function"], (weather, clock), "weather", NAMED, ["weather", "clock"], False),
        (["auto", "none", "function"], (weather,), "required", NAMED, ["weather"], True),
        (["auto", "none", "function"], (weather,), "any", NAMED, ["weather"], True),
        (["auto"], (weather, clock), "auto", "auto", ["weather", "clock"], False),
        (["auto"], (weather,), "none", None, [], True),
    ],
)
def test_a_choice_is_sent_in_a_form_that_says_the_same(
    forms: list[str], tools: Any, choice: str, sent: Any, offered: list[str], reported: bool
) -> None:
    wire, losses = encoded(
        model({"tool_choice": forms}), tools=tools, tool_choice=choice, transplant="strict"
    )
    assert wire.get("tool_choice") == sent
    assert [item["function"]["name"] for item in wire.get("tools", ())] == offered
    assert ("parallel_tool_calls" in wire) is bool(offered)
    assert [(loss.what, loss.kind, loss.lossless) for loss in losses] == (
        [("tool_choice", "rewritten", True)] if reported else []
    )


@pytest.mark.parametrize(
    ("forms", "tools", "choice"),
    [
        (["auto"], (weather,), "weather"),
        (["auto"], (weather,), "required"),
        (["auto", "none", "function"], (weather, clock), "required"),
        (["auto", "none", "required"], (weather, clock), "nothing"),
    ],
)
def test_a_choice_without_any_form_is_refused(forms: list[str], tools: Any, choice: str) -> None:
    asked = model({"tool_choice": forms})
    with pytest.raises(AgentSerializationError, match=f"tool_choice '{choice}' has no form") as caught:
        encoded(asked, tools=tools, tool_choice=choice)
    assert caught.value.context["value"] == choice
    assert not asked.plan(ModelRequest.of("hi", tools=tools, tool_choice=choice)).possible


def test_forced_tools_are_a_capability_of_the_forms() -> None:
    assert not model({"tool_choice": ["auto", "none"]}).capabilities.forced_tools
    assert model({"tool_choice": ["auto", "required"]}).capabilities.forced_tools


def test_the_parallel_flag_is_sent_only_where_it_is_taken() -> None:
    wire, losses = encoded(model({"parallel_tool_calls": False}), tools=(weather,))
    assert "parallel_tool_calls" not in wire
    assert losses == []
    wire, losses = encoded(model({"parallel_tool_calls": False}), tools=(weather,), parallel_tool_calls=False)
    assert "parallel_tool_calls" not in wire
    assert [(loss.kind, loss.what) for loss in losses] == [("dropped", "parallel_tool_calls")]
    with pytest.raises(AgentSerializationError, match="strict mode"):
        encoded(
            model({"parallel_tool_calls": False}),
            tools=(weather,),
            parallel_tool_calls=False,
            transplant="strict",
        )


def test_strict_tools_are_sent_without_the_key_and_reported() -> None:
    strict = attrs.evolve(clock, strict=True)
    wire, losses = encoded(model({"strict_tools": False}), tools=(strict,))
    function = wire["tools"][0]["function"]
    assert "strict" not in function
    assert function["parameters"] == clock.input_schema
    assert [(loss.kind, loss.what) for loss in losses] == [("rewritten", "tool clock")]
    assert encoded(model({"strict_tools": False}), tools=(clock,))[1] == []


# -- structured output ------------------------------------------------------------------------------


def test_json_mode_takes_the_schema_in_the_system_message() -> None:
    asked = model({"structured_output": "json_object"})
    wire, losses = encoded(asked, system_instruction="Be brief.", output_schema=SCHEMA)
    assert wire["response_format"] == {"type": "json_object"}
    first = wire["messages"][0]
    assert first["role"] == "system"
    assert first["content"].startswith("Be brief.\n\n")
    assert json.loads(first["content"].rpartition("\n")[2]) == SCHEMA.schema
    assert "JSON" in first["content"]
    assert [(loss.kind, loss.what, loss.lossless) for loss in losses] == [
        ("rewritten", "output_schema", False)
    ]
    plan = asked.plan(ModelRequest.of("hi", output_schema=SCHEMA))
    assert plan.possible
    assert [entry.status for entry in plan.entries if entry.what == "output_schema"] == ["degraded"]
    with pytest.raises(AgentSerializationError, match="strict mode"):
        encoded(asked, output_schema=SCHEMA, transplant="strict")


def test_json_mode_makes_a_system_message_where_there_is_none() -> None:
    asked = model({"structured_output": "json_object"}, response_format=SCHEMA.schema)
    wire, _ = encoded(asked)
    assert [message["role"] for message in wire["messages"]] == ["system", "user"]
    again, _ = encoded(asked)
    assert again == wire


def test_json_mode_leaves_a_native_history_as_it_was() -> None:
    native = (
        {"role": "system", "content": [{"type": "text", "text": "x"}]},
        {"role": "user", "content": "hi"},
    )
    request = ModelRequest(native=native, output_schema=SCHEMA)
    wire = model({"structured_output": "json_object"}).encode(request)
    assert wire["messages"][1:] == list(native)


def test_a_server_without_schemas_refuses_them() -> None:
    asked = model({"structured_output": "none"})
    with pytest.raises(AgentSerializationError, match="takes no schema"):
        encoded(asked, output_schema=SCHEMA)
    assert not asked.capabilities.structured_output
    assert not asked.plan(ModelRequest.of("hi", output_schema=SCHEMA)).possible


# -- streams, content -------------------------------------------------------------------------------


def test_usage_of_streams_is_asked_for_only_where_that_is_taken() -> None:
    wire, _ = encoded(model({"stream_usage": False}))
    assert wire["stream"] is True
    assert "stream_options" not in wire
    wire, _ = encoded(model({"stream_usage": False}, stream_options={"include_usage": True}))
    assert wire["stream_options"] == {"include_usage": True}


def test_plain_text_content() -> None:
    asked = model({"plain_text_content": True})
    wire, losses = encoded(asked, Message.user("hi"), transplant="strict")
    assert wire["messages"] == [{"role": "user", "content": "hi"}]
    assert losses == []
    wire, losses = encoded(asked, Message.user(["a", "b"]))
    assert wire["messages"] == [{"role": "user", "content": "a\n\nb"}]
    assert [loss.lossless for loss in losses] == [True]
    wire, _ = encoded(asked, Message.user(["a", PNG]))
    assert [part["type"] for part in wire["messages"][0]["content"]] == ["text", "image_url"]


def test_content_that_a_server_does_not_take_is_refused_by_name() -> None:
    """F-PRV01, F-N39."""
    asked = model({"inputs": ["text"]})
    with pytest.raises(UnsupportedContentError, match=r"takes no image content \(it takes: text\)") as caught:
        encoded(asked, Message.user(["see", PNG]))
    assert (caught.value.context["message"], caught.value.context["block"]) == (0, 1)
    output = ToolOutputBlock(call_id="c1", output=(PNG,))
    with pytest.raises(UnsupportedContentError):
        encoded(asked, Message.user([output]))
    assert asked.capabilities.inputs == {"text"}
    assert model({"inputs": ["image"]}).capabilities.inputs == {"text", "image"}
    assert encoded(model({"inputs": ["image"]}), Message.user([PNG]))[1] == []


# -- reasoning --------------------------------------------------------------------------------------

HOST = "api.compat.example"


def reasoned(text: str | None = "hm", fields: tuple[str, ...] = ("reasoning_content",)) -> ReasoningBlock:
    return ReasoningBlock(text=text, provider=HOST, opaque={HOST: {"chat": {"fields": list(fields)}}})


def test_f_x19_servers_that_refuse_reasoning_get_none() -> None:
    """F-X19: left out with a reason, never sent to be refused."""
    message = Message.assistant([reasoned(), TextBlock(text="a")])
    wire, losses = encoded(model({"reasoning_replay": False}), message)
    assert wire["messages"] == [{"role": "assistant", "content": "a"}]
    assert [(loss.kind, loss.what, loss.block) for loss in losses] == [("dropped", "reasoning", 0)]


def test_f_x19_reasoning_of_the_caller_has_the_servers_field() -> None:
    """F-X19: what the server sent keeps the name it came by."""
    asked = model({"reasoning_field": "reasoning"})
    given = Message.assistant([ReasoningBlock(text="mine"), TextBlock(text="a")])
    its = Message.assistant([reasoned(), TextBlock(text="b")])
    wire, _ = encoded(asked, given, its)
    assert wire["messages"] == [
        {"role": "assistant", "content": "a", "reasoning": "mine"},
        {"role": "assistant", "content": "b", "reasoning_content": "hm"},
    ]


def test_f_x19_a_history_of_others_has_a_blank_where_reasoning_is_demanded() -> None:
    """F-X19: DeepSeek and Kimi refuse calls without it, and an empty text counts as none."""
    asked = model({"reasoning_with_calls": True})
    foreign = ReasoningBlock(summary="s", signature="sig", provider="anthropic")
    wire, losses = encoded(asked, TURN[0], Message.assistant([foreign, call()]), TURN[2])
    assert wire["messages"][1]["reasoning_content"] == " "
    assert [(loss.kind, loss.what, loss.lossless) for loss in losses] == [
        ("dropped", "reasoning", False),
        ("rewritten", "reasoning", True),
    ]
    wire, losses = encoded(asked, TURN[0], Message.assistant([reasoned(), call()]), TURN[2])
    assert wire["messages"][1]["reasoning_content"] == "hm"
    assert losses == []
    wire, losses = encoded(asked, Message.assistant("no calls"))
    assert "reasoning_content" not in wire["messages"][0]
    assert losses == []


@pytest.mark.parametrize("text", ["hm", ""])
def test_f_x19_the_servers_own_empty_reasoning_is_no_blank(text: str) -> None:
    """F-X19: ``None`` is not ``""``."""
    asked = model({"reasoning_with_calls": True})
    wire, losses = encoded(asked, TURN[0], Message.assistant([reasoned(text), call()]), TURN[2])
    assert wire["messages"][1]["reasoning_content"] == text
    assert losses == []


def test_a_turn_in_several_messages_has_one_blank() -> None:
    asked = model({"reasoning_with_calls": True})
    wire, losses = encoded(asked, Message.assistant("I look."), Message.assistant([call()]), TURN[2])
    assert [message["role"] for message in wire["messages"]] == ["assistant", "tool"]
    assert wire["messages"][0]["reasoning_content"] == " "
    assert len(losses) == 1


def test_reasoning_that_comes_with_the_next_message_of_a_turn_is_no_blank() -> None:
    asked = model({"reasoning_with_calls": True})
    wire, losses = encoded(asked, Message.assistant([call()]), Message.assistant([reasoned()]), TURN[2])
    assert wire["messages"][0]["reasoning_content"] == "hm"
    assert losses == []


# -- other endpoints --------------------------------------------------------------------------------


async def test_endpoints_that_a_server_lacks_are_refused_without_a_request(server: LoopbackServer) -> None:
    asked = model({"embeddings": False, "list_models": False}, base_url=server.url, provider_name="mylab")
    with pytest.raises(InvalidRequestError, match="'mylab' has no embeddings"):
        await asked.embed(["a"])
    with pytest.raises(InvalidRequestError, match="'mylab' has no model list"):
        await asked.list_models()
    assert server.requests == []
    assert (asked.capabilities.embeddings, asked.capabilities.list_models) == (False, False)
    server.answers = [Answer.json({"data": [{"id": "m-1"}]})]
    async with model(base_url=server.url) as other:
        assert [info.formal_name for info in await other.list_models()] == ["m-1"]


async def test_whom_openai_bills_is_told_to_openai_alone(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK takes both from its environment, whatever server it is for."""
    monkeypatch.setenv("OPENAI_ORG_ID", "org-secret")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-secret")
    body = {
        "id": "c1",
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}],
    }
    server.answers = [Answer.json(body)]
    async with model(base_url=server.url, issuer="llm.mylab.example", streaming=False) as other:
        await other.complete("hi")
    assert not {"openai-organization", "openai-project"} & server.requests[0].headers.keys()
    async with model(base_url=server.url, streaming=False) as openai:
        await openai.complete("hi")
    assert server.requests[1].headers["openai-organization"] == "org-secret"
    async with model(
        base_url=server.url, issuer="x.example", streaming=False, organization="org-mine"
    ) as explicit:
        await explicit.complete("hi")
    assert server.requests[2].headers["openai-organization"] == "org-mine"


def test_server_side_work_of_others_stays_out() -> None:
    work = OpaqueContent(type="openai.web_search_call", provider="openai", data={"item": {"id": "ws_1"}})
    wire, losses = encoded(model(), Message.assistant([work, TextBlock(text="a")]))
    assert "ws_1" not in json.dumps(wire)
    assert [loss.kind for loss in losses] == ["dropped"]
