"""Images made smaller or into another format; never by themselves."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import frames, noise, picture, saved
from PIL import Image, ImageCms

from lamella.errors import AgentInputError, UnsupportedContentError
from lamella.messages import Message
from lamella.serial import from_json, to_json
from lamella_image import ImageContent, ImageInfo
from lamella_image.resize import Bounds


def opened(image: ImageContent) -> Image.Image:
    import io

    assert image.data is not None
    return Image.open(io.BytesIO(image.data))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"])
def test_downscaled_keeps_format_words_and_detail(kind: str) -> None:
    data = saved(noise((60, 40)), kind)
    image = ImageContent.from_bytes(
        data, name="a", alt="noise", detail="high", meta={"mine": 1}, opaque={"acme": {"id": 7}}
    )
    small = image.downscaled(max_side=30)
    info = small.probe()
    assert (info.format, info.width, info.height) == (kind, 30, 20)
    assert (small.mime_type, small.name, small.alt, small.detail) == (image.mime_type, "a", "noise", "high")
    assert not small.opaque  # what a vendor said of the other bytes
    assert small.meta == {
        "mine": 1,
        "downscaled": {
            "from": [60, 40],
            "to": [30, 20],
            "from_bytes": len(data),
            "to_bytes": info.bytes,
            "for": None,
        },
    }


def test_downscaled_gives_the_same_image_when_it_fits() -> None:
    image = ImageContent.from_bytes(picture("PNG", (60, 40)))
    assert image.downscaled(max_side=60, max_pixels=2400, max_bytes=image.size) is image
    assert image.downscaled(for_dialect="ollama") is image
    animation = ImageContent.from_bytes(frames("GIF", 3))
    assert animation.downscaled(max_side=8) is animation


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
def test_animations_are_not_flattened(kind: str) -> None:
    image = ImageContent.from_bytes(frames(kind, 3), name="a")
    with pytest.raises(AgentInputError, match="a: has 3 frames or pages and is not scaled down"):
        image.downscaled(max_side=4)
    with pytest.raises(AgentInputError, match="a: has 3 frames or pages and is not converted"):
        image.converted("image/jpeg")


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_downscaled_is_upright_and_has_no_exif(kind: str, turn: int) -> None:
    upright = Image.new("RGB", (80, 40), "blue")
    upright.paste("red", (0, 0, 20, 20))  # the corner that must stay where it is
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Transpose that undoes what the tag asks for
    stored = upright if turn == 1 else upright.transpose(Image.Transpose(back[turn]))
    exif = Image.Exif()
    exif[0x0112] = turn
    exif[0x010F] = "a camera"
    image = ImageContent.from_bytes(saved(stored, kind, exif=exif))
    small = image.downscaled(max_side=40)
    shown = opened(small)
    assert shown.size == (40, 20)
    red, _, blue = shown.convert("RGB").getpixel((3, 3))  # type: ignore[misc]
    assert red > 180 > 80 > blue
    assert not dict(shown.getexif()).keys() & {0x0112, 0x010F}
    assert b"a camera" not in (small.data or b"")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
@pytest.mark.parametrize("most", [900, 3000])
def test_downscaled_to_bytes(kind: str, most: int) -> None:
    image = ImageContent.from_bytes(saved(noise((120, 90)), kind))
    small = image.downscaled(max_bytes=most)
    assert small is image or small.probe().bytes <= most
    assert small.probe().format == kind


def test_a_jpeg_loses_quality_before_size() -> None:
    image = ImageContent.from_bytes(saved(noise((300, 200)), "JPEG", quality=98))
    assert image.size is not None
    small = image.downscaled(max_bytes=image.size * 9 // 10)
    assert (small.probe().width, small.probe().height) == (300, 200)


def test_what_cannot_fit_is_said() -> None:
    with pytest.raises(AgentInputError, match=r"a: cannot be brought under 20 bytes as image/png"):
        ImageContent.from_bytes(picture("PNG", (9, 9)), name="a").downscaled(max_bytes=20)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_downscaled_takes_every_mode(mode: str) -> None:
    image = ImageContent.from_bytes(saved(Image.new("L", (60, 40), 200).convert(mode), "PNG"))
    small = image.downscaled(max_side=6)
    assert small.probe().width == 6


def test_sixteen_bits_are_scaled_not_cut() -> None:
    grey = Image.new("I;16", (40, 40), 32768)
    small = ImageContent.from_bytes(saved(grey, "PNG")).downscaled(max_side=4)
    assert opened(small).getpixel((1, 1)) == 128


def test_pixels_without_a_range_are_refused() -> None:
    image = ImageContent.from_bytes(saved(Image.new("F", (40, 40), 0.5), "TIFF"))
    with pytest.raises(AgentInputError, match="mode F have no known range"):
        image.downscaled(max_side=4)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP"])
def test_transparency_stays(kind: str) -> None:
    clear = Image.new("RGBA", (40, 40), (255, 0, 0, 0))
    small = ImageContent.from_bytes(saved(clear, kind)).downscaled(max_side=4)
    assert opened(small).convert("RGBA").getpixel((1, 1))[3] == 0  # type: ignore[index]


def test_the_colour_profile_stays() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for kind in ("PNG", "JPEG", "WEBP"):
        image = ImageContent.from_bytes(saved(noise((40, 40)), kind, icc_profile=profile))
        assert opened(image.downscaled(max_side=4)).info["icc_profile"] == profile
        assert (
            opened(image.downscaled(max_side=30, max_bytes=len(profile) + 900)).info["icc_profile"] == profile
        )


def test_for_dialect_keeps_the_vendors_limits_and_says_so() -> None:
    image = ImageContent.from_bytes(picture("JPEG", (8400, 20)))
    small = image.downscaled(for_dialect="anthropic.messages")
    assert small.meta["downscaled"]["for"] == "anthropic.messages"
    assert small.check_for("anthropic.messages").width == 8000
    assert image.downscaled(for_dialect="anthropic.messages", max_side=100).probe().width == 100
    with pytest.raises(UnsupportedContentError, match=r"converted\('image/png'\)"):
        ImageContent.from_bytes(picture("BMP", (90, 90))).downscaled(for_dialect="gemini")


@pytest.mark.parametrize(
    "wrong",
    [{}, {"max_side": 0}, {"max_side": 1.5}, {"max_bytes": True}, {"max_pixels": -1}, {"max_side": "9"}],
)
def test_bounds_are_positive_integers(wrong: dict[str, Any]) -> None:
    with pytest.raises(AgentInputError, match=r"positive int|say what it shall fit"):
        ImageContent.from_bytes(picture("PNG")).downscaled(**wrong)


@settings(max_examples=300)
@given(
    st.integers(1, 60_000),
    st.integers(1, 60_000),
    st.none() | st.integers(1, 9000),
    st.none() | st.integers(1, 10**8),
)
def test_the_size_is_within_the_bounds(
    width: int, height: int, max_side: int | None, max_pixels: int | None
) -> None:
    bounds = Bounds(max_side, max_pixels)
    size = bounds.size(width, height)
    info = ImageInfo(format="", mime_type="", width=size[0], height=size[1], frames=1, bytes=1)
    assert bounds.fit(info)
    assert 1 <= size[0] <= width
    assert 1 <= size[1] <= height


async def test_adownscaled_and_aconverted_are_off_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    image, threads = ImageContent.from_bytes(picture("BMP", (40, 40))), set()
    save = Image.Image.save

    def spying(*given: Any, **options: Any) -> None:
        threads.add(threading.get_ident())
        save(*given, **options)

    monkeypatch.setattr(Image.Image, "save", spying)
    small = await image.adownscaled(max_side=4, max_pixels=9)
    assert small.probe().width == 3
    assert (await image.aconverted()).mime_type == "image/png"
    assert threads
    assert threading.get_ident() not in threads
    with pytest.raises(AgentInputError, match="say what it shall fit"):
        await image.adownscaled()


def test_nothing_is_scaled_by_itself_and_the_message_shows_what_was() -> None:
    image = ImageContent.from_bytes(picture("PNG", (60, 40)), name="a.png")
    assert Message.from_multimodal("user", ["see", image]).content[1] is image
    assert "media" not in Message.from_multimodal("user", ["see", image]).meta
    small = image.downscaled(max_side=30)
    message = Message.from_multimodal("user", ["see", small])
    assert message.meta["media"]["1"]["downscaled"]["from"] == [60, 40]
    assert from_json(to_json(message), Message) == message
    assert "downscaled" not in str(small.to_openai_block())


# -- other formats --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "AVIF", "ICO", "JPEG", "GIF", "WEBP"])
@pytest.mark.parametrize("target", ["PNG", "JPEG", "GIF", "WEBP"])
def test_converted_makes_what_is_taken_everywhere(kind: str, target: str) -> None:
    image = ImageContent.from_bytes(
        picture(kind, (32, 32)), name=f"a.{kind.lower()}", alt="red", detail="low"
    )
    made = image.converted(f"image/{target.lower()}")
    if kind == target:
        assert made is image
        return
    assert made.probe().format == target
    assert (made.name, made.alt, made.detail) == (f"a.{target.lower()}", "red", "low")
    assert made.meta["converted"]["from"] == image.mime_type
    assert made.meta["converted"]["to_bytes"] == made.size
    assert made.check_for("openai.chat").width == 32
    red, green, blue = opened(made).convert("RGB").getpixel((9, 9))  # type: ignore[misc]
    assert (red > 200, green < 60, blue < 60) == (True, True, True)


def test_transparent_pixels_do_not_become_a_jpeg() -> None:
    clear = ImageContent.from_bytes(saved(Image.new("RGBA", (4, 4), (9, 9, 9, 0)), "PNG"), name="a")
    with pytest.raises(AgentInputError, match="a: has transparent pixels, which JPEG cannot hold"):
        clear.converted("image/jpeg")
    full = ImageContent.from_bytes(saved(Image.new("RGBA", (4, 4), (9, 9, 9, 255)), "PNG"))
    assert full.converted("image/jpg").mime_type == "image/jpeg"


@pytest.mark.parametrize("target", ["image/bmp", "application/pdf", "", "png"])
def test_converted_makes_nothing_else(target: str) -> None:
    with pytest.raises(AgentInputError, match="mime_type must be one of image/gif"):
        ImageContent.from_bytes(picture("PNG")).converted(target)


def test_an_icon_is_converted_before_it_is_scaled() -> None:
    icon = ImageContent.from_bytes(picture("ICO", (32, 32)), name="a.ico")
    with pytest.raises(AgentInputError, match=r"image/x-icon is not written here; use image\.converted"):
        icon.downscaled(max_side=4)
    assert icon.converted().downscaled(max_side=4).probe().width == 4
