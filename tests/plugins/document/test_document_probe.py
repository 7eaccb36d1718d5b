"""Looking into documents, hostile ones too, and the conversions that a caller asks for."""

from __future__ import annotations

import builtins
import logging
import random
import struct
import sys
import time
import zipfile
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from papers import (
    CATALOG,
    DOCX,
    EPUB,
    ODT,
    PAGES,
    PPTX,
    XLSX,
    ZIP,
    archive,
    page,
    pdf,
    raw_pdf,
    stream,
)

from lamella.errors import AgentInputError, LamellaError, UnsupportedContentError
from lamella_document import DocumentContent, DocumentInfo, bounded, kinds
from lamella_document import archive as archives
from lamella_document import pdf as pdfs
from lamella_document.bounded import Allowance, BoundedFile
from lamella_document.limits import check_info

PDF = pdf()
SEALED = pdf(password="secret")


def named(data: bytes, kind: str = kinds.PDF) -> DocumentContent:
    return DocumentContent(data=data, mime_type=kind, name="mine")


# -- what is found --------------------------------------------------------------------------------


async def test_a_pdf() -> None:
    document = DocumentContent.from_bytes(PDF)
    info = DocumentInfo(
        format="pdf", mime_type="application/pdf", pages=3, encrypted=False, title="A title", bytes=len(PDF)
    )
    assert document.probe() == await document.aprobe() == info
    assert DocumentContent.from_bytes(pdf(1, title=None)).probe().title is None


def test_a_pdf_that_opens_without_a_password_is_marked_encrypted() -> None:
    document = DocumentContent.from_bytes(pdf(2, owner="owner"))
    info = document.probe()
    assert (info.encrypted, info.pages) == (True, 2)
    assert document.text() == "Hello 1\n\nHello 2"
    with pytest.raises(UnsupportedContentError, match=r"takes no encrypted PDFs.*qpdf"):
        document.check_for("anthropic.messages")
    assert document.check_for("openai.chat") == info


@pytest.mark.parametrize(
    ("data", "kind", "short"),
    [
        (DOCX, kinds.DOCX, "docx"),
        (XLSX, kinds.XLSX, "xlsx"),
        (PPTX, kinds.PPTX, "pptx"),
        (ODT, kinds.ODT, "odt"),
        (EPUB, kinds.EPUB, "epub"),
        (b"# A", kinds.MARKDOWN, "md"),
        (b"a", kinds.PLAIN, "txt"),
        (b"<a/>", kinds.HTML, "html"),
        (b"{\\rtf1}", kinds.RTF, "rtf"),
    ],
)
def test_other_types(data: bytes, kind: str, short: str) -> None:
    info = DocumentContent.from_bytes(data, kind).probe()
    assert info == DocumentInfo(
        format=short, mime_type=kind, pages=None, encrypted=False, title=None, bytes=len(data)
    )


BROKEN = {
    "is encrypted; remove the password": named(SEALED),
    "is truncated: the end": named(PDF[:-200]),
    "is no PDF": named(b"hello"),
    "has no pages": named(raw_pdf({1: CATALOG, 2: b"<< /Type /Pages /Kids [] /Count 0 >>"})),
    "is damaged": named(b"%PDF-1.7\nhello\n%%EOF"),
    "is application/pdf, not text/plain": named(PDF, "text/plain"),
    f"is {kinds.DOCX}, not {kinds.XLSX}": named(DOCX, kinds.XLSX),
    "is no type of document": named(b"x", "application/octet-stream"),
    "is encrypted, or in the old format": named(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(900), kinds.DOCX),
    "its table of contents cannot be read": named(DOCX[:-40], kinds.DOCX),
    "not at byte 1 .line 1.; save it as UTF-8": named(b"a\xff", "text/csv"),
    "is application/zip, not": named(ZIP, kinds.DOCX),
    "its bytes are not here": DocumentContent.from_url("https://x.org/a.pdf", name="mine"),
}


@pytest.mark.parametrize("message", BROKEN)
def test_what_is_broken_is_an_input_error_that_names_it(message: str) -> None:
    with pytest.raises(AgentInputError, match=message) as caught:
        BROKEN[message].probe()
    assert "'mine'" in str(caught.value)
    assert caught.value.cause is None
    with pytest.raises(LamellaError):
        BROKEN[message].check_for("anthropic.messages")


