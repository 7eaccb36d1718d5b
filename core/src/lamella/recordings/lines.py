"""Stored runs as lines of JSON, one event a line: the form in which they go from store to store.

It is the form of the ``jsonl`` store's files: such a file is an export of its run, and files put together are one of
several.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NoReturn

import attrs

from lamella.errors import AgentSerializationError, LamellaError
from lamella.events import RunStreamEvent, StreamEnd, StreamError
from lamella.running_text import RunningText
from lamella.serial import from_dict
from lamella.serial.stored import stored_form

__all__ = ["TornLine", "export_lines", "import_lines", "read_runs"]

_log = logging.getLogger(__name__)

_MARK: Final = b"\xef\xbb\xbf"
"""What some editors put before the first line."""


@attrs.frozen
class TornLine:
    """A last line that was cut short: its number, counted from 1, and how many bytes of it are there."""

    line: int
    length: int


def export_lines(events: Iterable[RunStreamEvent]) -> Iterator[bytes]:
    """The events of one or more runs as lines, each with its end. Nothing is left out but the payloads of deltas.

    :raises AgentSerializationError: an event has no stored form.
    """
    return (_encoded(stored_form(envelope)) + b"\n" for envelope in events)


def import_lines(
    pieces: Iterable[bytes | str], *, on_torn: Callable[[TornLine], None] | None = None
) -> list[tuple[RunStreamEvent, ...]]:
    """The runs of exported lines, all at once; see :func:`read_runs`."""
    return list(read_runs(pieces, on_torn=on_torn))


def read_runs(
    pieces: Iterable[bytes | str], *, on_torn: Callable[[TornLine], None] | None = None
) -> Iterator[tuple[RunStreamEvent, ...]]:
    """The runs of exported lines, each as soon as its last event was read; those that have no last one at the end.

    The lines of several runs may be mixed. What is held in memory are the runs that have begun and not ended: one,
    where they stand one after the other. Events and fields of a newer release survive.

    :param pieces: the lines, cut anywhere: an open file, or chunks of one.
    :param on_torn: told of a last line that was cut short, as a crash leaves it. It is left out, with a warning in the
        log where nobody is told.
    :raises AgentSerializationError: a line is no stored event, or is not in the order of its run; ``context["line"]``
        is its number.
    """
    reading = _Reading()
    torn: TornLine | None = None
    for number, line, whole in _numbered(pieces):
        if not line.strip():
            continue
        document = _object(line)
        if document is not None:
            run = reading.take(document, number)
            if run is not None:
                yield run
        elif whole:
            _refuse(number, "is no stored event (expected a JSON object)")
        else:
            torn = TornLine(number, len(line))
    if torn is not None:
        _report(torn, on_torn)
    yield from reading.rest()


class _Reading:
    """The runs that have begun."""

    def __init__(self) -> None:
        self._runs: dict[str, list[RunStreamEvent]] = {}
        self._texts: dict[str, RunningText] = {}
        self._ended: set[str] = set()

    def take(self, document: dict[str, Any], number: int) -> tuple[RunStreamEvent, ...] | None:
        """Take the next event; the run that it ends."""
        envelope = _envelope(document, number)
        run_id = envelope.run_id
        events = self._runs.setdefault(run_id, [])
        self._check_order(events, envelope, number)
        if events and events[-1].seq == envelope.seq:
            return None  # written twice
        mark = self._texts.setdefault(run_id, RunningText()).feed(envelope.path, envelope.event)
        events.append(attrs.evolve(envelope, text=mark))
        if not isinstance(envelope.event, StreamEnd | StreamError):
            return None
        del self._texts[run_id]
        self._ended.add(run_id)
        return tuple(self._runs.pop(run_id))

    def rest(self) -> Iterator[tuple[RunStreamEvent, ...]]:
        """The runs that did not end."""
        while self._runs:
            yield tuple(self._runs.pop(next(iter(self._runs))))

    def _check_order(self, events: list[RunStreamEvent], envelope: RunStreamEvent, number: int) -> None:
        name = f"event {envelope.seq} of run {envelope.run_id}"
        if not events:
            if envelope.seq and envelope.run_id in self._ended:
                _refuse(number, f"holds {name}, after the run's last one")
            return
        last = events[-1]
        if envelope.seq < last.seq:
            _refuse(number, f"holds {name}, after event {last.seq}; the lines are not in order")
        if envelope.seq == last.seq and attrs.evolve(last, text=None) != envelope:
            _refuse(number, f"holds {name} a second time, and another one")


def _envelope(document: dict[str, Any], number: int) -> RunStreamEvent:
    try:
        return from_dict(document, RunStreamEvent, unknown="keep")
    except LamellaError as error:
        _refuse(number, f"is no stored event: {error.message}", error)


def _refuse(number: int, what: str, cause: Exception | None = None) -> NoReturn:
    raise AgentSerializationError(
        f"line {number} {what}; take the line out to read the rest", cause=cause, context={"line": number}
    ) from cause


def _report(torn: TornLine, on_torn: Callable[[TornLine], None] | None) -> None:
    if on_torn is None:
        _log.warning("line %d is torn (%d bytes) and was left out", torn.line, torn.length)
    else:
        on_torn(torn)


def _numbered(pieces: Iterable[bytes | str]) -> Iterator[tuple[int, bytes, bool]]:
    """The lines with their numbers, and whether each has its end."""
    held: list[bytes] = []
    number = 1
    for piece in pieces:
        first, *others = _bytes(piece).split(b"\n")
        held.append(first)
        for following in others:
            yield number, _line(held, number), True
            held = [following]
            number += 1
    if any(held):
        yield number, _line(held, number), False


def _bytes(piece: bytes | str) -> bytes:
    return piece.encode("utf-8", "surrogatepass") if isinstance(piece, str) else piece


def _line(held: list[bytes], number: int) -> bytes:
    line = b"".join(held)
    return line.removeprefix(_MARK) if number == 1 else line


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _encoded(document: dict[str, Any]) -> bytes:
    try:
        return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except UnicodeEncodeError:  # a lone surrogate has no UTF-8 form, but an escaped one
        return json.dumps(document, separators=(",", ":"), allow_nan=False).encode("ascii")
