"""The prompt of a run: words on the command line, piped text, or both, and media."""

from __future__ import annotations

import io
import select
import sys
from collections.abc import Sequence
from typing import Final

import click

from lamella.content import Block, TextBlock
from lamella.messages import Message
from lamella_cli.output import notice

__all__ = ["prompt_message", "read_prompt"]

_PATIENCE: Final = 2.0
"""Seconds that a pipe beside a prompt may keep silent."""


def read_prompt(words: Sequence[str], *, stdin_taken: bool = False) -> str:
    """The text of the prompt: the words, and under them what is piped in.

    ``-``, or no words, waits for piped text. Beside words, a pipe that sends nothing for two seconds is left
    alone: whoever started the program may hold it open for ever.

    :param stdin_taken: whether what is piped in is a medium: then it is left alone.
    :raises click.UsageError: there is neither, or both the prompt and a medium are to be standard input.
    """
    if stdin_taken and "-" in words:
        raise click.UsageError(
            "standard input can be read once: it is the prompt, or an image, audio or document"
        )
    text = " ".join(word for word in words if word != "-")
    wanted = not stdin_taken and ("-" in words or (_is_piped() and (not text or _sends())))
    piped = _read_stdin() if wanted else ""
    prompt = "\n\n".join(part for part in (text, piped) if part.strip())
    if not prompt:
        raise click.UsageError("no prompt: give one, or pipe text in (lamella run -h)")
    return prompt


def _is_piped() -> bool:
    return sys.stdin is not None and not sys.stdin.closed and not sys.stdin.isatty()


def _sends() -> bool:
    """Whether text, or the end, comes from standard input in time."""
    try:
        number = sys.stdin.fileno()
        ready = bool(select.select([number], [], [], _PATIENCE)[0])
    except (OSError, ValueError):  # not a file of the system, or one that cannot be waited for
        return True
    if not ready:
        notice("standard input is open but sends nothing, so it is not read; add - to wait for it")
    return ready


def _read_stdin() -> str:
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    return sys.stdin.read().rstrip("\n")


def prompt_message(text: str, media: Sequence[Block]) -> Message:
    """The user message: the text, then the media."""
    return Message.user([TextBlock(text=text), *media])
