"""The Gemini Interactions wire: ``POST /gemini/{version}/interactions``, streamed as events of steps.

A thought has no place for text of its own: text and summary both go into its summary, and it is always
signed. ``interaction.completed`` says how it ended and what it cost, and does not repeat the steps.
Arguments that are no JSON object are sent as their text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from lamella._json import dumps
from lamella.usage import TokenUsage
from lamella_sim.making import MAKING
from lamella_sim.reply import Reply
from lamella_sim.steps import Delay, Error, Reasoning, Refusal, Step, Text, ToolCall
from lamella_sim.wires.gemini_fields import UNPARSABLE, api_key, google_error, signature_of, token_counts
from lamella_sim.wires.gemini_media import check_limits
from lamella_sim.wires.interactions_request import read_interaction
from lamella_sim.wires.made import base64_pieces
from lamella_sim.wires.openai import Payload
from lamella_sim.wires.wire import Asked, BadRequest, Pause, Piece

__all__ = ["GeminiInteractions"]

_STATUSES: Final = {
    "tool_use": "requires_action",
    "max_tokens": "incomplete",
    "refusal": "failed",
    "content_filter": "failed",
    "pause": "requires_continuation",
}
_CODES: Final = {400: "invalid_request", 401: "unauthenticated", 403: "permission_denied"}
"""Codes that are not the words of their status."""


class GeminiInteractions:
    """Reads and writes the Interactions API."""

    name = "gemini.interactions"
    path = "/gemini/{version}/interactions"
    base_path = "/gemini"
    media_type = "text/event-stream"
    headers: Mapping[str, str] = {"x-gemini-service-tier": "standard"}
    unparsable = UNPARSABLE
    makes: Mapping[str, int | None] = {"image": None, "audio": None}

    def key(self, headers: Mapping[str, str]) -> str | None:
        """``x-goog-api-key`` or ``?key=``."""
        return api_key(headers)

    def read(self, payload: Payload, path: str) -> Asked:
        """The request of a body."""
        return read_interaction(payload)

    def check_limits(self, asked: Asked, size: int) -> None:
        """100 MB for a request."""
        check_limits(size)

    def whole(self, reply: Reply, asked: Asked) -> Payload:
        """The interaction, with its steps."""
        steps = [_step(step) for step in _said(reply) if not isinstance(step, Delay)]
        return {
            **_interaction(reply, _status(reply)),
            **_times(reply),
            "steps": steps,
            "usage": _usage(reply.usage),
        }

    def stream(self, reply: Reply, asked: Asked) -> Iterator[Piece]:
        """The events of the interaction, one frame each."""
        yield _event("interaction.created", interaction=_interaction(reply, "in_progress"))
        begun = {"interaction_id": f"v1_{reply.id}", "status": "in_progress"}
        yield _event("interaction.status_update", **begun)
        index = 0
        for step in _said(reply):
            if isinstance(step, Delay):
                yield Pause(step.seconds)
                continue
            yield from _step_events(step, index, reply)
            index += 1
        if reply.error is not None:
            yield from self.error_chunks(reply.error)
            return
        done = {**_interaction(reply, _status(reply)), **_times(reply), "usage": _usage(reply.usage)}
        yield _event("interaction.completed", interaction=done)
        yield b"event: done\ndata: [DONE]\n\n"

    def error_body(self, error: Error) -> Payload:
        """``{"error": {message, code}}``, where the code is a word."""
        return {"error": _fault(error)}

    def error_chunks(self, error: Error) -> Iterator[bytes]:
        """The ``error`` event; nothing follows."""
        yield _event("error", error=_fault(error))

    def malformed_chunk(self) -> bytes:
        """A delta whose JSON breaks off."""
        return b'event: step.delta\ndata: {"event_type":"step.delta","index":0,"delta":{"type":"text","text":"oo\n\n'

    def refused(self, problem: BadRequest) -> Payload:
        """The body for a refused request. A bad key is refused before the API, in Google's general form."""
        error = Error(problem.status, problem.message, code=problem.code)
        return google_error(error) if problem.code == "API_KEY_INVALID" else self.error_body(error)


