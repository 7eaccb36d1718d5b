"""Whatever is wrong with a body, a wire says so: a request is read or refused, and nothing else is raised."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from lamella.errors import LamellaError
from lamella_sim.tokens import count_request
from lamella_sim.wires import BadRequest, Gemini, GeminiInteractions, Ollama, Wire

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
IMAGE = {"mimeType": "image/png", "data": "iVBORw=="}

GEMINI = {
    "systemInstruction": {"parts": [{"text": "brief"}]},
    "contents": [
        {"role": "user", "parts": [{"text": "look"}, {"inlineData": IMAGE}]},
        {
            "role": "model",
            "parts": [
                {"text": "hm", "thought": True},
                {"functionCall": {"name": "f", "args": {"a": "x"}, "id": "1"}, "thoughtSignature": "c2ln"},
            ],
        },
        {
            "role": "user",
            "parts": [
                {
                    "functionResponse": {
                        "name": "f",
                        "id": "1",
                        "response": {"result": 1},
                        "parts": [{"inlineData": IMAGE}],
                    }
                }
            ],
        },
    ],
    "tools": [{"functionDeclarations": [{"name": "f", "description": "d", "parameters": SCHEMA}]}],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
    "generationConfig": {
        "stopSequences": ["x"],
        "temperature": 1,
        "responseMimeType": "application/json",
        "responseSchema": SCHEMA,
        "thinkingConfig": {"thinkingLevel": "LOW"},
    },
}
INTERACTION = {
    "model": "m",
    "system_instruction": "brief",
    "store": False,
    "input": [
        {
            "type": "user_input",
            "content": [
                {"type": "text", "text": "look"},
                {"type": "image", "mime_type": "image/png", "data": "iVBORw=="},
            ],
        },
        {"type": "thought", "signature": "c2ln", "summary": [{"type": "text", "text": "hm"}]},
        {"type": "google_search_call", "id": "s", "arguments": {}},
        {"type": "model_output", "content": [{"type": "text", "text": "well"}]},
        {"type": "function_call", "id": "1", "name": "f", "arguments": {"a": "x"}},
        {"type": "function_result", "call_id": "1", "name": "f", "result": [{"type": "text", "text": "y"}]},
    ],
    "tools": [{"type": "function", "name": "f", "description": "d", "parameters": SCHEMA}],
    "generation_config": {
        "max_output_tokens": 9,
        "thinking_level": "low",
        "tool_choice": {"allowed_tools": {"mode": "any", "tools": ["f"]}},
    },
    "response_format": [{"type": "text", "mime_type": "application/json", "schema": SCHEMA}],
}
OLLAMA = {
    "model": "m",
    "stream": True,
    "think": "low",
    "keep_alive": "5m",
    "format": SCHEMA,
    "options": {"num_ctx": 1, "temperature": 1.5, "stop": ["x"]},
    "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA}}],
    "messages": [
        {"role": "system", "content": "brief"},
        {"role": "user", "content": "look", "images": ["iVBORw=="]},
        {
            "role": "assistant",
            "content": "",
            "thinking": "hm",
            "tool_calls": [{"id": "1", "function": {"index": 0, "name": "f", "arguments": {"a": "x"}}}],
        },
        {"role": "tool", "tool_name": "f", "tool_call_id": "1", "content": "y"},
    ],
}
CASES: list[tuple[Wire, dict[str, Any], str]] = [
    (Gemini(), GEMINI, "/gemini/v1beta/models/gemini-3:generateContent"),
    (GeminiInteractions(), INTERACTION, "/gemini/v1beta/interactions"),
    (Ollama(), OLLAMA, "/ollama/api/chat"),
]
JUNK: list[Any] = [
    *(None, True, 0, -1, 1.5, 10**400, float("nan"), "", "x", "any"),
    *([], [[]], [None], ["x"], [{}], {}, {"type": "text"}, {"x": {}}),
]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where a body holds something."""
    if path:
        yield path
    for key, item in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        yield from places(item, (*path, key))


def spoiled(body: dict[str, Any], path: tuple[Any, ...], junk: Any) -> dict[str, Any]:
    body = copy.deepcopy(body)
    target: Any = body
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = junk
    return body


@pytest.mark.parametrize(("wire", "body", "path"), CASES, ids=lambda case: getattr(case, "name", ""))
def test_a_sound_body_is_read(wire: Wire, body: dict[str, Any], path: str) -> None:
    request = wire.read(body, path).request
    assert request.system_instruction == "brief" or request.messages[0].text == "brief"
    assert [tool.name for tool in request.tools] == ["f"]
    assert request.output_schema is not None


def refusal(wire: Wire, body: dict[str, Any], path: str) -> str | None:
    """How a body is refused, ``None`` when it is read."""
    try:
        return None if count_request(wire.read(body, path).request) > 0 else ""
    except BadRequest as problem:
        return json.dumps(dict(wire.refused(problem)))
    except LamellaError as error:
        return error.message


@pytest.mark.parametrize(("wire", "body", "path"), CASES, ids=lambda case: getattr(case, "name", ""))
def test_a_spoiled_body_is_read_or_refused(wire: Wire, body: dict[str, Any], path: str) -> None:
    outcomes = [refusal(wire, spoiled(body, place, junk), path) for place in places(body) for junk in JUNK]
    assert "" not in outcomes
    assert len(outcomes) > 500
    assert sum(outcome is not None for outcome in outcomes) > len(outcomes) / 2
