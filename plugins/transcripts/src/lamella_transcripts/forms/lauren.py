"""``lauren``: what lauren-ai's conversation stores hold, or its ``Message`` and ``Completion`` objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import attrs

from lamella import Message
from lamella.content import Block, ReasoningBlock, TextBlock, ToolOutputBlock
from lamella_transcripts.blocks_reading import BlocksReader
from lamella_transcripts.blocks_writing import BlocksWriter
from lamella_transcripts.formats import Found
from lamella_transcripts.node import Node
from lamella_transcripts.reading import ReadReport, make_media
from lamella_transcripts.usage import lauren_usage
from lamella_transcripts.writing import Report

__all__ = ["read", "write"]

FORM: Final = "lauren"

_MEDIA: Final = {"ImageContent": "image", "AudioContent": "audio", "DocumentContent": "document"}
_OPEN: Final = "openai-compatible"
"""Whose reasoning ``reasoning_content`` is: lauren-ai does not say more."""


def read(node: Node, report: ReadReport, issuer: str) -> Found:
    """A list of messages, or one completion."""
    reader = _Reader(report, FORM, issuer)
    one = isinstance(node.value, dict) and "messages" not in node.value
    messages = (
        Node([node.value], node.path) if one else node["messages"] if isinstance(node.value, dict) else node
    )
    return Found(messages=reader.messages(messages))


def write(messages: Sequence[Message], report: Report) -> list[dict[str, Any]]:
    """A list of messages as a conversation store of lauren-ai holds it."""
    writer = _Writer(report)
    written = [writer.message(index, message) for index, message in enumerate(messages)]
    return [message for message in written if message is not None]


class _Writer(BlocksWriter):
    def message(self, index: int, message: Message) -> dict[str, Any] | None:
        """As for Anthropic, but instructions stay where they are, and reasoning of compatible servers has a field."""
        said = [block for block in message.content if _is_open(block)]
        if len(said) != 1 or len(message.content) == 1:
            return super().message(index, message)
        rest = [block for block in message.content if block is not said[0]]
        made = super().message(index, attrs.evolve(message, content=rest))
        assert isinstance(said[0], ReasoningBlock)
        return made if made is None else {**made, "reasoning_content": said[0].text}

    def block(self, block: Block) -> dict[str, Any] | None:
        """As for Anthropic."""
        if _is_open(block):
            self._report.drop("reasoning_content stands beside a message's content, once")
            return None
        return super().block(block)


def _is_open(block: Block) -> bool:
    """Whether reasoning is what ``reasoning_content`` holds, and nothing more."""
    return (
        isinstance(block, ReasoningBlock)
        and block.provider == _OPEN
        and block.text is not None
        and block.signature is None
    )


class _Reader(BlocksReader):
    def __init__(self, report: ReadReport, form: str, issuer: str) -> None:
        super().__init__(report, form, issuer)
        self._writer: BlocksWriter = _Writer(Report(form, issuer))

    def message(self, node: Node) -> Message | None:
        """A message in any of the shapes that lauren-ai takes."""
        source = _stored(node.table())
        if "role" not in source:
            return self._completion(node)
        node = Node(source, node.path)
        role: Any = node["role"].one_of("system", "user", "assistant", "tool")
        if role == "tool":
            name = self._names.get(str(node["tool_call_id"].value))
            output = node["content"].text()
            call_id = node["tool_call_id"].text()
            self._report.rewrite("message", "a message of the role 'tool' is a tool_result", lossless=True)
            return Message.user([ToolOutputBlock(call_id=call_id, name=name, output=output)])
        blocks = self._content(node["content"])
        if (thought := node["reasoning_content"].optional_text()) is not None:
            blocks.insert(0, ReasoningBlock(text=thought, provider=_OPEN))
        return self.noted(role, blocks, source)

    def block(self, node: Node) -> Block:
        """A block; those of lauren-ai's classes have other names for some fields."""
        if isinstance(node.value, str):
            return TextBlock(text=node.value)
        source = _stored(node.table())
        kind = _MEDIA.get(str(source.get("__class__")))
        if kind is not None:
            given = {"data": source.get("_data"), "url": source.get("_url"), "mime_type": source["mime_type"]}
            if (made := make_media(self._report, node, kind, **given)) is not None:
                return made
        return super().block(Node(source, node.path))

    def _noted_block(self, node: Node) -> Block:
        if isinstance(node.value, str):
            return self.block(node)
        if "__class__" in node.table():  # an object: it has no spelling that could be kept
            return self.block(node)
        return super()._noted_block(node)

    def _completion(self, node: Node) -> Message:
        """An answer that was not put into a conversation yet."""
        blocks = self._content(node["thinking_blocks"]) if node["thinking_blocks"].value else []
        if (thought := node["reasoning_content"].optional_text()) is not None:
            blocks.append(ReasoningBlock(text=thought, provider=_OPEN))
        if text := node["content"].optional_text():
            blocks.append(TextBlock(text=text))
        for call in node["tool_calls"].nodes():
            blocks.append(self.block(Node({**call.table(), "type": "tool_use"}, call.path)))
        for name in (
            "stop_reason",
            "id",
            "model",
            "provider",
            "request_id",
            "provider_metadata",
            "raw_response",
        ):
            if name not in ("raw_response", "id", "model") and node[name].value:
                self._report.drop(name, "it says how the answer came, and is no part of a message")
        usage = lauren_usage(node["usage"])
        meta = {name: node[name].value for name in ("id", "model") if node[name].value}
        if not blocks:
            node.fail("a completion that says something")
        return Message(
            role="assistant", content=blocks, usage=usage, raw=node["raw_response"].value, meta=meta
        )


def _stored(source: dict[str, Any]) -> dict[str, Any]:
    """An object of lauren-ai's classes in the form in which its stores hold it."""
    if source.get("__class__") not in (
        "Message",
        "ContentBlock",
        "ToolCall",
        "ThinkingBlock",
        "RedactedThinkingBlock",
    ):
        found = dict(source)
    else:
        found = {name: value for name, value in source.items() if value is not None and name != "__class__"}
        if source["__class__"] == "Message":
            found["content"] = source["content"]
    if found.get("type") == "tool_use" and "id" not in found:
        found["id"] = found.pop("tool_use_id", None)
        found.setdefault("input", {})
    return found
