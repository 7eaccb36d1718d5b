"""The limits that hold unless a project sets others."""

from __future__ import annotations

from typing import Final

TIMEOUT: Final = 30.0
"""Seconds for one call, and for fetching the document."""

MAX_DOCUMENT_BYTES: Final = 64 * 2**20
"""Of the document and all files it refers to, together."""

MAX_RESPONSE_BYTES: Final = 8 * 2**20
MAX_RESULT_CHARS: Final = 50_000
MAX_ERROR_CHARS: Final = 2_000
MAX_DESCRIPTION_CHARS: Final = 1_000

MAX_NAME_CHARS: Final = 48
"""Vendors take 64; the rest is for the prefix that keeps the tools of two services apart."""
