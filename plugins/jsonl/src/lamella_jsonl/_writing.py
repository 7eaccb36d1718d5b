"""Envelopes to lines, and lines to the end of a file."""

from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lamella.events import RunStreamEvent
from lamella.serial import to_dict
from lamella_jsonl.settings import RawPolicy

__all__ = ["RunFile", "encode_line"]

_log = logging.getLogger(__name__)


def encode_line(envelope: RunStreamEvent, raw: RawPolicy) -> bytes:
    """One envelope as one line. A delta's payload is left out: ``response.done`` has it."""
    document = to_dict(envelope)
    event = document["event"]
    if not envelope.event.durable:
        event.pop("raw_event", None)
    if raw == "dropped":
        _drop_raw(document)
        _drop_raw(event)
        for message in event.get("input", ()):
            _drop_raw(message)
    return _encode(document) + b"\n"


def _drop_raw(owner: dict[str, Any]) -> None:
    owner.pop("raw_event", None)
    owner.pop("raw", None)
    for name in ("token_usage", "usage"):
        if isinstance(usage := owner.get(name), dict):
            usage.pop("raw", None)


def _encode(document: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except UnicodeEncodeError:  # a lone surrogate has no UTF-8 form, but an escaped one
        return json.dumps(document, separators=(",", ":"), allow_nan=False).encode("ascii")


class RunFile:
    """The open file of one run. Used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        torn = _cut_torn_line(path) if path.exists() else 0
        if torn:
            _log.warning("%s ended in a torn line of %d bytes, which was cut off to go on", path, torn)
        self._file = path.open("ab", buffering=0)

    def append(self, lines: Sequence[bytes]) -> None:
        """Write lines in one go."""
        _write_all(self._file, b"".join(lines))

    def sync(self) -> None:
        """Wait until the disk has what was written."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _write_all(file: io.FileIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) or 0 :]


def _cut_torn_line(path: Path) -> int:
    """Cut what stands after the last newline; return how many bytes that was."""
    with path.open("r+b") as file:
        data = file.read()
        keep = data.rfind(b"\n") + 1
        file.truncate(keep)
    return len(data) - keep
