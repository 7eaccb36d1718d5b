"""The errors of the tool source, all worded alike."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from lamella import ConfigError
from lamella.errors import AgentToolCallError

__all__ = ["bad_arguments", "bad_setting", "nearest", "shortened"]


def bad_setting(message: str, cause: BaseException | None = None) -> ConfigError:
    """Something that the project can mend: a setting, or the document."""
    return ConfigError(f"the tool source openapi: {message}", cause=cause)


def bad_arguments(message: str) -> AgentToolCallError:
    """Something that the model can mend: the arguments of a call."""
    return AgentToolCallError(message, cause=ValueError(message))


def nearest(wanted: str, names: Iterable[str]) -> str:
    """``"; did you mean 'x'?"``, or the first of the names there are, or nothing."""
    known = list(names)
    if close := difflib.get_close_matches(wanted, known, n=1):
        return f"; did you mean {close[0]!r}?"
    return f"; it has {', '.join(known[:10])}{', …' if len(known) > 10 else ''}" if known else ""


def shortened(text: str, most: int) -> str:
    """A text for a message or a description, cut where it is too long."""
    return text if len(text) <= most else f"{text[: max(most - 1, 0)].rstrip()}…"
