"""Text and JSON that every database takes: NUL and lone surrogates get an escape, and come back as they were.

PostgreSQL has no NUL in text, and UTF-8 has no lone surrogates. Each such character, and the one that marks
them (U+001A, SUBSTITUTE), is written as U+001A and its four hexadecimal digits.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from lamella.errors import AgentSerializationError

__all__ = ["decode_json", "encode_json", "encode_path", "decode_path", "readable", "restored", "settled"]

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_UNSAFE: Final = re.compile("[\x00\x1a\ud800-\udfff]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_MARKED: Final = re.compile("\x1a([0-9a-f]{4})")
_JSON_ESCAPE: Final = re.compile(r"\\(?:u[0-9a-f]{4}|.)")
_JSON_MARKED: Final = re.compile(r"\\u001a([0-9a-f]{4})|\\.")
_CONTROL: Final = ("\\u0000", "\\u001a")


def readable(text: str) -> str:
    """Text as it is stored."""
    if _UNSAFE.search(text) is None:
        return text
    return _UNSAFE.sub(lambda match: f"\x1a{ord(match[0]):04x}", text)


def restored(text: str) -> str:
    """Stored text as it was."""
    if "\x1a" not in text:
        return text
    return _MARKED.sub(lambda match: chr(int(match[1], 16)), text)


def encode_json(value: Any) -> str:
    """JSON as it is stored: on one line, keys in their order, floats exact.

    :raises AgentSerializationError: JSON cannot hold it.
    """
    try:
        text = _ENCODER.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise AgentSerializationError(f"cannot be stored as JSON: {error}", cause=error) from error
    return settled(text)


def settled(text: str) -> str:
    """JSON text that holds no character that a database refuses."""
    if "\\u00" in text:
        text = _JSON_ESCAPE.sub(_mark_control, text)
    if not text.isascii() and _SURROGATE.search(text) is not None:
        text = _SURROGATE.sub(lambda match: f"\\u001a{ord(match[0]):04x}", text)
    return text


def decode_json(text: str) -> Any:
    """Stored JSON as it was.

    :raises ValueError: it is no JSON.
    """
    if "\\u001a" in text:
        text = _JSON_MARKED.sub(_unmark, text)
    return json.loads(text)


def _mark_control(match: re.Match[str]) -> str:
    return f"\\u001a{match[0][2:]}" if match[0] in _CONTROL else match[0]


def _unmark(match: re.Match[str]) -> str:
    digits = match[1]
    if digits is None:
        return match[0]
    # A surrogate stands for itself: two escaped ones in a row would be read as one character.
    return f"\\u{digits}" if digits in ("0000", "001a") else chr(int(digits, 16))


def encode_path(path: tuple[str, ...]) -> str:
    """The path of a nested agent as a JSON pointer: empty for the run's own."""
    if not path:
        return ""
    return "".join("/" + readable(part).replace("~", "~0").replace("/", "~1") for part in path)


def decode_path(text: str) -> list[str]:
    """A stored path as it was."""
    if not text:
        return []
    return [restored(part.replace("~1", "/").replace("~0", "~")) for part in text[1:].split("/")]
