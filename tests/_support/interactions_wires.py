"""Streams and bodies of the Gemini Interactions API, built from steps by an independent, simple writer."""

from __future__ import annotations

import json
from typing import Any

Step = dict[str, Any]

USAGE = {
    "total_input_tokens": 120,
    "total_cached_tokens": 25,
    "total_output_tokens": 40,
    "total_thought_tokens": 30,
    "total_tool_use_tokens": 10,
    "total_tokens": 200,
}

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAIAQMAAAD+wSzIAAAABlBMVEX///+/v7+jQ3Y5AAAADklEQVQI12P4AIX8EAgALgAD/aNpbtEAAAAASUVORK5CYII="

NOTE = {
    "type": "url_citation",
    "url": "https://example.org/a",
    "title": "A",
    "start_index": 0,
    "end_index": 4,
}
THOUGHT = {"type": "thought", "signature": "c2ln", "summary": [{"type": "text", "text": "Look it up."}]}
SEARCH = {
    "type": "google_search_call",
    "id": "s1",
    "signature": "",
    "arguments": {"queries": ["weather"]},
}
FOUND = {
    "type": "google_search_result",
    "call_id": "s1",
    "signature": "",
    "result": [{"search_suggestions": "<b>x</b>"}],
    "is_error": False,
}
SAID = {
    "type": "model_output",
    "content": [
        {"type": "text", "text": "Sunny in Paris.", "annotations": [NOTE]},
        {"type": "image", "data": PNG, "mime_type": "image/png"},
        {"type": "text", "text": "That is all."},
    ],
}
CALL = {
    "type": "function_call",
    "id": "fc1",
    "name": "get_weather",
    "arguments": {"city": "Paris", "days": [1, 2]},
    "signature": "",
    "extra_field": {"kept": True},
}
STEPS: list[Step] = [THOUGHT, SEARCH, FOUND, SAID, CALL]


def interaction(*steps: Step, status: str = "completed", **fields: Any) -> dict[str, Any]:
    """A whole interaction."""
    base = {"id": "v1_1", "object": "interaction", "model": "gemini-3-flash-preview", "status": status}
    return {**base, "usage": USAGE, "steps": list(steps), **fields}


def body(*steps: Step, **fields: Any) -> bytes:
    return json.dumps(interaction(*steps, **fields)).encode()


def ended(status: str = "completed", **fields: Any) -> dict[str, Any]:
    """The last event of a stream: it holds no steps."""
    last = interaction(status=status, **fields)
    if "steps" not in fields:
        del last["steps"]
    return {"event_type": "interaction.completed", "interaction": last}


def created(**fields: Any) -> dict[str, Any]:
    first = {"id": "v1_1", "status": "in_progress", "model": "gemini-3-flash-preview", **fields}
    return {"event_type": "interaction.created", "interaction": first}


def start(index: int, step: Step) -> dict[str, Any]:
    return {"event_type": "step.start", "index": index, "step": step}


def delta(index: int, kind: str, **fields: Any) -> dict[str, Any]:
    return {"event_type": "step.delta", "index": index, "delta": {"type": kind, **fields}}


def stop(index: int) -> dict[str, Any]:
    return {"event_type": "step.stop", "index": index}


def halves(text: str) -> list[str]:
    cut = len(text) // 2
    return [piece for piece in (text[:cut], text[cut:]) if piece]


def step_events(index: int, step: Step) -> list[dict[str, Any]]:
    """The events of one step, as Google streams it."""
    kind = step["type"]
    found: list[dict[str, Any]] = []
    if kind == "thought":
        found.append(start(index, {"type": kind}))
        for part in step.get("summary", ()):
            found += [
                delta(index, "thought_summary", content={**part, "text": t}) for t in halves(part["text"])
            ]
        found.append(delta(index, "thought_signature", signature=step["signature"]))
    elif kind == "model_output":
        found.append(start(index, {"type": kind}))
        for part in step["content"]:
            if part["type"] == "text":
                found += [delta(index, "text", text=piece) for piece in halves(part["text"])]
                if "annotations" in part:
                    found.append(delta(index, "text_annotation_delta", annotations=part["annotations"]))
            else:
                found.append({"event_type": "step.delta", "index": index, "delta": part})
    elif kind == "function_call":
        found.append(start(index, {**step, "arguments": {}}))
        text = json.dumps(step["arguments"], separators=(",", ":"), ensure_ascii=False)
        found += [delta(index, "arguments_delta", arguments=piece) for piece in halves(text)]
    else:
        held = {"type", "id", "call_id", "signature"}
        found.append(start(index, {key: value for key, value in step.items() if key in held}))
        rest = {key: value for key, value in step.items() if key not in held}
        found.append(delta(index, kind, **rest))
    return [*found, stop(index)]


def stream(*steps: Step, status: str = "completed", **fields: Any) -> list[dict[str, Any]]:
    """The events of an interaction."""
    update = {"event_type": "interaction.status_update", "interaction_id": "v1_1", "status": "in_progress"}
    inner = [event for index, step in enumerate(steps) for event in step_events(index, step)]
    return [created(), update, *inner, ended(status, **fields)]


def sse(*events: Any) -> bytes:
    """The bytes of a stream, with its ``done`` event."""
    lines = [f"event: {event.get('event_type')}\ndata: {json.dumps(event)}\n\n" for event in events]
    return ("".join(lines) + "event: done\ndata: [DONE]\n\n").encode()


_OLD_NAMES = {
    "interaction.created": "interaction.start",
    "interaction.completed": "interaction.complete",
    "step.start": "content.start",
    "step.delta": "content.delta",
    "step.stop": "content.stop",
}


def older(event: dict[str, Any]) -> dict[str, Any]:
    """The event as it was called before May 2026."""
    renamed = {**event, "event_type": _OLD_NAMES.get(event["event_type"], event["event_type"])}
    if "step" in renamed:
        content = renamed.pop("step")
        renamed["content"] = {"type": "text"} if content["type"] == "model_output" else content
    return renamed
