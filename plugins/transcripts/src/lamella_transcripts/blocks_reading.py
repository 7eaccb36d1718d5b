"""Reads messages whose content are typed blocks: Anthropic's Messages API, and lauren-ai after it."""

from __future__ import annotations

from typing import Any, Final

import attrs

from lamella import Message, TokenUsage
from lamella._json import dumps
from lamella.content import Block, OpaqueContent, ReasoningBlock, TextBlock, ToolCallBlock, ToolOutputBlock
from lamella_transcripts.blocks_writing import BLOCK, MALFORMED, BlocksWriter
from lamella_transcripts.node import Node
from lamella_transcripts.patches import difference, note_block, note_message
from lamella_transcripts.reading import ReadReport, make_media, opaque
from lamella_transcripts.usage import anthropic_usage
from lamella_transcripts.writing import Report

__all__ = ["BlocksReader"]

_HELD: Final = frozenset(
    [
        "text",
        "thinking",
        "signature",
        "data",
        "url",
        "file_id",
        "content",
        "input",
        "id",
        "tool_use_id",
        "name",
        "source",
        "system",
    ]
)
_SAID: Final = frozenset({"content", "reasoning_content"})
"""What of a message its blocks hold."""


class BlocksReader:
    """Reads a list of messages."""

    def __init__(self, report: ReadReport, form: str, issuer: str) -> None:
        self._report = report
        self._form = form
        self._issuer = issuer
        self._writer = BlocksWriter(Report(form, issuer))
        self._names: dict[str, str] = {}

    def system(self, node: Node) -> list[Message]:
        """The instruction, a text or blocks of text."""
        if node.value is None or node.value in ("", []):
            return []
        blocks = self._content(node)
        message = Message(role="system", content=blocks)
        return [note_message(message, self._form, plain=isinstance(node.value, str))]

    def messages(self, node: Node) -> list[Message]:
        """The messages."""
        found: list[Message] = []
        for index, each in enumerate(node.nodes()):
            self._report.at(index)
            if (message := self.message(each)) is not None:
                found.append(message)
        return found

    def message(self, node: Node) -> Message | None:
        """One message, ``None`` where it says nothing."""
        source = node.table()
        role: Any = node["role"].one_of("user", "assistant")
        blocks = self._content(node["content"])
        return self.noted(role, blocks, source)

    def noted(self, role: Any, blocks: list[Block], source: dict[str, Any]) -> Message | None:
        """A message that remembers the shape of its source."""
        if not blocks or (role == "user" and all(isinstance(b, TextBlock) and not b.text for b in blocks)):
            self._report.at(self._report.message)
            self._report.drop("message", f"the {role} says nothing")
            return None
        usage: TokenUsage | None = anthropic_usage(source.get("usage"))
        message = Message(role=role, content=blocks, usage=usage)
        message = note_message(message, self._form, parts=isinstance(source.get("content"), list))
        made = self.made(message)
        return note_message(message, self._form, patch=difference(source, made, _SAID))

    def made(self, message: Message) -> dict[str, Any]:
        """The message as it would be written."""
        return self._writer.message(0, message) or {}

    def _content(self, node: Node) -> list[Block]:
        if isinstance(node.value, str):
            return [TextBlock(text=node.value)]
        blocks = []
        for place, each in enumerate(node.nodes()):
            self._report.at(self._report.message, place)
            blocks.append(self._noted_block(each))
        return blocks

    def _noted_block(self, node: Node) -> Block:
        block = self.block(node)
        if isinstance(block, OpaqueContent):
            return block
        made = self._writer.block(block)
        return (
            block
            if made is None
            else note_block(block, self._form, patch=difference(node.value, made, _HELD))
        )

    def block(self, node: Node) -> Block:
        """One block."""
        source = node.table()
        kind = node["type"].text()
        read = {
            "text": self._text,
            "tool_use": self._call,
            "tool_result": self._output,
            "thinking": self._thinking,
            "redacted_thinking": self._redacted,
            "image": self._media,
            "document": self._media,
        }.get(kind)
        return (None if read is None else read(node, source)) or opaque(self._issuer, source)

    def _state(self, source: dict[str, Any], *held: str) -> dict[str, Any]:
        rest = {key: value for key, value in source.items() if key not in held and value is not None}
        return {self._issuer: {BLOCK: rest}}

    def _text(self, node: Node, source: dict[str, Any]) -> Block:
        state = self._state(source, "type", "text", "citations")
        cited = [each.table() for each in node["citations"].nodes()]
        plain = not cited and not state[self._issuer][BLOCK]
        return TextBlock(text=node["text"].text(), annotations=cited, opaque={} if plain else state)

    def _call(self, node: Node, source: dict[str, Any]) -> Block:
        call_id, name = node["id"].text(), node["name"].text()
        self._names[call_id] = name
        given = node["input"].table() if node["input"].value is not None else {}
        malformed = given.get(MALFORMED) if given.keys() == {MALFORMED} else None
        text = malformed if isinstance(malformed, str) else dumps(given)
        state = self._state(source, "type", "id", "name", "input")
        return ToolCallBlock(
            call_id=call_id,
            name=name,
            arguments_json=text,
            opaque=state if state[self._issuer][BLOCK] else {},
        )

    def _output(self, node: Node, source: dict[str, Any]) -> Block:
        call_id = node["tool_use_id"].text()
        content = node["content"]
        output: Any = content.value if isinstance(content.value, str) else tuple(self._content(content)) or ""
        failed = node["is_error"].value
        if failed not in (None, True, False):
            node["is_error"].fail("true or false")
        return ToolOutputBlock(
            call_id=call_id, name=self._names.get(call_id), output=output, is_error=bool(failed)
        )

    def _thinking(self, node: Node, source: dict[str, Any]) -> Block:
        return ReasoningBlock(
            text=node["thinking"].text(),
            signature=node["signature"].optional_text() or None,
            provider=self._issuer,
            opaque=self._state(source, "type", "thinking", "signature"),
        )

    def _redacted(self, node: Node, source: dict[str, Any]) -> Block:
        return ReasoningBlock(
            signature=node["data"].text(),
            redacted=True,
            provider=self._issuer,
            opaque=self._state(source, "type", "data"),
        )

    def _media(self, node: Node, source: dict[str, Any]) -> Block | None:
        origin, kind = node["source"], node["type"].text()
        origin.table()
        how = origin["type"].value
        given: dict[str, Any] = {"mime_type": origin["media_type"].optional_text()}
        if how == "base64":
            given["data"] = origin["data"].text()
        elif how == "text":
            given["data"] = origin["data"].text().encode()
        elif how == "url":
            given["url"] = origin["url"].text()
        elif how == "file":
            given |= {"file_id": origin["file_id"].text(), "provider": self._issuer}
        else:
            return None
        for name in ("title", "context"):
            given[name] = node[name].optional_text()
        given["citations"] = node["citations"]["enabled"].value
        block = make_media(self._report, origin, kind, **given)
        rest = self._state(source, "type", "source", "title", "context", "citations")
        return attrs.evolve(block, opaque=rest) if block is not None and rest[self._issuer][BLOCK] else block
