"""Reads ``.env`` files: the syntax of python-dotenv, without its interpolation.

``NAME=value``, an optional ``export``, comments, single quotes (``\\'`` and ``\\\\`` are escapes), double
quotes (with the escapes of C), and quoted values of several lines. ``$`` means nothing special.
"""

from __future__ import annotations

import codecs
import logging
import re
from pathlib import Path
from typing import Final

from lamella.errors import ConfigError

__all__ = ["parse_dotenv", "read_dotenv"]

_LEAD: Final = re.compile(r"\s*")
_EXPORT: Final = re.compile(r"(?:export[^\S\r\n]+)?")
_QUOTED_KEY: Final = re.compile(r"'([^']+)'")
_KEY: Final = re.compile(r"([^=\#\s]+)")
_SPACE: Final = re.compile(r"[^\S\r\n]*")
_EQUALS: Final = re.compile(r"=([^\S\r\n]*)")
_SINGLE: Final = re.compile(r"'((?:\\.|[^'\\])*)'", re.DOTALL)
_DOUBLE: Final = re.compile(r'"((?:\\.|[^"\\])*)"', re.DOTALL)
_BARE: Final = re.compile(r"([^\r\n]*)")
_END: Final = re.compile(r"(?:[^\S\r\n]*#[^\r\n]*)?[^\S\r\n]*(?:\r\n|\n|\r|$)")
_REST: Final = re.compile(r"[^\r\n]*(?:\r|\n|\r\n)?")
_NEWLINE: Final = re.compile(r"\r\n|\n|\r")
_SINGLE_ESCAPE: Final = re.compile(r"\\[\\']")
_DOUBLE_ESCAPE: Final = re.compile(r"\\[\\'\"abfnrtv]")

_logger = logging.getLogger("lamella.config")


def read_dotenv(path: Path) -> dict[str, str]:
    """The variables of a ``.env`` file; none when there is no file.

    :raises ConfigError: the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):  # a virtual environment may be .env/
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", cause=error) from error
    return parse_dotenv(text, where=str(path))


def parse_dotenv(text: str, where: str = ".env") -> dict[str, str]:
    """The variables in the text of a ``.env`` file; of several with one name the last, a name alone unset.

    A line that is no binding is skipped with a warning that names it, and not its content.
    """
    reader = _Reader(text.removeprefix("\ufeff"))
    found: dict[str, str | None] = {}
    while not reader.ended:
        try:
            binding = _binding(reader)
        except _NoMatchError:
            _logger.warning("%s, line %d: not NAME=value; the line is skipped", where, reader.line)
            reader.take(_REST)
            continue
        if binding is not None:
            found[binding[0]] = binding[1]
    return {name: value for name, value in found.items() if value is not None}


class _NoMatchError(Exception):
    """What stands here is not what must follow."""


class _Reader:
    """A text and a place in it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0

    @property
    def ended(self) -> bool:
        return self._position >= len(self._text)

    @property
    def line(self) -> int:
        return 1 + len(_NEWLINE.findall(self._text, 0, self._position))

    def peek(self) -> str:
        return self._text[self._position : self._position + 1]

    def take(self, pattern: re.Pattern[str]) -> str:
        """Read what matches: its group, if the pattern has one."""
        match = pattern.match(self._text, self._position)
        if match is None:
            raise _NoMatchError
        self._position = match.end()
        return match[pattern.groups]


def _binding(reader: _Reader) -> tuple[str, str | None] | None:
    """The next name and its value (none, for a name alone); ``None`` for a comment, or the end."""
    reader.take(_LEAD)
    if reader.ended:
        return None
    reader.take(_EXPORT)
    if reader.peek() == "#":
        reader.take(_END)
        return None
    name = reader.take(_QUOTED_KEY if reader.peek() == "'" else _KEY)
    reader.take(_SPACE)
    value = _value(reader) if reader.peek() == "=" else None
    reader.take(_END)
    return name, value


def _value(reader: _Reader) -> str:
    space = reader.take(_EQUALS)
    if reader.peek() == "'":
        return _unescape(_SINGLE_ESCAPE, reader.take(_SINGLE))
    if reader.peek() == '"':
        return _unescape(_DOUBLE_ESCAPE, reader.take(_DOUBLE))
    if space and reader.peek() == "#":
        return ""
    return re.sub(r"\s+#.*", "", reader.take(_BARE)).rstrip()


def _unescape(escapes: re.Pattern[str], text: str) -> str:
    return escapes.sub(lambda match: codecs.decode(match[0], "unicode-escape"), text)
