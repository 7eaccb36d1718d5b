"""``langchain``: what ``messages_to_dict`` of LangChain gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import attrs

from lamella import Message, TokenUsage
from lamella._json import dumps
from lamella.content import Block, MediaContent, TextBlock, ToolCallBlock, ToolOutputBlock
from lamella_transcripts.formats import Found
from lamella_transcripts.node import Node
from lamella_transcripts.patches import difference, note_block, note_message, patched
from lamella_transcripts.reading import ReadReport, media_of_url, opaque
from lamella_transcripts.usage import langchain_usage
from lamella_transcripts.writing import Report

__all__ = ["read", "write"]

FORM: Final = "langchain"

_ROLES: Final = {"system": "system", "human": "user", "ai": "assistant"}
_TYPES: Final = {role: kind for kind, role in _ROLES.items()}
_HELD: Final = frozenset(
    {"content", "tool_calls", "invalid_tool_calls", "tool_call_id", "text", "url", "args"}
)


def read(node: Node, report: ReadReport, issuer: str) -> Found:
    """A list of ``{"type", "data"}``; neighbouring tool messages are the outputs of one turn."""
    reader = _Reader(report)
    for index, each in enumerate(node.nodes()):
        report.at(index)
        reader.message(each)
    return Found(messages=reader.messages)


class _Reader:
    def __init__(self, report: ReadReport) -> None:
        self._report = report
        self._writer = _Writer(Report(FORM, report.issuer))
        self._names: dict[str, str] = {}
        self._outputs = False
        self.messages: list[Message] = []

    def message(self, node: Node) -> None:
        kind = node["type"].one_of(*_ROLES, "tool")
        data = node["data"]
        data.table()
        if kind == "tool":
            self._output(node, data)
            return
        self._outputs = False
        role: Any = _ROLES[kind]
        blocks = self._content(data["content"], system=kind == "system")
        blocks.extend(
            self._call(call) for call in [*data["tool_calls"].nodes(), *data["invalid_tool_calls"].nodes()]
        )
        if not blocks or (role == "user" and all(isinstance(b, TextBlock) and not b.text for b in blocks)):
            self._report.drop("message", f"a message of {kind} that says nothing")
            return
        message = Message(role=role, content=blocks, usage=langchain_usage(data["usage_metadata"]))
        message = note_message(message, FORM, parts=isinstance(data["content"].value, list))
        (made,) = self._writer.message(0, message)
        self.messages.append(note_message(message, FORM, patch=difference(node.table(), made, _HELD)))

    def _content(self, node: Node, *, system: bool = False) -> list[Block]:
        if isinstance(node.value, str):
            return [TextBlock(text=node.value)] if node.value else []
        blocks = []
        for place, each in enumerate(node.nodes()):
            self._report.at(self._report.message, place)
            block = self._part(each)
            if system and not isinstance(block, TextBlock):
                self._report.drop("content", "an instruction holds text only")
                continue
            blocks.append(block)
        return blocks

    def _part(self, node: Node) -> Block:
        if isinstance(node.value, str):
            return note_block(TextBlock(text=node.value), FORM, plain=True)
        source, block = node.table(), None
        if node["type"].value == "text":
            block = TextBlock(text=node["text"].text())
        elif node["type"].value == "image_url":
            found = node["image_url"]
            address = found if isinstance(found.value, str) else found["url"]
            block = media_of_url(  # type: ignore[assignment]  # any block
                self._report, address, "image", address.text(), detail=found["detail"].value
            )
        if block is None:
            return opaque(FORM, source)
        made = self._writer.part(block)
        return note_block(block, FORM, patch=difference(source, made or {}, _HELD))

    def _call(self, node: Node) -> Block:
        source, args = node.table(), node["args"].value
        call_id, name = node["id"].optional_text() or "", node["name"].optional_text() or ""
        self._names[call_id] = name
        text = args if isinstance(args, str) else dumps({} if args is None else node["args"].table())
        block = ToolCallBlock(call_id=call_id, name=name, arguments_json=text)
        return note_block(block, FORM, patch=difference(source, self._writer.call(block), _HELD))

    def _output(self, node: Node, data: Node) -> None:
        call_id, content = data["tool_call_id"].text(), data["content"]
        output: Any = content.value
        if not isinstance(output, str):
            output = tuple(self._content(content)) or ""
        name = data["name"].optional_text() or self._names.get(call_id)
        failed = data["status"].value == "error"
        block: Block = ToolOutputBlock(call_id=call_id, name=name, output=output, is_error=failed)
        block = note_block(block, FORM, patch=difference(node.table(), self._writer.output(block), _HELD))
        if self._outputs:
            last = self.messages.pop()
            self.messages.append(attrs.evolve(last, content=(*last.content, block)))
        else:
            self.messages.append(Message.user([block]))
        self._outputs = True


def write(messages: Sequence[Message], report: Report) -> list[dict[str, Any]]:
    """A list that ``messages_from_dict`` of LangChain takes."""
    writer = _Writer(report)
    return [made for index, message in enumerate(messages) for made in writer.message(index, message)]


class _Writer:
    def __init__(self, report: Report) -> None:
        self._report = report

    def message(self, index: int, message: Message) -> list[dict[str, Any]]:
        self._report.facts(index, message, "usage")
        parts: list[Any] = []
        calls: list[dict[str, Any]] = []
        outputs: list[dict[str, Any]] = []
        for place, block in enumerate(message.content):
            with self._report.at(index, place, block, message.role):
                if isinstance(block, ToolOutputBlock):
                    outputs.append(self.output(block))
                elif isinstance(block, ToolCallBlock):
                    calls.append(self.call(block))
                elif (part := self.part(block)) is not None:
                    parts.append(part)
        if not parts and not calls:
            return outputs
        data: dict[str, Any] = {"content": self._content(parts, message)}
        for name, kind in (("tool_calls", "tool_call"), ("invalid_tool_calls", "invalid_tool_call")):
            if some := [call for call in calls if call["type"] == kind]:
                data[name] = some
        if message.usage is not None and message.role == "assistant":
            data["usage_metadata"] = _usage(message.usage)
        made = {"type": _TYPES[message.role], "data": data}
        return [*outputs, patched(made, self._report.shape(message.meta).get("patch"))]

    def _content(self, parts: list[Any], message: Message) -> Any:
        if self._report.shape(message.meta).get("parts") or len(parts) > 1:
            return parts
        if not parts:
            return ""
        plain = isinstance(parts[0], dict) and parts[0].keys() == {"type", "text"} and parts[0]["text"]
        return parts[0]["text"] if plain else parts

    def part(self, block: Block) -> Any:
        """A part of a message's content."""
        shape = self._report.shape(block.opaque)
        made: dict[str, Any]
        if isinstance(block, TextBlock):
            self._report.unsaid(block, "text")
            if shape.get("plain"):
                return block.text
            made = {"type": "text", "text": block.text}
        elif isinstance(block, MediaContent) and block.type == "image" and block.file_id is None:
            self._report.unsaid(block, "data", "url", "mime_type", "detail")
            self._report.hint(block)
            url = {"url": block.data_uri or block.url, "detail": getattr(block, "detail", None)}
            made = {"type": "image_url", "image_url": {name: value for name, value in url.items() if value}}
        else:
            return self._report.own_work(block)
        return patched(made, shape.get("patch"))

    def call(self, block: ToolCallBlock) -> dict[str, Any]:
        """A tool call; one whose arguments are no object is among the invalid."""
        self._report.unsaid(block, "call_id", "name", "arguments_json", "arguments")
        args: Any = block.arguments_json
        if block.arguments is not None:
            args = self._report.arguments(block, "")
        kind = "invalid_tool_call" if block.arguments is None else "tool_call"
        made = {"name": block.name, "args": args, "id": block.call_id, "type": kind}
        if kind == "invalid_tool_call":
            self._report.rewrite("it is among the invalid calls, which stand after the others", lossless=True)
            made["error"] = None
        return patched(made, self._report.shape(block.opaque).get("patch"))

    def output(self, block: Any) -> dict[str, Any]:
        """The message of a tool's output."""
        self._report.unsaid(block, "call_id", "name", "output", "is_error")
        content: Any = self._report.output_text(block) if block.parts is None else []
        for each in block.parts or ():
            if (part := self.part(each)) is not None:
                content.append(part)
        data = {
            "content": content,
            "tool_call_id": block.call_id,
            "status": "error" if block.is_error else "success",
        }
        return patched({"type": "tool", "data": data}, self._report.shape(block.opaque).get("patch"))


def _usage(usage: TokenUsage) -> dict[str, Any]:
    """The counts as LangChain has them: they include their details."""
    into = {"cache_read": usage.cached_read_tokens, "cache_creation": usage.cached_write_tokens}
    into["audio"] = usage.audio_input_tokens
    out = {"reasoning": usage.reasoning_tokens, "audio": usage.audio_output_tokens}
    given = (usage.input_tokens or 0) + sum(count or 0 for count in into.values())
    made = (usage.output_tokens or 0) + sum(count or 0 for count in out.values())
    total = given + made if usage.total_tokens is None else usage.total_tokens
    counts: dict[str, Any] = {"input_tokens": given, "output_tokens": made, "total_tokens": total}
    for name, details in (("input_token_details", into), ("output_token_details", out)):
        if known := {key: count for key, count in details.items() if count is not None}:
            counts[name] = known
    return counts
