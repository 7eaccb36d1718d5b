"""Words to the user: results on standard output, everything else on standard error."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Sequence
from typing import Any, TextIO

import click

__all__ = ["drop_stdout", "error_line", "make_streams_safe", "notice", "write_json", "write_table"]


def make_streams_safe() -> None:
    """Let no character of any text stop the output: what the locale cannot spell becomes ``?``.

    A stream that the shell closed swallows what is written.
    """
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # lives as long as the process
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def notice(text: str) -> None:
    """A word beside the result."""
    click.echo(text, err=True)


def error_line(message: str, code: str) -> None:
    """An error and its stable code."""
    click.echo(f"{click.style('error:', fg='red', bold=True)} {message} [{code}]", err=True)


def write_json(value: Any, *, indent: int | None = 2, file: TextIO | None = None) -> None:
    """A JSON document on standard output, or in ``file``."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=indent), file=file)


def write_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Rows in aligned columns; the last column takes what it needs."""
    widths = [max(len(row[place]) for row in (headings, *rows)) for place in range(len(headings) - 1)]
    for number, row in enumerate((headings, *rows)):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        line = "  ".join([*cells, row[-1]]).rstrip()
        click.echo(click.style(line, bold=True) if number == 0 else line)


def drop_stdout() -> None:
    """Nobody reads: send what is still in the buffer to nowhere, so that the exit is quiet."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):  # replaced by something that is no file
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
