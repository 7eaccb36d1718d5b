"""``anthropic.messages``: a list of messages, or a request's body with ``system`` and ``messages``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamella import Message
from lamella_transcripts.blocks_reading import BlocksReader
from lamella_transcripts.blocks_writing import BlocksWriter
from lamella_transcripts.formats import Found
from lamella_transcripts.node import Node
from lamella_transcripts.reading import ReadReport
from lamella_transcripts.writing import Report

__all__ = ["read", "write"]


def read(node: Node, report: ReadReport, issuer: str) -> Found:
    """A list of messages, or a table with ``messages`` and perhaps ``system``."""
    reader = BlocksReader(report, "anthropic.messages", issuer)
    if not isinstance(node.value, dict):
        return Found(messages=reader.messages(node))
    for name in node.value.keys() - {"messages", "system"}:
        report.drop(name, "it is an option of the request, not a message")
    return Found(messages=[*reader.system(node["system"]), *reader.messages(node["messages"])])


def write(messages: Sequence[Message], report: Report) -> dict[str, Any]:
    """A table with ``messages``, and ``system`` where there is an instruction."""
    writer = BlocksWriter(report)
    written = writer.write(messages)
    if not writer.system:
        return {"messages": written}
    plain = writer.plain_system and writer.system[0].keys() == {"type", "text"}
    return {"system": writer.system[0]["text"] if plain else writer.system, "messages": written}
