"""Reads a request of Ollama's chat API (docs.ollama.com/api/chat).

Ollama ignores fields it does not know, but it is typed: what does not fit its Go structs is refused in
the words of Go's decoder. The simulator is stricter in two places: it refuses a history without messages
(which loads a model), and the output of a call that was never made.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from lamella.content import Block, MediaContent, ReasoningBlock, TextBlock, ToolCallBlock, ToolOutputBlock
from lamella.messages import Message
from lamella.models import ModelRequest, OutputSchema
from lamella_sim.magic import kind_of, sniff
from lamella_sim.received import received
from lamella_sim.wires.history import History
from lamella_sim.wires.media import illegal_at, unbase64
from lamella_sim.wires.openai import Payload, built
from lamella_sim.wires.wire import Asked, BadRequest, OfferedTool

__all__ = ["read_ollama"]

_ROLES: Final = ("system", "user", "assistant", "tool")
_DURATION: Final = re.compile(r"-?(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+|-?\d+")
_OPTIONS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            *("num_ctx", "num_predict", "num_keep", "num_batch", "num_gpu", "main_gpu", "num_thread"),
            *("seed", "top_k", "repeat_last_n"),
        ),
        "integer",
    ),
    **dict.fromkeys(
        (
            *("temperature", "top_p", "min_p", "typical_p", "repeat_penalty"),
            *("presence_penalty", "frequency_penalty"),
        ),
        "float32",
    ),
    "stop": "array",
    "use_mmap": "boolean",
}
"""The options that are typed; others are ignored."""

_KINDS: Final[tuple[tuple[type, str], ...]] = (
    (bool, "bool"),
    (str, "string"),
    (int, "number"),
    (float, "number"),
    (list, "array"),
    (dict, "object"),
)


def read_ollama(payload: Payload) -> Asked:
    """The request of a body.

    :raises BadRequest: Ollama would refuse it.
    """
    model = _typed(payload.get("model", ""), "model", str)
    if not model:
        raise BadRequest("model is required", param="model")
    streaming = _typed(payload.get("stream", True), "stream", bool)
    _check_think(payload.get("think"))
    _check_keep_alive(payload.get("keep_alive"))
    _check_options(payload.get("options"))
    request = ModelRequest(
        messages=_messages(payload.get("messages")),
        tools=_tools(payload.get("tools")),
        output_schema=_output_schema(payload.get("format")),
        streaming=streaming,
    )
    return Asked(model=model, request=request, streaming=streaming, payload=payload)


def _typed(value: Any, where: str, wanted: type) -> Any:
    """A value of a type, as Go reads it: ``null`` is the empty value."""
    if value is None:
        return wanted()
    if type(value) is not wanted:
        kind = next((name for each, name in _KINDS if isinstance(value, each)), "value")
        named = next(name for each, name in _KINDS if each is wanted)
        raise BadRequest(
            f"json: cannot unmarshal {kind} into Go struct field ChatRequest.{where} of type {named}",
            param=where,
        )
    return value


def _check_think(think: Any) -> None:
    if think is not None and not isinstance(think, bool) and think not in ("low", "medium", "high", "max"):
        raise BadRequest(
            f'invalid think value: "{think}" (must be "high", "medium", "low", "max", true, or false)',
            param="think",
        )


def _check_keep_alive(value: Any) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is not None and not number and not (isinstance(value, str) and _DURATION.fullmatch(value)):
        raise BadRequest(f'time: invalid duration "{value}"', param="keep_alive")


def _check_options(given: Any) -> None:
    for name, value in _typed(given, "options", dict).items():
        wanted = _OPTIONS.get(name)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        fits = {
            None: True,
            "integer": number and value % 1 == 0,
            "float32": number,
            "array": isinstance(value, list) and all(isinstance(each, str) for each in value),
            "boolean": isinstance(value, bool),
        }
        if value is not None and not fits[wanted]:
            raise BadRequest(f'option "{name}" must be of type {wanted}', param=f"options.{name}")


def _messages(given: Any) -> tuple[Message, ...]:
    listed = _typed(given, "messages", list)
    if not listed:
        raise BadRequest("messages is empty: the simulator has no models to load", param="messages")
    history, waiting = History(), list[ToolCallBlock]()
    for index, entry in enumerate(listed):
        message = _typed(entry, "messages", dict)
        role = _typed(message.get("role"), "messages.role", str)
        if role not in _ROLES:
            raise BadRequest(f'invalid role "{role}": must be one of {", ".join(_ROLES)}', param="messages")
        if role == "tool":
            history.output(_output(message, waiting))
        elif role == "assistant":
            blocks = _assistant(message, index)
            waiting = [block for block in blocks if isinstance(block, ToolCallBlock)]
            history.assistant(*blocks)
        else:
            history.add(_plain(message, role))
    return history.messages()


def _plain(message: Payload, role: Any) -> Message:
    blocks = _contents(message)
    made: Message = built(lambda: Message(role=role, content=blocks), "messages")
    return made


def _contents(message: Payload) -> list[Block]:
    text = _typed(message.get("content"), "messages.content", str)
    images = _typed(message.get("images"), "messages.images", list)
    return [*([TextBlock(text=text)] if text or not images else []), *map(_image, images)]


def _image(data: Any) -> MediaContent:
    """An image, which is base64: Ollama opens no URL, and looks at the bytes for the type."""
    text = _typed(data, "messages.images", str)
    try:
        raw = unbase64(text)
    except ValueError as error:
        raise BadRequest(
            f"illegal base64 data at input byte {illegal_at(text)}", param="messages.images"
        ) from error
    shown = sniff(raw)
    if not raw or (shown is not None and kind_of(shown) != "image"):
        raise BadRequest("invalid image input", param="messages.images")
    return received("image", data=raw, mime_type=shown)


def _assistant(message: Payload, index: int) -> list[Block]:
    calls = _typed(message.get("tool_calls"), "messages.tool_calls", list)
    thinking = _typed(message.get("thinking"), "messages.thinking", str)
    blocks: list[Block] = [ReasoningBlock(text=thinking)] if thinking else []
    said = _contents(message)
    if message.get("content") or not (calls or thinking):
        blocks += said
    return [*blocks, *(_call(call, f"call_{index}_{number}") for number, call in enumerate(calls))]


def _call(given: Any, call_id: str) -> ToolCallBlock:
    call = _typed(given, "messages.tool_calls", dict)
    function = _typed(call.get("function"), "messages.tool_calls.function", dict)
    where = "messages.tool_calls.function"
    return ToolCallBlock(
        call_id=_typed(call.get("id"), "messages.tool_calls.id", str) or call_id,
        name=_typed(function.get("name"), f"{where}.name", str),
        arguments=_typed(function.get("arguments"), f"{where}.arguments", dict),
    )


def _output(message: Payload, waiting: list[ToolCallBlock]) -> ToolOutputBlock:
    """The output of a call: of the one with its id, else of its name in order, else of the next."""
    call_id = _typed(message.get("tool_call_id"), "messages.tool_call_id", str)
    name = _typed(message.get("tool_name"), "messages.tool_name", str)
    fitting: Sequence[ToolCallBlock] = waiting
    if call_id:
        fitting = [call for call in waiting if call.call_id == call_id]
    elif name:
        fitting = [call for call in waiting if call.name == name]
    if not fitting:
        raise BadRequest(
            f'no call of the assistant is waiting for the output of "{call_id or name or "a tool"}"',
            param="messages",
        )
    call = fitting[0]
    waiting.remove(call)
    parts = _contents(message)
    media = any(isinstance(part, MediaContent) for part in parts)
    output = tuple(parts) if media else message.get("content") or ""
    return ToolOutputBlock(call_id=call.call_id, name=call.name, output=output)


def _tools(given: Any) -> tuple[OfferedTool, ...]:
    return tuple(_tool(_typed(tool, "tools", dict)) for tool in _typed(given, "tools", list))


def _tool(tool: Payload) -> OfferedTool:
    function = _typed(tool.get("function"), "tools.function", dict)
    name = _typed(function.get("name"), "tools.function.name", str)
    if not name:
        raise BadRequest("a tool needs a function with a name", param="tools")
    parameters = _typed(function.get("parameters"), "tools.function.parameters", dict)
    properties = _typed(parameters.get("properties"), "tools.function.parameters.properties", dict)
    for value in properties.values():
        _typed(value, "tools.function.parameters.properties", dict)
    return OfferedTool(
        name=name,
        description=_typed(function.get("description"), "tools.function.description", str),
        input_schema=parameters or {"type": "object", "properties": {}},
    )


def _output_schema(format: Any) -> OutputSchema | None:
    if format is None or format == "":
        return None
    if format == "json":
        return OutputSchema(schema={"type": "object"}, name="json", strict=False)
    if not isinstance(format, Mapping):
        raise BadRequest(
            f'invalid format: "{format}"; expected "json" or a valid JSON Schema object', param="format"
        )
    return OutputSchema(schema=format, name="format")
