"""``ImageContent``: where images come from, what they are, and how they are written."""

from __future__ import annotations

import base64
import importlib.metadata
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import attrs
import pytest
from pictures import frames, picture

import lamella_image
from lamella.content import Block, OpaqueContent, ToolOutputBlock, files
from lamella.errors import AgentInputError, UnsupportedContentError
from lamella.messages import Message
from lamella.serial import _tags, from_json, set_content_resolver, to_json
from lamella_image import ImageContent, plugin

URL = "https://example.com/a%20cat.jpg?size=1&x=%2F"


PNG, JPEG = picture("PNG"), picture("JPEG")


(SPEC,) = plugin.lamella_content_types()


def write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


# -- where images come from -----------------------------------------------------------------------


def test_f_med01_from_bytes_and_base64() -> None:
    image = ImageContent.from_bytes(b"abc", "image/gif")
    assert (image.data, image.mime_type, image.url, image.base64_data) == (b"abc", "image/gif", None, "YWJj")
    assert ImageContent.from_base64("YWJj", "image/gif") == image
    assert (
        ImageContent.from_bytes(b"abc").mime_type == ImageContent.from_base64("YWJj").mime_type == "image/png"
    )
    assert ImageContent(data=b"abc").mime_type == "image/png"
    assert image.type == "image"


def test_f_med01_names_words_and_detail_are_kept(tmp_path: Path) -> None:
    path = write(tmp_path, "a cat.png", PNG)
    image = ImageContent.from_file(path, alt="a cat", detail="high")
    assert (image.name, image.alt, image.detail) == ("a cat.png", "a cat", "high")
    assert ImageContent.from_url(URL, detail="low").detail == "low"
    assert ImageContent.from_file_id("f", "openai", detail="auto").detail == "auto"
    assert ImageContent.from_base64(base64.b64encode(PNG).decode(), detail="original").detail == "original"


@pytest.mark.parametrize("detail", ["medium", "", 3, b"low", ["low"]])
def test_a_detail_that_does_not_exist_is_an_input_error(detail: Any) -> None:
    with pytest.raises(AgentInputError, match="detail must be one of low, high, auto, original"):
        ImageContent(url=URL, detail=detail)


def test_f_med01_from_url_fetches_nothing() -> None:
    image = ImageContent.from_url(URL)
    assert (image.url, image.data, image.base64_data, image.mime_type) == (URL, None, None, "image/jpeg")
    assert ImageContent.from_url(URL, mime_type="image/webp").mime_type == "image/webp"


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "data:image/png;base64,AA==", "/etc/passwd", "", "ftp://x/y"]
)
def test_f_n28_from_url_takes_http_only(url: str) -> None:
    with pytest.raises(AgentInputError, match=r"http\(s\) URL"):
        ImageContent.from_url(url)


def test_f_med01_a_file_at_a_provider() -> None:
    image = ImageContent(file_id="file-1", provider="openai")
    assert (image.data, image.url, image.file_id) == (None, None, "file-1")


def test_f_med01_no_bytes_in_the_repr() -> None:
    assert repr(ImageContent.from_bytes(b"secret" * 9)) == "ImageContent(<54 bytes>, mime_type='image/png')"


def test_images_are_frozen() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        ImageContent.from_url(URL).url = "x"  # type: ignore[misc]
    with pytest.raises(TypeError, match="colour"):
        ImageContent(data=b"x", colour="red")  # type: ignore[call-arg]


@pytest.mark.parametrize("text", ["?", "data:image/png;base64,AA==", ""])
def test_bad_base64_is_an_input_error(text: str) -> None:
    with pytest.raises(AgentInputError):
        ImageContent.from_base64(text)


