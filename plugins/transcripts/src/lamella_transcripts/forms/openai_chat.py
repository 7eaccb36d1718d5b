"""``openai.chat``: the messages of Chat Completions, or a request's body with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamella import Message
from lamella_transcripts.chat_reading import ChatReader
from lamella_transcripts.chat_writing import ChatWriter
from lamella_transcripts.formats import Found
from lamella_transcripts.node import Node
from lamella_transcripts.reading import ReadReport
from lamella_transcripts.writing import Report

__all__ = ["read", "write"]


def read(node: Node, report: ReadReport, issuer: str) -> Found:
    """A list of messages, or a table with ``messages``."""
    if isinstance(node.value, dict):
        for name in node.value.keys() - {"messages"}:
            report.drop(name, "it is an option of the request, not a message")
        node = node["messages"]
    return Found(messages=ChatReader(report, issuer).read(node))


def write(messages: Sequence[Message], report: Report) -> list[dict[str, Any]]:
    """A list of messages."""
    return ChatWriter(report).write(messages)
