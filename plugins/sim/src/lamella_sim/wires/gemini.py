"""The Gemini wire: ``POST /gemini/{version}/models/{model}:generateContent`` and ``:streamGenerateContent``.

A reply is a list of parts. In a stream each chunk is the part that is new, and the pieces of a text are
joined by the reader, so texts in a row are one part in an unstreamed reply. Reasoning is a part with
``thought: true``; its signature sits on the next call, or on an empty text at the end. The first call
of a reply always carries a signature. Calls have no id. Media is ``inlineData``: an image in one part,
audio in a stream in several.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from lamella._json import dumps
from lamella_sim.making import MAKING
from lamella_sim.reply import Reply
from lamella_sim.steps import Delay, Error, Reasoning, Refusal, Text, ToolCall
from lamella_sim.wires.gemini_fields import UNPARSABLE, api_key, google_error, signature_of, token_counts
from lamella_sim.wires.gemini_media import check_limits
from lamella_sim.wires.gemini_request import read_gemini
from lamella_sim.wires.made import PIECE
from lamella_sim.wires.openai import Payload
from lamella_sim.wires.wire import Asked, BadRequest, Pause, Piece

__all__ = ["Gemini"]

_REASONS: Final = {
    "max_tokens": "MAX_TOKENS",
    "refusal": "SAFETY",
    "content_filter": "MODEL_ARMOR",
    "pause": "CONTINUATION",
    "other": "OTHER",
}


class Gemini:
    """Reads and writes ``generateContent``."""

    name = "gemini"
    path = "/gemini/{version}/models/{call}"
    base_path = "/gemini"
    media_type = "text/event-stream"
    headers: Mapping[str, str] = {"x-gemini-service-tier": "standard"}
    unparsable = UNPARSABLE
    makes: Mapping[str, int | None] = {"image": None, "audio": None}

    def key(self, headers: Mapping[str, str]) -> str | None:
        """``x-goog-api-key`` or ``?key=``."""
        return api_key(headers)

    def read(self, payload: Payload, path: str) -> Asked:
        """The request of a body; the path names the model, and says whether to stream."""
        return read_gemini(payload, path)

    def check_limits(self, asked: Asked, size: int) -> None:
        """100 MB for a request."""
        check_limits(size)

    def whole(self, reply: Reply, asked: Asked) -> Payload:
        """The response object."""
        spoken = (part for part in _parts(reply) if not isinstance(part, Delay))
        return _response(reply, list(_merged(spoken)), _ending(reply), _usage(reply))

    def stream(self, reply: Reply, asked: Asked) -> Iterator[Piece]:
        """The response in chunks, one frame each; the last one has the finish reason."""
        waiting: list[dict[str, Any]] = []
        sent = 0
        for part in _parts(reply):
            pieces = [part] if isinstance(part, Delay) else _pieces(part, reply)
            for piece in pieces:
                if waiting:
                    sent += 1
                    yield _frame(_response(reply, waiting, {}, _usage(reply, sent)))
                waiting = [] if isinstance(piece, Delay) else [piece]
            if isinstance(part, Delay):
                yield Pause(part.seconds)
        if reply.error is None:
            yield _frame(_response(reply, waiting, _ending(reply), _usage(reply)))
            return
        if waiting:
            yield _frame(_response(reply, waiting, {}, _usage(reply, sent + 1)))
        yield from self.error_chunks(reply.error)

    def error_body(self, error: Error) -> Payload:
        """``{"error": {…}}``."""
        return google_error(error)

    def error_chunks(self, error: Error) -> Iterator[bytes]:
        """The error as a chunk of its own; nothing follows."""
        yield _frame(google_error(error))

    def malformed_chunk(self) -> bytes:
        """A chunk whose JSON breaks off."""
        return b'data: {"candidates": [{"content": {"parts": [{"text": "oo\r\n\r\n'

    def refused(self, problem: BadRequest) -> Payload:
        """The body for a refused request, with the field that is wrong."""
        body = google_error(Error(problem.status, problem.message, code=problem.code))
        if problem.param:
            violation = {"field": problem.param, "description": problem.message}
            kind = "type.googleapis.com/google.rpc.BadRequest"
            body["error"].setdefault("details", []).append({"@type": kind, "fieldViolations": [violation]})
        return body


def _frame(data: Payload) -> bytes:
    return f"data: {dumps(dict(data))}\r\n\r\n".encode("utf-8", "surrogatepass")


def _response(reply: Reply, parts: list[dict[str, Any]], ending: Payload, usage: Payload) -> dict[str, Any]:
    content = {"parts": parts, "role": "model"} if parts else {"role": "model"}
    return {
        "candidates": [{"content": content, **ending, "index": 0}],
        "usageMetadata": usage,
        "modelVersion": reply.model,
        "responseId": reply.id,
    }


def _parts(reply: Reply) -> Iterator[dict[str, Any] | Delay]:
    """The parts of a reply, and the delays between them."""
    signature: str | None = None
    called = False
    for step in reply.steps:
        if isinstance(step, Delay):
            yield step
        elif isinstance(step, Reasoning):
            if signature is not None and step.signature is not None:
                yield {"text": "", "thoughtSignature": signature_of(signature)}
            signature = step.signature if step.signature is not None else signature
            yield from _texts((step.summary or "") + (step.text or ""), {"thought": True})
        elif isinstance(step, Text | Refusal):
            yield from _texts(step.text, {})
        elif isinstance(step, MAKING):
            yield {"inlineData": {"mimeType": step.mime_type, "data": step.base64_data}}
        elif isinstance(step, ToolCall):
            if step.arguments is None:
                return
            part = {"functionCall": {"name": step.name, "args": step.arguments}}
            signed = (
                {"thoughtSignature": signature_of(signature)} if signature is not None or not called else {}
            )
            signature, called = None, True
            yield {**part, **signed}
    if signature is not None:
        yield {"text": "", "thoughtSignature": signature_of(signature)}


def _texts(text: str, marks: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if text:
        yield {"text": text, **marks}


def _pieces(part: dict[str, Any], reply: Reply) -> Iterator[dict[str, Any]]:
    if part.get("text"):
        yield from ({**part, "text": piece} for piece in reply.pieces(part["text"]))
    elif str(part.get("inlineData", {}).get("mimeType")).startswith("audio/"):
        yield from _spoken(part["inlineData"])
    else:
        yield part


def _spoken(blob: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Audio comes in parts, each with some of the bytes; an image comes whole."""
    text = blob["data"]
    for start in range(0, len(text), PIECE):
        yield {"inlineData": {**blob, "data": text[start : start + PIECE]}}


