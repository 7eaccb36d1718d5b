"""Pages as pictures, with PDFium. Loaded only when asked for; its libraries are an extra."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from lamella.content import MediaContent
from lamella.errors import AgentInputError
from lamella_document.pdf import chosen_pages, facts_of
from lamella_document.probe import bytes_of, shown_name

if TYPE_CHECKING:
    from lamella_image import ImageContent

__all__ = ["MAX_PAGES", "MAX_PIXELS", "page_images"]

MAX_PAGES: Final = 100
"""Pages that are rendered at once."""

MAX_PIXELS: Final = 40_000_000
"""Pixels of a page: 160 MB while it is drawn. A4 at 600 dpi has 35 million."""

_ONE_AT_A_TIME: Final = threading.Lock()  # PDFium may not be used by two threads


def page_images(document: MediaContent, dpi: Any, pages: Iterable[int] | None) -> list[ImageContent]:
    """The pages as PNG images.

    :raises AgentInputError: the PDF cannot be read, there is no such page, too many pages or pixels, or the
        libraries are not installed.
    """
    image_content, pdfium = _libraries()
    if not isinstance(dpi, int) or not 1 <= dpi <= 2400:
        raise AgentInputError(f"dpi must be a number from 1 to 2400, got {dpi!r:.50}")
    data, what = bytes_of(document), shown_name(document)
    numbers = chosen_pages(pages, facts_of(data, what).pages, what)
    if len(numbers) > MAX_PAGES:
        raise AgentInputError(
            f"{what}: {len(numbers):,} pages are more than {MAX_PAGES} at once; name some with pages=…"
        )
    with _ONE_AT_A_TIME:
        try:
            opened = pdfium.PdfDocument(data)
            try:
                images = [(number, _png(opened, number, dpi, what)) for number in numbers]
            finally:
                opened.close()
        except pdfium.PdfiumError:
            raise AgentInputError(
                f"{what} is damaged: a page cannot be drawn; print or export it anew"
            ) from None
    stem = (document.name or "document").removesuffix(".pdf")
    return [
        image_content(
            data=png,
            mime_type="image/png",
            name=f"{stem}-{number}.png",
            meta={"page": number, "of": document.name, "dpi": dpi},
        )
        for number, png in images
    ]


def _libraries() -> tuple[type[ImageContent], Any]:
    try:
        import PIL.Image  # noqa: F401  # what PDFium's pictures are written with
        import pypdfium2  # type: ignore[import-untyped]  # ships no types

        from lamella_image import ImageContent
    except ImportError as error:
        raise AgentInputError(
            f"page_images needs {error.name}: pip install 'lamella-document[render]'", cause=error
        ) from error
    return ImageContent, pypdfium2


def _png(opened: Any, number: int, dpi: int, what: str) -> bytes:
    if number > len(opened):
        raise AgentInputError(f"{what} is damaged: PDFium finds {len(opened)} pages; print or export it anew")
    page = opened[number - 1]
    try:
        width, height = (max(1, edge * dpi / 72) for edge in page.get_size())
        if not width * height <= MAX_PIXELS:  # so that it holds for what is no number, too
            raise AgentInputError(
                f"{what}: page {number} has {width * height:,.0f} pixels at {dpi} dpi, "
                f"more than {MAX_PIXELS:,}; give a lower dpi"
            )
        bitmap = page.render(scale=dpi / 72)
        try:
            out = io.BytesIO()
            bitmap.to_pil().save(out, "PNG")
            return out.getvalue()
        finally:
            bitmap.close()
    finally:
        page.close()
