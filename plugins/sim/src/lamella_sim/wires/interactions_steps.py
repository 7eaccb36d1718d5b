"""Reads ``input`` of an interaction: text, contents, or steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

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
    check_enum,
    check_name,
    check_signature,
    fields,
    read_list,
    read_struct,
    read_text,
)
from lamella_sim.wires.gemini_media import read_bytes, read_uri
from lamella_sim.wires.history import History
from lamella_sim.wires.openai import Payload, built, check_calls
from lamella_sim.wires.wire import BadRequest

__all__ = ["read_input"]

_STEPS: Final[Mapping[str, tuple[str, ...]]] = {
    "user_input": ("type", "content"),
    "model_output": ("type", "content", "error"),
    "thought": ("type", "signature", "summary"),
    "function_call": ("type", "id", "name", "arguments", "signature"),
    "function_result": ("type", "call_id", "name", "result", "is_error", "signature"),
}
"""The steps that are read, and their fields."""

_MEDIA: Final = ("image", "audio", "document", "video", "file")
_FIELDS: Final = ("type", "data", "uri", "mime_type")
_FIELDS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "image": ("resolution",),
    "audio": ("processing", "media_processing", "channels", "sample_rate"),
    "document": ("processing", "media_processing", "resolution"),
    "video": ("processing", "media_processing", "resolution", "name"),
    "file": ("name",),
}
"""The fields of all media, and those of a kind besides."""

_CONTENTS: Final = ("text", *_MEDIA)
_HOSTED: Final = tuple(
    f"{tool}_{half}"
    for tool in (
        *("google_search", "code_execution", "url_context", "file_search", "google_maps"),
        *("mcp_server_tool", "retrieval", "tool_search", "processing"),
    )
    for half in ("call", "result")
)
_UNANSWERED: Final = "No function_result found for the function_call '{id}'."
_UNCALLED: Final = "No function_call found for the function_result with call_id '{id}'."


def read_input(given: Any) -> tuple[Message, ...]:
    """The history of an interaction.

    :raises BadRequest: Google would refuse it.
    """
    if isinstance(given, str) and given:
        return (Message.user(given),)
    listed = [given] if isinstance(given, Mapping) else read_list(given, "input")
    if not listed:
        raise BadRequest("'input' must not be empty.", param="input")
    kinds = [entry.get("type") if isinstance(entry, Mapping) else None for entry in listed]
    if all(kind in _CONTENTS for kind in kinds):
        return (_message(listed, "input"),)
    history = History()
    for index, step in enumerate(listed):
        _read_step(step, kinds[index], f"input[{index}]", history)
    messages = history.messages()
    check_calls(messages, _UNANSWERED, _UNCALLED)
    return messages


def _read_step(step: Any, kind: Any, where: str, history: History) -> None:
    if kind in _HOSTED:
        history.assistant(OpaqueContent(type=f"gemini.{kind}", provider="gemini", data={"item": step}))
        return
    if not isinstance(kind, str) or kind not in _STEPS:
        raise BadRequest(
            f"Invalid value at '{where}.type': '{kind}' is no type of step.", param=f"{where}.type"
        )
    given = fields(step, where, _STEPS[kind], camel=False)
    if kind == "user_input":
        history.add(_message(given.get("content"), f"{where}.content"))
    elif kind == "model_output":
        history.assistant(*_contents(given.get("content"), f"{where}.content"))
    elif kind == "thought":
        history.assistant(_thought(given, where))
    elif kind == "function_call":
        history.assistant(_call(given, where))
    else:
        history.output(_result(given, where))


def _message(given: Any, where: str) -> Message:
    blocks = _contents(given, where)
    message: Message = built(lambda: Message(role="user", content=blocks), where)
    return message


def _contents(given: Any, where: str) -> list[Block]:
    return [_content(entry, f"{where}[{index}]") for index, entry in enumerate(read_list(given, where))]


def _content(given: Any, where: str) -> Block:
    kind = given.get("type") if isinstance(given, Mapping) else None
    if kind == "text":
        text = fields(given, where, ("type", "text", "annotations"), camel=False)
        return TextBlock(text=read_text(text.get("text"), f"{where}.text"))
    if kind in _MEDIA:
        return _media(given, kind, where)
    raise BadRequest(
        f"Invalid value at '{where}.type': '{kind}' is no type of content.", param=f"{where}.type"
    )


def _media(given: Any, kind: str, where: str) -> MediaContent:
    media = fields(given, where, (*_FIELDS, *_FIELDS_OF[kind]), camel=False)
    if ("data" in media) == ("uri" in media):
        raise BadRequest(f"Exactly one of 'data' and 'uri' is required at '{where}'.", param=where)
    if "resolution" in media:
        check_enum(media["resolution"], f"{where}.resolution", ("low", "medium", "high", "ultra_high"))
    wanted = None if kind == "file" else kind
    if "data" in media:
        return read_bytes(media["data"], media.get("mime_type"), f"{where}.data", wanted)
    return read_uri(media["uri"], media.get("mime_type"), f"{where}.uri", wanted)


def _thought(given: Payload, where: str) -> ReasoningBlock:
    if "signature" in given:
        check_signature(given["signature"], f"{where}.signature")
    summary = _contents(given.get("summary"), f"{where}.summary")
    text = "".join(part.text for part in summary if isinstance(part, TextBlock))
    block: ReasoningBlock = built(
        lambda: ReasoningBlock(summary=text or None, signature=given.get("signature")), where
    )
    return block


def _call(given: Payload, where: str) -> ToolCallBlock:
    return ToolCallBlock(
        call_id=read_text(given.get("id"), f"{where}.id"),
        name=check_name(given.get("name"), f"{where}.name"),
        arguments=read_struct(given.get("arguments"), f"{where}.arguments"),
    )


def _result(given: Payload, where: str) -> ToolOutputBlock:
    result = given.get("result")
    if isinstance(result, list):
        result = tuple(_contents(result, f"{where}.result")) or ""
    elif not isinstance(result, str | Mapping):
        raise BadRequest(
            f"Invalid value at '{where}.result': expected an object, a string or a list of content.",
            param=f"{where}.result",
        )
    return ToolOutputBlock(
        call_id=read_text(given.get("call_id"), f"{where}.call_id"),
        name=given.get("name"),
        output=result,
        is_error=given.get("is_error", False),
    )
