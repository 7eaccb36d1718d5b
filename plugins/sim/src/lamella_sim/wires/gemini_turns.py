"""Reads ``contents`` of a Gemini request, and keeps Gemini's rules of turns.

Calls carry no id on this wire: a response belongs to the call of its name, in order, unless both have ids.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from lamella._frozen import EMPTY
from lamella.content import (
    Block,
    MediaContent,
    OpaqueContent,
    ReasoningBlock,
    TextBlock,
    ToolCallBlock,
    ToolOutputBlock,
)
from lamella.messages import Message
from lamella_sim.wires.gemini_fields import (
    check_name,
    check_signature,
    fields,
    read_list,
    read_struct,
    read_text,
)
from lamella_sim.wires.gemini_media import read_bytes, read_uri
from lamella_sim.wires.history import History
from lamella_sim.wires.openai import Payload, built
from lamella_sim.wires.wire import BadRequest

__all__ = ["read_contents", "read_part"]

_HOSTED: Final = ("executableCode", "codeExecutionResult", "toolCall", "toolResponse")
_PAYLOADS: Final = ("text", "inlineData", "fileData", "functionCall", "functionResponse", *_HOSTED)
_BESIDES: Final = (
    *("thought", "thoughtSignature", "videoMetadata", "mediaResolution", "mediaProcessing", "partMetadata"),
    *("audioMetadata", "speechMetadata", "documentMetadata", "spreadsheetMetadata"),
)
_NEEDS_SIGNATURES: Final = re.compile(r"(sim-)?gemini-3")

_CALL_OUT_OF_PLACE: Final = "Please ensure that function call turn comes immediately after a user turn or after a function response turn."
_RESPONSE_OUT_OF_PLACE: Final = (
    "Please ensure that function response turn comes immediately after a function call turn."
)
_COUNT: Final = (
    "Please ensure that the number of function response parts is equal to the number of function call parts of the "
    "function call turn."
)


@attrs.frozen
class _Part:
    """A part as it was read; ``fields`` are Google's."""

    fields: Mapping[str, Any]
    block: Block | None
    where: str

    def holds(self, kind: str) -> bool:
        return kind in self.fields


@attrs.frozen
class _Content:
    role: str
    parts: tuple[_Part, ...]
    where: str

    def of(self, kind: str) -> list[_Part]:
        return [part for part in self.parts if part.holds(kind)]

    def asks(self) -> bool:
        """Whether a turn begins here: the user says something of their own."""
        return self.role == "user" and any(not part.holds("functionResponse") for part in self.parts)


def read_contents(given: Any, model: str) -> tuple[Message, ...]:
    """The history of a request.

    :raises BadRequest: Google would refuse it.
    """
    if not given:
        raise BadRequest("* GenerateContentRequest.contents: contents is not specified", param="contents")
    listed = read_list(given, "contents")
    contents = [_content(content, f"contents[{index}]") for index, content in enumerate(listed)]
    if _NEEDS_SIGNATURES.match(model):
        _check_signatures(contents)
    history, calls = History(), list[ToolCallBlock]()
    previous = ""
    for content in contents:
        if content.role == "model":
            calls = _model_turn(content, calls, previous, history)
        else:
            calls = _user_turn(content, calls, history)
        previous = content.role
    if calls:
        raise BadRequest(_COUNT, param=contents[-1].where)
    return history.messages()


def _model_turn(
    content: _Content, waiting: list[ToolCallBlock], previous: str, history: History
) -> list[ToolCallBlock]:
    if waiting:
        raise BadRequest(_COUNT, param=content.where)
    calls = [part.block for part in content.parts if isinstance(part.block, ToolCallBlock)]
    if calls and previous != "user":
        raise BadRequest(_CALL_OUT_OF_PLACE, param=content.where)
    history.assistant(*(part.block for part in content.parts if part.block is not None))
    return calls


def _user_turn(content: _Content, waiting: list[ToolCallBlock], history: History) -> list[ToolCallBlock]:
    responses = content.of("functionResponse")
    if responses and not waiting:
        raise BadRequest(_RESPONSE_OUT_OF_PLACE, param=content.where)
    if len(responses) != len(waiting):
        raise BadRequest(_COUNT, param=content.where)
    left, blocks = list(waiting), list[Block]()
    for part in content.parts:
        blocks.append(part.block if part.block is not None else _response(part, left))
    message: Message = built(lambda: Message(role="user", content=blocks), content.where)
    history.add(message)
    return []


def _response(part: _Part, left: list[ToolCallBlock]) -> ToolOutputBlock:
    """The output of a function, taken from the calls that are left."""
    where = f"{part.where}.function_response"
    known = ("id", "name", "response", "parts", "willContinue", "scheduling")
    given = fields(part.fields["functionResponse"], where, known)
    name, wanted = check_name(given.get("name"), f"{where}.name"), given.get("id")
    fitting = [
        call for call in left if call.name == name and (wanted is None or call.opaque_for("id") == wanted)
    ]
    if not fitting:
        named = f"'{name}'" if wanted is None else f"'{name}' with the id '{wanted}'"
        raise BadRequest(f"{_COUNT} There is no call of {named} to respond to.", param=where)
    call = fitting[0]
    left.remove(call)
    response = read_struct(given.get("response"), f"{where}.response")
    output, failed = _unwrapped(response)
    media = [_response_media(entry, where) for entry in read_list(given.get("parts"), f"{where}.parts")]
    if media:
        output = (TextBlock(text=output if isinstance(output, str) else _text(output)), *media)
    return ToolOutputBlock(call_id=call.call_id, name=name, output=output, is_error=failed)


