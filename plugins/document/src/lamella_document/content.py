"""``DocumentContent``: a document in a message."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

import attrs

from lamella.content import MediaContent
from lamella.errors import AgentInputError, UnsupportedContentError
from lamella_document.encode import encode_document, takes
from lamella_document.kinds import ARCHIVES, EXTENSIONS, FORMATS, PDF, SYNONYMS, TEXTS, essence, sniff
from lamella_document.limits import check_info
from lamella_document.probe import DocumentInfo, bytes_of, decoded, probe, shown_name

if TYPE_CHECKING:
    from lamella_image import ImageContent

__all__ = ["DocumentContent"]

_SHOWN: Final = 60  # characters of a title


def _words(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not isinstance(value, str):
        raise AgentInputError(
            f"{type(instance).__name__}.{attribute.name} must be a str, got {type(value).__name__}"
        )


def _switch(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not isinstance(value, bool):
        raise AgentInputError(
            f"DocumentContent.{attribute.name} must be True, False or None, got {value!r:.50}"
        )


@attrs.frozen(kw_only=True, repr=False)
class DocumentContent(MediaContent):
    """A document: bytes, an http(s) URL, or the id of a file at a provider.

    ``title`` is what to call it: Anthropic's field, elsewhere the file name where there is no ``name``.
    ``context`` are words about the document for the model: Anthropic's field; a wire without a place for it
    refuses the document, for those words would be lost. ``citations`` asks Anthropic to cite the document in
    its answer; other vendors have no such switch, and nothing is written there.
    """

    type: ClassVar[Literal["document"]] = "document"
    default_mime_type: ClassVar[str] = PDF
    extensions: ClassVar[Mapping[str, str]] = EXTENSIONS
    synonyms: ClassVar[Mapping[str, str]] = SYNONYMS

    title: str | None = attrs.field(default=None, validator=_words)
    context: str | None = attrs.field(default=None, validator=_words)
    citations: bool | None = attrs.field(default=None, validator=_switch)

    @classmethod
    def sniff(cls, data: bytes) -> str | None:
        """The MIME type that the bytes show: PDF, Office, OpenDocument, EPUB, or something else; not of text."""
        return sniff(data)

    def facts(self) -> list[str]:
        """Name or address, type, size, and the title in quotes. Never raises."""
        facts = super().facts()
        return facts if not self.title else [*facts, f"“{self.title:.{_SHOWN}}”"]

    # -- looking into it ----------------------------------------------------------------------------

    def probe(self) -> DocumentInfo:
        """Look into it, within bounded time and memory: is it whole, is it what it says, how many pages.

        :raises AgentInputError: its bytes are not here; it is truncated, damaged, encrypted with a password,
            without pages, not UTF-8 where it is text, not what its type says, or costs too much to read.
        """
        return probe(self)

    async def aprobe(self) -> DocumentInfo:
        """:meth:`probe` off the event loop."""
        return await asyncio.to_thread(self.probe)

    def check_for(self, dialect: str) -> DocumentInfo:
        """Look into it, and hold it against what the vendor takes (:mod:`lamella_document.limits`).

        :raises AgentInputError: as :meth:`probe`.
        :raises UnsupportedContentError: the wire has no form for it, or it is over a limit.
        """
        info = self.probe()
        if not takes(self, dialect):
            raise self._formless(dialect)
        check_info(self, info, dialect)
        return info

    # -- what a caller asks for, and nobody else ----------------------------------------------------

    def text(self, pages: Iterable[int] | None = None) -> str:
        """The text: of a PDF that of its pages, with an empty line between two; of a text document all.

        What stands in pictures is not in it. A PDF is read within bounded time and memory.

        :param pages: numbers of pages of a PDF, counted from 1; all of them unless given.
        :raises AgentInputError: as :meth:`probe`; no such page; a type whose text is not read here.
        """
        kind = essence(self.mime_type)
        if kind == PDF:
            from lamella_document.pdf import text_of

            return text_of(bytes_of(self), shown_name(self), pages)
        if pages is not None:
            raise AgentInputError(f"{shown_name(self)} has no pages to choose from; leave pages out")
        if kind in TEXTS:
            return decoded(self)
        raise self._unread("text")

    def split(self, pages_per_part: int) -> list[DocumentContent]:
        """A PDF in parts of so many pages each; ``meta`` says which (``{"pages": [1, 50], "of": name}``).

        :raises AgentInputError: as :meth:`probe`; no PDF; a number below 1.
        """
        if essence(self.mime_type) != PDF:
            raise self._unread("pages")
        if pages_per_part < 1:
            raise AgentInputError(f"pages_per_part must be at least 1, got {pages_per_part}")
        from lamella_document.pdf import parts_of

        parts = []
        for first, last, data in parts_of(bytes_of(self), shown_name(self), pages_per_part):
            name = None if self.name is None else f"{self.name.removesuffix('.pdf')}-{first}-{last}.pdf"
            meta = {**self.meta, "pages": [first, last], "of": self.name}
            parts.append(attrs.evolve(self, data=data, name=name, meta=meta, opaque={}))
        return parts

    def page_images(self, dpi: int = 150, pages: Iterable[int] | None = None) -> list[ImageContent]:
        """The pages of a PDF as PNG images, for models that see but take no documents.

        ``meta`` says where each is from: ``{"page": 3, "of": name, "dpi": 150}``. At most 100 pages at once,
        and 40 million pixels a page. Needs ``pip install 'lamella-document[render]'``.

        :param dpi: pixels per inch.
        :param pages: numbers of pages, counted from 1; all of them unless given.
        :raises AgentInputError: as :meth:`probe`; no PDF; no such page; too many pages or pixels; the
            libraries are not installed.
        """
        if essence(self.mime_type) != PDF:
            raise self._unread("pages")
        from lamella_document.render import page_images

        return page_images(self, dpi, pages)

    def _unread(self, part: str) -> AgentInputError:
        kind = essence(self.mime_type)
        short = FORMATS.get(kind, self.mime_type)
        how = " (soffice --headless --convert-to pdf FILE)" if kind in ARCHIVES else ""
        return AgentInputError(f"the {part} of {short} files cannot be read here; convert it to PDF{how}")

    # -- blocks of the vendors ----------------------------------------------------------------------

    def to_openai_block(self) -> dict[str, Any]:
        """The part of a Chat Completions message.

        :raises UnsupportedContentError: it has no form there: no PDF, a URL, another provider's file id.
        """
        return self._block("openai.chat")

    def to_anthropic_block(self) -> dict[str, Any]:
        """The block of an Anthropic message.

        :raises UnsupportedContentError: it has no form there.
        """
        return self._block("anthropic.messages")

    def _block(self, dialect: str) -> dict[str, Any]:
        block = encode_document(self, dialect)
        if block is None:
            raise self._formless(dialect)
        return block

    def _formless(self, dialect: str) -> UnsupportedContentError:
        return UnsupportedContentError(
            f"a document of type {self.mime_type} has no form on {dialect}; send it as text or images",
            context={"content_type": self.type, "mime_type": self.mime_type, "dialect": dialect},
        )
