"""Goldens of the forms: what the words of other systems become here."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import attrs
import pytest

from lamella import AgentSerializationError, Message, MessagesRun, ParallelRun, TokenUsage
from lamella.content import OpaqueContent, ReasoningBlock, TextBlock, ToolCallBlock, ToolOutputBlock
from lamella_transcripts import formats, read, write

RUN: dict[str, Any] = {
    "agent": "agent_1",
    "type": "chain",
    "runs": [
        {
            "agent": "asker",
            "type": "parallel",
            "provider": "mock_provider",
            "model": "some_model",
            "model_kwargs": {"b": 6, "a": "yes"},
            "runs": [
                {
                    "agent": "one",
                    "type": "messages",
                    "messages": [
                        {"role": "ai", "text": "x", "cost": {"input_tokens": 21, "output_tokens": 22}}
                    ],
                },
                {"agent": "two", "type": "messages", "messages": []},
            ],
        },
        {"agent": "taker", "type": "extraction", "messages": [], "result": {"a": [1]}},
    ],
}


def test_f_x28_lasagna_roles_are_lamellas() -> None:
    """F-X28, F-MSG01: human is user, ai is assistant, calls and results are blocks of one turn."""
    found = read(
        "lasagna",
        [
            {"role": "human", "text": "hi"},
            {"role": "ai", "text": "So:"},
            {
                "role": "tool_call",
                "tools": [
                    {
                        "call_id": "a",
                        "call_type": "function",
                        "function": {"name": "f", "arguments": '{"x":1 }'},
                    }
                ],
                "cost": {"input_tokens": 21, "output_tokens": 22},
                "raw": {"id": 1},
            },
            {"role": "tool_res", "tools": [{"call_id": "a", "type": "any", "result": 8.0}]},
        ],
    )
    assert found.messages == (
        Message.user("hi"),
        Message(
            role="assistant",
            content=[TextBlock(text="So:"), ToolCallBlock(call_id="a", name="f", arguments_json='{"x":1 }')],
            usage=TokenUsage(input_tokens=21, output_tokens=22),
            raw={"id": 1},
        ),
        Message.user([ToolOutputBlock(call_id="a", name="f", output=8.0)]),
    )
    assert found.losses == ()


def test_f_x28_a_cost_of_lasagna_is_a_usage() -> None:
    """F-X28: what is missing was not reported."""
    cost = {"input_tokens": 21, "output_tokens": 22, "cache_write_tokens": 1, "cache_read_tokens": 0}
    (message,) = read("lasagna", [{"role": "ai", "text": "x", "cost": cost}]).messages
    assert message.usage == TokenUsage(
        input_tokens=21, output_tokens=22, cached_write_tokens=1, cached_read_tokens=0
    )
    assert message.usage.resolved_total_tokens == 44
    assert write("lasagna", [message]).data[0]["cost"] == cost


def test_f_x28_a_tree_of_lasagna_is_a_tree_here() -> None:
    """F-X28: kinds, provenance, usage of all below; and back."""
    found = read("lasagna", RUN)
    run = found.run
    assert run is not None
    assert [type(each).__name__ for each in run.walk()] == [
        "ChainRun",
        "ParallelRun",
        "MessagesRun",
        "MessagesRun",
        "ExtractionRun",
    ]
    asker = run.children[0]
    assert isinstance(asker, ParallelRun)
    assert (asker.agent, asker.provider, asker.model) == ("asker", "mock_provider", "some_model")
    assert asker.settings == {"b": 6, "a": "yes"}
    assert found.usage == run.token_usage == TokenUsage(
        input_tokens=21, output_tokens=22, total_tokens=43
    ) or (found.usage is not None and found.usage.resolved_total_tokens == 43)
    assert [message.text for message in found.messages] == ["x"]
    written = write("lasagna", run)
    assert (written.data, written.losses) == (RUN, ())


def test_f_x28_a_run_below_a_tool_result_is_a_child() -> None:
    inner = {"agent": "in", "type": "messages", "messages": [{"role": "ai", "text": "deep"}]}
    tools = [{"call_id": "a", "type": "layered_agent", "run": inner}]
    source = {"agent": "out", "type": "messages", "messages": [{"role": "tool_res", "tools": tools}]}
    found = read("lasagna", source)
    assert found.run is not None
    assert [run.agent for run in found.run.walk()] == ["out", "in"]
    assert found.messages[0].tool_outputs[0].output == "deep"
    assert write("lasagna", found.run).data == source
    orphan = MessagesRun(agent="out", runs=[MessagesRun(agent="in")])
    assert [loss.what for loss in write("lasagna", orphan).losses] == ["runs"]


def test_f_x28_buckets_of_literun_are_lamellas() -> None:
    """F-X28, F-USE02: 80+20+10+2+5+3 are 120; items between two outputs are one message."""
    usage = {
        "input_tokens": 80,
        "output_tokens": 20,
        "cached_read_tokens": 10,
        "cached_write_tokens": 2,
        "reasoning_tokens": 5,
        "tool_use_tokens": 3,
        "total_tokens": None,
    }
    items = [
        {"type": "reasoning.item", "summary": "s", "signature": "sig", "id": "rs"},
        {"type": "message.output.item", "content": "So:"},
        {"type": "tool.call.item", "call_id": "a", "name": "f", "arguments": {"x": 1}},
        {"type": "tool.output.item", "call_id": "a", "name": "f", "result": {"y": 2}},
        {"type": "message.output.item", "content": "Done"},
    ]
    source = {"output": "Done", "new_items": items, "token_usage": usage, "timing": {"start_time": 1.0}}
    found = read("literun", source, issuer="openai")
    assert found.usage is not None
    assert found.usage.resolved_total_tokens == 120
    assert [message.role for message in found.messages] == ["assistant", "user", "assistant"]
    reasoning, text, call = found.messages[0].content
    assert reasoning == ReasoningBlock(summary="s", signature="sig", reasoning_id="rs", provider="openai")
    assert (text, call) == (
        TextBlock(text="So:"),
        ToolCallBlock(call_id="a", name="f", arguments_json='{"x": 1}'),
    )
    assert [loss.what for loss in found.losses] == ["timing"]


def test_f_x28_signatures_go_to_literun_only_for_their_issuer() -> None:
    """LiteRun does not say whose reasoning is, and sends it to whom it talks to."""
    thought = ReasoningBlock(summary="s", signature="sig", provider="openai")
    history = [Message.assistant([thought])]
    written = write("literun", history)
    assert written.data[0]["content"][0]["signature"] is None
    assert any("without its signature" in loss.reason for loss in written.losses)
    assert write("literun", history, issuer="openai").data[0]["content"][0]["signature"] == "sig"


def test_f_x28_lauren_blocks_in_either_spelling() -> None:
    """F-X28: what stores hold (``id``) and what its classes hold (``tool_use_id``)."""
    for key in ("id", "tool_use_id"):
        source = [
            {"role": "assistant", "content": [{"type": "tool_use", key: "a", "name": "f", "input": {}}]}
        ]
        (message,) = read("lauren", source).messages
        assert message.tool_calls == (ToolCallBlock(call_id="a", name="f", arguments_json="{}"),)


def test_state_of_a_vendor_is_kept_as_its_decoder_keeps_it() -> None:
    """So that the history goes back to its issuer through Lamella's own encoders."""
    chat = read("openai.chat", [{"role": "assistant", "content": None, "refusal": "no"}])
    assert chat.messages[0].content[0].opaque_for("openai") == {"chat": {"kind": "refusal"}}
    thinking = {"type": "thinking", "thinking": "t", "signature": "s"}
    claude = read("anthropic.messages", [{"role": "assistant", "content": [thinking]}])
    assert claude.messages[0].content[0].opaque_for("anthropic") == {"block": {}}
    item = {"type": "function_call", "id": "fc", "call_id": "c", "name": "f", "arguments": "{}"}
    responses = read("openai.responses", [item])
    assert responses.messages[0].content[0].opaque_for("openai") == {"item": {"id": "fc"}}
    part = {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "s"}
    gemini = read("gemini", [{"role": "model", "parts": [part]}])
    assert gemini.messages[0].content[0].opaque_for("gemini") == {
        "generate": {"part": {"thoughtSignature": "s"}}
    }


