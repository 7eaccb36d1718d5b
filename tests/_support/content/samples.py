"""Real files to send and to spoil: small ones of every type that the content plugins know."""

from __future__ import annotations

import io
from functools import cache

import numpy
import soundfile  # type: ignore[import-untyped]  # ships no types
from papers import EPUB, ODT, archive, pdf
from pictures import frames
from PIL import Image

__all__ = ["DOCX", "MARKDOWN", "TEXT", "audio", "files", "image", "mp4", "paper"]

TEXT = "Une liste :\n- café\n- thé\n".encode()
MARKDOWN = b"# Stations\n\n* Paris\n* Rome\n"
DOCX = archive(
    {
        "[Content_Types].xml": b'<?xml version="1.0"?><Types/>',
        "_rels/.rels": b'<?xml version="1.0"?><Relationships/>',
        "word/document.xml": b'<?xml version="1.0"?><w:document>'
        + b"<w:p>Hello</w:p>" * 20
        + b"</w:document>",
    }
)

_SUBTYPES = {"WAV": "PCM_16", "FLAC": "PCM_16", "OGG": "VORBIS", "MP3": "MPEG_LAYER_III", "AIFF": "PCM_16"}


@cache
def image(kind: str) -> bytes:
    """A picture of 24 by 16 pixels with some detail, in a format of Pillow."""
    picture = Image.linear_gradient("L").resize((24, 16)).convert("P" if kind == "GIF" else "RGB")
    out = io.BytesIO()
    picture.save(out, kind)
    return out.getvalue()


@cache
def audio(kind: str) -> bytes:
    """A tenth of a second of a tone, in a format of libsndfile."""
    rate = 16_000
    wave = 0.3 * numpy.sin(2 * numpy.pi * 440 * numpy.arange(rate // 10) / rate)
    out = io.BytesIO()
    soundfile.write(out, wave, rate, format=kind, subtype=_SUBTYPES[kind])
    return out.getvalue()


def mp4() -> bytes:
    """The skeleton of an MP4 file with a sound track."""
    track = _box(b"trak", _box(b"mdia", _box(b"hdlr", bytes(8) + b"soun" + bytes(12))))
    return _box(b"ftyp", b"M4A " + bytes(4) + b"isommp42") + _box(b"mdat", bytes(64)) + _box(b"moov", track)


def _box(kind: bytes, body: bytes) -> bytes:
    return (8 + len(body)).to_bytes(4) + kind + body


@cache
def paper() -> bytes:
    """A PDF of two pages."""
    return pdf(2)


@cache
def files() -> dict[str, bytes]:
    """Every file, by name."""
    pictures = {
        "png": "PNG",
        "jpg": "JPEG",
        "gif": "GIF",
        "webp": "WEBP",
        "bmp": "BMP",
        "tiff": "TIFF",
        "avif": "AVIF",
    }
    sounds = {"wav": "WAV", "flac": "FLAC", "ogg": "OGG", "mp3": "MP3", "aiff": "AIFF"}
    return {
        **{f"a.{suffix}": image(kind) for suffix, kind in pictures.items()},
        **{f"a.{suffix}": audio(kind) for suffix, kind in sounds.items()},
        **{f"moving.{kind.lower()}": frames(kind, 3) for kind in ("GIF", "WEBP", "PNG")},
        "a.ico": image("ICO"),
        "a.m4a": mp4(),
        "a.pdf": paper(),
        "locked.pdf": pdf(1, owner="owner"),
        "a.docx": DOCX,
        "a.odt": ODT,
        "a.epub": EPUB,
        "a.rtf": rb"{\rtf1\ansi Hello.\par}",
        "a.html": b"<!doctype html><title>A page</title><p>Hello.",
        "a.csv": b"city,celsius\nParis,21\n",
        "a.json": b'{"city": "Paris", "celsius": 21}',
        "a.txt": TEXT,
        "a.md": MARKDOWN,
    }
