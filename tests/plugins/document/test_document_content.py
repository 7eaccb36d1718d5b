"""``DocumentContent``: where documents come from, what they are, and the plugin that brings them."""

from __future__ import annotations

import base64
import importlib.metadata
import subprocess
import sys
import threading
from pathlib import Path

import attrs
import pytest
from papers import DOCX, EPUB, ODT, PPTX, XLSX, ZIP, pdf

from lamella.content import Block, MediaContent, OpaqueContent
from lamella.errors import AgentInputError
from lamella.messages import Message
from lamella.serial import _tags, from_json, set_content_resolver, to_json
from lamella_document import DocumentContent, kinds, plugin

URL = "https://example.com/a%20report.pdf?size=1&x=%2F"
PDF = pdf()
DOCUMENT = DocumentContent.from_bytes(PDF)


def write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


# -- where documents come from --------------------------------------------------------------------


def test_f_med04_from_bytes_and_base64() -> None:
    document = DocumentContent.from_bytes(b"abc")
    assert (document.data, document.mime_type, document.base64_data) == (b"abc", "application/pdf", "YWJj")
    assert DocumentContent.from_bytes(b"abc", mime_type="application/pdf") == document
    assert DocumentContent.from_base64("YWJj") == document
    assert DocumentContent.from_base64(base64.b64encode(DOCX).decode()).mime_type == kinds.DOCX
    assert document.type == "document"


def test_f_med04_from_url_fetches_nothing() -> None:
    document = DocumentContent.from_url(URL)
    assert (document.url, document.data, document.mime_type) == (URL, None, "application/pdf")
    with pytest.raises(AgentInputError, match=r"http\(s\) URL"):
        DocumentContent.from_url("file:///etc/passwd")


def test_f_med04_from_file_id() -> None:
    document = DocumentContent.from_file_id("f", "openai", "text/csv", title="T")
    assert (document.file_id, document.provider, document.mime_type, document.title) == (
        "f",
        "openai",
        "text/csv",
        "T",
    )


async def test_f_med04_from_file(tmp_path: Path) -> None:
    path = write(tmp_path, "a report.pdf", PDF)
    for given in (path, str(path), path.as_uri()):
        document = DocumentContent.from_file(given, title="T")
        assert (document.data, document.mime_type, document.name) == (PDF, "application/pdf", "a report.pdf")
    assert await DocumentContent.afrom_file(path, title="T") == document
    with pytest.raises(AgentInputError, match="cannot find file"):
        await DocumentContent.afrom_file(tmp_path / "no.pdf")
    with pytest.raises(AgentInputError, match="0 bytes"):
        DocumentContent.from_file(write(tmp_path, "empty.pdf", b""))


# -- what they are --------------------------------------------------------------------------------


@pytest.mark.parametrize(("extension", "kind"), kinds.EXTENSIONS.items())
def test_f_med06_the_extension_says_the_type_in_any_case(tmp_path: Path, extension: str, kind: str) -> None:
    for name in (f"a{extension}", f"A{extension.upper()}"):
        assert DocumentContent.from_file(write(tmp_path, name, b"not recognisable")).mime_type == kind


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (PDF, kinds.PDF),
        (DOCX, kinds.DOCX),
        (XLSX, kinds.XLSX),
        (PPTX, kinds.PPTX),
        (ODT, kinds.ODT),
        (EPUB, kinds.EPUB),
        (b"{\\rtf1 hello}", kinds.RTF),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "image/png"),
        (ZIP, "application/zip"),
    ],
)
def test_f_med06_recognisable_bytes_win(tmp_path: Path, data: bytes, kind: str) -> None:
    for name in ("x.txt", "x.md", "x.pdf", "x"):
        assert DocumentContent.from_file(write(tmp_path, name, data)).mime_type == kind
    assert DocumentContent.from_bytes(data).mime_type == kind


def test_f_med06_unknown_is_octet_stream_which_encoders_refuse(tmp_path: Path) -> None:
    assert DocumentContent.from_file(write(tmp_path, "a.bin", b"?")).mime_type == "application/octet-stream"


@pytest.mark.parametrize("text", [b"BMW is a text", b"MZ, a text", b"II*\x20text", "BMé…".encode()])
def test_text_that_begins_like_a_picture_is_text(tmp_path: Path, text: bytes) -> None:
    assert DocumentContent.from_file(write(tmp_path, "a.txt", text)).mime_type == "text/plain"
    long = text + "é".encode() * 8192  # cut inside a character where the library stops looking
    assert DocumentContent.from_file(write(tmp_path, "b.md", long)).mime_type == "text/markdown"


