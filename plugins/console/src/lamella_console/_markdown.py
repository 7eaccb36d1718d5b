"""One block of Markdown as the rows that a terminal shows, by rich.

Two things differ from rich's own: code keeps its text (no padding, no breaking of lines, so that it can be copied),
and links and images show where they lead in place of hiding it in a control sequence.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator, Sequence
from itertools import dropwhile
from typing import Any, ClassVar, Final, TypeAlias

from markdown_it.token import Token
from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import (
    CodeBlock,
    Heading,
    HorizontalRule,
    Markdown,
    MarkdownElement,
    Paragraph,
    TableElement,
)
from rich.rule import Rule
from rich.segment import Segment
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

__all__ = ["Row", "rows_of"]

Row: TypeAlias = list[Segment]

_THEME: Final = "ansi_dark"
"""The terminal's own colours."""
_NESTING: Final = 100
"""Cells that lists and quotes around code may take, beside the code."""
_WIDEST_CODE: Final = 400
"""Cells of a line of code inside of a list or quote; longer ones are broken there."""


def rows_of(block: Sequence[Token], console: Console, width: int) -> list[Row]:
    """The rows of a block, at most ``width`` cells wide but for code; neither padded nor empty around."""
    first = block[0]
    if first.type in ("fence", "code_block"):
        code = _highlighted(first.content.removesuffix("\n"), _language(first.info))
        return [list(line.render(console)) for line in code.split("\n", allow_blank=True)]
    widest = max(map(_code_width, block))
    excess = max(0, min(widest, _WIDEST_CODE) + _NESTING - width) if widest else 0
    options = console.options.update(width=width + excess, height=None)
    rows = [_trimmed(row) for row in console.render_lines(_Block.of(block, excess), options, pad=False)]
    while rows and not rows[-1]:
        rows.pop()
    return list(dropwhile(lambda row: not row, rows))


def _code_width(token: Token) -> int:
    if token.type not in ("fence", "code_block"):
        return 0
    return max(map(cell_len, token.content.split("\n")))


def _trimmed(row: Row) -> Row:
    """Without the spaces that fill a row."""
    kept = list(row)
    while kept and not kept[-1].text.strip(" \n"):
        kept.pop()
    if kept:
        kept[-1] = Segment(kept[-1].text.rstrip(" \n"), kept[-1].style)
    return kept


def _language(info: str) -> str:
    return info.split(maxsplit=1)[0] if info.strip() else ""


def _highlighted(code: str, language: str) -> Text:
    """The code in colours; plain where no lexer knows it, or one does not keep it as it is."""
    if not language:
        return Text(code)
    text = Syntax("", language, theme=_THEME, background_color="default").highlight(code)
    if text.plain == f"{code}\n":
        text.right_crop(1)
    return text if text.plain == code else Text(code)


# -- links and images -----------------------------------------------------------------------------


def _with_targets(token: Token) -> Token:
    """The token with links and images as text that names their targets."""
    if token.type == "inline" and token.children:
        token.children = list(_named(token.children))
    return token


def _named(tokens: Sequence[Token]) -> Iterator[Token]:
    targets: list[tuple[str, list[str]]] = []
    for token in tokens:
        if token.type == "link_open":
            targets.append((str(token.attrs.get("href", "")), []))
        elif token.type == "link_close":
            target, words = targets.pop()
            if target not in ("".join(words), f"mailto:{''.join(words)}"):
                yield _text(f" ({target})")
        else:
            shown = _text(_image(token)) if token.type == "image" else token
            if targets:
                targets[-1][1].append(shown.content)
            yield shown


def _image(token: Token) -> str:
    source = str(token.attrs.get("src", ""))
    return f"{token.content} ({source})" if token.content else source


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)


# -- rich's elements ------------------------------------------------------------------------------


class _Wrapped(MarkdownElement):
    """An element that keeps to the width of the text where its block is as wide as its code."""

    excess = 0

    @classmethod
    def create(cls, markdown: Markdown, token: Token) -> Any:
        element = super().create(markdown, token)
        assert isinstance(element, _Wrapped)
        assert isinstance(markdown, _Block)
        element.excess = markdown.excess
        return element

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        narrowed = options.update(width=max(1, options.max_width - self.excess))
        for part in self.parts(console, narrowed):
            yield from console.render(part, narrowed)

    def parts(self, console: Console, options: ConsoleOptions) -> Any:
        """What rich makes of it."""
        return super().__rich_console__(console, options)


class _Paragraph(_Wrapped, Paragraph): ...


class _Table(_Wrapped, TableElement):
    def parts(self, console: Console, options: ConsoleOptions) -> Any:
        """Without a frame."""
        table = Table(
            box=box.SIMPLE,
            show_edge=False,
            pad_edge=False,
            style=console.get_style("markdown.table.border", default="none"),
        )
        for cell in self.header.row.cells if self.header is not None and self.header.row is not None else ():
            heading = cell.content.copy()
            heading.stylize(console.get_style("markdown.table.header", default="bold"))
            table.add_column(heading, justify="right" if cell.content.justify == "right" else "left")
        for row in self.body.rows if self.body is not None else ():
            table.add_row(*(cell.content for cell in row.cells))
        return [table]


class _Rule(_Wrapped, HorizontalRule):
    def parts(self, console: Console, options: ConsoleOptions) -> Any:
        """A line."""
        return [Rule(style=console.get_style("markdown.hr", default="none"))]


class _Heading(_Wrapped, Heading):
    def parts(self, console: Console, options: ConsoleOptions) -> Any:
        """At the left, without a frame."""
        return [self.text]


class _Code(CodeBlock):
    """Code inside of lists and quotes; ``rows_of`` writes that of the outermost level."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        code = _highlighted(str(self.text).removesuffix("\n"), self.lexer_name)
        code.overflow = "fold"
        yield code


class _Block(Markdown):
    """Tokens that were parsed already. ``excess`` is how much wider than its text a block is for its code."""

    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "paragraph_open": _Paragraph,
        "heading_open": _Heading,
        "hr": _Rule,
        "table_open": _Table,
        "fence": _Code,
        "code_block": _Code,
    }

    excess = 0

    @classmethod
    def of(cls, tokens: Sequence[Token], excess: int) -> _Block:
        """A copy of one that is made once: rich makes a parser for each."""
        block = copy.copy(_empty())
        block.parsed = [_with_targets(token) for token in tokens]
        block.excess = excess
        return block


@functools.cache
def _empty() -> _Block:
    return _Block("", hyperlinks=False)
