"""Documents that are ZIP archives: told apart and checked by their table of contents, never unpacked."""

from __future__ import annotations

import io
import struct
import zipfile
from typing import Final

__all__ = ["MAX_ENTRIES", "MAX_UNPACKED", "archive_type", "fault_of", "table_of"]

MAX_ENTRIES: Final = 20_000
"""Files in an archive; each costs memory before anything is read."""

MAX_UNPACKED: Final = 1 << 30
"""Bytes that an archive says it has when unpacked: 1 GiB."""

_ENTRY: Final = b"PK\x01\x02"  # the mark of an entry in the table of contents
_OFFICE: Final = "application/vnd.openxmlformats-officedocument"
_ROOTS: Final = (
    ("word/", f"{_OFFICE}.wordprocessingml.document"),
    ("xl/", f"{_OFFICE}.spreadsheetml.sheet"),
    ("ppt/", f"{_OFFICE}.presentationml.presentation"),
)
# OpenDocument and EPUB say what they are in their first file, which is not compressed; it begins at 30.
_DECLARED: Final = (
    (b"mimetypeapplication/vnd.oasis.opendocument.text", "application/vnd.oasis.opendocument.text"),
    (b"mimetypeapplication/epub+zip", "application/epub+zip"),
)
_BROKEN: Final = (zipfile.BadZipFile, struct.error, ValueError, NotImplementedError, EOFError, OSError)


def table_of(data: bytes) -> list[zipfile.ZipInfo] | None:
    """The table of contents, ``None`` where there is none to read: cut off, damaged, too long."""
    if data.count(_ENTRY) > MAX_ENTRIES:
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return archive.infolist()
    except _BROKEN:
        return None  # what that means is said by fault_of, or the caller


def archive_type(data: bytes) -> str | None:
    """What an archive is: a document type, else ``application/zip``; ``None`` without a table of contents."""
    table = table_of(data)
    if table is None:
        return None
    head = data[30:100]
    for mark, kind in _DECLARED:
        if head.startswith(mark) and not head[len(mark) :].startswith((b"-", b".")):
            return kind
    names = [entry.filename for entry in table]
    if "[Content_Types].xml" in names:
        for root, kind in _ROOTS:
            if any(name.startswith(root) for name in names):
                return kind
    return "application/zip"


def fault_of(data: bytes) -> tuple[str, str] | None:
    """What is wrong with an archive and what to do about it, ``None`` when nothing shows."""
    if data.count(_ENTRY) > MAX_ENTRIES:
        return f"has more than {MAX_ENTRIES:,} files inside", "convert it to PDF"
    table = table_of(data)
    if table is None:
        return "is truncated or damaged: its table of contents cannot be read", "save or download it anew"
    if any(entry.flag_bits & 1 for entry in table):
        return "is encrypted", "remove the password"
    unpacked = sum(entry.file_size for entry in table)
    if unpacked > MAX_UNPACKED:
        return f"would unpack to {unpacked:,} bytes, a decompression bomb", "do not send it"
    if any(entry.header_offset + entry.compress_size > len(data) for entry in table):
        return "is damaged: its table of contents points behind its end", "save or download it anew"
    return None
