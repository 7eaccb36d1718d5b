"""The prompt of a run: words on the command line, piped text, or both, and images."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

import click

from lamella.content import Block, TextBlock
from lamella.messages import Message

__all__ = ["prompt_message", "read_prompt"]


def read_prompt(words: Sequence[str]) -> str:
    """The text of the prompt: the words, and under them what is piped in (``-`` reads it explicitly).

    :raises click.UsageError: there is neither.
    """
    text = " ".join(word for word in words if word != "-")
    piped = _read_stdin() if "-" in words or _is_piped() else ""
    prompt = "\n\n".join(part for part in (text, piped) if part.strip())
    if not prompt:
        raise click.UsageError("no prompt: give one, or pipe text in (lamella run -h)")
    return prompt


def _is_piped() -> bool:
    return sys.stdin is not None and not sys.stdin.closed and not sys.stdin.isatty()


def _read_stdin() -> str:
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    return sys.stdin.read().rstrip("\n")


def prompt_message(text: str, images: Sequence[Block]) -> Message:
    """The user message: the text, then the images."""
    return Message.user([TextBlock(text=text), *images])
