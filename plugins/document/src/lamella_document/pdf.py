"""Reading PDFs with pypdf: what they are, their text, their parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import attrs

from lamella.errors import AgentInputError
from lamella_document.bounded import PROBE_SECONDS, READ_SECONDS, Allowance, open_pdf, pypdf_bounds

if TYPE_CHECKING:
    from pypdf import PdfReader

__all__ = ["MAX_TEXT", "PdfFacts", "chosen_pages", "facts_of", "parts_of", "text_of"]

MAX_TEXT: Final = 64 << 20
"""Characters that are taken out of one document."""

_TITLE: Final = 500  # characters
_TAIL: Final = 4096  # bytes, at the end of which the end mark stands


@attrs.frozen(kw_only=True)
class PdfFacts:
    """What a PDF says of itself. ``encrypted`` ones are here only if they open without a password."""

    pages: int
    encrypted: bool
    title: str | None


def facts_of(data: bytes, what: str) -> PdfFacts:
    """Pages, encryption and title.

    :raises AgentInputError: truncated, damaged, no PDF, without pages, encrypted with a password, or too
        costly to read.
    """
    with _opened(data, what, PROBE_SECONDS) as (reader, _):
        pages = _count(reader, what)
        return PdfFacts(pages=pages, encrypted=reader.is_encrypted, title=_title(reader))


def text_of(data: bytes, what: str, pages: Iterable[int] | None) -> str:
    """The text of pages, in the order given, with an empty line between them."""
    with _opened(data, what, READ_SECONDS) as (reader, allowance):
        texts: list[str] = []
        left = MAX_TEXT
        for number in chosen_pages(pages, _count(reader, what), what):
            allowance.check()
            texts.append(reader.pages[number - 1].extract_text(visitor_operand_before=allowance.check))
            left -= len(texts[-1])
            if left < 0:
                raise AgentInputError(f"{what} has more than {MAX_TEXT:,} characters; name the pages=…")
        return "\n\n".join(texts)


def parts_of(data: bytes, what: str, size: int) -> Iterator[tuple[int, int, bytes]]:
    """First page, last page and bytes of each part of ``size`` pages."""
    import io

    from pypdf import PdfWriter

    with _opened(data, what, READ_SECONDS) as (reader, allowance):
        total = _count(reader, what)
        parts = []
        for first in range(1, total + 1, size):
            last = min(first + size - 1, total)
            writer, out = PdfWriter(), io.BytesIO()
            for number in range(first, last + 1):
                allowance.check()
                writer.add_page(reader.pages[number - 1])
            writer.write(out)
            parts.append((first, last, out.getvalue()))
    yield from parts


def chosen_pages(pages: Iterable[Any] | None, total: int, what: str) -> Sequence[int]:
    """The page numbers that were asked for, counted from 1; all of them for ``None``.

    :raises AgentInputError: there is no such page.
    """
    if pages is None:
        return range(1, total + 1)
    chosen = []
    for number in pages:
        if not isinstance(number, int) or not 1 <= number <= total:
            raise AgentInputError(f"{what} has no page {number!r:.20}; its pages are 1 to {total}")
        chosen.append(number)
    return chosen


@contextmanager
def _opened(data: bytes, what: str, seconds: float) -> Iterator[tuple[PdfReader, Allowance]]:
    _check_ends(data, what)
    with pypdf_bounds(what):
        allowance = Allowance(seconds)
        reader = open_pdf(data, allowance)
        if reader.is_encrypted and not reader.decrypt(""):
            raise AgentInputError(f"{what} is encrypted; remove the password, for example: qpdf --decrypt")
        yield reader, allowance


def _check_ends(data: bytes, what: str) -> None:
    if b"%PDF-" not in data[:1024]:
        raise AgentInputError(f"{what} is no PDF: it does not begin with %PDF-; give it its own mime_type")
    if b"%%EOF" not in data[-_TAIL:]:
        raise AgentInputError(f"{what} is truncated: the end of the PDF is missing; download or save it anew")


def _count(reader: PdfReader, what: str) -> int:
    if pages := len(reader.pages):
        return pages
    raise AgentInputError(f"{what} has no pages; print or export it anew")


def _title(reader: PdfReader) -> str | None:
    """The title in the document's information; a broken one is none, for the pages can be read all the same."""
    try:
        metadata = reader.metadata
        title = None if metadata is None else metadata.title
    except (MemoryError, RecursionError):
        raise
    except Exception:  # pypdf lets any of them out of a damaged dictionary
        return None
    return str(title)[:_TITLE].strip() or None if title else None
