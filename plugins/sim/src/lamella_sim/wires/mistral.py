"""The Mistral chat wire: ``POST /mistral/v1/chat/completions``, streamed as chunks and ``[DONE]``.

Reasoning becomes thinking chunks (summary, then text) with the script's signature or one made here.
Call ids that are not nine letters and digits are replaced by such.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from lamella_sim.reply import Reply, new_id
from lamella_sim.steps import Error
from lamella_sim.wires.mistral_chunks import Invalid
from lamella_sim.wires.mistral_media import check_limits
from lamella_sim.wires.mistral_reply import finish_reason, message_of, usage_object
from lamella_sim.wires.mistral_request import read_mistral
from lamella_sim.wires.mistral_stream import frame, head, stream_chunks
from lamella_sim.wires.openai import Payload, bearer
from lamella_sim.wires.wire import Asked, BadRequest, Piece

__all__ = ["MistralChat"]

_TYPES: Final = {403: "forbidden", 404: "not_found", 429: "rate_limited", 503: "service_unavailable"}
_CODES: Final = {429: "1300", 503: "3505"}


class MistralChat:
    """Reads and writes the chat completions API of Mistral."""

    name = "mistral.chat"
    path = "/mistral/v1/chat/completions"
    base_path = "/mistral"
    media_type = "text/event-stream; charset=utf-8"
    unparsable = "The body of the request is not a JSON object"
    makes: Mapping[str, int | None] = {}

    @property
    def headers(self) -> Mapping[str, str]:
        """A new correlation id for each reply."""
        return {"mistral-correlation-id": new_id("sim")}

    def key(self, headers: Mapping[str, str]) -> str | None:
        """The bearer token."""
        return bearer(headers)

    def read(self, payload: Payload, path: str) -> Asked:
        """The request of a body."""
        return read_mistral(payload)

    def check_limits(self, asked: Asked, size: int) -> None:
        """10 MB for an image and 8 of them, 50 MB for a document."""
        check_limits(asked)

    def whole(self, reply: Reply, asked: Asked) -> Payload:
        """The completion object."""
        choice = {"index": 0, "finish_reason": finish_reason(reply), "message": message_of(reply)}
        return {**head(reply, "chat.completion"), "usage": usage_object(reply.usage), "choices": [choice]}

    def stream(self, reply: Reply, asked: Asked) -> Iterator[Piece]:
        """The chunks of the completion, one frame each."""
        yield from stream_chunks(reply)
        if reply.error is not None:
            yield from self.error_chunks(reply.error)

    def error_body(self, error: Error) -> Payload:
        """``{"object": "error", …}``; without a valid key it is ``{"detail": …}``."""
        if error.status == 401:
            return {"detail": error.message}
        default = "internal_server_error" if error.status >= 500 else "invalid_request_error"
        code = error.code or _CODES.get(error.status)
        return _body(error.message, _TYPES.get(error.status, default), code, error.status)

    def error_chunks(self, error: Error) -> Iterator[bytes]:
        """The error as a chunk of its own; nothing follows."""
        yield frame(dict(self.error_body(error)))

    def malformed_chunk(self) -> bytes:
        """A chunk whose JSON breaks off."""
        return b'data: {"id":"sim","object":"chat.completion.chunk","choices":[{"index":0,"delta\n\n'

    def refused(self, problem: BadRequest) -> Payload:
        """What does not fit the form is told with its place in the body, anything else as an error object."""
        if problem.status == 422:
            names = problem.param.split(".") if problem.param else []
            loc = ["body", *(int(name) if name.isdecimal() else name for name in names)]
            return {"detail": [{"type": problem.code, "loc": loc, "msg": problem.message}]}
        kind = problem.kind if isinstance(problem, Invalid) else "invalid_request_error"
        return _body(problem.message, kind, problem.code, problem.status)


def _body(message: str, kind: str, code: str | None, status: int) -> dict[str, Any]:
    named = {"type": kind, "param": None, "code": code, "raw_status_code": status}
    return {"object": "error", "message": message, **named}
