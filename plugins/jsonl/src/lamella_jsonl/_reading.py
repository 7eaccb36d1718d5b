"""Lines back to envelopes, and a run's head and tail to its summary."""

from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lamella.errors import AgentSerializationError
from lamella.specs import RunSummary
from lamella.usage import BUCKETS
from lamella_jsonl._names import StoredRun

__all__ = ["read_lines", "summarize"]

_log = logging.getLogger(__name__)

_BLOCK = 8192
_PROMPT_LENGTH = 200


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The envelopes in a file, as they were written.

    A last line that was cut short, as a crash leaves it, is dropped and logged.

    :raises AgentSerializationError: any other line is no JSON object; the message names file and line.
    """
    lines = path.read_bytes().split(b"\n")
    torn = lines.pop()
    documents = [_parse(line, path, number) for number, line in enumerate(lines, start=1)]
    if torn:
        last = _attempt(torn)
        if last is None:
            _log.warning("%s: the last line is torn (%d bytes) and was dropped", path, len(torn))
        else:
            documents.append(last)
    return documents


def _parse(line: bytes, path: Path, number: int) -> dict[str, Any]:
    document = _attempt(line)
    if document is None:
        raise AgentSerializationError(
            f"{path}:{number}: not a stored event (expected a JSON object); "
            "the file was changed by something else, delete the line to read the rest"
        )
    return document


def _attempt(line: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


# -- summaries ------------------------------------------------------------------------------------


def summarize(run: StoredRun) -> RunSummary:
    """A run in one line, from the first and the last line of its file; the rest is not read."""
    with run.path.open("rb") as file:
        head = _attempt(file.readline()) or {}
        tail = _last_document(file) or head
    start = _event(head)
    return RunSummary(
        run_id=run.run_id,
        status=_status(_event(tail)),
        agent=_text(start, "agent"),
        provider=_text(start, "provider"),
        model=_text(start, "model"),
        started_at=start.get("started_at"),
        events=_count(tail),
        total_tokens=_total_tokens(tail.get("token_usage")),
        prompt=_prompt(start),
        conversation=_text(start, "conversation"),
    )


def _event(document: Mapping[str, Any]) -> Mapping[str, Any]:
    event = document.get("event")
    return event if isinstance(event, Mapping) else {}


def _text(event: Mapping[str, Any], name: str) -> str | None:
    value = event.get(name)
    return value if isinstance(value, str) else None


def _count(document: Mapping[str, Any]) -> int | None:
    seq = document.get("seq")
    return seq + 1 if isinstance(seq, int) else None


def _status(event: Mapping[str, Any]) -> str:
    if event.get("type") == "stream.end":
        return "completed"
    if event.get("type") == "stream.error":
        return "cancelled" if event.get("code") == "agent.cancelled" else "failed"
    return "interrupted"


def _total_tokens(usage: Any) -> int | None:
    if not isinstance(usage, Mapping):
        return None
    if usage.get("total_tokens") is not None:
        return int(usage["total_tokens"])
    counts = [usage[name] for name in BUCKETS if usage.get(name) is not None]
    return sum(counts) if counts else None


def _prompt(start: Mapping[str, Any]) -> str | None:
    for message in start.get("input") or ():
        for block in message.get("content") or ():
            if message.get("role") != "system" and block.get("type") == "text" and block.get("text"):
                return str(block["text"])[:_PROMPT_LENGTH]
    return None


def _last_document(file: io.BufferedReader) -> dict[str, Any] | None:
    """The last whole line, read backwards from the end; a torn one is passed over."""
    position = file.seek(0, os.SEEK_END)
    data = b""
    while position:
        step = min(_BLOCK + len(data), position)  # doubling: a long line costs linear time
        position -= step
        file.seek(position)
        data = file.read(step) + data
        lines = data.split(b"\n")
        whole = lines if position == 0 else lines[1:]
        for line in reversed(whole):
            if line and (document := _attempt(line)) is not None:
                return document
    return None
