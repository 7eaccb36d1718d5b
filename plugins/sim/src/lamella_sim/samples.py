"""Small media for scripts, made in code and real: any library that reads the format reads them."""

from __future__ import annotations

import io
import struct
import wave
import zlib
from typing import Final

__all__ = ["SAMPLES", "red_png", "short_pdf", "silent_wav"]

_SIDE: Final = 8
_RATE: Final = 24_000


def red_png() -> bytes:
    """A red square of 8 by 8 pixels."""
    row = b"\x00" + b"\xff\x00\x00" * _SIDE
    header = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(row * _SIDE, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def silent_wav() -> bytes:
    """A tenth of a second of silence: mono, 16 bit, 24 kHz, as OpenAI and Gemini speak."""
    held = io.BytesIO()
    with wave.open(held, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(_RATE)
        sound.writeframes(bytes(2 * (_RATE // 10)))
    return held.getvalue()


def short_pdf() -> bytes:
    """One page that says "Simulated"."""
    text = b"BT /F1 24 Tf 40 100 Td (Simulated) Tj ET"
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    written, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    count = len(objects) + 1
    tail = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, len(written))
    return written + b"xref\n0 %d\n0000000000 65535 f \n" % count + table + tail


SAMPLES: Final = {"image": red_png, "audio": silent_wav, "document": short_pdf}
"""What a step of a kind makes where its script gives no bytes."""
