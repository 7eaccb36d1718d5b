"""F-X28: what is written reads back, up to the reported losses; what was read is written as it came."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from transcript_histories import flat, histories, is_within, unharmed

from lamella import AgentSerializationError, Message
from lamella_transcripts import formats, read, write


@pytest.mark.parametrize("form", formats())
@settings(max_examples=60, deadline=None)
@given(history=histories())
def test_f_x28_what_no_loss_names_comes_back_equal(form: str, history: list[Message]) -> None:
    """F-X28: lamella → form → lamella, equal up to the reported losses."""
    written = write(form, history)
    back = read(form, written.data)
    assert is_within(unharmed(history, written.losses), flat(back.messages)), (written, back)
    if not written.losses:
        assert flat(back.messages) == flat(history)


@pytest.mark.parametrize("form", formats())
@settings(max_examples=60, deadline=None)
@given(history=histories())
def test_f_x28_what_was_read_is_written_as_it_came(form: str, history: list[Message]) -> None:
    """F-X28: form → lamella → form, equal: nothing of a form's own documents is lost in reading or writing."""
    data = write(form, history).data
    found = read(form, data)
    again = write(form, found.messages)
    assert again.data == data
    assert not [loss for loss in found.losses if not loss.lossless]


@pytest.mark.parametrize("form", formats())
@settings(max_examples=60, deadline=None)
@given(history=histories())
def test_f_x28_strict_raises_where_a_model_would_read_less(form: str, history: list[Message]) -> None:
    losses = [loss for loss in write(form, history).losses if loss.block is not None and not loss.lossless]
    if not losses:
        assert write(form, history, mode="strict").data == write(form, history).data
        return
    with pytest.raises(AgentSerializationError, match="strict mode") as caught:
        write(form, history, mode="strict")
    assert caught.value.context["message"] == losses[0].message


