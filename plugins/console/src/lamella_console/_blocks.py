"""Markdown in pieces: which blocks of a text are finished while the text still comes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

import attrs
from markdown_it import MarkdownIt
from markdown_it.token import Token

__all__ = ["BlockReader", "MarkdownBlock"]

MarkdownBlock: TypeAlias = list[Token]
"""The tokens of one block of the outermost level."""

_ENDED_BY_BLANK: Final = ("paragraph_open", "heading_open", "hr", "table_open", "blockquote_open")
_BEGINNERS: Final = ("#", "```", "~~~")
_LOOKED_AT: Final = 80
"""Characters of a line that are looked at before the parser is asked."""
_TELLING: Final = 16
"""Characters of an unfinished line after which it is no longer open which block it begins: no marker is longer."""
_EFFORT: Final = 8
"""The parser reads at most this many times as many characters as came."""


@attrs.define
class _Line:
    """The line that comes: its beginning, and what was before it."""

    text: str = ""
    after_blank: bool = False

    def end(self) -> None:
        self.after_blank = not self.text.strip()
        self.text = ""


class BlockReader:
    """Takes a text piece by piece and gives its blocks once each, when nothing that follows can change them.

    The parser decides where a block ends; which lines are worth asking it at is a guess that costs nothing when wrong.
    The work is linear in the text: an endless list is not read again for each of its items. Raw HTML is text.
    """

    def __init__(self) -> None:
        # Link targets that are defined elsewhere would change text that is out already: they stay text.
        self._parser = (
            MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("reference")
        )
        self._pieces: list[str] = []
        self._line = _Line()
        self._fence = ""
        self._due = False
        self._kept = self._came = self._read = 0

    @property
    def rest(self) -> str:
        """The text of the blocks that are not finished."""
        self._pieces = ["".join(self._pieces)]
        return self._pieces[0]

    def feed(self, text: str) -> list[MarkdownBlock]:
        """The blocks that are finished now."""
        self._pieces.append(text)
        self._came += len(text)
        self._kept += len(text)
        told = self._look(text)
        if not self._due or not (told or "\n" in text):
            return []
        if self._read + self._kept > _EFFORT * self._came:
            return []
        rest = self.rest
        readable = rest if told else rest[: rest.rfind("\n") + 1]
        return self._cut(readable, rest)

    def finish(self) -> list[MarkdownBlock]:
        """The text is over: the blocks that are left."""
        rest = self.rest
        self._pieces, self._kept, self._line, self._fence, self._due = [], 0, _Line(), "", False
        return list(_grouped(self._parser.parse(rest)))

    def _look(self, text: str) -> bool:
        """Look at the lines; whether the last, unfinished one is long enough to say which block it begins."""
        first, *others = text.split("\n")
        was_short = len(self._line.text) < _TELLING or bool(others)
        self._line.text += first[:_LOOKED_AT]
        for line in others:
            self._due = self._due or self._worth_asking()
            self._line.end()
            self._line.text = line[:_LOOKED_AT]
        begins = self._line.after_blank and not self._line.text[:1].isspace() and not self._fence
        if begins and was_short and len(self._line.text) >= _TELLING:
            self._due = True
            return True
        return False

    def _worth_asking(self) -> bool:
        text = self._line.text
        if self._fence:
            return text.lstrip().startswith(self._fence)
        blank = not text.strip()
        return blank or text.startswith(_BEGINNERS) or (self._line.after_blank and not text[0].isspace())

    def _cut(self, readable: str, rest: str) -> list[MarkdownBlock]:
        """Ask the parser; keep what may go on."""
        self._due = False
        self._read += len(readable)
        blocks = list(_grouped(self._parser.parse(readable)))
        if not blocks:
            return []
        lines = readable.count("\n")
        last = blocks[-1][0]
        begin, end = last.map or (0, 0)
        if _is_over(last, complete=lines):
            cut, done, self._fence = end, blocks, ""
        else:
            cut, done, self._fence = begin, blocks[:-1], last.markup if last.type == "fence" else ""
        kept = rest[_offset(rest, cut) :]
        self._pieces, self._kept = [kept], len(kept)
        return done


def _is_over(token: Token, complete: int) -> bool:
    """Whether the last block of a text cannot go on; ``complete`` are the lines that have ended."""
    begin, end = token.map or (0, 0)
    if token.type == "fence":
        return end <= complete and token.content.count("\n") == end - begin - 2
    return end < complete and token.type in _ENDED_BY_BLANK


def _offset(text: str, line: int) -> int:
    """Where a line begins."""
    offset = 0
    for _ in range(line):
        offset = text.index("\n", offset) + 1
    return offset


def _grouped(tokens: list[Token]) -> Iterator[MarkdownBlock]:
    """The tokens, block by block."""
    block: MarkdownBlock = []
    depth = 0
    for token in tokens:
        block.append(token)
        depth += token.nesting
        if depth == 0:
            yield block
            block = []
