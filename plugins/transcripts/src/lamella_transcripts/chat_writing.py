"""Writes messages in the form of OpenAI's Chat Completions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from lamella import Message
from lamella._frozen import thaw
from lamella.content import Block, MediaContent, ReasoningBlock, TextBlock, ToolCallBlock, ToolOutputBlock
from lamella_transcripts.patches import patched
from lamella_transcripts.writing import Report, state_of

__all__ = ["CHAT", "ChatWriter"]

CHAT: Final = "chat"
"""The key of this API's state in ``block.opaque[issuer]``, as lamella-openai keeps it."""

_FORMATS: Final = {"mpeg": "mp3", "x-wav": "wav", "wave": "wav"}


class ChatWriter:
    """Writes a list of messages; each tool output is one of its own."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def write(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        """All messages, in order."""
        return [made for index, message in enumerate(messages) for made in self.message(index, message)]

    def message(self, index: int, message: Message) -> list[dict[str, Any]]:
        """What one message becomes."""
        self._report.facts(index, message)
        if message.role == "assistant":
            made = self._assistant(index, message)
            return [made] if len(made) > 1 else []
        outputs: list[dict[str, Any]] = []
        parts: list[dict[str, Any]] = []
        for place, block in enumerate(message.content):
            with self._report.at(index, place, block, message.role):
                if isinstance(block, ToolOutputBlock):
                    if parts:
                        self._report.rewrite("written before the other content of its message", lossless=True)
                    outputs.append(self.output(block))
                elif (part := self.part(block)) is not None:
                    parts.append(part)
        if not parts:
            return outputs
        made = {"role": message.role, "content": self._content(parts, message)}
        return [*outputs, patched(made, self._report.shape(message.meta).get("patch"))]

    def _content(self, parts: list[dict[str, Any]], message: Message) -> Any:
        """One plain text as a text, anything else as parts."""
        plain = len(parts) == 1 and parts[0].keys() == {"type", "text"}
        if plain and not self._report.shape(message.meta).get("parts"):
            return parts[0]["text"]
        return parts

    # -- parts --------------------------------------------------------------------------------------

    def part(self, block: Block) -> dict[str, Any] | None:
        """A part of a system or user message; ``None`` where nothing of it is written."""
        made: dict[str, Any] | None
        if isinstance(block, TextBlock):
            self._report.unsaid(block, "text")
            made = {"type": "text", "text": block.text}
        elif isinstance(block, MediaContent):
            made = self._media(block)
        else:
            return self._report.own_work(block)
        return None if made is None else patched(made, self._report.shape(block.opaque).get("patch"))

    def _media(self, block: MediaContent) -> dict[str, Any] | None:
        self._report.hint(block)
        address = block.data_uri or block.url
        if block.type == "image" and address is not None:
            self._report.unsaid(block, "data", "url", "mime_type", "detail", "provider")
            url = {"url": address, "detail": getattr(block, "detail", None)}
            return {"type": "image_url", "image_url": {key: value for key, value in url.items() if value}}
        if block.type == "audio" and block.data is not None:
            self._report.unsaid(block, "data", "mime_type", "provider")
            kind = block.mime_type.partition("/")[2].partition(";")[0]
            sound = {"data": block.base64_data, "format": _FORMATS.get(kind, kind)}
            return {"type": "input_audio", "input_audio": sound}
        if block.type == "document" and block.url is None and self._report.own_file(block):
            self._report.unsaid(block, "data", "file_id", "mime_type", "name", "provider")
            file = {"file_id": block.file_id, "filename": block.name, "file_data": block.data_uri}
            return {"type": "file", "file": {key: value for key, value in file.items() if value}}
        if block.file_id is None or block.type != "document":
            self._report.drop(f"{self._report.form} has no form for this {block.type}")
        return None

    def output(self, block: ToolOutputBlock) -> dict[str, Any]:
        """The message of a tool's output."""
        shape = self._report.shape(block.opaque)
        self._report.unsaid(block, "call_id", "name", "output", "is_error")
        if block.is_error:
            self._report.rewrite("written without the mark of an error: its text says so", lossless=True)
        if shape.get("parts") and block.parts and all(isinstance(part, TextBlock) for part in block.parts):
            content: Any = [self.part(part) for part in block.parts]
        else:
            content = self._report.output_text(block)
        if shape.get("legacy"):
            made = {"role": "function", "name": block.name, "content": content}
        else:
            made = {"role": "tool", "tool_call_id": block.call_id, "content": content}
        return patched(made, shape.get("patch"))

    # -- assistant ----------------------------------------------------------------------------------

    def _assistant(self, index: int, message: Message) -> dict[str, Any]:
        parts: list[dict[str, Any]] = []
        fields: dict[str, Any] = {}
        calls: list[dict[str, Any]] = []
        for place, block in enumerate(message.content):
            with self._report.at(index, place, block, message.role):
                if isinstance(block, TextBlock):
                    self._text(block, parts, fields)
                elif isinstance(block, ToolCallBlock):
                    calls.append(self.call(block))
                elif isinstance(block, ReasoningBlock):
                    self._reasoning(block, fields)
                else:
                    self._other(block, message, parts, fields)
                if calls and not isinstance(block, ToolCallBlock):
                    self._report.rewrite("written before the calls", lossless=True)
        shape = self._report.shape(message.meta)
        made = {"role": "assistant", **fields}
        if parts or calls or fields:
            made["content"] = self._content(parts, message) if parts else None
        if calls and shape.get("legacy"):
            made["function_call"] = calls[0]["function"]
        elif calls:
            made["tool_calls"] = calls
        return patched(made, shape.get("patch")) if len(made) > 1 else made

    def _text(self, block: TextBlock, parts: list[dict[str, Any]], fields: dict[str, Any]) -> None:
        state = state_of(block, self._report.issuer, CHAT)
        shape = self._report.shape(block.opaque)
        said = ("text", "annotations") if state is not None else ("text",)
        self._report.unsaid(block, *said, issuer=self._report.issuer if state is not None else None)
        refused = state is not None and state.get("kind") == "refusal"
        if refused and not shape.get("inside"):
            if "refusal" in fields:
                self._report.rewrite("joined with the refusal before it", lossless=True)
            fields["refusal"] = fields.get("refusal", "") + block.text
            return
        made = {"type": "refusal", "refusal": block.text} if refused else {"type": "text", "text": block.text}
        if state is not None and block.annotations:
            fields.setdefault("annotations", []).extend(thaw(block.annotations))
        parts.append(patched(made, shape.get("patch")))

    def call(self, block: ToolCallBlock) -> dict[str, Any]:
        """One of the ``tool_calls``."""
        state = state_of(block, self._report.issuer, CHAT)
        self._report.unsaid(
            block, "call_id", "name", "arguments_json", "arguments",
            issuer=self._report.issuer if state is not None else None,
        )  # fmt: skip
        rest = thaw((state or {}).get("call", {}))
        if rest.get("type") == "custom":
            body = {"name": block.name, "input": block.arguments_json}
            made = {"id": block.call_id, **rest, "custom": body}
        else:
            function = {"name": block.name, "arguments": block.arguments_json}
            made = {"id": block.call_id, "type": "function", "function": function, **rest}
        return patched(made, self._report.shape(block.opaque).get("patch"))

    def _reasoning(self, block: ReasoningBlock, fields: dict[str, Any]) -> None:
        issuer = self._report.issuer
        state = state_of(block, issuer, CHAT)
        if not block.issued_to(issuer):
            self._report.drop(f"reasoning of {block.provider} means nothing to {issuer}")
        elif state is not None:
            self._report.unsaid(block, "text", "provider", issuer=issuer)
            fields |= dict.fromkeys(state.get("fields", ()), block.text)
            fields |= thaw(state.get("raw", {}))
        elif block.text is not None and block.signature is None and "reasoning_content" not in fields:
            self._report.unsaid(block, "text", "provider")
            self._report.vouched(block)
            fields["reasoning_content"] = block.text
        else:
            self._report.drop(f"{self._report.form} has no place for this reasoning")

    def _other(
        self, block: Block, message: Message, parts: list[dict[str, Any]], fields: dict[str, Any]
    ) -> None:
        audio = (state_of(block, self._report.issuer, CHAT) or {}).get("audio")
        if isinstance(block, MediaContent) and audio and audio.get("id"):
            self._report.rewrite("written as the id that the vendor keeps it under")
            fields["audio"] = {"id": audio["id"]}
        elif (words := self._report.words_of(block, message)) is not None:
            if words:
                parts.append({"type": "text", "text": words})
        elif (item := self._report.own_work(block)) is not None:
            if str(getattr(block, "type", "")).endswith(".audio"):
                fields["audio"] = item
            else:
                parts.append(item)