# -- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.png", "image/png"),
        ("a.jpg", "image/jpeg"),
        ("a.jpeg", "image/jpeg"),
        ("a.gif", "image/gif"),
        ("a.webp", "image/webp"),
        ("A.PNG", "image/png"),
        ("a.JpEg", "image/jpeg"),
        ("a.svg", "application/octet-stream"),
        ("a", "application/octet-stream"),
    ],
)
def test_f_med06_the_extension_says_the_type_in_any_case(tmp_path: Path, name: str, kind: str) -> None:
    image = ImageContent.from_file(write(tmp_path, name, b"not recognisable"))
    assert image.mime_type == kind
    assert image.data == b"not recognisable"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_f_med06_recognisable_bytes_win(tmp_path: Path, kind: str) -> None:
    for name in ("x.png", "x.jpg", "x", "x.txt"):
        assert (
            ImageContent.from_file(write(tmp_path, name, picture(kind))).mime_type == f"image/{kind.lower()}"
        )
    assert ImageContent.from_bytes(picture(kind)).mime_type == f"image/{kind.lower()}"
    encoded = base64.b64encode(picture(kind)).decode()
    assert ImageContent.from_base64(encoded).mime_type == f"image/{kind.lower()}"


def test_f_med06_what_is_declared_must_fit_the_bytes_and_the_extension(tmp_path: Path) -> None:
    path = write(tmp_path, "a.png", PNG)
    with pytest.raises(
        AgentInputError, match=r"a\.png: the bytes are image/png, so mime_type='image/gif' is wrong"
    ):
        ImageContent.from_file(path, mime_type="image/gif")
    with pytest.raises(AgentInputError, match=r"the bytes are image/png, so mime_type='image/gif' is wrong"):
        ImageContent.from_bytes(PNG, "image/gif")
    with pytest.raises(AgentInputError, match=r"the extension \.gif \(image/gif\) is wrong"):
        ImageContent.from_file(write(tmp_path, "b.gif", PNG), mime_type="image/png")
    with pytest.raises(AgentInputError, match="disagree, and the bytes show neither"):
        ImageContent.from_file(write(tmp_path, "c.gif", b"?"), mime_type="image/png")
    assert (
        ImageContent.from_file(write(tmp_path, "d", b"?"), mime_type="image/x-mine").mime_type
        == "image/x-mine"
    )
    assert ImageContent.from_file(path, mime_type="image/png").mime_type == "image/png"


@pytest.mark.parametrize(
    ("said", "kind"),
    [("image/jpg", "image/jpeg"), ("IMAGE/PJPEG", "image/jpeg"), ("image/x-png", "image/png")],
)
def test_f_med06_other_spellings_agree(said: str, kind: str) -> None:
    data = picture(kind.removeprefix("image/").upper())
    assert ImageContent.from_bytes(data, said).mime_type == kind


def test_f_med06_an_animated_png_is_a_png() -> None:
    data = frames("PNG", 3)
    assert ImageContent.from_bytes(data).mime_type == "image/png"
    assert ImageContent.from_bytes(data, "image/png") == ImageContent.from_bytes(data, "image/apng")


def test_f_med06_what_is_no_image_is_refused_by_the_encoders(tmp_path: Path) -> None:
    disguised = ImageContent.from_file(write(tmp_path, "a.png", b"%PDF-1.7\n..."))
    assert disguised.mime_type == "application/pdf"
    unknown = ImageContent.from_file(write(tmp_path, "a.bin", b"?"))
    for image in (disguised, unknown, ImageContent.from_url(URL, mime_type="text/html")):
        for method in (image.to_openai_block, image.to_anthropic_block):
            with pytest.raises(UnsupportedContentError, match=image.mime_type) as caught:
                method()
            assert caught.value.context["mime_type"] == image.mime_type
        for dialect in SPEC.dialects:
            with pytest.raises(UnsupportedContentError, match=image.mime_type):
                plugin.lamella_encode_content(image, dialect)


def test_f_med07_from_file_takes_paths_and_file_urls(tmp_path: Path) -> None:
    path = write(tmp_path, "a cat.png", PNG)
    for given_path in (
        path,
        str(path),
        path.as_uri(),
        f"file://localhost{path.as_uri()[7:]}",
        f"FILE://{path}",
    ):
        image = ImageContent.from_file(given_path)
        assert (image.data, image.mime_type) == (PNG, "image/png")
        assert image.to_openai_block()["image_url"]["url"].startswith("data:image/png;base64,")


