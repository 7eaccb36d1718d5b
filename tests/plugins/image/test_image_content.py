"""``ImageContent``: where images come from, what they are, and how they are written."""

from __future__ import annotations

import base64
import importlib.metadata
import io
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import lamella_image.files
from lamella.content import Block, MediaContent, OpaqueContent, ToolOutputBlock
from lamella.errors import AgentInputError, UnsupportedContentError
from lamella.messages import Message
from lamella.serial import _tags, from_json, set_content_resolver, to_dict, to_json
from lamella_image import ImageContent, plugin

URL = "https://example.com/a%20cat.jpg?size=1&x=%2F"


def picture(kind: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (2, 2), "red").save(out, kind)
    return out.getvalue()


PNG, JPEG = picture("PNG"), picture("JPEG")


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


def test_f_med06_a_type_that_is_given_stands(tmp_path: Path) -> None:
    path = write(tmp_path, "a.png", PNG)
    assert ImageContent.from_file(path, mime_type="image/x-mine").mime_type == "image/x-mine"
    assert ImageContent.from_bytes(PNG, "image/gif").mime_type == "image/gif"


def test_f_med06_what_is_no_image_is_refused_by_the_encoders(tmp_path: Path) -> None:
    disguised = ImageContent.from_file(write(tmp_path, "a.png", b"%PDF-1.7\n..."))
    assert disguised.mime_type == "application/pdf"
    unknown = ImageContent.from_file(write(tmp_path, "a.bin", b"?"))
    for image in (disguised, unknown, ImageContent.from_url(URL, mime_type="text/html")):
        for method in (image.to_openai_block, image.to_anthropic_block):
            with pytest.raises(UnsupportedContentError, match=image.mime_type) as caught:
                method()
            assert caught.value.context["mime_type"] == image.mime_type
        for dialect in ("openai.chat", "openai.responses", "anthropic.messages", "mistral.chat"):
            assert plugin.lamella_encode_content(image, dialect) is None


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
    read_bytes = Path.read_bytes

    def spying(self: Path) -> bytes:
        readers.append(threading.get_ident())
        return read_bytes(self)

    monkeypatch.setattr(lamella_image.files.Path, "read_bytes", spying)
    assert await ImageContent.afrom_file(path) == ImageContent.from_file(path)
    assert readers[0] != threading.get_ident() == readers[1]
    with pytest.raises(AgentInputError, match="cannot find file"):
        await ImageContent.afrom_file(tmp_path / "no.png")


def test_f_med07_f_n28_a_bare_string_is_text(tmp_path: Path) -> None:
    path = str(write(tmp_path, "a.png", PNG))
    message = Message.from_multimodal("user", [path, ImageContent.from_url(URL)])
    assert message.text == path


# -- the wires ------------------------------------------------------------------------------------

DATA_URI = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
BYTES, LINK = ImageContent.from_bytes(PNG), ImageContent.from_url(URL)


def test_f_med02_openai_blocks_are_those_of_w2() -> None:
    assert LINK.to_openai_block() == {"type": "image_url", "image_url": {"url": URL}}
    assert BYTES.to_openai_block() == {"type": "image_url", "image_url": {"url": DATA_URI}}


def test_f_med02_anthropic_blocks_are_those_of_w3() -> None:
    assert LINK.to_anthropic_block() == {"type": "image", "source": {"type": "url", "url": URL}}
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(PNG).decode()}
    assert BYTES.to_anthropic_block() == {"type": "image", "source": source}


@pytest.mark.parametrize("image", [BYTES, LINK])
def test_f_med02_the_blocks_are_what_the_encoders_send(image: ImageContent) -> None:
    assert plugin.lamella_encode_content(image, "openai.chat") == image.to_openai_block()
    assert plugin.lamella_encode_content(image, "anthropic.messages") == image.to_anthropic_block()


