"""Documents on the wires: their forms, and the refusals."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from papers import DOCX, EPUB, ODT, PPTX, XLSX, pdf
from swap.targets import target

from lamella.content import MediaContent
from lamella.errors import UnsupportedContentError
from lamella.serial import to_dict
from lamella_document import DocumentContent, kinds, limits_of, plugin
from lamella_document.encode import TAKEN, takes
from lamella_document.names import file_name

URL = "https://example.com/a%20report.pdf?size=1&x=%2F"
PDF = pdf(1)
B64 = base64.b64encode(PDF).decode()
DATA_URI = f"data:application/pdf;base64,{B64}"
BYTES, LINK = DocumentContent.from_bytes(PDF), DocumentContent.from_url(URL)
NAMED = DocumentContent.from_bytes(PDF, name="r.pdf")
TEXT = DocumentContent.from_bytes("\ufeffé\n".encode(), "text/plain", name="é.txt")
TITLED = DocumentContent.from_bytes(PDF, title="The report", context="From 2026", citations=True)


def by_id(provider: str | None, mime_type: str = kinds.PDF) -> DocumentContent:
    return DocumentContent.from_file_id("f", provider, mime_type)


def anthropic(source: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "document", "source": source, **more}


FORMS: list[tuple[MediaContent, str, dict[str, Any]]] = [
    (BYTES, "openai.chat", {"type": "file", "file": {"filename": "document.pdf", "file_data": DATA_URI}}),
    (NAMED, "openai.chat", {"type": "file", "file": {"filename": "r.pdf", "file_data": DATA_URI}}),
    (by_id("openai"), "openai.chat", {"type": "file", "file": {"file_id": "f"}}),
    (by_id(None), "openai.chat", {"type": "file", "file": {"file_id": "f"}}),
    (BYTES, "openai.responses", {"type": "input_file", "filename": "document.pdf", "file_data": DATA_URI}),
    (
        DocumentContent.from_bytes(b"a,b", "text/csv"),
        "openai.responses",
        {"type": "input_file", "filename": "document.csv", "file_data": "data:text/csv;base64,YSxi"},
    ),
    (LINK, "openai.responses", {"type": "input_file", "file_url": URL}),
    (by_id("openai"), "openai.responses", {"type": "input_file", "file_id": "f"}),
    (
        BYTES,
        "anthropic.messages",
        anthropic({"type": "base64", "media_type": "application/pdf", "data": B64}),
    ),
    (LINK, "anthropic.messages", anthropic({"type": "url", "url": URL})),
    (by_id("anthropic"), "anthropic.messages", anthropic({"type": "file", "file_id": "f"})),
    (by_id("anthropic", "text/plain"), "anthropic.messages", anthropic({"type": "file", "file_id": "f"})),
    (TEXT, "anthropic.messages", anthropic({"type": "text", "media_type": "text/plain", "data": "é\n"})),
    (
        TITLED,
        "anthropic.messages",
        anthropic(
            {"type": "base64", "media_type": "application/pdf", "data": B64},
            title="The report",
            context="From 2026",
            citations={"enabled": True},
        ),
    ),
    (BYTES, "mistral.chat", {"type": "document_url", "document_url": DATA_URI}),
    (LINK, "mistral.chat", {"type": "document_url", "document_url": URL}),
    (
        DocumentContent.from_url(URL, title="A/B"),
        "mistral.chat",
        {"type": "document_url", "document_url": URL, "document_name": "A_B.pdf"},
    ),
    (BYTES, "gemini", {"inlineData": {"mimeType": "application/pdf", "data": B64}}),
    (LINK, "gemini", {"fileData": {"mimeType": "application/pdf", "fileUri": URL}}),
    (by_id("gemini"), "gemini", {"fileData": {"mimeType": "application/pdf", "fileUri": "f"}}),
    (
        DocumentContent.from_bytes(b"# A", "text/markdown"),
        "gemini",
        {"inlineData": {"mimeType": "text/md", "data": "IyBB"}},
    ),
    (BYTES, "gemini.interactions", {"type": "document", "mime_type": "application/pdf", "data": B64}),
    (LINK, "gemini.interactions", {"type": "document", "mime_type": "application/pdf", "uri": URL}),
    (
        by_id("gemini"),
        "gemini.interactions",
        {"type": "document", "mime_type": "application/pdf", "uri": "f"},
    ),
]

PAYLOADS: dict[str, Any] = {
    "openai.chat": lambda part: {"model": "m", "messages": [{"role": "user", "content": [part]}]},
    "openai.responses": lambda part: {
        "model": "m",
        "input": [{"type": "message", "role": "user", "content": [part]}],
    },
    "anthropic.messages": lambda part: {
        "model": "m",
        "max_tokens": 1,
        "messages": [{"role": "user", "content": [part]}],
    },
    "mistral.chat": lambda part: {"model": "m", "messages": [{"role": "user", "content": [part]}]},
    "gemini": lambda part: {"contents": [{"role": "user", "parts": [part]}]},
    "gemini.interactions": lambda part: {"model": "m", "input": [{"type": "user_input", "content": [part]}]},
}


@pytest.mark.parametrize(("document", "dialect", "part"), FORMS)
def test_f_med05_parts_by_dialect(document: MediaContent, dialect: str, part: dict[str, Any]) -> None:
    assert plugin.lamella_encode_content(document, dialect) == part


SAMPLES = {
    kinds.PDF: PDF,
    kinds.DOCX: DOCX,
    kinds.XLSX: XLSX,
    kinds.PPTX: PPTX,
    kinds.ODT: ODT,
    kinds.RTF: b"{\\rtf1 a}",
    **dict.fromkeys(kinds.TEXTS - {kinds.RTF}, b"a"),
}


@pytest.mark.parametrize("dialect", PAYLOADS)
def test_f_med05_every_form_is_accepted_by_the_sdk_of_its_vendor(dialect: str) -> None:
    documents = [each for each, wire, _ in FORMS if wire == dialect]
    documents += [DocumentContent.from_bytes(SAMPLES[kind], kind) for kind in sorted(TAKEN[dialect])]
    for document in documents:
        part = plugin.lamella_encode_content(document, dialect)
        assert part is not None
        assert target(dialect).refusals_of(PAYLOADS[dialect](part)) == []


def test_f_med02_f_med04_the_blocks_are_what_the_encoders_send() -> None:
    """W3: the two sources; and the part of Chat Completions."""
    assert LINK.to_anthropic_block() == {"type": "document", "source": {"type": "url", "url": URL}}
    source = {"type": "base64", "media_type": "application/pdf", "data": B64}
    assert BYTES.to_anthropic_block() == {"type": "document", "source": source}
    for document in (BYTES, NAMED, by_id("openai")):
        assert plugin.lamella_encode_content(document, "openai.chat") == document.to_openai_block()
    for document in (BYTES, TEXT, TITLED, LINK):
        assert plugin.lamella_encode_content(document, "anthropic.messages") == document.to_anthropic_block()


def test_any_content_with_the_tag_is_written() -> None:
    class Foreign(MediaContent):
        type = "document"

    foreign = Foreign(data=PDF, mime_type="application/pdf")
    for dialect in PAYLOADS:
        assert plugin.lamella_encode_content(foreign, dialect) == plugin.lamella_encode_content(
            BYTES, dialect
        )
    assert plugin.lamella_encode_content(foreign, "acme") is None
    assert plugin.lamella_encode_content(by_id("mistral"), "mistral.chat") is None


# -- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "dialect", "why"),
    [
        (BYTES, "ollama", r"takes no documents; send document\.text\(\).*page_images"),
        (LINK, "openai.chat", "takes no documents by URL; fetch it"),
        (TEXT, "openai.chat", r"takes pdf; send document\.text\(\) as text"),
        (DocumentContent.from_bytes(DOCX), "anthropic.messages", "takes csv.*; convert it to PDF"),
        (DocumentContent.from_bytes(EPUB), "openai.responses", "convert it to PDF"),
        (DocumentContent.from_url(URL, "text/plain"), "anthropic.messages", "takes PDF only by URL"),
        (by_id("anthropic", "text/csv"), "anthropic.messages", "takes PDF and plain text by file id"),
        (by_id("openai"), "anthropic.messages", "takes no file ids of openai"),
        (by_id("anthropic"), "openai.responses", "takes no file ids of anthropic"),
        (by_id("openai"), "mistral.chat", "takes no file ids of openai"),
        (by_id("openai"), "gemini", "takes no file ids of openai"),
        (TEXT, "mistral.chat", "takes pdf"),
        (TEXT, "gemini.interactions", "takes csv, docx"),
        (DocumentContent.from_bytes(b"{}", "application/json"), "gemini", "send document.text"),
        (DocumentContent.from_bytes(b"?", "application/octet-stream"), "openai.responses", "octet-stream"),
        *(
            (TITLED, dialect, "no place for its context; put those words into the prompt")
            for dialect in PAYLOADS
            if dialect != "anthropic.messages"
        ),
    ],
)
def test_f_med05_refusals_say_what_to_do(document: MediaContent, dialect: str, why: str) -> None:
    with pytest.raises(UnsupportedContentError, match=why) as caught:
        plugin.lamella_encode_content(document, dialect)
    assert caught.value.context == {
        "content_type": "document",
        "mime_type": document.mime_type,
        "dialect": dialect,
    }


def test_f_med05_text_must_be_utf_8_where_it_is_sent_as_text() -> None:
    wrong = DocumentContent.from_bytes(b"a\nb\xe9c", "text/plain", name="a.txt")
    with pytest.raises(UnsupportedContentError, match=r"'a\.txt' must be UTF-8.*byte 3 \(line 2\); save it"):
        wrong.to_anthropic_block()
    with pytest.raises(UnsupportedContentError, match="it is UTF-16"):
        DocumentContent.from_bytes("é".encode("utf-16"), "text/plain").to_anthropic_block()


def test_title_and_citations_are_hints() -> None:
    """A title is the name where there is none; citations are asked of Anthropic only."""
    hinted = DocumentContent.from_bytes(PDF, title="T", citations=True)
    assert hinted.to_openai_block()["file"]["filename"] == "T.pdf"
    assert plugin.lamella_encode_content(hinted, "gemini") == plugin.lamella_encode_content(BYTES, "gemini")


@pytest.mark.parametrize("dialect", ["openai.chat", "anthropic.messages", "mistral.chat", "gemini"])
def test_too_many_bytes_are_refused(dialect: str) -> None:
    limits = limits_of(dialect)
    assert limits is not None
    most = limits.bytes or (limits.sent_bytes or 0) // 4 * 3
    assert takes(DocumentContent(data=bytes(most)), dialect)
    with pytest.raises(UnsupportedContentError, match=r"over the limit of .* bytes.*split\(") as caught:
        plugin.lamella_encode_content(DocumentContent(data=bytes(most + 1)), dialect)
    assert limits.source in str(caught.value)


def test_every_wire_has_limits_with_a_source() -> None:
    for dialect in PAYLOADS:
        limits = limits_of(dialect)
        assert limits is not None
        assert limits.source
        assert limits.bytes or limits.sent_bytes
    assert limits_of("ollama") is None


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, "document.pdf"),
        ({"name": "a.PDF"}, "a.PDF"),
        ({"name": "a.txt"}, "a.txt.pdf"),
        ({"name": "../a\x00/b.pdf"}, ".._a_b.pdf"),
        ({"title": "Q3: up"}, "Q3: up.pdf"),
        ({"name": "n.pdf", "title": "t"}, "n.pdf"),
        ({"name": "n" * 900}, "n" * 200 + ".pdf"),
        ({"name": " "}, "document.pdf"),
    ],
)
def test_the_file_name_has_the_extension_of_its_type(fields: dict[str, str], name: str) -> None:
    assert file_name(DocumentContent(data=b"x", **fields)) == name  # type: ignore[arg-type]


# -- bytes ----------------------------------------------------------------------------------------


@given(st.binary(min_size=1, max_size=64))
def test_f_n38_bytes_are_encoded_exactly_once(data: bytes) -> None:
    document = DocumentContent(data=data)
    assert base64.b64decode(document.to_anthropic_block()["source"]["data"]) == data
    _, _, encoded = document.to_openai_block()["file"]["file_data"].partition(",")
    assert base64.b64decode(encoded) == data
    assert base64.b64decode(to_dict(document)["data"]) == data


MEASURED = """
import sys, tracemalloc
from lamella_document import DocumentContent
from lamella_document.plugin import lamella_encode_content as encode

path, size = sys.argv[1], int(sys.argv[2])
encode(DocumentContent.from_bytes(b"%PDF-"), "gemini")  # what is loaded only once is loaded
for dialect in ("openai.chat", "openai.responses", "mistral.chat", "gemini", "gemini.interactions"):
    tracemalloc.start()
    part = encode(DocumentContent.from_file(path), dialect)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert part is not None
    assert peak < size * 2.4, (dialect, peak)  # one copy, and base64 of 4/3
"""


def test_40_mb_from_file_to_part_cost_the_bytes_and_their_base64(tmp_path: Path) -> None:
    """In a process of its own: where a tracer runs, text does not grow in place."""
    path = tmp_path / "large.pdf"
    path.write_bytes(PDF + bytes(40_000_000 - len(PDF)))
    command = [sys.executable, "-c", MEASURED, str(path), "40000000"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
