"""The Anthropic Messages wire: ``POST /anthropic/v1/messages``, streamed as typed server-sent events.

Reasoning becomes thinking (summary, then text) with the script's signature or one made here; reasoning
that is nothing but a signature becomes redacted thinking. Arguments that are no JSON object are
streamed as they are; a whole message holds them as ``{"INVALID_JSON": …}``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from lamella_sim.reply import Reply, new_id
from lamella_sim.steps import Error
from lamella_sim.wires.anthropic_media import check_limits
from lamella_sim.wires.anthropic_reply import message_object
from lamella_sim.wires.anthropic_request import check_version, read_anthropic
from lamella_sim.wires.anthropic_stream import event, stream_message
from lamella_sim.wires.openai import Payload, bearer
from lamella_sim.wires.wire import Asked, BadRequest, Piece

__all__ = ["AnthropicMessages"]

_TYPES: Final = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class AnthropicMessages:
    """Reads and writes the Messages API."""

    name = "anthropic.messages"
    path = "/anthropic/v1/messages"
    base_path = "/anthropic"
    media_type = "text/event-stream; charset=utf-8"
    unparsable = "The request body is not valid JSON"
    makes: Mapping[str, int | None] = {}

    @property
    def headers(self) -> Mapping[str, str]:
        """A new request id for each reply."""
        return {"request-id": new_id("req")}

    def key(self, headers: Mapping[str, str]) -> str | None:
        """``x-api-key``, or the bearer token."""
        return headers.get("x-api-key") or bearer(headers)

    def check_headers(self, headers: Mapping[str, str], payload: Payload) -> None:
        """The API version, and what it allows."""
        check_version(payload, headers)

    def read(self, payload: Payload, path: str) -> Asked:
        """The request of a body."""
        return read_anthropic(payload)

    def check_limits(self, asked: Asked, size: int) -> None:
        """32 MB for a request, 10 MB and 8000 pixels for an image."""
        check_limits(asked, size)

    def whole(self, reply: Reply, asked: Asked) -> Payload:
        """The message object."""
        return message_object(reply, asked)

    def stream(self, reply: Reply, asked: Asked) -> Iterator[Piece]:
        """The events of the message, one frame each."""
        yield from stream_message(reply, asked)
        if reply.error is not None:
            yield from self.error_chunks(reply.error)

    def error_body(self, error: Error) -> Payload:
        """``{"type": "error", "error": {…}, "request_id": …}``."""
        default = "api_error" if error.status >= 500 else "invalid_request_error"
        return _body(_TYPES.get(error.status, default), error.message, error.code)

    def error_chunks(self, error: Error) -> Iterator[bytes]:
        """The ``error`` event; nothing follows."""
        body = dict(self.error_body(error))
        yield event(body.pop("type"), **body)

    def malformed_chunk(self) -> bytes:
        """A delta whose JSON breaks off."""
        return (
            b"event: content_block_delta\n"
            b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"oo\n\n'
        )

    def refused(self, problem: BadRequest) -> Payload:
        """The body of a 400; the message begins with the field it is about."""
        message = f"{problem.param}: {problem.message}" if problem.param else problem.message
        return _body(_TYPES.get(problem.status, "invalid_request_error"), message, None)


def _body(kind: str, message: str, code: str | None) -> dict[str, Any]:
    error: dict[str, Any] = {"type": kind, "message": message}
    if code is not None:
        error["details"] = {"error_code": code}
    return {"type": "error", "error": error, "request_id": new_id("req")}
