"""Images on the wires: the forms, what is refused and why, and what the vendors' SDKs say of them."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import picture
from swap.targets import TARGETS, Target

from lamella.content import MediaContent, ToolOutputBlock
from lamella.errors import UnsupportedContentError
from lamella.messages import Message
from lamella.models import ModelRequest
from lamella.serial import to_dict
from lamella_image import ImageContent, plugin
from lamella_image.encode import DIALECTS
from lamella_image.limits import LIMITS

URL = "https://example.com/a%20cat.jpg?size=1&x=%2F"
PNG = picture("PNG")
DATA_URI = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
BYTES, LINK = ImageContent.from_bytes(PNG), ImageContent.from_url(URL)
(SPEC,) = plugin.lamella_content_types()


def of(provider: str | None) -> ImageContent:
    return ImageContent.from_file_id("f", provider)


def test_the_wires_are_those_that_the_spec_names() -> None:
    assert SPEC.dialects == DIALECTS == tuple(LIMITS)
    assert {target.name for target in TARGETS} == set(DIALECTS)


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
        (of("openai"), "openai.responses", {"type": "input_image", "file_id": "f"}),
        (of(None), "openai.responses", {"type": "input_image", "file_id": "f"}),
        (
            of("anthropic"),
            "anthropic.messages",
            {"type": "image", "source": {"type": "file", "file_id": "f"}},
        ),
        (LINK, "mistral.chat", {"type": "image_url", "image_url": URL}),
        (BYTES, "mistral.chat", {"type": "image_url", "image_url": DATA_URI}),
        (BYTES, "gemini", {"inlineData": {"mimeType": "image/png", "data": BYTES.base64_data}}),
        (LINK, "gemini", {"fileData": {"mimeType": LINK.mime_type, "fileUri": URL}}),
        (of("gemini"), "gemini", {"fileData": {"mimeType": "image/png", "fileUri": "f"}}),
        (
            BYTES,
            "gemini.interactions",
            {"type": "image", "mime_type": "image/png", "data": BYTES.base64_data},
        ),
        (LINK, "gemini.interactions", {"type": "image", "mime_type": LINK.mime_type, "uri": URL}),
        (BYTES, "ollama", {"images": [BYTES.base64_data]}),
        (BYTES, "acme", None),
        (MediaContent(data=b"x", mime_type="image/png"), "openai.chat", None),
    ],
)
def test_f_med05_parts_by_dialect(image: MediaContent, dialect: str, part: Any) -> None:
    assert plugin.lamella_encode_content(image, dialect) == part


@pytest.mark.parametrize(
    ("image", "dialect", "reason"),
    [
        (of("openai"), "openai.chat", "this file id has no form"),
        (of("openai"), "mistral.chat", "this file id has no form"),
        (
            of("openai"),
            "anthropic.messages",
            "this file id has no form there: it is of openai",
        ),
        (of("openai"), "gemini", "it is of openai"),
        (of("openai"), "gemini.interactions", "it is of openai"),
        (of("anthropic"), "openai.responses", "it is of anthropic"),
        (of(None), "ollama", "it takes bytes only"),
        (LINK, "ollama", "it takes bytes only"),
        (ImageContent(data=b"x", mime_type="image/heic"), "openai.chat", "pillow-heif"),
        (ImageContent(data=b"x", mime_type="image/bmp"), "gemini", r"image\.converted\('image/png'\)"),
        (ImageContent(data=b"x", mime_type="image/tiff"), "mistral.chat", r"image\.converted\('image/png'\)"),
        (ImageContent(data=b"x", mime_type="image/avif"), "ollama", r"image\.converted\('image/png'\)"),
        (
            ImageContent(data=b"x", mime_type="image/x-icon"),
            "openai.chat",
            r"image\.converted\('image/png'\)",
        ),
        (ImageContent(data=b"x", mime_type="image/svg+xml"), "anthropic.messages", "render it"),
        (ImageContent(data=b"x", mime_type="image/x-mine"), "anthropic.messages", "convert it first"),
        (ImageContent(data=b"x", mime_type="application/pdf"), "openai.chat", "that is no image"),
        (ImageContent(data=b"x", mime_type="application/octet-stream"), "openai.chat", "show no type"),
    ],
)
def test_f_n39_a_refusal_says_why_and_what_to_do(image: ImageContent, dialect: str, reason: str) -> None:
    with pytest.raises(UnsupportedContentError, match=rf"is not taken on {dialect}: .*{reason}") as caught:
        plugin.lamella_encode_content(image, dialect)
    assert caught.value.context["mime_type"] == image.mime_type
    assert caught.value.context["dialect"] == dialect


def test_other_spellings_of_a_type_are_sent_in_the_usual_one() -> None:
    image = ImageContent(data=b"x", mime_type="image/JPG; q=1")
    assert image.to_anthropic_block()["source"]["media_type"] == "image/jpeg"
    assert image.to_openai_block()["image_url"]["url"] == "data:image/jpeg;base64,eA=="


def test_more_bytes_than_the_vendor_takes_are_refused_before_they_are_encoded() -> None:
    image = ImageContent(data=bytes(10 << 20), name="a.png")
    expected = r"a\.png is not taken on anthropic\.messages: .*limit of 7,864,320 .*downscaled\(for_dialect="
    with pytest.raises(UnsupportedContentError, match=expected) as caught:
        image.to_anthropic_block()
    assert caught.value.context["limit"] == "max_bytes"
    assert caught.value.context["value"] == 10 << 20
    assert plugin.lamella_encode_content(image, "mistral.chat")  # 10 MB of the file itself
    assert plugin.lamella_encode_content(image, "ollama")  # no limit is known


@given(st.binary(min_size=1, max_size=64))
def test_f_n38_bytes_are_encoded_exactly_once(data: bytes) -> None:
    image = ImageContent(data=data, mime_type="image/png")
    assert base64.b64decode(image.to_anthropic_block()["source"]["data"]) == data
    _, _, encoded = image.to_openai_block()["image_url"]["url"].partition(",")
    assert base64.b64decode(encoded) == data
    assert base64.b64decode(to_dict(image)["data"]) == data


MEASURED = """
import sys, tracemalloc
from lamella_image import ImageContent, plugin

