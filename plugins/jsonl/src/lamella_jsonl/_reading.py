"""The documents of files, and a run's head and tail as its summary."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from lamella.specs import RunSummary
from lamella.usage import BUCKETS
from lamella_jsonl._ending import line_number, read_ending
from lamella_jsonl._failures import corrupt
from lamella_jsonl._lines import document_of

__all__ = ["is_terminal", "read_documents", "read_line", "read_lines", "started_at", "summary_of"]

_log = logging.getLogger(__name__)

_PROMPT_LENGTH: Final = 200


def read_documents(path: Path) -> list[dict[str, Any]]:
    """The envelopes in a file, as they were written; an end torn by a crash is passed over and logged.

    :raises StoreError: any other line is no JSON object; the message names file and line (``store.corrupt``).
    """
    documents = []
    for offset, line in read_lines(path):
        document = document_of(line)
        if document is None:
            raise corrupt_at(path, offset)
        documents.append(document)
    return documents


def read_lines(path: Path, start: int = 0, end: int | None = None) -> Iterator[tuple[int, bytes]]:
    """The whole lines of a file and where they begin; a line is read when it is asked for.

    :param start: where to begin, which is where a line begins.
    :param end: where to stop, unless it is the end of the whole lines.
    """
    with path.open("rb") as file:
        if end is None:
            ending = read_ending(file)
            end = ending.whole
            if ending.torn:
                _log.warning("%s: the last line is torn (%d bytes) and was passed over", path, ending.torn)
        file.seek(start)
        while start < end:
            line = file.readline()
            yield start, line[: end - start]
            start += len(line)


def read_line(path: Path, offset: int) -> dict[str, Any] | None:
    """The document of the line that begins at an offset."""
    with path.open("rb") as file:
        file.seek(offset)
        return document_of(file.readline().rstrip(b"\0"))


def corrupt_at(path: Path, offset: int) -> Exception:
    """The error for the line that begins at an offset."""
    with path.open("rb") as file:
        return corrupt(path, line_number(file, offset))


# -- summaries ------------------------------------------------------------------------------------


def summary_of(run_id: str, head: Mapping[str, Any], tail: Mapping[str, Any], *, running: bool) -> RunSummary:
    """A run in one line, from its first and its last document.

    :param running: whether somebody is writing it now.
    """
    start = _event(head)
    return RunSummary(
        run_id=run_id,
        status=_status(_event(tail), running),
        agent=_text(start, "agent"),
        provider=_text(start, "provider"),
        model=_text(start, "model"),
        started_at=started_at(head),
        events=_count(tail),
        total_tokens=_total_tokens(tail.get("token_usage")),
        prompt=_prompt(start),
        conversation=_text(start, "conversation"),
        forked_from=_text(start, "forked_from"),
    )


def is_terminal(document: Mapping[str, Any]) -> bool:
    """Whether it is the last document of a run that ended."""
    return _event(document).get("type") in ("stream.end", "stream.error")


def started_at(head: Mapping[str, Any]) -> float | None:
    """When a run started, in Unix time, as its first document says."""
    moment = _event(head).get("started_at")
    return float(moment) if isinstance(moment, int | float) else None


def _event(document: Mapping[str, Any]) -> Mapping[str, Any]:
    event = document.get("event")
    return event if isinstance(event, Mapping) else {}


def _text(event: Mapping[str, Any], name: str) -> str | None:
    value = event.get(name)
    return value if isinstance(value, str) else None


def _count(document: Mapping[str, Any]) -> int | None:
    seq = document.get("seq")
    return seq + 1 if isinstance(seq, int) else None


def _status(event: Mapping[str, Any], running: bool) -> str:
    if event.get("type") == "stream.end":
        return "completed"
    if event.get("type") == "stream.error":
        return "cancelled" if event.get("code") == "agent.cancelled" else "failed"
    return "running" if running else "interrupted"


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