def _fault(error: Error) -> dict[str, str]:
    try:
        words = HTTPStatus(error.status).phrase.lower().replace(" ", "_")
    except ValueError:
        words = "internal_server_error" if error.status >= 500 else "invalid_request"
    return {"message": error.message, "code": error.code or _CODES.get(error.status, words)}


def _event(kind: str, **data: Any) -> bytes:
    body = dumps({**data, "event_type": kind})
    return f"event: {kind}\ndata: {body}\n\n".encode("utf-8", "surrogatepass")


def _interaction(reply: Reply, status: str) -> dict[str, Any]:
    return {"id": f"v1_{reply.id}", "object": "interaction", "model": reply.model, "status": status}


def _times(reply: Reply) -> dict[str, str]:
    created = datetime.fromtimestamp(reply.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"created": created, "updated": created, "service_tier": "standard"}


def _status(reply: Reply) -> str:
    return _STATUSES.get(reply.stop_reason, "completed")


def _said(reply: Reply) -> Iterator[Step]:
    """The steps that are sent: all but empty text, which the API does not write."""
    for step in reply.steps:
        if not isinstance(step, Text | Refusal) or step.text:
            yield step


def _step(step: Step) -> dict[str, Any]:
    """A step as the wire has it, whole."""
    if isinstance(step, ToolCall):
        arguments = step.arguments if step.arguments is not None else step.arguments_json
        return {"type": "function_call", "id": step.call_id, "name": step.name, "arguments": arguments}
    if isinstance(step, Reasoning):
        summary = [{"type": "text", "text": text} for text in (step.summary, step.text) if text]
        thought = {"type": "thought", "signature": signature_of(step.signature)}
        return {**thought, "summary": summary} if summary else thought
    if isinstance(step, MAKING):
        media = {"type": step.kind, "mime_type": step.mime_type, "data": step.base64_data}
        return {"type": "model_output", "content": [media]}
    text = step.text if isinstance(step, Text | Refusal) else ""
    return {"type": "model_output", "content": [{"type": "text", "text": text}]}


def _step_events(step: Step, index: int, reply: Reply) -> Iterator[bytes]:
    whole = _step(step)
    opened = {"type": whole["type"]}
    if isinstance(step, ToolCall):
        opened = {**whole, "arguments": {}}
    yield _event("step.start", index=index, step=opened)
    for delta in _deltas(step, whole, reply):
        yield _event("step.delta", index=index, delta=delta)
    yield _event("step.stop", index=index)


def _deltas(step: Step, whole: Payload, reply: Reply) -> Iterator[dict[str, Any]]:
    if isinstance(step, ToolCall):
        for piece in reply.pieces(step.arguments_json):
            yield {"type": "arguments_delta", "arguments": piece}
    elif isinstance(step, Reasoning):
        for content in whole.get("summary", ()):
            yield {"type": "thought_summary", "content": content}
        yield {"type": "thought_signature", "signature": whole["signature"]}
    elif isinstance(step, MAKING):
        for data in base64_pieces(step) if step.kind == "audio" else (step.base64_data,):
            yield {"type": step.kind, "mime_type": step.mime_type, "data": data}
    elif isinstance(step, Text | Refusal):
        for piece in reply.pieces(step.text):
            yield {"type": "text", "text": piece}


def _usage(usage: TokenUsage) -> dict[str, Any]:
    counts = token_counts(usage)
    counted = {
        "total_tokens": counts["total"],
        "total_input_tokens": counts["prompt"],
        "input_tokens_by_modality": _modalities(counts["prompt"], counts["heard"]),
        "total_cached_tokens": counts["cached"],
        "total_output_tokens": counts["output"],
        "total_tool_use_tokens": counts["tool_use"],
        "total_thought_tokens": counts["thoughts"],
    }
    spoken = _modalities(counts["output"], counts["spoken"])
    return {**counted, "output_tokens_by_modality": spoken} if counts["spoken"] else counted


def _modalities(total: int, audio: int) -> list[dict[str, Any]]:
    text = [{"modality": "text", "tokens": total - audio}]
    return [*text, {"modality": "audio", "tokens": audio}] if audio else text
