"""Documents made for the tests."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping

from pypdf import PdfWriter
from pypdf.generic import DictionaryObject, NameObject, StreamObject

CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
PAGES = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"


def pdf(
    pages: int = 3, *, title: str | None = "A title", password: str | None = None, owner: str | None = None
) -> bytes:
    """A PDF whose pages say ``Hello 1``, ``Hello 2`` …"""
    writer = PdfWriter()
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    fonts = DictionaryObject({NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})})
    for number in range(1, pages + 1):
        page = writer.add_blank_page(200, 100)
        page[NameObject("/Resources")] = fonts
        stream = StreamObject()
        stream.set_data(f"BT /F1 12 Tf 20 50 Td (Hello {number}) Tj ET".encode())
        page[NameObject("/Contents")] = writer._add_object(stream)
    if title is not None:
        writer.add_metadata({"/Title": title})
    if password is not None or owner is not None:
        writer.encrypt(password or "", owner_password=owner, algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def page(extra: bytes = b"") -> bytes:
    resources = b"" if b"/Resources" in extra else b"/Resources << /Font << >> >> "
    return b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] " + resources + extra + b" >>"


def stream(data: bytes, extra: bytes = b"") -> bytes:
    packed = zlib.compress(data, 9)
    head = b"<< /Length %d /Filter /FlateDecode %s >>" % (len(packed), extra)
    return head + b"\nstream\n" + packed + b"\nendstream"


def raw_pdf(objects: Mapping[int, bytes], padding: bytes = b"") -> bytes:
    """A PDF of objects as they are given; 1 is the catalogue."""
    out, places = bytearray(b"%PDF-1.7\n"), {}
    for number, body in objects.items():
        places[number] = len(out)
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    out += padding
    table, count = len(out), max(objects) + 1
    out += b"xref\n0 %d\n0000000000 65535 f \n" % count
    for number in range(1, count):
        out += b"%010d 00000 n \n" % places[number]
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, table)
    return bytes(out)


def archive(files: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as made:
        for name, data in files.items():
            made.writestr(name, data, zipfile.ZIP_STORED if name == "mimetype" else compression)
    return out.getvalue()


def office(root: str, first: str = "document.xml") -> bytes:
    return archive(
        {"_rels/.rels": b"<x/>", f"{root}/{first}": b"<w/>" * 50, "[Content_Types].xml": b"<Types/>"}
    )


DOCX, XLSX, PPTX = office("word"), office("xl", "workbook.xml"), office("ppt", "presentation.xml")
ODT = archive({"mimetype": b"application/vnd.oasis.opendocument.text", "content.xml": b"<a/>"})
EPUB = archive({"mimetype": b"application/epub+zip", "OPS/a.xhtml": b"<a/>"})
ZIP = archive({"a.txt": b"a"})
