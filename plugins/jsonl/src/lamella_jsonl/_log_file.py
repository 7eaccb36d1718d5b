"""``LogFile``: a file that grows by whole batches of lines."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, Final

from lamella_jsonl._ending import Ending, line_number, read_ending
from lamella_jsonl._failures import corrupt

__all__ = ["LogFile", "sync_folder"]

_log = logging.getLogger(__name__)

_CHUNK: Final = 1 << 20
_BINARY: Final = getattr(os, "O_BINARY", 0)


class LogFile:
    """A file of lines. It is opened for each batch, so that no descriptor is held between batches.

    Not safe for use by several threads at once.

    :param path: an existing file is repaired: a torn end is moved to the file ``{name}.torn`` beside it.
    :raises StoreError: its last line is damaged, and not by a crash.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.unsynced = False
        self.gone = False
        self._writing = False
        self.last: dict[str, Any] | None = None
        """The last document that was there when it was opened."""

        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | _BINARY, 0o666))
            self._fresh = True
            self.size = 0
        except FileExistsError:
            self._fresh = False
            self.size = self._settle()

    def append(self, pieces: Iterable[bytes]) -> None:
        """Write pieces of lines at the end; where that fails, :meth:`cut_back` takes away what was written."""
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | _BINARY)
        try:
            if (found := os.fstat(descriptor).st_size) != self.size:
                raise OSError(
                    None,
                    f"it has {found} bytes, and had {self.size} after the last batch: something else changed it",
                    str(self.path),
                )
            self.unsynced = self._writing = True
            for chunk in _chunks(pieces):
                _write_all(descriptor, chunk)
                self.size += len(chunk)
            self._writing = False
        finally:
            os.close(descriptor)

    def cut_back(self, size: int) -> None:
        """Take back what was written beyond ``size``; a file of which nothing is left is removed."""
        if size == 0:
            self.path.unlink()
            self.gone = True
            self.unsynced = False
        elif self._writing or self.size != size:  # else nothing was written: what is there is somebody else's
            os.truncate(self.path, size)
        self._writing = False
        self.size = size

    def sync(self) -> None:
        """Wait until the disk has what was written; the first time, the folder's entry too."""
        descriptor = os.open(self.path, os.O_RDWR | _BINARY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if self._fresh:
            sync_folder(self.path.parent)
            self._fresh = False
        self.unsynced = False

    def _settle(self) -> int:
        with self.path.open("r+b") as file:
            ending = read_ending(file)
            if ending.damaged is not None:
                raise corrupt(self.path, line_number(file, ending.damaged))
            self.last = ending.last
            if ending.torn:
                self._keep_torn(file, ending)
                file.truncate(ending.whole)
            if ending.unended:
                file.seek(0, os.SEEK_END)
                file.write(b"\n")
        return ending.whole + ending.unended

    def _keep_torn(self, file: BinaryIO, ending: Ending) -> None:
        file.seek(ending.whole)
        torn = file.read().rstrip(b"\0")
        beside = self.path.with_name(f"{self.path.name}.torn")
        if torn:
            with beside.open("ab") as kept:
                kept.write(torn + b"\n")
        _log.warning(
            "%s ended in a torn line of %d bytes, which was cut off to go on%s",
            self.path, ending.torn, f" and is kept in {beside.name}" if torn else " (nothing but NUL)",
        )  # fmt: skip


def sync_folder(folder: Path) -> None:
    """Wait until the disk has the folder's entries; on Windows there is nothing to wait for."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _chunks(pieces: Iterable[bytes]) -> Iterable[bytes]:
    """Small pieces together, so that a batch is one write; a long line is no more than a chunk in memory."""
    held: list[bytes] = []
    length = 0
    for piece in pieces:
        held.append(piece)
        length += len(piece)
        if length >= _CHUNK:
            yield b"".join(held)
            held.clear()
            length = 0
    if held:
        yield b"".join(held)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
