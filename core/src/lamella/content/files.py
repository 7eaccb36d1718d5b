"""Reading the file that a caller names; nothing else of Lamella's content reads any."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from lamella.errors import AgentInputError

__all__ = ["MAX_FILE_BYTES", "read_file"]

MAX_FILE_BYTES: Final = 1 << 30
"""1 GiB: more than any vendor takes, and less than what brings a machine down."""


def read_file(path: str | os.PathLike[str]) -> tuple[Path, bytes]:
    """The path (a ``file://`` URL is one) and the bytes behind it.

    :raises AgentInputError: there is no such file, it cannot be read, is no regular file, or is larger
        than ``MAX_FILE_BYTES``.
    """
    try:
        place = _local_path(os.fspath(path))
        with place.open("rb") as file:
            _check(os.fstat(file.fileno()), place)
            return place, file.read()
    except FileNotFoundError as error:
        raise AgentInputError(f"cannot find file: {error.filename}", cause=error) from error
    except (OSError, ValueError, TypeError) as error:
        if isinstance(error, AgentInputError):
            raise
        raise AgentInputError(f"cannot read file: {path!s:.500}: {error}", cause=error) from error


def _local_path(path: str | bytes) -> Path:
    text = os.fsdecode(path)
    if text[:7].lower() != "file://":
        return Path(text)
    parts = urlsplit(text)
    if parts.netloc not in ("", "localhost"):
        raise AgentInputError(f"cannot read file: {text} is on another host; use from_url for http(s)")
    return Path(unquote(parts.path))


def _check(facts: os.stat_result, place: Path) -> None:
    if not stat.S_ISREG(facts.st_mode):
        raise AgentInputError(
            f"cannot read file: {place} is no regular file; read it yourself and use from_bytes"
        )
    if facts.st_size > MAX_FILE_BYTES:
        raise AgentInputError(
            f"cannot read file: {place} has {facts.st_size:,} bytes; more than {MAX_FILE_BYTES:,} are not read"
        )
