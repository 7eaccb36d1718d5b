"""Keeping secrets out of what is said: answers, errors, and the HTTP library's own log."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final
from urllib.parse import quote

__all__ = ["LogFilter", "Redaction", "secret_headers"]

_SHOWN: Final = "***"
_TELLING: Final = re.compile(r"auth|key|token|secret|cookie|password|session|credential|signature", re.I)
_KEYLIKE: Final = re.compile(r"[A-Za-z0-9_.+/=-]{20,}")
_SHORTEST: Final = 6
"""Shorter texts are no secrets, and are in many words."""


class Redaction:
    """Takes secrets out of texts. They are asked for each time: tokens change.

    :param secrets: gives all there are now.
    """

    def __init__(self, secrets: Callable[[], Iterable[str]]) -> None:
        self._secrets = secrets

    def __call__(self, text: str) -> str:
        forms = {form for secret in self._secrets() for form in (secret, quote(secret, safe=""))}
        for form in sorted(forms, key=len, reverse=True):
            if len(form) >= _SHORTEST:
                text = text.replace(form, _SHOWN)
        return text


def secret_headers(headers: Mapping[str, str]) -> list[str]:
    """The values that are secrets: by the header's name, or because only keys look so. Versions and dates are none."""
    return [text for name, text in headers.items() if _TELLING.search(name) or _KEYLIKE.fullmatch(text)]


class LogFilter(logging.Filter):
    """Takes secrets out of the lines that the HTTP library logs: they hold whole URLs."""

    def __init__(self, redaction: Redaction) -> None:
        super().__init__()
        self._redaction = redaction

    def filter(self, record: logging.LogRecord) -> bool:
        """Every record passes, redacted."""
        said = record.getMessage()
        hidden = self._redaction(said)
        if hidden != said:
            record.msg, record.args = hidden, None
        return True
