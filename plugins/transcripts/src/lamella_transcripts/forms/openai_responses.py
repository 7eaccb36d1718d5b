"""``openai.responses``: the items of the Responses API, a request's body with them, or a response."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamella import Message
from lamella.content import TextBlock
from lamella_transcripts.formats import Found
from lamella_transcripts.forms.responses_reading import ItemsReader
from lamella_transcripts.forms.responses_writing import ItemsWriter
from lamella_transcripts.node import Node
from lamella_transcripts.reading import ReadReport
from lamella_transcripts.writing import Report

__all__ = ["read", "write"]


def read(node: Node, report: ReadReport, issuer: str) -> Found:
    """A list of items, one text, or a table with ``input`` or ``output``, and perhaps ``instructions``."""
    messages: list[Message] = []
    if isinstance(node.value, dict):
        field = "output" if "output" in node.value else "input"
        for name in node.value.keys() - {"instructions", field}:
            report.drop(name, "it is no item of the conversation")
        if text := node["instructions"].optional_text():
            system = Message(role="system", content=[TextBlock(text=text)])
            messages.append(system)
        node = node[field]
    if isinstance(node.value, str):
        node = Node([{"role": "user", "content": node.value}], node.path)
    return Found(messages=[*messages, *ItemsReader(report, issuer).read(node)])


def write(messages: Sequence[Message], report: Report) -> list[dict[str, Any]]:
    """A list of items."""
    return ItemsWriter(report).write(messages)
