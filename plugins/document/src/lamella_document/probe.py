"""Looking into a document: its pages, whether it is whole, whether it is what it says it is."""

from __future__ import annotations

from typing import Final

import attrs

from lamella.content import MediaContent
from lamella.errors import AgentInputError
from lamella_document.archive import fault_of
from lamella_document.kinds import ARCHIVES, FORMATS, PDF, TEXTS, essence, sniff

__all__ = ["DocumentInfo", "bytes_of", "decoded", "probe", "shown_name"]

_NAME: Final = 100  # characters


@attrs.frozen(kw_only=True)
class DocumentInfo:
    """What is known of a document after looking into it.

    ``format`` is its short name (``pdf``, ``docx``); ``pages`` and ``title`` are known of PDFs only;
    ``encrypted`` ones open without a password, but may be refused by a vendor; ``bytes`` is their number.
    """

    format: str
    mime_type: str
    pages: int | None
    encrypted: bool
    title: str | None
    bytes: int


def probe(document: MediaContent) -> DocumentInfo:
    """Look into a document that is here, within bounded time and memory.

    :raises AgentInputError: its bytes are not here; it is truncated, damaged, empty, encrypted with a
        password, no document, not what its type says, or costs too much to read.
    """
    data, what, kind = bytes_of(document), shown_name(document), essence(document.mime_type)
    if kind not in FORMATS:
        raise AgentInputError(f"{what}: {document.mime_type} is no type of document known here")
    shown = sniff(data)
    if shown is not None and essence(shown) != kind:
        raise AgentInputError(f"{what} is {shown}, not {document.mime_type} as it says; give {shown!r}")
    pages, encrypted, title = None, False, None
    if kind == PDF:
        from lamella_document.pdf import facts_of

        facts = facts_of(data, what)
        pages, encrypted, title = facts.pages, facts.encrypted, facts.title
    elif kind in ARCHIVES:
        _check_archive(data, what, kind, shown)
    elif kind in TEXTS:
        decoded(document)
    return DocumentInfo(
        format=FORMATS[kind],
        mime_type=document.mime_type,
        pages=pages,
        encrypted=encrypted,
        title=title,
        bytes=len(data),
    )


def bytes_of(document: MediaContent) -> bytes:
    """The bytes.

    :raises AgentInputError: they are not here.
    """
    if document.data is None:
        raise AgentInputError(
            f"{shown_name(document)}: its bytes are not here, only its address; use from_file or from_bytes"
        )
    return document.data


def decoded(document: MediaContent) -> str:
    """The text of a text document, which is UTF-8, without its byte order mark.

    :raises AgentInputError: it is not; says where, and what to do.
    """
    data = bytes_of(document)
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            fault = "it is UTF-16; save it as UTF-8"
        else:
            line = data.count(b"\n", 0, error.start) + 1
            fault = f"it is not at byte {error.start:,} (line {line:,}); save it as UTF-8, or correct its mime_type"
    raise AgentInputError(f"{shown_name(document)} must be UTF-8 text, and {fault}")


def shown_name(document: MediaContent) -> str:
    """The document in an error: its name or title, else what it is."""
    name = document.name or getattr(document, "title", None)
    return f"document {name!r:.{_NAME}}" if name else f"a {essence(document.mime_type)} document"


def _check_archive(data: bytes, what: str, kind: str, shown: str | None) -> None:
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise AgentInputError(
            f"{what} is encrypted, or in the old format of Office; save it anew, without a password"
        )
    if (fault := fault_of(data)) is not None:
        raise AgentInputError(f"{what} {fault[0]}; {fault[1]}")
    if shown is None:
        raise AgentInputError(f"{what} is no {FORMATS[kind]} file; give it its own mime_type")