path, dialects = sys.argv[1], sys.argv[2:]
first = ImageContent.from_file(path)  # what is imported is not counted
first.describe(), first.probe(), plugin.lamella_encode_content(first, dialects[0])
del first
for dialect in dialects:
    tracemalloc.start()
    image = ImageContent.from_file(path)
    image.describe()
    image.probe()
    held = tracemalloc.get_traced_memory()[1] / image.size
    part = plugin.lamella_encode_content(image, dialect)
    print(dialect, part is not None, held, tracemalloc.get_traced_memory()[1] / image.size)
    tracemalloc.stop()
    del image, part
"""


def test_f_n38_a_large_file_is_held_once_and_its_base64_once(tmp_path: Path) -> None:
    """Bytes and their base64 (4/3) are 2.33 times the file; nothing else of that size is made on the way.

    In a process of its own: a tracer, such as that of a coverage run, holds on to what is appended to.
    """
    path = tmp_path / "a.png"
    path.write_bytes(PNG + bytes(7_000_000))
    command = [sys.executable, "-c", MEASURED, str(path), *DIALECTS]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [(dialect, made) for dialect, made, _, _ in rows] == [(dialect, "True") for dialect in DIALECTS]
    assert max(float(held) for _, _, held, _ in rows) < 1.1
    assert max(float(written) for _, _, _, written in rows) < 2.6


# -- detail ---------------------------------------------------------------------------------------

LEVELS: dict[str, dict[str, Any]] = {
    "openai.chat": {each: each for each in ("low", "high", "auto", "original")},
    "openai.responses": {each: each for each in ("low", "high", "auto", "original")},
    "mistral.chat": {each: each for each in ("low", "high", "auto")},
    "gemini": {
        "low": {"level": "MEDIA_RESOLUTION_LOW"},
        "high": {"level": "MEDIA_RESOLUTION_HIGH"},
        "auto": None,
    },
    "gemini.interactions": {"low": "low", "high": "high", "auto": None},
    "anthropic.messages": dict.fromkeys(("low", "high", "auto", "original")),
    "ollama": dict.fromkeys(("low", "high", "auto", "original")),
}


def level_of(part: Any, dialect: str) -> Any:
    if dialect in ("openai.chat", "mistral.chat"):
        held = part["image_url"]
        return held.get("detail") if isinstance(held, dict) else None
    key = {"gemini": "mediaResolution", "gemini.interactions": "resolution"}.get(dialect, "detail")
    return part.get(key)


@pytest.mark.parametrize("detail", ["low", "high", "auto", "original", None])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_detail_is_written_refused_or_a_hint(dialect: str, detail: Any) -> None:
    image = ImageContent.from_bytes(PNG, detail=detail)
    if detail is None:
        assert level_of(plugin.lamella_encode_content(image, dialect), dialect) is None
    elif detail in LEVELS[dialect]:
        part = plugin.lamella_encode_content(image, dialect)
        assert level_of(part, dialect) == LEVELS[dialect][detail]
        if dialect == "mistral.chat":
            assert part == {"type": "image_url", "image_url": {"url": DATA_URI, "detail": detail}}
    else:
        with pytest.raises(
            UnsupportedContentError, match=f"detail='{detail}' does not exist there, only low"
        ):
            plugin.lamella_encode_content(image, dialect)


# -- the vendors' own types -----------------------------------------------------------------------


@pytest.mark.parametrize("detail", ["low", "high", "auto", "original", None])
@pytest.mark.parametrize("source", ["bytes", "url", "file"])
@pytest.mark.parametrize("vendor", TARGETS, ids=lambda each: each.name)
def test_f_med05_every_part_is_accepted_by_the_sdks_types(vendor: Target, source: str, detail: Any) -> None:
    """A cell of the table: the vendor's request types take it, or it is refused here."""
    image = {
        "bytes": ImageContent.from_bytes(PNG, detail=detail, name="a.png", alt="red"),
        "url": ImageContent.from_url(URL, detail=detail),
        "file": ImageContent.from_file_id("files/f", vendor.issuer, detail=detail),
    }[source]
    try:
        part = plugin.lamella_encode_content(image, vendor.name)
    except UnsupportedContentError:
        refused_file = source == "file" and vendor.name in ("openai.chat", "mistral.chat", "ollama")
        assert (
            refused_file or (source == "url" and vendor.name == "ollama") or detail not in LEVELS[vendor.name]
        )
        return
    assert part is not None
    if source == "file":
        return  # whether a provider writes file ids is its own business
    payload = vendor.encode(ModelRequest(messages=[Message.user(["see", image])]))
    assert vendor.refusals_of(payload) == []


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
@pytest.mark.parametrize("vendor", TARGETS, ids=lambda each: each.name)
def test_f_med05_every_format_is_accepted_by_the_sdks_types(vendor: Target, kind: str) -> None:
    image = ImageContent.from_bytes(picture(kind))
    payload = vendor.encode(ModelRequest(messages=[Message.user([image])]))
    assert vendor.refusals_of(payload) == []


def test_an_image_in_a_tool_output_is_accepted_by_the_sdks_types() -> None:
    from lamella.content import ToolCallBlock

    image = ImageContent.from_bytes(PNG, detail="high")
    history = [
        Message.user("look"),
        Message.assistant([ToolCallBlock(call_id="call_12345", name="look", arguments={})]),
        Message.user([ToolOutputBlock(call_id="call_12345", name="look", output=[image])]),
    ]
    for vendor in TARGETS:
        if vendor.name in ("openai.responses", "gemini"):
            payload = vendor.encode(ModelRequest(messages=history))
            assert vendor.refusals_of(payload) == []
