"""Reads messages in the form of OpenAI's Chat Completions, and of the servers that speak it."""

from __future__ import annotations

from typing import Any, Final

import attrs

from lamella import Message
from lamella._json import dumps
from lamella.content import Block, OpaqueContent, ReasoningBlock, TextBlock, ToolCallBlock, ToolOutputBlock
from lamella_transcripts.chat_writing import CHAT, ChatWriter
from lamella_transcripts.node import Node
from lamella_transcripts.patches import difference, note_block, note_message
from lamella_transcripts.reading import ReadReport, make_media, media_of_url, opaque
from lamella_transcripts.writing import Report

__all__ = ["FORM", "ChatReader"]

FORM: Final = "openai.chat"

_HELD: Final = frozenset(
    [
        "text",
        "url",
        "data",
        "format",
        "file_data",
        "file_id",
        "content",
        "refusal",
        "arguments",
        "input",
        "tool_calls",
        "function_call",
        "audio",
        "tool_call_id",
        "id",
        "annotations",
        "reasoning_content",
        "reasoning",
        "reasoning_text",
        "detail",
    ]
)
_SAID: Final = frozenset(
    [
        "content",
        "refusal",
        "audio",
        "tool_calls",
        "function_call",
        "tool_call_id",
        "annotations",
        "reasoning_content",
        "reasoning",
    ]
)
_REASONING: Final = ("reasoning_content", "reasoning")
_ROLES: Final = ("system", "developer", "user", "assistant", "tool", "function")