def test_f_med06_what_disagrees_is_an_error_that_says_which_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(
        AgentInputError, match="the bytes are application/pdf, so mime_type='text/plain' is wrong"
    ):
        DocumentContent.from_bytes(PDF, "text/plain")
    with pytest.raises(AgentInputError, match=r"a\.csv.*disagree"):
        DocumentContent.from_file(write(tmp_path, "a.csv", b"a,b"), "text/html")
    with pytest.raises(AgentInputError, match=r"so the extension \.txt"):
        DocumentContent.from_file(write(tmp_path, "a.txt", PDF), "application/pdf")


@pytest.mark.parametrize(
    ("given", "kind"),
    [("application/rtf", "text/rtf"), ("application/xml", "text/xml"), ("text/x-markdown", "text/markdown")],
)
def test_f_med06_spellings_agree(given: str, kind: str) -> None:
    suffix = f".{kinds.FORMATS[kind]}"
    assert DocumentContent.from_bytes(b"x", given, name=f"a{suffix}").mime_type == kind


def test_own_fields_are_checked() -> None:
    for fields in ({"title": 1}, {"context": b"x"}, {"citations": "yes"}):
        with pytest.raises(AgentInputError, match=f"DocumentContent.{next(iter(fields))} must be"):
            DocumentContent(data=b"x", **fields)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        DOCUMENT.title = "x"  # type: ignore[misc]


def test_facts_and_repr_show_no_bytes() -> None:
    document = DocumentContent.from_bytes(b"secret" * 9, name="a.pdf", title="t" * 90, context="secret")
    assert repr(document) == "DocumentContent(<54 bytes>, mime_type='application/pdf', name='a.pdf')"
    assert document.describe() == f"a.pdf, application/pdf, 54 bytes, “{'t' * 60}”"
    assert DocumentContent.from_url(URL).describe() == f"{URL}, application/pdf"


# -- the plugin -----------------------------------------------------------------------------------


def test_the_entry_point_names_the_plugin() -> None:
    (entry,) = importlib.metadata.entry_points(group="lamella.content", name="document")
    assert (entry.value, entry.dist and entry.dist.name) == ("lamella_document.plugin", "lamella-document")
    assert entry.load() is plugin
    assert plugin.lamella_api == "1.0"


def test_the_plugin_contributes_the_content_type() -> None:
    (spec,) = plugin.lamella_content_types()
    assert (spec.id, spec.content_class) == ("document", "lamella_document.content:DocumentContent")
    assert set(spec.dialects) == {
        "openai.chat",
        "openai.responses",
        "anthropic.messages",
        "mistral.chat",
        "gemini",
        "gemini.interactions",
    }
    assert plugin.lamella_encode_content(MediaContent(data=b"x"), "openai.chat") is None


def test_the_plugin_is_light() -> None:
    code = (
        "import sys, lamella_document, lamella_document.plugin as plugin; plugin.lamella_content_types(); "
        "assert not {'filetype', 'pypdf', 'PIL', 'lamella_document.content'} & set(sys.modules); "
        "from lamella_document import DocumentContent; "
        "DocumentContent.from_url('https://x.org/a.pdf').to_anthropic_block(); "
        "assert not {'filetype', 'pypdf', 'pypdfium2', 'PIL', 'lamella_image'} & set(sys.modules); "
        "assert dir(lamella_document) == lamella_document.__all__; "
        "[getattr(lamella_document, name) for name in lamella_document.__all__]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    import lamella_document

    with pytest.raises(AttributeError, match="Nope"):
        lamella_document.Nope  # noqa: B018


def test_f_med08_documents_round_trip_with_the_plugin_and_survive_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_tags, "_contents", {})
    monkeypatch.setattr(_tags, "_resolver", None)
    full = DocumentContent.from_bytes(PDF, name="a.pdf", title="T", context="C", citations=True)
    message = Message.user(["see", full, DocumentContent.from_url(URL)])
    stored = to_json(message)
    without = from_json(stored, Message)
    assert isinstance(without.content[1], OpaqueContent)
    assert to_json(without) == stored
    set_content_resolver(lambda tag: DocumentContent if tag == "document" else None)
    assert from_json(stored, Message) == message
    assert from_json(to_json(full), Block) == full


async def test_aprobe_is_off_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr("lamella_document.content.probe", lambda _: seen.append(threading.get_ident()))
    await DOCUMENT.aprobe()
    assert seen != [threading.get_ident()]
    assert len(seen) == 1