def test_reasoning_of_a_compatible_server_is_its_own() -> None:
    source = [{"role": "assistant", "content": "x", "reasoning_content": "hm"}]
    found = read("openai.chat", source, issuer="deepseek")
    assert found.messages[0].content[0] == ReasoningBlock(
        text="hm", provider="deepseek", opaque={"deepseek": {"chat": {"fields": ["reasoning_content"]}}}
    )
    assert write("openai.chat", found.messages, issuer="deepseek").data == source
    plain = write("openai.chat", found.messages)
    assert plain.data == [{"role": "assistant", "content": "x"}]
    assert [loss.what for loss in plain.losses] == ["reasoning"]


def test_an_edited_block_is_written_as_it_is_now() -> None:
    """What is kept beside a block never overrules it."""
    part = {"type": "text", "text": "old", "cache_control": {"type": "ephemeral"}}
    (message,) = read("anthropic.messages", [{"role": "user", "content": [part]}]).messages
    edited = attrs.evolve(message, content=[TextBlock(text="new", opaque=message.content[0].opaque)])
    assert write("anthropic.messages", [edited]).data["messages"][0]["content"] == [{**part, "text": "new"}]


def test_unknown_parts_are_opaque_and_go_back() -> None:
    (message,) = read("gemini", [{"role": "user", "parts": [{"hologram": 1}]}]).messages
    assert message.content == (
        OpaqueContent(type="gemini.hologram", provider="gemini", data={"item": {"hologram": 1}}),
    )
    with pytest.raises(AgentSerializationError, match=r"gemini\.hologram dropped|would be dropped"):
        write("openai.chat", [message], mode="strict")


