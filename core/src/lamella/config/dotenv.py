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

_BINDING: Final = re.compile(
    r"""
    \s*(?:export[^\S\r\n]+)?
    (?:'(?P<quoted_key>[^']+)'|(?P<key>[^=\#\s]+))[^\S\r\n]*
    (?:
        =(?P<space>[^\S\r\n]*)
        (?:
            '(?P<single>(?:\\.|[^'\\])*)'
          | "(?P<double>(?:\\.|[^"\\])*)"
          | (?P<bare>(?!['"])[^\r\n]*)
        )
    )?
    (?:[^\S\r\n]*\#[^\r\n]*)?[^\S\r\n]*(?:\r\n|\n|\r|$)
    """,
    re.VERBOSE | re.DOTALL,
)
_BLANK: Final = re.compile(r"\s*(?:\#[^\r\n]*(?:\r\n|\n|\r|$)|$)")
_LINE: Final = re.compile(r"\s*[^\r\n]*(?:\r\n|\n|\r)?")
_NEWLINE: Final = re.compile(r"\r\n|\n|\r")
_DOUBLE_ESCAPE: Final = re.compile(r"\\[\\'\"abfnrtv]")
_SINGLE_ESCAPE: Final = re.compile(r"\\[\\']")

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
    """The variables in the text of a ``.env`` file; of several with one name the last.

    A line that is no binding is skipped with a warning that names it, and not its content.
    """
    text = text.removeprefix("\ufeff")
    found: dict[str, str] = {}
    position = 0
    while position < len(text):
        blank = _BLANK.match(text, position)
        if blank is not None:
            position = blank.end()
            continue
        binding = _BINDING.match(text, position)
        if binding is None:
            position = _skip(text, position, where)
            continue
        position = binding.end()
        value = _value(binding)
        if value is not None:
            found[binding["quoted_key"] or binding["key"]] = value
    return found


def _skip(text: str, position: int, where: str) -> int:
    line = _LINE.match(text, position)
    assert line is not None  # it matches anything
    start = line.end() - len(line[0].lstrip())
    number = 1 + len(_NEWLINE.findall(text, 0, start))
    _logger.warning("%s, line %d: not NAME=value; the line is skipped", where, number)
    return max(line.end(), position + 1)


def _value(binding: re.Match[str]) -> str | None:
    if binding["single"] is not None:
        return _unescape(_SINGLE_ESCAPE, binding["single"])
    if binding["double"] is not None:
        return _unescape(_DOUBLE_ESCAPE, binding["double"])
    bare = binding["bare"]
    if bare is None:
        return None  # a name alone sets nothing
    if binding["space"] and bare.startswith("#"):
        return ""
    return re.sub(r"\s+#.*", "", bare).rstrip()


def _unescape(escapes: re.Pattern[str], text: str) -> str:
    return escapes.sub(lambda match: codecs.decode(match[0], "unicode-escape"), text)