class ChatReader:
    """Reads a list of messages; neighbouring tool messages are the outputs of one turn, and one message."""

    def __init__(self, report: ReadReport, issuer: str) -> None:
        self._report = report
        self._issuer = issuer
        self._writer = ChatWriter(Report(FORM, issuer, api=CHAT))
        self._messages: list[Message] = []
        self._names: dict[str, str] = {}
        self._legacy: str | None = None
        self._outputs = False  # whether the last message is one of outputs, which takes more

    def read(self, node: Node) -> list[Message]:
        """All messages."""
        for index, each in enumerate(node.nodes()):
            self._report.at(index)
            self._message(index, each)
        return self._messages

    def _message(self, index: int, node: Node) -> None:
        source = node.table()
        role = node["role"].one_of(*_ROLES)
        if role in ("tool", "function"):
            self._output(index, node, source, role)
            return
        self._outputs = False
        if role == "assistant":
            blocks, shape = self._assistant(index, node)
        else:
            blocks, shape = self._given(node["content"], system=role != "user"), {}
        given = "user" if role == "user" else "assistant" if role == "assistant" else "system"
        if not blocks or (role == "user" and all(isinstance(b, TextBlock) and not b.text for b in blocks)):
            self._report.at(index)
            self._report.drop("message", f"the {role} says nothing")
            return
        message = Message(role=given, content=blocks)  # type: ignore[arg-type]  # one of three
        if isinstance(source.get("content"), list) and len(blocks) > 0:
            shape["parts"] = True
        message = note_message(message, FORM, **shape)
        made = self._writer.message(0, message)[0]
        self._messages.append(note_message(message, FORM, patch=difference(source, made, _SAID)))

    def _difference(self, source: dict[str, Any], made: dict[str, Any]) -> dict[str, Any]:
        return difference(source, made, _HELD)

    def _noted(self, block: Block, source: Any, made: dict[str, Any] | None, **shape: Any) -> Block:
        if isinstance(block, OpaqueContent) or made is None:
            return block
        return note_block(block, FORM, patch=self._difference(source, made), **shape)

    # -- system and user ----------------------------------------------------------------------------

    def _given(self, node: Node, *, system: bool = False) -> list[Block]:
        if isinstance(node.value, str):
            return [TextBlock(text=node.value)]
        blocks: list[Block] = []
        for place, part in enumerate(node.nodes()):
            self._report.at(self._report.message, place)
            block = self._part(part)
            if system and not isinstance(block, TextBlock):
                self._report.drop(str(part.table().get("type")), "an instruction holds text only")
                continue
            blocks.append(self._noted(block, part.value, self._writer.part(block)))
        return blocks

    def _part(self, node: Node) -> Block:
        source = node.table()
        kind = node["type"].text()
        block: Block | None = None
        if kind == "text":
            return TextBlock(text=node["text"].text())
        if kind == "image_url":
            image = node["image_url"]
            address = image if isinstance(image.value, str) else image["url"]
            detail = image["detail"].value
            block = media_of_url(self._report, address, "image", address.text(), detail=detail)
        elif kind == "input_audio":
            sound = node["input_audio"]
            named = sound["format"].text()
            mime_type = f"audio/{'mpeg' if named == 'mp3' else named}"
            block = make_media(
                self._report, sound["data"], "audio", data=sound["data"].text(), mime_type=mime_type
            )
        elif kind == "file":
            block = self._file(node["file"])
        return block or opaque(self._issuer, source, api=CHAT)

    def _file(self, node: Node) -> Block | None:
        name, data, file_id = (node[key].optional_text() for key in ("filename", "file_data", "file_id"))
        if file_id is not None and data is None:
            given = {"file_id": file_id, "provider": self._issuer, "name": name}
            return make_media(self._report, node, "document", **given)
        if data is None or file_id is not None:
            return None
        return media_of_url(self._report, node["file_data"], "document", data, name=name)

    # -- outputs ------------------------------------------------------------------------------------

    def _output(self, index: int, node: Node, source: dict[str, Any], role: str) -> None:
        legacy = role == "function"
        call_id = (self._legacy or f"function_{index}") if legacy else node["tool_call_id"].text()
        name = node["name"].text() if legacy else node["name"].optional_text() or self._names.get(call_id)
        content, parts = source.get("content"), None
        if isinstance(content, list):
            parts = [
                block for block in self._given(node["content"]) if not isinstance(block, ToolOutputBlock)
            ]
        output: Any = (parts or "") if parts is not None else node["content"].optional_text() or ""
        block: Block = ToolOutputBlock(call_id=call_id, name=name, output=output)
        block = note_block(block, FORM, parts=parts is not None, legacy=legacy)
        assert isinstance(block, ToolOutputBlock)
        block = self._noted(block, source, self._writer.output(block))
        if self._outputs:
            last = self._messages.pop()
            self._messages.append(attrs.evolve(last, content=(*last.content, block)))
        else:
            self._messages.append(Message.user([block]))
        self._outputs = True

    # -- assistant ----------------------------------------------------------------------------------

    def _assistant(self, index: int, node: Node) -> tuple[list[Block], dict[str, Any]]:
        blocks = self._reasoning(node)
        content = node["content"]
        if isinstance(content.value, str):
            blocks.append(TextBlock(text=content.value))
        else:
            blocks.extend(self._said(part) for part in content.nodes())
        if refusal := node["refusal"].optional_text():
            state = {self._issuer: {CHAT: {"kind": "refusal"}}}
            blocks.append(TextBlock(text=refusal, opaque=state))
        self._cite(node, blocks)
        if node["audio"].value is not None:
            blocks.append(opaque(self._issuer, node["audio"].table(), "audio", api=CHAT))
        legacy = node["function_call"]
        if legacy.value is not None and not node["tool_calls"].value:
            self._legacy = f"call_{index}"
            name, arguments = legacy["name"].text(), self._arguments(legacy["arguments"])
            blocks.append(ToolCallBlock(call_id=self._legacy, name=name, arguments_json=arguments))
            return blocks, {"legacy": True}
        blocks.extend(self._call(call) for call in node["tool_calls"].nodes())
        return blocks, {}

    def _said(self, node: Node) -> Block:
        kind = node["type"].text()
        if kind == "refusal":
            state = {self._issuer: {CHAT: {"kind": "refusal"}}}
            block = TextBlock(text=node["refusal"].text(), opaque=state)
            made = {"type": "refusal", "refusal": block.text}
            return self._noted(block, node.value, made, inside=True)
        if kind == "text":
            block = TextBlock(text=node["text"].text())
            return self._noted(block, node.value, {"type": "text", "text": block.text})
        return opaque(self._issuer, node.table(), api=CHAT)

    def _cite(self, node: Node, blocks: list[Block]) -> None:
        """The citations of a message belong to its first text."""
        found = [each.table() for each in node["annotations"].nodes()]
        texts = [place for place, block in enumerate(blocks) if isinstance(block, TextBlock)]
        if found and texts:
            block = blocks[texts[0]]
            state = {**block.opaque, self._issuer: {CHAT: {}, **(block.opaque.get(self._issuer) or {})}}
            blocks[texts[0]] = attrs.evolve(block, annotations=found, opaque=state)  # type: ignore[call-arg]
        elif found:
            self._report.drop("annotations", "there is no text that they could belong to")

    def _reasoning(self, node: Node) -> list[Block]:
        """The fields of compatible servers, as lamella-openai keeps them for their replay."""
        texts = {name: text for name in _REASONING if (text := node[name].optional_text()) is not None}
        details = node["reasoning_details"].value
        if not texts and not details:
            return []
        text = next(iter(texts.values()), None)
        state: dict[str, Any] = {"fields": [name for name, value in texts.items() if value == text]}
        raw: dict[str, Any] = {name: value for name, value in texts.items() if value != text}
        if details:
            raw["reasoning_details"] = details
        if raw:
            state["raw"] = raw
        return [ReasoningBlock(text=text, provider=self._issuer, opaque={self._issuer: {CHAT: state}})]

    def _call(self, node: Node) -> Block:
        source = node.table()
        custom = source.get("type") == "custom" or "custom" in source
        body = node["custom" if custom else "function"]
        name, arguments = body["name"].text(), self._arguments(body["input" if custom else "arguments"])
        known = ("index", "id", "type", "function", "custom")
        rest = {key: value for key, value in source.items() if key not in known and value is not None}
        rest |= {"type": "custom"} if custom else {}
        call_id = node["id"].text()
        self._names[call_id] = name
        state = {self._issuer: {CHAT: {"call": rest}}} if rest else {}
        block = ToolCallBlock(call_id=call_id, name=name, arguments_json=arguments, opaque=state)
        return self._noted(block, source, self._writer.call(block))

    def _arguments(self, node: Node) -> str:
        """The text of the arguments; some servers send them as an object."""
        if isinstance(node.value, dict):
            self._report.rewrite(
                "tool_call", "its arguments were an object, they are text now", lossless=True
            )
            return dumps(node.value)
        return node.optional_text() or ""