def test_f_med07_a_missing_file(tmp_path: Path) -> None:
    missing = tmp_path / "no.png"
    with pytest.raises(AgentInputError, match="cannot find file: ") as caught:
        ImageContent.from_file(missing)
    assert str(missing) in str(caught.value)
    assert isinstance(caught.value.cause, FileNotFoundError)


def test_f_med07_an_unreadable_file(tmp_path: Path) -> None:
    for path in (tmp_path, "a\0b", "file://elsewhere/a.png", "file://"):
        with pytest.raises(AgentInputError, match="cannot read file"):
            ImageContent.from_file(path)
    with pytest.raises(AgentInputError, match="0 bytes"):
        ImageContent.from_file(write(tmp_path, "a.png", b""))


async def test_f_med07_async_code_reads_off_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "a.png", PNG)
    readers: list[int] = []
    reads = files.read_file

    def spying(place: Path) -> tuple[Path, bytes]:
        readers.append(threading.get_ident())
        return reads(place)

    monkeypatch.setattr("lamella.content.media.read_file", spying)
    assert await ImageContent.afrom_file(path) == ImageContent.from_file(path)
    assert readers[0] != threading.get_ident() == readers[1]
    with pytest.raises(AgentInputError, match="cannot find file"):
        await ImageContent.afrom_file(tmp_path / "no.png")


def test_f_med07_f_n28_a_bare_string_is_text(tmp_path: Path) -> None:
    path = str(write(tmp_path, "a.png", PNG))
    message = Message.from_multimodal("user", [path, ImageContent.from_url(URL)])
    assert message.text == path


URL_IMAGE = ImageContent.from_url(URL)
BYTES = ImageContent.from_bytes(PNG, detail="low", alt="a red dot", name="dot.png")


# -- the plugin -----------------------------------------------------------------------------------


def test_the_entry_point_names_the_plugin() -> None:
    (entry,) = importlib.metadata.entry_points(group="lamella.content", name="image")
    assert entry.value == "lamella_image.plugin"
    assert entry.dist is not None
    assert entry.dist.name == "lamella-image"
    assert entry.load() is plugin
    assert plugin.lamella_api == "1.0"


def test_the_plugin_contributes_the_content_type() -> None:
    spec = SPEC
    assert (spec.id, spec.content_class) == ("image", "lamella_image.content:ImageContent")
    module, _, name = str(spec.content_class).partition(":")
    assert getattr(sys.modules[module], name) is ImageContent
    assert spec.summary


def test_the_plugin_module_is_light() -> None:
    code = (
        "import sys, lamella_image, lamella_image.plugin as plugin; plugin.lamella_content_types(); "
        "assert not {'filetype', 'PIL', 'lamella_image.content'} & set(sys.modules); "
        "import lamella_image.content, lamella_image.encode, lamella_image.resize; "
        "image = lamella_image.ImageContent(data=b'x'); image.to_openai_block(); repr(image); "
        "assert not {'filetype', 'PIL'} & set(sys.modules); "
        "assert 'ImageContent' in dir(lamella_image)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="Nope"):
        lamella_image.Nope  # noqa: B018


def test_f_med08_images_round_trip_with_the_plugin_and_survive_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_tags, "_contents", {})
    monkeypatch.setattr(_tags, "_resolver", None)
    message = Message.user(["see", BYTES, URL_IMAGE, ToolOutputBlock(call_id="c", output=[BYTES])])
    stored = to_json(message)
    without = from_json(stored, Message)
    assert isinstance(without.content[1], OpaqueContent)
    assert to_json(without) == stored
    set_content_resolver(lambda tag: ImageContent if tag == "image" else None)
    assert from_json(stored, Message) == message
    assert from_json(to_json(BYTES), Block) == BYTES