def test_check_for_holds_pages_against_the_limit() -> None:
    document = DocumentContent.from_bytes(PDF)
    assert document.check_for("anthropic.messages").pages == 3
    info = DocumentInfo(
        format="pdf", mime_type=kinds.PDF, pages=601, encrypted=False, title=None, bytes=len(PDF)
    )
    with pytest.raises(
        UnsupportedContentError, match=r"601 pages, over the limit of 600 pages on anthropic.*split"
    ):
        check_info(document, info, "anthropic.messages")
    check_info(document, info, "openai.chat")
    with pytest.raises(UnsupportedContentError, match="ollama"):
        document.check_for("ollama")
    with pytest.raises(UnsupportedContentError, match="acme"):
        document.check_for("acme")


def test_pypdf_logs_nothing_of_the_file(caplog: pytest.LogCaptureFixture) -> None:
    damaged = PDF.replace(b"%PDF-1.3", b"%PDF-secret").replace(b"startxref", b"startxxxx")
    with caplog.at_level(logging.DEBUG), pytest.raises(AgentInputError):
        named(damaged).probe()
    assert not caplog.records


# -- hostile --------------------------------------------------------------------------------------


def with_contents(data: bytes, extra: bytes = b"") -> bytes:
    return raw_pdf({1: CATALOG, 2: PAGES, 3: page(b"/Contents 4 0 R " + extra), 4: stream(data)})


def chain(links: int) -> bytes:
    out, before = bytearray(b"%PDF-1.7\n"), 9
    for _ in range(links):
        here = len(out)
        out += b"xref\n0 0\ntrailer\n<< /Size 1 /Prev %d >>\n" % before
        before = here
    return bytes(out + b"startxref\n%d\n%%%%EOF" % before)