CHAT: list[dict[str, Any]] = [
    {"role": "developer", "content": "be brief"},
    {
        "role": "user",
        "name": "bob",
        "content": [
            {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD", "detail": "low"}},
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
            {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}},
            {"type": "file", "file": {"file_id": "file-1"}},
            {"type": "hologram", "x": 1},
        ],
    },
    {
        "role": "assistant",
        "content": None,
        "reasoning_content": "hm",
        "tool_calls": [
            {
                "id": "a",
                "type": "function",
                "function": {"name": "f", "arguments": '{"a":1 }'},
                "extra_content": {"google": {"thought_signature": "s"}},
            },
            {"id": "b", "type": "custom", "custom": {"name": "g", "input": "free"}},
        ],
    },
    {"role": "tool", "tool_call_id": "a", "content": "out"},
    {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "out"}]},
    {"role": "assistant", "content": "", "refusal": "no", "annotations": [], "tool_calls": []},
    {"role": "user", "content": "again"},
    {"role": "assistant", "function_call": {"name": "g", "arguments": "{}"}},
    {"role": "function", "name": "g", "content": "r"},
    {
        "role": "assistant",
        "content": [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "b"}],
        "audio": {"id": "au"},
    },
]
RESPONSES: list[dict[str, Any]] = [
    {"role": "user", "content": "hi"},
    {"role": "developer", "content": [{"type": "input_text", "text": "x"}]},
    {
        "type": "message",
        "role": "user",
        "content": [
            {"type": "input_text", "text": "q"},
            {"type": "input_image", "image_url": "data:image/png;base64,QUJD", "detail": "auto"},
            {"type": "input_file", "file_id": "file-1"},
            {"type": "hologram", "z": 1},
        ],
    },
    {
        "type": "reasoning",
        "id": "rs",
        "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}],
        "encrypted_content": "enc",
        "status": None,
    },
    {
        "type": "message",
        "id": "msg",
        "role": "assistant",
        "status": "completed",
        "content": [
            {"type": "output_text", "text": "t", "annotations": [{"type": "url_citation"}], "logprobs": []},
            {"type": "refusal", "refusal": "r"},
        ],
    },
    {
        "type": "message",
        "id": "msg2",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "t", "annotations": []}],
    },
    {"type": "web_search_call", "id": "ws", "status": "completed"},
    {"type": "image_generation_call", "id": "ig", "status": "completed", "result": "QUJD"},
    {"type": "function_call", "id": "fc", "call_id": "c", "name": "f", "arguments": '{"a":1}'},
    {"type": "custom_tool_call", "id": "fc2", "call_id": "d", "name": "g", "input": "free"},
    {"type": "function_call_output", "call_id": "c", "output": "o", "id": "fo"},
    {"type": "custom_tool_call_output", "call_id": "d", "output": [{"type": "input_text", "text": "z"}]},
    {"type": "computer_call_output", "call_id": "e", "output": {}},
    {"role": "assistant", "content": "bye"},
    {"role": "assistant", "content": "bye"},
    {"type": "item_reference", "id": "z"},
]
ANTHROPIC: dict[str, Any] = {
    "system": [{"type": "text", "text": "be", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}},
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"},
                    "cache_control": {"type": "ephemeral"},
                },
                {
                    "type": "document",
                    "source": {"type": "url", "url": "https://example.com/a.pdf"},
                    "title": "t",
                    "citations": {"enabled": True},
                },
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "é"}},
                {"type": "search_result", "x": 1},
            ],
        },
        {
            "role": "assistant",
            "id": "m",
            "usage": {"input_tokens": 3, "output_tokens": 4},
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "sig"},
                {"type": "redacted_thinking", "data": "zz"},
                {"type": "text", "text": "t", "citations": [{"type": "char_location"}]},
                {"type": "tool_use", "id": "a", "name": "f", "input": {"a": 1}, "caller": {"type": "direct"}},
                {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "a",
                    "content": [
                        {"type": "text", "text": "o"},
                        {"type": "image", "source": {"type": "file", "file_id": "f"}},
                    ],
                    "is_error": True,
                },
                {"type": "tool_result", "tool_use_id": "b"},
                {"type": "tool_result", "tool_use_id": "c", "content": "x", "is_error": False},
            ],
        },
        {"role": "assistant", "content": "bye"},
    ],
}
GEMINI: dict[str, Any] = {
    "systemInstruction": {"parts": [{"text": "be"}, {"text": "brief"}], "role": "system"},
    "contents": [
        {
            "role": "user",
            "parts": [
                {"text": "hi"},
                {"inlineData": {"mimeType": "image/png", "data": "QUJD", "displayName": "z"}},
                {
                    "fileData": {"mimeType": "application/pdf", "fileUri": "https://example.com/y"},
                    "mediaResolution": {"level": "L"},
                },
                {"executableCode": {"code": "1"}},
            ],
        },
        {
            "role": "model",
            "parts": [
                {"text": "thought", "thought": True},
                {"text": "hello", "thoughtSignature": "s1"},
                {"text": "", "thoughtSignature": "s2"},
                {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "s3"},
                {"functionCall": {"id": "z", "name": "g", "args": {}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"name": "f", "response": {"a": 2, "b": 1}}},
                {"functionResponse": {"name": "g", "id": "z", "response": {"error": "x"}}},
                {
                    "functionResponse": {
                        "name": "g",
                        "response": {"result": "x"},
                        "parts": [{"inlineData": {"mimeType": "image/png", "data": "QUJD"}}],
                    }
                },
            ],
        },
        {"parts": [{"text": "bye"}]},
    ],
}
LASAGNA: list[dict[str, Any]] = [
    {"role": "system", "text": "s"},
    {
        "role": "human",
        "text": "hi",
        "media": [
            {"type": "image", "image": "https://example.com/y.png"},
            {"type": "image", "image": "a.png"},
        ],
    },
    {"role": "ai", "text": "Let me see", "raw": None},
    {
        "role": "tool_call",
        "tools": [
            {"call_id": "a", "call_type": "function", "function": {"name": "f", "arguments": '{"a":1 }'}}
        ],
        "cost": {"input_tokens": 21, "output_tokens": 22},
        "raw": {"x": 1},
    },
    {
        "role": "tool_res",
        "tools": [
            {"call_id": "a", "type": "any", "result": {"y": [1]}, "is_error": False},
            {
                "call_id": "b",
                "type": "layered_agent",
                "run": {"agent": "z", "type": "messages", "messages": [{"role": "ai", "text": "deep"}]},
            },
        ],
    },
    {"role": "ai", "text": "done", "cost": {"cache_read_tokens": 3}, "raw": [1]},
]
LITERUN: list[dict[str, Any]] = [
    {"role": "user", "content": [{"type": "text", "text": "a"}]},
    {
        "role": "assistant",
        "content": [
            {
                "type": "reasoning",
                "summary": "s",
                "signature": None,
                "reasoning_id": None,
                "provider_meta": {"a": 1},
            },
            {"type": "tool_call", "call_id": "c", "name": "f", "arguments": {"a": 1}},
        ],
    },
    {
        "role": "user",
        "content": [
            {"type": "tool_output", "call_id": "c", "name": None, "output": {"a": 1}, "is_error": False}
        ],
    },
]
LAUREN: list[dict[str, Any]] = [
    {"role": "user", "content": "hi"},
    {
        "role": "assistant",
        "reasoning_content": "hm",
        "content": [
            {"type": "thinking", "thinking": "t", "signature": "s"},
            {"type": "text", "text": "see"},
            {"type": "tool_use", "id": "a", "name": "f", "input": {"a": 1}},
        ],
    },
    {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": "a", "content": "o", "is_error": False}],
    },
    {"role": "assistant", "content": "bye", "reasoning_content": "hm"},
]
DOCUMENTS = {
    "openai.chat": CHAT,
    "openai.responses": RESPONSES,
    "anthropic.messages": ANTHROPIC,
    "gemini": GEMINI,
    "lasagna": LASAGNA,
    "literun": LITERUN,
    "lauren": LAUREN,
}


