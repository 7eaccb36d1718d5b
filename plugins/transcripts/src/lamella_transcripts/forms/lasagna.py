"""``lasagna``: the messages of lasagna-ai, or one of its trees of runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamella import Message
from lamella_transcripts.formats import Found
from lamella_transcripts.forms.lasagna_reading import LasagnaReader
from lamella_transcripts.forms.lasagna_writing import LasagnaWriter
from lamella_transcripts.node import Node
from lamella_transcripts.reading import ReadReport
from lamella_transcripts.writing import Report

__all__ = ["read", "write"]


def read(node: Node, report: ReadReport, issuer: str) -> Found:
    """A list of messages, or an ``AgentRun``: then the messages of its leaves, in order."""
    if not isinstance(node.value, dict):
        return Found(messages=LasagnaReader(report).read(node))
    from lamella_transcripts.forms.lasagna_runs import messages_of, read_run

    run = read_run(node, report)
    return Found(messages=messages_of(run), usage=run.token_usage, run=run)


def write(messages: Sequence[Message], report: Report) -> list[dict[str, Any]]:
    """A list of messages."""
    return LasagnaWriter(report).write(messages)
