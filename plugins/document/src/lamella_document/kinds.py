"""The types of documents: their MIME types, extensions and spellings, and what bytes show."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from lamella_document.archive import archive_type

__all__ = [
    "ARCHIVES",
    "CSV",
    "DOCX",
    "EPUB",
    "EXTENSIONS",
    "FORMATS",
    "HTML",
    "JSON",
    "MARKDOWN",
    "ODT",
    "PDF",
    "PLAIN",
    "PPTX",
    "RTF",
    "SYNONYMS",
    "TEXTS",
    "XLSX",
    "XML",
    "essence",
    "sniff",
]

_OFFICE: Final = "application/vnd.openxmlformats-officedocument"

PDF: Final = "application/pdf"
PLAIN: Final = "text/plain"
MARKDOWN: Final = "text/markdown"
CSV: Final = "text/csv"
HTML: Final = "text/html"
XML: Final = "text/xml"
JSON: Final = "application/json"
RTF: Final = "text/rtf"
DOCX: Final = f"{_OFFICE}.wordprocessingml.document"
XLSX: Final = f"{_OFFICE}.spreadsheetml.sheet"
PPTX: Final = f"{_OFFICE}.presentationml.presentation"
ODT: Final = "application/vnd.oasis.opendocument.text"
EPUB: Final = "application/epub+zip"

TEXTS: Final = frozenset({PLAIN, MARKDOWN, CSV, HTML, XML, JSON, RTF})
"""Types whose bytes are text."""

ARCHIVES: Final = frozenset({DOCX, XLSX, PPTX, ODT, EPUB})
"""Types that are ZIP archives."""

EXTENSIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        ".pdf": PDF,
        ".txt": PLAIN,
        ".md": MARKDOWN,
        ".markdown": MARKDOWN,
        ".csv": CSV,
        ".html": HTML,
        ".htm": HTML,
        ".xml": XML,
        ".json": JSON,
        ".rtf": RTF,
        ".docx": DOCX,
        ".xlsx": XLSX,
        ".pptx": PPTX,
        ".odt": ODT,
        ".epub": EPUB,
    }
)

SYNONYMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "application/x-pdf": PDF,
        "text/x-markdown": MARKDOWN,
        "text/md": MARKDOWN,
        "application/csv": CSV,
        "application/xhtml+xml": HTML,
        "application/xml": XML,
        "text/json": JSON,
        "application/rtf": RTF,
        "application/x-rtf": RTF,
    }
)

FORMATS: Final[Mapping[str, str]] = MappingProxyType(
    {kind: suffix[1:] for suffix, kind in reversed(list(EXTENSIONS.items()))}
)
"""The short name of each type, which is its usual extension without the dot."""

_LOOKED_AT: Final = 8192  # bytes; what the library looks at


def essence(mime_type: str) -> str:
    """The type without parameters, in lower case and its usual spelling."""
    kind = mime_type.partition(";")[0].strip().lower()
    return SYNONYMS.get(kind, kind)


def sniff(data: bytes) -> str | None:
    """The MIME type that the bytes show, ``None`` when they show none.

    Text shows none: what a text is, its extension or the caller says. A text that begins like a picture
    (``BM…``) is a text all the same.
    """
    head = bytes(data[:_LOOKED_AT])
    if head.startswith(b"%PDF-"):
        return PDF
    if head.startswith(b"PK\x03\x04") and (kind := archive_type(data)) is not None:
        return kind
    import filetype  # type: ignore[import-untyped]  # ships no types

    found = filetype.guess(head)
    kind = None if found is None else str(found.mime)
    if kind is None or kind == "application/zip":  # a ZIP whose table of contents is gone shows nothing
        return None
    return kind if essence(kind) in FORMATS or not _is_text(head) else None


def _is_text(head: bytes) -> bool:
    """Whether the first bytes are UTF-8 (perhaps cut inside a character) without control characters."""
    text = head.decode("utf-8", "ignore")
    lost = len(head) - len(text.encode("utf-8"))
    return lost <= 3 and not any(char < " " and char not in "\t\n\r\f" for char in text)
