"""The OpenAI Responses wire: ``POST /v1/responses``, streamed as typed server-sent events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from lamella_sim.magic import pixels
from lamella_sim.making import Image
from lamella_sim.reply import Reply, new_id
from lamella_sim.steps import Delay, Error, Reasoning, Refusal, Step, Text, ToolCall
from lamella_sim.wires.openai import (
    HEADERS,
    UNPARSABLE,
    Payload,
    bearer,
    error_object,
    refused,
    sse,
    usage_object,
)
from lamella_sim.wires.openai_media import check_limits
from lamella_sim.wires.responses_request import read_responses
from lamella_sim.wires.wire import Asked, BadRequest, Pause, Piece

__all__ = ["OpenAIResponses"]

_ECHOED: Final[Mapping[str, Any]] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
"""Request parameters that the response repeats, with what they are when not given."""

_INCOMPLETE: Final = {"max_tokens": "max_output_tokens", "content_filter": "content_filter"}


class OpenAIResponses:
    """Reads and writes the Responses API."""

    name = "openai.responses"
    path = "/v1/responses"
    base_path = "/v1"
    media_type = "text/event-stream; charset=utf-8"
    headers: Mapping[str, str] = HEADERS
    unparsable = UNPARSABLE
    makes: Mapping[str, int | None] = {"image": None}

    def key(self, headers: Mapping[str, str]) -> str | None:
        """The bearer token."""
        return bearer(headers)

    def read(self, payload: Payload, path: str) -> Asked:
        """The request of a body."""
        return read_responses(payload)

    def check_limits(self, asked: Asked, size: int) -> None:
        """50 MB for a file."""
        check_limits(asked)

    def whole(self, reply: Reply, asked: Asked) -> Payload:
        """The response object, complete."""
        items = [_finished(_item(step)) for step in reply.steps if not isinstance(step, Delay)]
        return _response(reply, asked, items, _status(reply))

    def stream(self, reply: Reply, asked: Asked) -> Iterator[Piece]:
        """The events of the response, one frame each."""
        return _Events(reply, asked).play()

    def error_body(self, error: Error) -> Payload:
        """``{"error": {…}}``."""
        return {"error": error_object(error)}

    def error_chunks(self, error: Error) -> Iterator[bytes]:
        """The ``error`` event as the API sends it, and the ``response.failed`` after it."""
        fault = error_object(error)
        yield sse({"type": "error", "error": fault, "sequence_number": 0}, "error")
        failed = {"id": new_id("resp"), "object": "response", "status": "failed", "output": []}
        named = {"code": fault["code"] or "server_error", "message": fault["message"]}
        yield sse(
            {"type": "response.failed", "sequence_number": 1, "response": {**failed, "error": named}},
            "response.failed",
        )

    def malformed_chunk(self) -> bytes:
        """A delta whose JSON breaks off."""
        return (
            b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"oo\n\n'
        )

    def refused(self, problem: BadRequest) -> Payload:
        """The body of a 400."""
        return refused(problem)


def _status(reply: Reply) -> str:
    return "incomplete" if reply.stop_reason in _INCOMPLETE else "completed"


def _response(reply: Reply, asked: Asked, items: list[dict[str, Any]], status: str) -> dict[str, Any]:
    reason = _INCOMPLETE.get(reply.stop_reason) if status == "incomplete" else None
    ended = status in ("completed", "incomplete")
    echoed = {key: asked.payload.get(key, default) for key, default in _ECHOED.items()}
    return {
        "id": f"resp_{reply.id}",
        "object": "response",
        "created_at": reply.created,
        "completed_at": reply.created if status == "completed" else None,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": reason} if reason else None,
        "model": reply.model,
        "output": items,
        "usage": usage_object(reply.usage, ("input", "output")) if ended else None,
        **echoed,
    }


def _item(step: Step) -> dict[str, Any]:
    """The output item of a step, whole, with its status still open."""
    if isinstance(step, ToolCall):
        call = {"call_id": step.call_id, "name": step.name, "arguments": step.arguments_json}
        return {"id": new_id("fc"), "type": "function_call", "status": "in_progress", **call}
    if isinstance(step, Reasoning):
        item: dict[str, Any] = {"id": new_id("rs"), "type": "reasoning", "summary": []}
        if step.summary is not None:
            item["summary"] = [{"type": "summary_text", "text": step.summary}]
        if step.text is not None:
            item["content"] = [{"type": "reasoning_text", "text": step.text}]
        return {**item, "encrypted_content": step.signature}
    if isinstance(step, Image):
        return _image_call(step)
    part = _part(step)
    return {
        "id": new_id("msg"),
        "type": "message",
        "status": "in_progress",
        "role": "assistant",
        "content": [part],
    }


def _image_call(step: Image) -> dict[str, Any]:
    size = pixels(step.data)
    return {
        "id": new_id("ig"),
        "type": "image_generation_call",
        "status": "generating",
        "action": "generate",
        "background": "opaque",
        "output_format": step.format,
        "quality": "auto",
        "result": step.base64_data,
        "revised_prompt": None,
        "size": None if size is None else f"{size[0]}x{size[1]}",
    }


def _part(step: Step) -> dict[str, Any]:
    if isinstance(step, Refusal):
        return {"type": "refusal", "refusal": step.text}
    assert isinstance(step, Text), f"a reply holds no {type(step).__name__}"
    return {"type": "output_text", "text": step.text, "annotations": [], "logprobs": []}


def _finished(item: dict[str, Any]) -> dict[str, Any]:
    return {**item, "status": "completed"} if "status" in item else item


class _Events:
    """The events of one response: numbers them and keeps the items that are done."""

    def __init__(self, reply: Reply, asked: Asked) -> None:
        self.reply, self.asked = reply, asked
        self.items: list[dict[str, Any]] = []
        self.number = 0

    def play(self) -> Iterator[Piece]:
        """From ``response.created`` to the terminal event."""
        yield self._state("created", "in_progress")
        yield self._state("in_progress", "in_progress")
        for step in self.reply.steps:
            if isinstance(step, Delay):
                yield Pause(step.seconds)
            else:
                yield from self._step(step)
        if self.reply.error is not None:
            yield from self._fail(self.reply.error)
            return
        status = _status(self.reply)
        yield self._state(status, status)

    def _event(self, kind: str, **fields: Any) -> bytes:
        data = {"type": f"response.{kind}", "sequence_number": self.number, **fields}
        self.number += 1
        return sse(data, f"response.{kind}")

    def _state(self, kind: str, status: str) -> bytes:
        return self._event(kind, response=_response(self.reply, self.asked, self.items, status))

    def _fail(self, error: Error) -> Iterator[bytes]:
        fault = error_object(error)
        yield sse({"type": "error", "error": fault, "sequence_number": self.number}, "error")
        self.number += 1
        named = {"code": fault["code"] or "server_error", "message": fault["message"]}
        response = _response(self.reply, self.asked, self.items, "failed")
        yield self._event("failed", response={**response, "error": named})

    def _step(self, step: Step) -> Iterator[bytes]:
        item, index = _item(step), len(self.items)
        place = {"item_id": item["id"], "output_index": index}
        yield self._event("output_item.added", output_index=index, item=_opened(item))
        if isinstance(step, ToolCall):
            yield from self._call(step, place)
        elif isinstance(step, Reasoning):
            yield from self._reasoning(step, place)
        elif isinstance(step, Image):
            yield from self._image(step, item, place)
        else:
            yield from self._message(step, place)
        self.items.append(_finished(item))
        yield self._event("output_item.done", output_index=index, item=self.items[-1])

    def _call(self, step: ToolCall, place: dict[str, Any]) -> Iterator[bytes]:
        for piece in self.reply.pieces(step.arguments_json):
            yield self._event("function_call_arguments.delta", **place, delta=piece)
        yield self._event("function_call_arguments.done", **place, arguments=step.arguments_json)

    def _image(self, step: Image, item: dict[str, Any], place: dict[str, Any]) -> Iterator[bytes]:
        yield self._event("image_generation_call.in_progress", **place)
        yield self._event("image_generation_call.generating", **place)
        shown = {name: item[name] for name in ("background", "output_format", "quality", "size")}
        for index in range(step.partial):
            image = {"partial_image_index": index, "partial_image_b64": item["result"]}
            yield self._event("image_generation_call.partial_image", **place, **image, **shown)
        yield self._event("image_generation_call.completed", **place)

    def _reasoning(self, step: Reasoning, place: dict[str, Any]) -> Iterator[bytes]:
        if step.summary is not None:
            here = {**place, "summary_index": 0}
            empty, part = ({"type": "summary_text", "text": text} for text in ("", step.summary))
            yield self._event("reasoning_summary_part.added", **here, part=empty)
            for piece in self.reply.pieces(step.summary):
                yield self._event("reasoning_summary_text.delta", **here, delta=piece)
            yield self._event("reasoning_summary_text.done", **here, text=step.summary)
            yield self._event("reasoning_summary_part.done", **here, part=part)
        if step.text is not None:
            here = {**place, "content_index": 0}
            for piece in self.reply.pieces(step.text):
                yield self._event("reasoning_text.delta", **here, delta=piece)
            yield self._event("reasoning_text.done", **here, text=step.text)

    def _message(self, step: Step, place: dict[str, Any]) -> Iterator[bytes]:
        here, part = {**place, "content_index": 0}, _part(step)
        key = "refusal" if isinstance(step, Refusal) else "text"
        kind = "refusal" if isinstance(step, Refusal) else "output_text"
        logprobs: dict[str, Any] = {} if isinstance(step, Refusal) else {"logprobs": []}
        yield self._event("content_part.added", **here, part={**part, key: ""})
        for piece in self.reply.pieces(part[key]):
            yield self._event(f"{kind}.delta", **here, delta=piece, **logprobs)
        yield self._event(f"{kind}.done", **here, **{key: part[key]}, **logprobs)
        yield self._event("content_part.done", **here, part=part)


def _opened(item: dict[str, Any]) -> dict[str, Any]:
    """An item as ``output_item.added`` shows it: without content."""
    if item["type"] == "function_call":
        return {**item, "arguments": ""}
    if item["type"] == "message":
        return {**item, "content": []}
    if item["type"] == "image_generation_call":
        return {"id": item["id"], "type": item["type"], "status": "in_progress"}
    # As on the real wire, the encrypted form of an open item is not yet the one to keep.
    signature = item["encrypted_content"] and f"open:{item['id']}"
    return {"id": item["id"], "type": "reasoning", "summary": [], "encrypted_content": signature}
