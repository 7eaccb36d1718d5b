"""The document plugin, held to the conformance kit."""

from __future__ import annotations

import io

from pypdf import PdfWriter

from lamella.content import MediaContent
from lamella_document import DocumentContent
from lamella_testing import ContentConformance


def pdf(pages: int = 2, password: str | None = None) -> bytes:
    """Empty pages, locked where there is a password."""
    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(width=200, height=100)
    if password is not None:
        writer.encrypt(password, algorithm="RC4-128")
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


PDF = pdf()
TEXT = b"Lamella is a framework.\nThis is its second line.\n"


class TestDocument(ContentConformance):
    plugin = "document"
    files = {
        "a.pdf": (PDF, "application/pdf"),
        "a.txt": (TEXT, "text/plain"),
    }
    bad_files = {
        "cut.pdf": PDF[: len(PDF) // 2],
        "header.pdf": PDF[:9],
        "locked.pdf": pdf(password="secret"),
        "nothing.pdf": pdf(0),
    }

    def samples(self) -> list[MediaContent]:
        return [
            DocumentContent.from_bytes(PDF),
            DocumentContent.from_bytes(PDF, name="report.pdf", title="Report", alt="two empty pages"),
            DocumentContent.from_bytes(TEXT, "text/plain", name="notes.txt"),
            DocumentContent.from_url("https://example.com/report.pdf"),
            DocumentContent.from_file_id("file-1", "openai"),
            DocumentContent.from_file_id("file-2", "anthropic"),
        ]