def _unwrapped(response: Mapping[str, Any]) -> tuple[Any, bool]:
    """What a function gave, without the object that the wire demands around it; whether it failed."""
    if len(response) == 1:
        ((key, value),) = response.items()
        if key in ("result", "output", "error"):
            return value, key == "error"
    return response, False


def _text(value: Any) -> str:
    return ToolOutputBlock(call_id="", output=value).text


def _response_media(given: Any, where: str) -> Block:
    part = read_part(given, f"{where}.parts", "user")
    media = part.block
    if not isinstance(media, MediaContent):
        raise BadRequest(f"A function response holds media only at '{where}.parts'.", param=where)
    if media.type not in ("image", "document"):
        raise BadRequest(f"Unsupported MIME type: {media.mime_type}", param=f"{where}.parts")
    return media


def _content(given: Any, where: str) -> _Content:
    content = fields(given, where, ("role", "parts"))
    role = content.get("role", "user")
    if role not in ("user", "model"):
        raise BadRequest("Please use a valid role: user, model.", param=f"{where}.role")
    parts = read_list(content.get("parts"), f"{where}.parts")
    if not parts:
        raise BadRequest(
            f"* GenerateContentRequest.{where}.parts: contents.parts must not be empty.", param=where
        )
    read = tuple(read_part(part, f"{where}.parts[{index}]", role) for index, part in enumerate(parts))
    return _Content(role, read, where)


def read_part(given: Any, where: str, role: str) -> _Part:
    """One part; a function response has no block yet."""
    part = fields(given, where, (*_PAYLOADS, *_BESIDES))
    held = [kind for kind in _PAYLOADS if kind in part]
    if len(held) > 1:
        raise BadRequest(
            f"Invalid value at '{where}' (oneof), oneof field 'data' is already set. Cannot set '{held[1]}'",
            param=where,
        )
    if not held or (part.get("text") == "" and "thoughtSignature" not in part):
        raise BadRequest(
            f"* GenerateContentRequest.{where}.data: required oneof field 'data' must have one initialized field",
            param=where,
        )
    if "thoughtSignature" in part:
        check_signature(part["thoughtSignature"], f"{where}.thought_signature")
    (kind,) = held
    if (kind == "functionCall" and role != "model") or (kind == "functionResponse" and role != "user"):
        raise BadRequest(
            f"Please ensure that '{where}' has a valid role: {role} cannot hold {kind}.", param=where
        )
    return _Part(part, None if kind == "functionResponse" else _block(part, kind, where), where)


def _block(part: Payload, kind: str, where: str) -> Block:
    value = part[kind]
    if kind == "text":
        return _text_block(value, part, where)
    if kind == "functionCall":
        return _call(value, part.get("thoughtSignature"), where)
    if kind == "inlineData":
        blob = fields(value, f"{where}.inline_data", ("mimeType", "data", "displayName"))
        return read_bytes(blob.get("data"), blob.get("mimeType"), f"{where}.inline_data.data")
    if kind == "fileData":
        file = fields(value, f"{where}.file_data", ("mimeType", "fileUri", "displayName"))
        return read_uri(file.get("fileUri"), file.get("mimeType"), f"{where}.file_data.file_uri")
    return OpaqueContent(type=f"gemini.{kind}", provider="gemini", data={"item": part})


def _text_block(text: Any, part: Payload, where: str) -> Block:
    text = read_text(text, f"{where}.text")
    if part.get("thought") is True:
        return ReasoningBlock(text=text, signature=part.get("thoughtSignature"))
    return TextBlock(text=text)


def _call(value: Any, signature: str | None, where: str) -> ToolCallBlock:
    call = fields(value, f"{where}.function_call", ("id", "name", "args"))
    name = check_name(call.get("name"), f"{where}.function_call.name")
    arguments = read_struct(call.get("args", EMPTY), f"{where}.function_call.args")
    opaque = {"id": call.get("id"), "thoughtSignature": signature}
    return ToolCallBlock(call_id=call.get("id") or where, name=name, arguments=arguments, opaque=opaque)


def _check_signatures(contents: Sequence[_Content]) -> None:
    """From Gemini 3 on the first call of each step in the current turn carries its signature.

    The documented stand-in ``skip_thought_signature_validator`` is a signature like any other here.
    """
    begin = max((index for index, content in enumerate(contents) if content.asks()), default=-1)
    for content in contents[begin + 1 :]:
        calls = content.of("functionCall")
        if content.role == "model" and calls and "thoughtSignature" not in calls[0].fields:
            name = calls[0].fields["functionCall"].get("name")
            raise BadRequest(
                "Function call is missing a thought_signature in functionCall parts. This is required for tools to "
                "work correctly, and missing thought_signature may lead to degraded model performance. Additional "
                f"data, function call `default_api:{name}` , position 1. Please refer to "
                "https://ai.google.dev/gemini-api/docs/thought-signatures for more details.",
                param=calls[0].where,
            )