HOSTILE: dict[str, Callable[[], bytes]] = {
    "kids that are not defined": lambda: raw_pdf(
        {
            1: CATALOG,
            2: b"<< /Type /Pages /Kids [" + b" ".join(b"%d 0 R" % i for i in range(9000, 60000)) + b"] >>",
        },
        b"x" * 2_000_000,
    ),
    "cyclic kids": lambda: raw_pdf(
        {1: CATALOG, 2: b"<< /Type /Pages /Kids [2 0 R 3 0 R] >>", 3: b"<< /Type /Pages /Kids [2 0 R] >>"}
    ),
    "deep arrays": lambda: raw_pdf({1: CATALOG, 2: PAGES, 3: page(b"/A " + b"[" * 100_000)}),
    "deep dictionaries": lambda: raw_pdf({1: b"<< /Type /Catalog /Pages " + b"<< /A " * 20_000}),
    "flate bomb": lambda: with_contents(bytes(100_000_000)),
    "nested contents": lambda: with_contents(b"[" * 1_000_000),
    "cyclic xref": lambda: (
        b"%PDF-1.7\nxref\n0 1\n0000000000 65535 f \ntrailer\n<< /Size 1 /Prev 9 >>\nstartxref\n9\n%%EOF"
    ),
    "huge xref": lambda: PDF.replace(b"xref\n0 ", b"xref\n0 99999999"),
    "huge size": lambda: (
        b"%PDF-1.7\nxref\n0 1\n0000000000 65535 f \ntrailer\n<< /Size 99999999 >>\nstartxref\n9\n%%EOF"
    ),
    "long chain of xrefs": lambda: chain(20_000),
    "xref stream bomb": lambda: (
        b"%PDF-1.7\n1 0 obj\n"
        + stream(b"\1\0\0\0\0" * 3_000_000, b"/Type /XRef /W [1 3 1] /Size 3000000 /Root 2 0 R")
        + b"\nendobj\nstartxref\n9\n%%EOF"
    ),
    "nothing but lines": lambda: b"%PDF-1.7\n" + b"\n" * 5_000_000 + b"%%EOF",
    "many objects": lambda: (
        b"%PDF-1.7\n"
        + b"".join(b"%d 0 obj << /Type /ObjStm >> endobj\n" % i for i in range(400_000))
        + b"startxref\n5\n%%EOF"
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pdfs_end_in_a_typed_error_in_bounded_time(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdfs, "PROBE_SECONDS", 2.0)
    monkeypatch.setattr(pdfs, "READ_SECONDS", 2.0)
    document = named(HOSTILE[name]())
    start = time.thread_time()
    with pytest.raises(AgentInputError) as caught:
        document.probe()
        document.text()
    assert "'mine'" in str(caught.value)
    assert time.thread_time() - start < 10


def test_more_fonts_than_can_be_read_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdfs, "READ_SECONDS", 1.0)
    fonts = b" ".join(b"/F%d 5 0 R" % i for i in range(20_000))
    data = raw_pdf(
        {
            1: CATALOG,
            2: PAGES,
            3: page(b"/Contents 4 0 R /Resources << /Font << " + fonts + b" >> >>"),
            4: stream(b"BT /F1 1 Tf (a) Tj ET"),
            5: b"<< /Type /Font /Subtype /Type0 /BaseFont /A /Encoding /Identity-H /ToUnicode 6 0 R >>",
            6: stream(b"begincmap\n1 beginbfrange\n<0000> <FFFF> <0000>\nendbfrange\n"),
        }
    )
    start = time.thread_time()
    with pytest.raises(AgentInputError, match="costs too much time"):
        named(data).text()
    assert time.thread_time() - start < 5


def test_a_page_that_draws_itself_ends() -> None:
    form = b"/Type /XObject /Subtype /Form /BBox [0 0 1 1] /Resources << /XObject << /X 5 0 R >> >>"
    data = raw_pdf(
        {
            1: CATALOG,
            2: PAGES,
            3: page(b"/Contents 4 0 R /Resources << /XObject << /X 5 0 R >> >>"),
            4: stream(b"/X Do\n" * 400),
            5: stream(b"/X Do /X Do", form),
        }
    )
    assert named(data).text() == ""


def test_a_bounded_file_stops() -> None:
    file = BoundedFile(b"ab\ncd", Allowance(60))
    assert (file.readable(), file.seekable(), file.readline(), file.readline(), file.readline()) == (
        True,
        True,
        b"ab\n",
        b"cd",
        b"",
    )
    assert (file.seek(-2, 2), file.read(9), file.seek(0), file.read(), file.tell()) == (
        3,
        b"cd",
        0,
        b"ab\ncd",
        5,
    )
    with pytest.raises(ValueError, match="before the begin"):
        file.seek(-1)
    with (
        pytest.raises(AgentInputError, match="a file is damaged or made to do harm"),
        bounded.pypdf_bounds("a file"),
    ):
        file = BoundedFile(bytes(1 << 20), Allowance(60))
        while True:
            file.seek(0)
            file.read()
    with pytest.raises(AgentInputError, match="too much time"), bounded.pypdf_bounds("a file"):
        Allowance(-1).check()


def test_archives_are_never_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("unpacked")

    monkeypatch.setattr(zipfile.ZipFile, "open", refuse)
    assert DocumentContent.from_bytes(DOCX).probe().format == "docx"


def test_hostile_archives(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = archive({"[Content_Types].xml": b"<a/>", "word/document.xml": bytes(5_000_000)})
    monkeypatch.setattr(archives, "MAX_UNPACKED", 4_000_000)
    with pytest.raises(AgentInputError, match="would unpack to 5,000,004 bytes"):
        named(bomb, kinds.DOCX).probe()
    many = DOCX + archives._ENTRY * (archives.MAX_ENTRIES + 1)
    with pytest.raises(AgentInputError, match="more than 20,000 files"):
        named(many, kinds.DOCX).probe()
    table = DOCX.index(archives._ENTRY)
    locked = DOCX[: table + 8] + struct.pack("<H", 1) + DOCX[table + 10 :]
    with pytest.raises(AgentInputError, match="is encrypted; remove the password"):
        named(locked, kinds.DOCX).probe()
    outside = DOCX[: table + 20] + struct.pack("<L", 1 << 30) + DOCX[table + 24 :]
    with pytest.raises(AgentInputError, match="points behind its end"):
        named(outside, kinds.DOCX).probe()


SEEDS = [PDF, pdf(2, title=None), DOCX, ODT, EPUB, b"# T\xc3\xa9xt, BM\n" * 9, b"{\\rtf1 text}"]
WORDS = (
    b"0 ",
    b"99999999999 ",
    b"[",
    b"<<",
    b">>",
    b"/Prev 0 ",
    b"-1",
    b"(",
    b"1 0 R ",
    b"\xff",
    b"PK\x01\x02",
)


def mutated(chance: random.Random) -> bytes:
    data = bytearray(chance.choice(SEEDS))
    if chance.random() < 0.2:
        return bytes(data[: chance.randrange(1, len(data))]) + chance.choice([b"", b"%%EOF"])
    for _ in range(chance.choice([1, 1, 2, 5, 30])):
        place, what = chance.randrange(len(data)), chance.randrange(4)
        if what == 0:
            data[place] = chance.randrange(256)
        elif what == 1 and len(data) > 60:
            del data[place : place + chance.randrange(1, 40)]
        elif what == 2:
            other = chance.randrange(len(data))
            data[place:place] = data[other : other + chance.randrange(1, 200)]
        else:
            data[place:place] = chance.choice(WORDS)
    return bytes(data)


@pytest.mark.parametrize("seed", range(4))
def test_fuzz_only_typed_errors_leave(seed: int) -> None:
    """1,200 truncated and mutated PDFs, archives and texts, also under a wrong type."""
    chance = random.Random(seed)
    good = longest = 0
    for _ in range(300):
        data = mutated(chance)
        try:
            declared = chance.choice([None, None, kinds.PDF, kinds.DOCX, kinds.PLAIN])
            document = DocumentContent.from_bytes(data, declared)
        except AgentInputError:
            document = DocumentContent(
                data=data, mime_type=chance.choice([kinds.PDF, kinds.DOCX, kinds.PLAIN])
            )
        assert document.describe()
        for step in (document.probe, document.text, document.to_anthropic_block, document.to_openai_block):
            try:
                step()
                good += 1
            except (AgentInputError, UnsupportedContentError) as error:
                longest = max(longest, len(str(error)))
    assert good > 100
    assert longest < 500


# -- conversions ----------------------------------------------------------------------------------


def test_text_of_pages_and_of_texts() -> None:
    document = DocumentContent.from_bytes(PDF)
    assert document.text() == "Hello 1\n\nHello 2\n\nHello 3"
    assert document.text(pages=[3, 1]) == "Hello 3\n\nHello 1"
    assert DocumentContent.from_bytes("\ufeffé".encode(), "text/markdown").text() == "é"
    for pages in ([0], [4], ["1"]):
        with pytest.raises(AgentInputError, match="its pages are 1 to 3"):
            document.text(pages=pages)  # type: ignore[arg-type]
    with pytest.raises(AgentInputError, match="leave pages out"):
        DocumentContent.from_bytes(b"a", "text/plain").text(pages=[1])
    with pytest.raises(AgentInputError, match=r"text of docx files.*soffice"):
        DocumentContent.from_bytes(DOCX).text()


def test_too_much_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdfs, "MAX_TEXT", 10)
    with pytest.raises(AgentInputError, match="more than 10 characters"):
        DocumentContent.from_bytes(PDF).text()


def test_split() -> None:
    parts = DocumentContent.from_bytes(PDF, name="r.pdf", title="T").split(2)
    assert [(part.name, part.probe().pages, part.text(), part.title) for part in parts] == [
        ("r-1-2.pdf", 2, "Hello 1\n\nHello 2", "T"),
        ("r-3-3.pdf", 1, "Hello 3", "T"),
    ]
    assert dict(parts[1].meta) == {"pages": [3, 3], "of": "r.pdf"}
    with pytest.raises(AgentInputError, match="at least 1"):
        DocumentContent.from_bytes(PDF).split(0)
    with pytest.raises(AgentInputError, match="pages of txt files"):
        DocumentContent.from_bytes(b"a", "text/plain").split(1)


def test_page_images() -> None:
    images = DocumentContent.from_bytes(PDF, name="r.pdf").page_images(dpi=72, pages=[3, 1])
    assert [(image.name, dict(image.meta)) for image in images] == [
        ("r-3.png", {"page": 3, "of": "r.pdf", "dpi": 72}),
        ("r-1.png", {"page": 1, "of": "r.pdf", "dpi": 72}),
    ]
    assert {image.mime_type for image in images} == {"image/png"}
    assert images[0].data is not None
    assert struct.unpack(">LL", images[0].data[16:24]) == (200, 100)


def test_page_images_are_bounded() -> None:
    document = DocumentContent.from_bytes(PDF)
    for dpi in (0, 2401, 72.5, "72"):
        with pytest.raises(AgentInputError, match="dpi must be"):
            document.page_images(dpi=dpi)  # type: ignore[arg-type]
    with pytest.raises(AgentInputError, match="more than 100 at once"):
        document.page_images(pages=[1] * 101)
    vast = PDF.replace(b"200 100 ]", b"9999 999 ]").replace(b"200 100]", b"9999 999]")
    assert vast != PDF
    with pytest.raises(AgentInputError, match="give a lower dpi"):
        named(vast).page_images(dpi=600)
    with pytest.raises(AgentInputError, match="pages of docx files"):
        DocumentContent.from_bytes(DOCX).page_images()
    with pytest.raises(AgentInputError, match="is encrypted"):
        named(SEALED).page_images()


def test_page_images_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> ModuleType:
        if name == "pypdfium2":
            raise ModuleNotFoundError("no", name=name)
        return real(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "pypdfium2", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(AgentInputError, match=r"pypdfium2: pip install 'lamella-document\[render\]'"):
        DocumentContent.from_bytes(PDF).page_images()


def test_a_missing_library_for_encryption_is_named() -> None:
    from pypdf.errors import DependencyError

    with (
        pytest.raises(AgentInputError, match=r"pip install 'lamella-document\[crypto\]'"),
        bounded.pypdf_bounds("a file"),
    ):
        raise DependencyError("cryptography>=3.1 is required for AES algorithm")
