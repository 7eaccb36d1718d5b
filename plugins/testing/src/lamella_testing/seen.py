"""What can be seen from outside: log records and the texts of errors, where a secret must not be."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["logged", "text_of_error"]


class _Lines(logging.Handler):
    """Keeps what is logged, with tracebacks."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.lines.append(f"{self.format(record)} {vars(record)!r}")


@contextmanager
def logged() -> Iterator[list[str]]:
    """Everything that is logged inside of the ``with`` block, at any level: text, traceback and attributes."""
    root, lines = logging.getLogger(), _Lines()
    level = root.level
    root.addHandler(lines)
    root.setLevel(logging.DEBUG)
    try:
        yield lines.lines
    finally:
        root.removeHandler(lines)
        root.setLevel(level)


def text_of_error(error: BaseException | None) -> str:
    """What an error and its causes say."""
    texts: list[str] = []
    while error is not None and len(texts) < 20:
        texts.append(f"{error} {error!r} {getattr(error, 'context', '')}")
        hidden = None if error.__suppress_context__ else error.__context__
        error = getattr(error, "cause", None) or error.__cause__ or hidden
    return "\n".join(texts)
