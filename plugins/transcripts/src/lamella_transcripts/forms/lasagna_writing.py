"""Writes the messages of lasagna-ai: text and media, calls, and results are messages of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from lamella import Message
from lamella._frozen import thaw
from lamella.content import Block, MediaContent, TextBlock, ToolCallBlock, ToolOutputBlock
from lamella_transcripts.patches import patched
from lamella_transcripts.usage import lasagna_cost
from lamella_transcripts.writing import Report

__all__ = ["FORM", "LasagnaWriter"]

FORM: Final = "lasagna"

_ROLES: Final = {"system": "system", "user": "human", "assistant": "ai"}


class LasagnaWriter:
    """Writes a list of messages."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def write(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        """All messages, in order."""
        return [made for index, message in enumerate(messages) for made in self.message(index, message)]

    def message(self, index: int, message: Message) -> list[dict[str, Any]]:
        """What one message becomes: results, text and media, calls, each where there are any."""
        self._report.facts(index, message, "usage", "raw")
        texts: list[str] = []
        media: list[dict[str, Any]] = []
        tools: list[dict[str, Any]] = []
        several = sum(isinstance(block, TextBlock) for block in message.content) > 1
        for place, block in enumerate(message.content):
            with self._report.at(index, place, block, message.role):
                if isinstance(block, TextBlock):
                    self._report.unsaid(block, "text")
                    if several:
                        self._report.rewrite("the texts of a message are written as one", lossless=True)
                    if media:
                        self._report.rewrite("written before the media", lossless=True)
                    texts.append(block.text)
                elif isinstance(block, ToolCallBlock | ToolOutputBlock):
                    tools.append(self.tool(block))
                else:
                    if tools:
                        self._report.rewrite("written before the calls", lossless=True)
                    media.extend(self._media(block))
        return self._messages(index, message, texts, media, tools)

    def _messages(
        self, index: int, message: Message, texts: list[str], media: list[Any], tools: list[Any]
    ) -> list[dict[str, Any]]:
        shape = self._report.shape(message.meta)
        made: list[dict[str, Any]] = []
        if texts or media:
            said: dict[str, Any] = {"role": _ROLES[message.role], "text": "".join(texts) if texts else None}
            made.append({**said, "media": media} if media else said)
        if tools:
            role = "tool_call" if message.role == "assistant" else "tool_res"
            place = len(made) if role == "tool_call" else 0
            made.insert(place, {"role": role, "tools": tools})
        facts = self._facts(index, message)
        if made:
            made[0 if shape.get("first") else -1].update(facts)
        return [
            patched(each, shape.get("calls" if each["role"] in ("tool_call", "tool_res") else "patch"))
            for each in made
        ]

    def _facts(self, index: int, message: Message) -> dict[str, Any]:
        facts: dict[str, Any] = {}
        if message.usage is not None:
            facts["cost"] = lasagna_cost(message.usage)
            self._report.buckets(index, message.usage, "input_tokens", "output_tokens", "cached_read_tokens",
                                 "cached_write_tokens")  # fmt: skip
        if message.raw is not None:
            facts["raw"] = thaw(message.raw)
        return facts

    def tool(self, block: ToolCallBlock | ToolOutputBlock) -> dict[str, Any]:
        """A call or a result."""
        made: dict[str, Any]
        if isinstance(block, ToolCallBlock):
            self._report.unsaid(block, "call_id", "name", "arguments_json", "arguments")
            function = {"name": block.name, "arguments": block.arguments_json}
            made = {"call_id": block.call_id, "call_type": "function", "function": function}
        else:
            self._report.unsaid(block, "call_id", "name", "output", "is_error")
            whole = block.parts is None
            result = thaw(block.output) if whole else self._report.output_text(block)
            made = {"call_id": block.call_id, "type": "any", "result": result}
            made |= {"is_error": True} if block.is_error else {}
        return patched(made, self._report.shape(block.opaque).get("patch"))

    def _media(self, block: Block) -> list[dict[str, Any]]:
        made: dict[str, Any] | None
        if isinstance(block, MediaContent) and block.type == "image" and block.url is not None:
            self._report.unsaid(block, "url", "mime_type")
            self._report.hint(block)
            made = {"type": "image", "image": block.url}
        elif isinstance(block, MediaContent):
            self._report.drop(f"{FORM} has images by address only, no {block.type} in memory")
            return []
        else:
            made = self._report.own_work(block)
        return [] if made is None else [made]
