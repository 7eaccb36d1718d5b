"""``gemini``: the ``contents`` of ``generateContent``, or a request's body with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamella import Message
from lamella_transcripts.formats import Found
from lamella_transcripts.forms.gemini_reading import ContentsReader
from lamella_transcripts.forms.gemini_writing import ContentsWriter
from lamella_transcripts.node import Node
from lamella_transcripts.reading import ReadReport
from lamella_transcripts.writing import Report

__all__ = ["read", "write"]


def read(node: Node, report: ReadReport, issuer: str) -> Found:
    """A list of contents, or a table with ``contents`` and perhaps ``systemInstruction``."""
    reader = ContentsReader(report, issuer)
    if not isinstance(node.value, dict):
        return Found(messages=reader.contents(node))
    for name in node.value.keys() - {"contents", "systemInstruction"}:
        report.drop(name, "it is an option of the request, not a content")
    return Found(messages=[*reader.system(node["systemInstruction"]), *reader.contents(node["contents"])])


def write(messages: Sequence[Message], report: Report) -> dict[str, Any]:
    """A table with ``contents``, and ``systemInstruction`` where there is one."""
    writer = ContentsWriter(report)
    contents = writer.write(messages)
    return (
        {"systemInstruction": writer.system, "contents": contents}
        if writer.system
        else {"contents": contents}
    )
