"""What images are, what the vendors' limits say of them, and the line that shows them."""

from __future__ import annotations

import threading
from typing import Any

import attrs
import pytest
from pictures import KINDS, frames, noise, picture, saved
from PIL import Image

from lamella.errors import AgentInputError, UnsupportedContentError
from lamella_image import ImageContent, ImageInfo, Limits
from lamella_image.encode import DIALECTS
from lamella_image.limits import LIMITS


@pytest.mark.parametrize("kind", KINDS)
def test_probe_says_what_an_image_is(kind: str) -> None:
    data = saved(noise((32, 32)), kind)
    assert ImageContent.from_bytes(data).probe() == ImageInfo(
        format=kind, mime_type=KINDS[kind], width=32, height=32, frames=1, bytes=len(data)
    )


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
def test_probe_counts_frames_and_pages(kind: str) -> None:
    assert ImageContent.from_bytes(frames(kind, 5)).probe().frames == 5


def test_a_photo_of_two_pictures_is_one() -> None:
    """Phones store a preview behind the photo (MPO)."""
    both = saved(noise((32, 32)), "MPO", save_all=True, append_images=[noise((8, 8))])
    info = ImageContent.from_bytes(both).probe()
    assert (info.format, info.frames, info.width) == ("JPEG", 1, 32)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK", "YCbCr"])
def test_probe_takes_every_mode(mode: str) -> None:
    kind = {"CMYK": "JPEG", "YCbCr": "JPEG"}.get(mode, "PNG")
    data = saved(Image.new("L", (9, 7), 90).convert(mode), kind)
    assert ImageContent.from_bytes(data).probe().height == 7


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (ImageContent.from_url("https://x.example/a.png"), r"not here \(behind a URL\)"),
        (ImageContent.from_file_id("f", "openai"), r"not here \(a file at its provider\)"),
        (ImageContent.from_bytes(b"abc", name="a.txt"), "a.txt: cannot be read as an image"),
        (ImageContent.from_bytes(b"%PDF-1.7\n"), "application/pdf.*no image that is known"),
        (ImageContent(data=b"<svg/>", mime_type="image/svg+xml"), "cairosvg"),
        (ImageContent(data=b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"), "pillow-heif"),
        (
            ImageContent(data=picture("JPEG"), mime_type="image/png"),
            "says image/png, but its bytes are image/jpeg",
        ),
    ],
)
async def test_probe_says_what_is_wrong(image: ImageContent, reason: str) -> None:
    for ask in (image.probe, lambda: image.check_for("gemini"), lambda: image.downscaled(max_side=1)):
        with pytest.raises(AgentInputError, match=reason):
            ask()
    with pytest.raises(AgentInputError, match=reason):
        image.converted()
    with pytest.raises(AgentInputError, match=reason):
        await image.aprobe()


def test_probe_takes_a_type_that_nobody_knew() -> None:
    assert ImageContent(data=picture("PNG"), mime_type="application/octet-stream").probe().format == "PNG"
    assert ImageContent(data=picture("JPEG"), mime_type="image/JPG").probe().format == "JPEG"


async def test_aprobe_is_off_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    image, threads = ImageContent.from_bytes(picture("PNG")), []

    def spying(which: Any) -> ImageInfo:
        threads.append(threading.get_ident())
        return ImageContent.probe(which)

    class Spied(ImageContent):
        probe = spying

    await Spied(data=image.data).aprobe()
    assert threads[0] != threading.get_ident()
    assert await image.aprobe() == image.probe()


# -- the line that shows an image -----------------------------------------------------------------


def test_facts_have_the_size_in_pixels() -> None:
    image = ImageContent.from_bytes(picture("PNG", (640, 480)), name="photo.png")
    assert image.facts()[:2] == ["photo.png", "image/png"]
    assert image.facts()[3] == "640×480"  # noqa: RUF001
    assert image.describe().endswith("kB, 640×480")  # noqa: RUF001


@pytest.mark.parametrize(
    ("image", "facts"),
    [
        (ImageContent.from_url("https://x.example/a.png"), ["https://x.example/a.png", "image/jpeg"]),
        (ImageContent.from_file_id("f"), ["f", "image/png"]),
        (ImageContent.from_bytes(b"abc"), ["image/png", "3 bytes"]),
        (ImageContent(data=picture("PNG")[:20]), ["image/png", "20 bytes"]),
    ],
)
def test_facts_never_raise(image: ImageContent, facts: list[str]) -> None:
    assert image.facts() == facts


def test_facts_decode_no_pixels_and_read_no_large_files(monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import ImageFile

    image = ImageContent.from_bytes(picture("PNG", (640, 480)))
    monkeypatch.setattr(ImageFile.ImageFile, "load", None)
    assert len(image.facts()) == 3
    assert len(attrs.evolve(image, data=picture("PNG") + bytes(1 << 25)).facts()) == 2


# -- the vendors' limits --------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", DIALECTS)
def test_check_for_gives_what_probe_gives(dialect: str) -> None:
    image = ImageContent.from_bytes(picture("WEBP", (30, 20)))
    assert image.check_for(dialect) == image.probe()


@pytest.mark.parametrize("dialect", [each for each in DIALECTS if each != "ollama"])
def test_every_limit_has_its_source(dialect: str) -> None:
    assert str(LIMITS[dialect].source).startswith("https://")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_check_for_holds_to_the_vendors_limits(dialect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    image = ImageContent.from_bytes(picture("PNG", (30, 20)), name="a.png")
    for limits, which, value in (
        (Limits(max_side=29), "max_side", 30),
        (Limits(max_pixels=599), "max_pixels", 600),
        (Limits(max_bytes=9), "max_bytes", image.size),
        (Limits(max_encoded=19), "max_bytes", image.size),
    ):
        monkeypatch.setitem(LIMITS, dialect, limits)
        expected = rf"a\.png is not taken on {dialect}: .*downscaled\(for_dialect='{dialect}'\)"
        with pytest.raises(UnsupportedContentError, match=expected) as caught:
            image.check_for(dialect)
        assert (caught.value.context["limit"], caught.value.context["value"]) == (which, value)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_check_for_refuses_animations_where_the_vendor_does(dialect: str) -> None:
    image = ImageContent.from_bytes(frames("GIF", 3))
    if dialect in ("openai.chat", "openai.responses", "mistral.chat"):
        with pytest.raises(UnsupportedContentError, match="it has 3 frames, and animations are not taken"):
            image.check_for(dialect)
    else:
        assert image.check_for(dialect).frames == 3


def test_check_for_refuses_formats_and_unknown_wires() -> None:
    image = ImageContent.from_bytes(picture("BMP"))
    with pytest.raises(UnsupportedContentError, match=r"image/bmp has no form there.*converted"):
        image.check_for("openai.chat")
    for ask in (image.check_for, lambda dialect: image.downscaled(for_dialect=dialect)):
        with pytest.raises(AgentInputError, match=r"no limits are known for 'acme'; known are openai\.chat"):
            ask("acme")


def test_anthropic_takes_8000_pixels_a_side() -> None:
    assert ImageContent.from_bytes(picture("PNG", (8000, 1))).check_for("anthropic.messages").width == 8000
    wide = ImageContent.from_bytes(picture("PNG", (8001, 1)))
    with pytest.raises(UnsupportedContentError, match="over the vendor's limit of 8,000 a side"):
        wide.check_for("anthropic.messages")
    assert wide.downscaled(for_dialect="anthropic.messages").check_for("anthropic.messages").width == 8000
