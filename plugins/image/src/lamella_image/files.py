"""Reading an image file, and telling what it is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from lamella.errors import AgentInputError

__all__ = ["UNKNOWN", "mime_type_of", "read_file", "sniff"]

UNKNOWN: Final = "application/octet-stream"

_EXTENSIONS: Final = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
}


def read_file(path: str | os.PathLike[str]) -> tuple[Path, bytes]:
    """The path (a ``file://`` URL is one) and the bytes behind it.

    :raises AgentInputError: there is no such file, or it cannot be read.
    """
    place = _local_path(os.fspath(path))
    try:
        return place, place.read_bytes()
    except FileNotFoundError as error:
        raise AgentInputError(f"cannot find file: {place}", cause=error) from error
    except (OSError, ValueError) as error:
        raise AgentInputError(f"cannot read file: {place}: {error}", cause=error) from error


def _local_path(path: str) -> Path:
    if path[:7].lower() != "file://":
        return Path(path)
    parts = urlsplit(path)
    if parts.netloc not in ("", "localhost"):
        raise AgentInputError(f"cannot read file: {path} is on another host; use from_url for http(s)")
    return Path(unquote(parts.path))


def sniff(data: bytes) -> str | None:
    """The MIME type that the bytes show, ``None`` when they show none."""
    import filetype  # type: ignore[import-untyped]  # ships no types

    kind = filetype.guess(data)
    return None if kind is None else str(kind.mime)


def mime_type_of(path: Path, data: bytes) -> str:
    """The type of a file: what its bytes show, else what its extension says, else ``UNKNOWN``."""
    return sniff(data) or _EXTENSIONS.get(path.suffix.lower(), UNKNOWN)
