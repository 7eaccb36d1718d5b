"""Base64 and ``data:`` URLs as they stand in requests, read without needless copies."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Final

__all__ = ["BASE64_URL", "data_url", "illegal_at", "unbase64"]

BASE64_URL: Final = "data:"

_ILLEGAL: Final = re.compile(r"[^A-Za-z0-9+/=\r\n]")


def unbase64(text: Any) -> bytes:
    """The bytes of standard base64, padded.

    :raises ValueError: it is none.
    """
    if not isinstance(text, str):
        raise ValueError(f"expected base64 text, got {type(text).__name__}")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error


def illegal_at(text: str) -> int:
    """Where base64 is wrong: at a character that it does not have, else at its end."""
    found = _ILLEGAL.search(text)
    return len(text) if found is None else found.start()


def data_url(url: str) -> tuple[str, str] | None:
    """The MIME type and the base64 text of ``data:{type};base64,…``; ``None`` for another form."""
    comma = url.find(",", 0, 400)
    if comma < 0 or url[:5].lower() != BASE64_URL:
        return None
    mime_type, _, encoding = url[5:comma].rpartition(";")
    if encoding.strip().lower() != "base64" or "/" not in mime_type:
        return None
    return mime_type, url[comma + 1 :]
