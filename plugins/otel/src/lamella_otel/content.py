"""Messages in the convention's JSON. Media are told by type, size and place, never by their bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from lamella.content import (
    Block,
    MediaContent,
    OpaqueContent,
    ReasoningBlock,
    TextBlock,
    ToolCallBlock,
    ToolOutputBlock,
)
from lamella.events import Event, ResponseDone, ToolOutputDone
from lamella.messages import Message
from lamella.response import ResponseFold

__all__ = ["Conversation", "as_json", "output_json", "said", "system_json"]


def as_json(value: Any) -> str:
    """JSON text of whatever a tool may give; what JSON cannot hold becomes its text."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    return text if text.isascii() else _sendable(text)


def system_json(instruction: str) -> str:
    """``gen_ai.system_instructions``."""
    return as_json([{"type": "text", "content": instruction}])


def said(text: str) -> str:
    """``gen_ai.output.messages`` of an answer that is text."""
    return as_json([{"role": "assistant", "parts": [{"type": "text", "content": text}]}])


def output_json(output: Any) -> str:
    """``gen_ai.tool.call.result``: text as it is, anything else as JSON."""
    shown = _output(output)
    return _sendable(shown) if isinstance(shown, str) else as_json(shown)


def _sendable(text: str) -> str:
    """The text as UTF-8 has it: a lone surrogate, which would lose a whole batch of spans, is escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class Conversation:
    """What one agent has been told and has said; each message is written once, however often it is sent."""

    def __init__(self, given: Iterable[Message]) -> None:
        self._messages: list[str] = [line for message in given for line in _lines(message)]
        self._response = ResponseFold()

    def so_far(self) -> str:
        """``gen_ai.input.messages`` of the next request."""
        return f"[{','.join(self._messages)}]"

    def take(self, event: Event) -> None:
        """A block of the response that is coming, or the output of a tool."""
        if isinstance(event, ToolOutputDone):
            self._messages.append(as_json({"role": "tool", "parts": [_part(event.block())]}))
        else:
            self._response.feed(event)

    def tell(self, text: str) -> None:
        """What the user says, as far as the model knows."""
        self._messages.append(as_json({"role": "user", "parts": [{"type": "text", "content": text}]}))

    def complete(self, done: ResponseDone | None) -> str | None:
        """``gen_ai.output.messages`` of the response that is complete now; ``None`` for one that says nothing."""
        message = self._response.message(done)
        self._response = ResponseFold()
        if message is None:
            return None
        lines = _lines(message)
        self._messages += lines
        return f"[{','.join(lines)}]"

    def forget(self) -> str | None:
        """``gen_ai.output.messages`` of a response that broke off, which is no part of the conversation."""
        message = self._response.message(None)
        self._response = ResponseFold()
        return None if message is None else f"[{','.join(_lines(message))}]"


def _lines(message: Message) -> list[str]:
    """A message as the convention has it: outputs of tools are messages of the role ``tool``."""
    outputs = [_part(block) for block in message.content if isinstance(block, ToolOutputBlock)]
    others = [_part(block) for block in message.content if not isinstance(block, ToolOutputBlock)]
    lines = [as_json({"role": "tool", "parts": outputs})] if outputs else []
    if others:
        lines.append(as_json({"role": message.role, "parts": others}))
    return lines


def _part(block: Block) -> dict[str, Any]:
    if isinstance(block, TextBlock):
        return {"type": "text", "content": block.text}
    if isinstance(block, ReasoningBlock):
        return {"type": "reasoning", "content": block.summary or block.text or ""}
    if isinstance(block, ToolCallBlock):
        arguments = block.arguments_json if block.arguments is None else block.arguments
        return {"type": "tool_call", "id": block.call_id, "name": block.name, "arguments": arguments}
    if isinstance(block, ToolOutputBlock):
        return {"type": "tool_call_response", "id": block.call_id, "response": _output(block.output)}
    if isinstance(block, MediaContent):
        return _media(block)
    return {"type": block.type if isinstance(block, OpaqueContent) else type(block).__name__}


def _output(output: Any) -> Any:
    return [_part(block) for block in output] if isinstance(output, tuple) else output


_MODALITIES: Final = frozenset({"image", "audio", "video", "document"})


def _media(block: MediaContent) -> dict[str, Any]:
    kind = block.mime_type.partition("/")[0]
    modality = kind if kind in _MODALITIES else block.type
    facts = {"mime_type": block.mime_type, "modality": modality}
    if block.url is not None:
        return {"type": "uri", **facts, "uri": _place(block.url)}
    if block.file_id is not None:
        return {"type": "file", **facts, "file_id": block.file_id}
    return {"type": "blob", **facts, "content": "", "size": block.size}


def _place(url: str) -> str:
    """The URL without what may be a secret: user, password, query and fragment."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