def _merged(parts: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The parts with plain texts in a row joined, as a reader of the stream joins them."""
    held: dict[str, Any] | None = None
    for part in parts:
        if held is not None and part.get("text") and held.get("thought") == part.get("thought"):
            held = {**held, "text": held["text"] + part["text"]}
            continue
        if held is not None:
            yield held
        held = part if part.get("text") else None
        if held is None:
            yield part
    if held is not None:
        yield held


def _ending(reply: Reply) -> dict[str, str]:
    """How the reply ends. A call whose arguments are no object ends it, as it ends Gemini's."""
    calls = [step for step in reply.steps if isinstance(step, ToolCall)]
    malformed = next((call for call in calls if call.arguments is None), None)
    if malformed is not None:
        message = f"Malformed function call: {malformed.name}({malformed.arguments_json})"
        return {"finishReason": "MALFORMED_FUNCTION_CALL", "finishMessage": message}
    reason = _REASONS.get(reply.stop_reason, "STOP")
    if calls and reason == "STOP":
        return {"finishReason": reason, "finishMessage": "Model generated function call(s)."}
    return {"finishReason": reason}


def _usage(reply: Reply, sent: int | None = None) -> dict[str, Any]:
    """The usage in Google's counting; within a stream what had been used after ``sent`` chunks."""
    counts = token_counts(reply.usage)
    prompt = {
        "promptTokenCount": counts["prompt"],
        "promptTokensDetails": _modalities(counts["prompt"], counts["heard"]),
    }
    if sent is not None:
        output = min(sent, counts["output"])
        return {**prompt, "candidatesTokenCount": output, "totalTokenCount": counts["prompt"] + output}
    optional = {
        "cachedContentTokenCount": counts["cached"],
        "thoughtsTokenCount": counts["thoughts"],
        "toolUsePromptTokenCount": counts["tool_use"],
    }
    usage = {
        **prompt,
        "candidatesTokenCount": counts["output"],
        **{key: n for key, n in optional.items() if n},
    }
    if counts["spoken"]:
        usage["candidatesTokensDetails"] = _modalities(counts["output"], counts["spoken"])
    return {**usage, "totalTokenCount": counts["total"]}


def _modalities(total: int, audio: int) -> list[dict[str, Any]]:
    text = [{"modality": "TEXT", "tokenCount": total - audio}]
    return [*text, {"modality": "AUDIO", "tokenCount": audio}] if audio else text