@pytest.mark.parametrize(
    ("image", "dialect", "part"),
    [
        (LINK, "openai.responses", {"type": "input_image", "image_url": URL}),
        (BYTES, "openai.responses", {"type": "input_image", "image_url": DATA_URI}),
        (LINK, "mistral.chat", {"type": "image_url", "image_url": URL}),
        (BYTES, "mistral.chat", {"type": "image_url", "image_url": DATA_URI}),
        (BYTES, "gemini", {"inlineData": {"mimeType": "image/png", "data": BYTES.base64_data}}),
        (LINK, "gemini", {"fileData": {"mimeType": LINK.mime_type, "fileUri": URL}}),
        (
            ImageContent(file_id="files/f", provider="gemini"),
            "gemini",
            {"fileData": {"mimeType": "image/png", "fileUri": "files/f"}},
        ),
        (ImageContent(file_id="f", provider="openai"), "gemini", None),
        (
            BYTES,
            "gemini.interactions",
            {"type": "image", "mime_type": "image/png", "data": BYTES.base64_data},
        ),
        (LINK, "gemini.interactions", {"type": "image", "mime_type": LINK.mime_type, "uri": URL}),
        (ImageContent(file_id="f", provider="openai"), "gemini.interactions", None),
        (BYTES, "ollama", {"images": [BYTES.base64_data]}),
        (LINK, "ollama", None),
        (ImageContent(file_id="f"), "ollama", None),
        (BYTES, "acme", None),
        (
            ImageContent(file_id="f", provider="openai"),
            "openai.responses",
            {"type": "input_image", "file_id": "f"},
        ),
        (ImageContent(file_id="f"), "openai.responses", {"type": "input_image", "file_id": "f"}),
        (ImageContent(file_id="f", provider="anthropic"), "openai.responses", None),
        (ImageContent(file_id="f", provider="openai"), "openai.chat", None),
        (ImageContent(file_id="f", provider="openai"), "mistral.chat", None),
        (
            ImageContent(file_id="f", provider="anthropic"),
            "anthropic.messages",
            {"type": "image", "source": {"type": "file", "file_id": "f"}},
        ),
        (ImageContent(file_id="f", provider="openai"), "anthropic.messages", None),
        (MediaContent(data=b"x", mime_type="image/png"), "openai.chat", None),
    ],
)
def test_f_med05_parts_by_dialect(image: MediaContent, dialect: str, part: Any) -> None:
    assert plugin.lamella_encode_content(image, dialect) == part


def test_a_file_id_of_another_provider_is_never_sent() -> None:
    with pytest.raises(UnsupportedContentError, match=r"this file id has no form on anthropic\.messages"):
        ImageContent(file_id="f", provider="openai").to_anthropic_block()


@given(st.binary(min_size=1, max_size=64))
def test_f_n38_bytes_are_encoded_exactly_once(data: bytes) -> None:
    image = ImageContent.from_base64(base64.b64encode(data).decode(), "image/png")
    assert image.data == data
    assert base64.b64decode(image.to_anthropic_block()["source"]["data"]) == data
    _, _, encoded = image.to_openai_block()["image_url"]["url"].partition(",")
    assert base64.b64decode(encoded) == data
    assert base64.b64decode(to_dict(image)["data"]) == data


# -- the plugin -----------------------------------------------------------------------------------


def test_the_entry_point_names_the_plugin() -> None:
    (entry,) = importlib.metadata.entry_points(group="lamella.content", name="image")
    assert entry.value == "lamella_image.plugin"
    assert entry.dist is not None
    assert entry.dist.name == "lamella-image"
    assert entry.load() is plugin
    assert plugin.lamella_api == "1.0"


def test_the_plugin_contributes_the_content_type() -> None:
    (spec,) = plugin.lamella_content_types()
    assert (spec.id, spec.content_class) == ("image", "lamella_image.content:ImageContent")
    module, _, name = str(spec.content_class).partition(":")
    assert getattr(sys.modules[module], name) is ImageContent
    assert spec.summary


def test_the_plugin_module_is_light() -> None:
    code = (
        "import sys, lamella_image, lamella_image.plugin as plugin; plugin.lamella_content_types(); "
        "assert not {'filetype', 'PIL', 'lamella_image.content'} & set(sys.modules); "
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
    message = Message.user(["see", BYTES, LINK, ToolOutputBlock(call_id="c", output=[BYTES])])
    stored = to_json(message)
    without = from_json(stored, Message)
    assert isinstance(without.content[1], OpaqueContent)
    assert to_json(without) == stored
    set_content_resolver(lambda tag: ImageContent if tag == "image" else None)
    assert from_json(stored, Message) == message
    assert from_json(to_json(BYTES), Block) == BYTES