def test_what_a_message_records_about_itself_is_reported_and_never_refused() -> None:
    message = Message(role="assistant", content="x", usage=TokenUsage(input_tokens=1), meta={"mine": 1})
    written = write("openai.chat", [message], mode="strict")
    assert [(loss.what, loss.message, loss.block) for loss in written.losses] == [
        ("usage", 0, None),
        ("meta", 0, None),
    ]


BROKEN: list[tuple[str, Any, str]] = [
    ("openai.chat", [{"role": "king", "content": "x"}], "[0].role"),
    (
        "openai.chat",
        {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
        "messages[0].content[0].text",
    ),
    ("openai.chat", [{"role": "assistant", "tool_calls": [{"id": "a"}]}], "[0].tool_calls[0].function.name"),
    (
        "openai.chat",
        [
            {
                "role": "user",
                "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,?"}}],
            }
        ],
        "[0].content[0].image_url",
    ),
    ("openai.responses", [{"role": "user", "content": 5}], "[0].content"),
    ("openai.responses", [{"type": "function_call", "name": "f"}], "[0].call_id"),
    ("anthropic.messages", {"messages": [{"role": "user", "content": [3]}]}, "messages[0].content[0]"),
    (
        "gemini",
        [{"role": "model", "parts": [{"functionCall": {"args": {}}}]}],
        "[0].parts[0].functionCall.name",
    ),
    (
        "lasagna",
        [{"role": "tool_res", "tools": [{"call_id": "a", "type": "any"}, {}]}],
        "[0].tools[1].call_id",
    ),
    ("lasagna", {"type": "circle"}, "type"),
    ("lasagna", [{"role": "ai", "text": "x", "cost": {"input_tokens": -1}}], "[0].cost.input_tokens"),
    ("literun", [{"role": "user", "content": []}], "[0].content"),
    ("lauren", [{"role": "user", "content": {"a": 1}}], "[0].content"),
]


@pytest.mark.parametrize(("form", "data", "path"), BROKEN)
def test_f_x28_what_is_malformed_is_named_by_its_path(form: str, data: Any, path: str) -> None:
    with pytest.raises(AgentSerializationError) as caught:
        read(form, data)
    assert caught.value.context["path"].startswith(path)
    assert path in str(caught.value)


def test_texts_are_json_and_other_forms_are_refused() -> None:
    assert read("openai.chat", '[{"role": "user", "content": "hi"}]').messages == (Message.user("hi"),)
    with pytest.raises(AgentSerializationError, match="not valid JSON"):
        read("openai.chat", "[")
    with pytest.raises(AgentSerializationError, match=r"known: openai\.chat"):
        read("yaml", [])


def test_importing_it_brings_no_form() -> None:
    """The plugin module is light."""
    code = (
        "import sys, lamella_transcripts.plugin as p; p.lamella_cli();"
        "print([m for m in sys.modules if m.split('.')[0] in ('click', 'pydantic', 'lasagna', 'literun')"
        " or m.startswith('lamella_transcripts.forms')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert "openai.chat" in formats()