@pytest.mark.parametrize("form", DOCUMENTS)
def test_f_x28_a_document_with_everything_comes_back_as_it_was(form: str) -> None:
    """F-X28: all that a form can say, unknown fields and parts among it."""
    found = read(form, DOCUMENTS[form])
    written = write(form, found.messages, mode="strict")
    assert written.data == DOCUMENTS[form]
    assert not [loss for loss in (*found.losses, *written.losses) if not loss.lossless]


@pytest.mark.parametrize("source", DOCUMENTS)
@pytest.mark.parametrize("target", formats())
def test_no_form_gets_another_vendors_state(source: str, target: str) -> None:
    """Signatures, encrypted reasoning and server-side work stay with their issuer; each is a loss elsewhere."""
    found = read(source, DOCUMENTS[source])
    written = write(target, found.messages)
    read(target, written.data)
    secret = {"anthropic.messages": ("sig", "zz"), "openai.responses": ("enc",), "gemini": ("s1", "s2", "s3")}
    related = {source, "lauren"} if source == "anthropic.messages" else {source}
    if target == "pydantic-ai":  # says of each thought whose it is
        return
    if target not in related:
        for mark in secret.get(source, ()):
            assert f"'{mark}'" not in repr(written.data)
        if source in secret:
            assert any(loss.what == "reasoning" for loss in written.losses)


JUNK: list[Any] = [None, 1, "x", [], {}, [1], {"a": 1}, True, {"type": "text"}]


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in _places(item, (*path, key)))]


@pytest.mark.parametrize("form", DOCUMENTS)
def test_junk_at_any_place_is_refused_or_read_and_nothing_else(form: str) -> None:
    """Only typed errors leave, wherever something else stands than the form says."""
    refused = 0
    for path in _places(DOCUMENTS[form])[1:]:
        for junk in JUNK:
            document = copy.deepcopy(DOCUMENTS[form])
            inner: Any = document
            for key in path[:-1]:
                inner = inner[key]
            inner[path[-1]] = junk
            try:
                found = read(form, document)
            except AgentSerializationError:
                refused += 1
            else:
                write(form, found.messages)
    assert refused
