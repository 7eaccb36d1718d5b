"""Base64 with little memory: the text, and nothing as large beside it."""

from __future__ import annotations

import binascii
from typing import Final

__all__ = ["from_base64", "to_base64"]

_PIECE: Final = 3 * (1 << 18)  # bytes; whole groups of three, so that pieces can be joined


def to_base64(data: bytes, prefix: str = "") -> str:
    """The bytes in base64, behind ``prefix``; besides the text itself only a piece of it is held."""
    if len(data) <= _PIECE:
        return prefix + binascii.b2a_base64(data, newline=False).decode("ascii")
    view = memoryview(data)
    text = prefix
    for start in range(0, len(view), _PIECE):
        # Grows in place: joining pieces, or StringIO, would hold the whole text twice.
        text += binascii.b2a_base64(view[start : start + _PIECE], newline=False).decode("ascii")
    return text


def from_base64(text: str) -> bytes:
    """The bytes of base64 text, without a copy of the text.

    :raises ValueError: it is no base64: other characters, wrong padding, or anything behind the padding.
    """
    return binascii.a2b_base64(text, strict_mode=True)
