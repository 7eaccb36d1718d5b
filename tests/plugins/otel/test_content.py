"""What was said is told only where it is asked for; media and secrets never."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("opentelemetry.sdk")

from lamella import (
    Agent,
    LamellaError,
    Message,
    Project,
    ReasoningBlock,
    ToolOutputBlock,
    tool,
    use_project,
)
from lamella_image import ImageContent
from lamella_otel import OtelSink
from lamella_otel.content import Conversation, output_json
from lamella_sim import ChatSim, Error, Reasoning, Script, ToolCall

if TYPE_CHECKING:
    from tests.plugins.otel.conftest import Collected

CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


@tool
def look_up(word: str) -> dict[str, Any]:
    """Look a word up."""
    return {"word": word, "means": "confidential-result"}


def agent(*sinks: OtelSink) -> Agent:
    model = ChatSim(
        script=Script.of(
            [
                Reasoning(summary="confidential-thought"),
                ToolCall("look_up", {"word": "confidential-argument"}, call_id="c"),
            ],
            "confidential-answer",
        )
    )
    return Agent(
        model,
        name="reader",
        system_instruction="confidential-instruction",
        tools=[look_up],
        sinks=list(sinks),
    )


async def test_content_is_not_told_by_default(collected: Collected, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CAPTURE, raising=False)
    await agent(collected.sink()).arun("confidential-prompt")
    assert len(collected.spans) == 4
    assert "confidential" not in "".join(span.to_json() for span in collected.spans)


async def test_f_x26_content_on_request(collected: Collected) -> None:
    """F-X26: messages, instructions, arguments and results in the convention's JSON."""
    await agent(collected.sink(content=True)).arun("confidential-prompt")
    first, second = (dict(span.attributes or {}) for span in collected.spans if span.name == "chat demo")
    prompt = {"role": "user", "parts": [{"type": "text", "content": "confidential-prompt"}]}
    call = {
        "role": "assistant",
        "parts": [
            {"type": "reasoning", "content": "confidential-thought"},
            {
                "type": "tool_call",
                "id": "c",
                "name": "look_up",
                "arguments": {"word": "confidential-argument"},
            },
        ],
    }
    result = {"word": "confidential-argument", "means": "confidential-result"}
    answer = {"role": "assistant", "parts": [{"type": "text", "content": "confidential-answer"}]}

    def of(attributes: Any, name: str) -> Any:
        return json.loads(attributes[f"gen_ai.{name}"])

    assert of(first, "input.messages") == [prompt]
    assert of(first, "output.messages") == [call]
    assert of(first, "system_instructions") == [{"type": "text", "content": "confidential-instruction"}]
    told = of(second, "input.messages")
    assert told[:2] == [prompt, call]
    assert (told[2]["role"], told[2]["parts"][0]["type"]) == ("tool", "tool_call_response")
    assert told[2]["parts"][0]["response"] == result
    assert of(second, "output.messages") == [answer]
    called = collected.attributes("execute_tool look_up")
    assert json.loads(str(called["gen_ai.tool.call.arguments"])) == {"word": "confidential-argument"}
    assert json.loads(str(called["gen_ai.tool.call.result"])) == result
    run = collected.attributes("invoke_agent reader")
    assert of(run, "input.messages") == [prompt]
    assert of(run, "output.messages") == [answer]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("true", True),
        ("SPAN_ONLY", True),
        ("span_and_event", True),
        ("EVENT_ONLY", False),
        ("NO_CONTENT", False),
    ],
)
async def test_the_conventions_variable(
    collected: Collected, monkeypatch: pytest.MonkeyPatch, said: str, told: bool
) -> None:
    monkeypatch.setenv(CAPTURE, said)
    await Agent("sim:echo", sinks=[collected.sink()]).arun("confidential")
    assert ("confidential" in collected.spans[0].to_json()) is told


async def test_the_setting_goes_before_the_variable(
    collected: Collected, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CAPTURE, "true")
    await Agent("sim:echo", sinks=[collected.sink(content=False)]).arun("confidential")
    assert "confidential" not in collected.spans[0].to_json()


def test_a_variable_that_says_nothing_known_is_reported(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(CAPTURE, "yes please")
    assert "content=False" in repr(OtelSink())
    assert "yes please" in caplog.text


async def test_an_error_quotes_only_where_content_is_told(collected: Collected) -> None:
    model = ChatSim(script=Script.of([Error(status=400, message="confidential request")]))
    for content in (False, True):
        with pytest.raises(LamellaError):
            await Agent(model, sinks=[collected.sink(content=content)]).arun("Go.")
    quiet, telling = (span for span in collected.spans if span.name == "invoke_agent")
    assert quiet.status.description == "api.invalid_request"
    assert "confidential request" in str(telling.status.description)


def test_media_are_told_without_their_bytes_and_addresses_without_secrets() -> None:
    png = ImageContent(data=b"\x89PNG-confidential-bytes", mime_type="image/png")
    url = ImageContent.from_url(
        "https://user:pw@host.example/a.png?signature=confidential#x", mime_type="image/png"
    )
    file = ImageContent.from_file_id("file-1", provider="openai", mime_type="image/png")
    conversation = Conversation([Message.user([png, url, file])])
    (message,) = json.loads(conversation.so_far())
    facts = {"mime_type": "image/png", "modality": "image"}
    assert message["parts"] == [
        {"type": "blob", **facts, "content": "", "size": 23},
        {"type": "uri", **facts, "uri": "https://host.example/a.png"},
        {"type": "file", **facts, "file_id": "file-1"},
    ]
    assert "confidential" not in output_json((png, url))


def test_signatures_of_reasoning_are_not_told() -> None:
    thought = ReasoningBlock(summary="Hm.", signature="confidential", provider="sim")
    output = ToolOutputBlock(call_id="c", output="text \udcff")
    conversation = Conversation([Message.assistant([thought]), Message.user([output])])
    assert "confidential" not in conversation.so_far()
    conversation.so_far().encode()  # a lone surrogate would lose the batch


async def test_secrets_of_the_context_are_not_told(collected: Collected) -> None:
    await agent(collected.sink(content=True)).arun("Go.", {"token": "hidden-context"})
    assert "hidden-context" not in "".join(span.to_json() for span in collected.spans)


async def test_the_cost_where_it_is_asked_for_and_known(collected: Collected, tmp_path: Path) -> None:
    (tmp_path / "lamella.toml").write_text('[prices]\n"sim:echo" = { input = 1000, output = 1000 }\n')
    usage = (
        await Agent("sim:echo", sinks=[collected.sink(cost=True)], name="free").arun("Hello")
    ).token_usage
    assert "lamella.cost" not in collected.attributes("chat echo")  # nobody prices it
    with use_project(Project.load(tmp_path, environ={})):
        await Agent("sim:echo", name="priced", sinks=[collected.sink(cost=True)]).arun("Hello")
        await Agent("sim:echo", name="unasked", sinks=[collected.sink()]).arun("Hello")
    assert usage is not None
    costs = [
        (span.attributes or {}).get("lamella.cost") for span in collected.spans if span.name == "chat echo"
    ]
    assert costs == [None, pytest.approx((usage.resolved_total_tokens or 0) / 1000), None]
