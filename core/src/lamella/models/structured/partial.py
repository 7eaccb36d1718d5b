"""``Partial``: an answer that is still being written, as far as it has come."""

from __future__ import annotations

import importlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any, Final, Generic, Protocol, TypeVar, cast

from lamella._frozen import JSON, thaw
from lamella.errors import AgentInputError, ConfigError, OutputParserError
from lamella.events import (
    AttemptRollback,
    Event,
    MessageOutputDelta,
    ResponseDone,
    RunStreamEvent,
    ToolCallDelta,
)
from lamella.models.structured.output import OutputType, Reading, T
from lamella.runs import ExtractionRun, RunResult

__all__ = ["Partial", "PartialReader", "partials_of_run", "require_jiter"]

T_co = TypeVar("T_co", covariant=True)

_EAGER: Final = 4_096
"""Characters up to which every piece is looked at; beyond, only when a part as large as ``1 / _SHARE`` has come."""

_SHARE: Final = 32


class Partial(Generic[T]):
    """An answer so far. ``complete`` is true of the last one, whose ``value`` is the answer.

    ``data`` is the JSON so far, its last string as long as it is; ``attempt`` counts the tries from 1: with a
    new one the answer begins anew.
    """

    __slots__ = ("_output", "_value", "attempt", "complete", "data")

    def __init__(
        self, output: OutputType[T], data: JSON, *, attempt: int = 1, reading: Reading[T] | None = None
    ) -> None:
        self.data = data
        self.attempt = attempt
        self.complete = reading is not None
        self._output = output
        self._value: T | None = None if reading is None else reading.value
        if reading is not None:
            self._output = None  # type: ignore[assignment]  # nothing is left to read

    def __repr__(self) -> str:
        state = "complete" if self.complete else "so far"
        return f"<Partial {state}: {self.data!r:.100}>"

    @property
    def value(self) -> T | None:
        """The value so far: without the last items of lists that are not whole; ``None`` while required parts are missing.

        It is made when it is asked for, so that an answer that nobody looks at costs nothing.
        """
        if self._output is not None:
            output, self._output = self._output, None  # type: ignore[assignment]
            self._value = _value_so_far(output, self.data)
        return self._value


def _value_so_far(output: OutputType[T], data: JSON) -> T | None:
    for candidate in _trimmed(data):
        try:
            return output.read(candidate).value
        except OutputParserError:
            continue
    return None


def _trimmed(data: JSON) -> list[Any]:
    """The data, then the data without the last item of each list on its unfinished edge, the innermost first."""
    edges: list[list[str | int]] = []
    path: list[str | int] = []
    node: Any = data
    while node and isinstance(node, dict | list):
        if isinstance(node, list):
            edges.append(list(path))
            path.append(len(node) - 1)
            node = node[-1]
        else:
            last = next(reversed(node))
            path.append(last)
            node = node[last]
    return [data, *(_without_last(data, edge) for edge in reversed(edges))]


def _without_last(node: Any, path: list[str | int]) -> Any:
    if not path:
        return node[:-1]
    key, rest = path[0], path[1:]
    if isinstance(node, list):
        return [*node[:-1], _without_last(node[-1], rest)]
    return {**node, key: _without_last(node[key], rest)}


def require_jiter() -> Any:
    """The module ``jiter``, which reads unfinished JSON.

    :raises ConfigError: it is not installed.
    """
    try:
        return importlib.import_module("jiter")
    except ImportError as error:
        raise ConfigError(
            'streaming an unfinished structure needs jiter: pip install "lamella[partial]"; '
            "complete() needs nothing",
            cause=error,
        ) from error


class PartialReader(Generic[T]):
    """Feed it the events of a response; it says what the answer is so far, whenever that has changed.

    Reading costs no more than a constant times the length of the answer, however small its pieces are.

    :raises ConfigError: ``jiter`` is not installed.
    """

    def __init__(self, output: OutputType[T]) -> None:
        self._from_json = require_jiter().from_json
        self._output = output
        self._forget()
        self.attempt = 1

    def _forget(self) -> None:
        self._text = bytearray()
        self._call: str | None = None
        self._begun = False
        self._read = 0
        self._data: JSON = None

    def restart(self, attempt: int) -> None:
        """The answer begins anew."""
        self._forget()
        self.attempt = attempt

    def feed(self, event: Event) -> Partial[T] | None:
        """Take the next event; the answer so far, if it is another than before."""
        if isinstance(event, MessageOutputDelta):
            piece = event.delta if self._call is None else ""
        elif isinstance(event, ToolCallDelta) and event.name == self._output.name:
            piece = self._piece_of(event)
        elif isinstance(event, AttemptRollback):
            self._forget()
            return None
        else:
            return None
        self._text += piece.encode("utf-8", "replace")
        return self._look() if piece else None

    def _piece_of(self, event: ToolCallDelta) -> str:
        if self._call != event.call_id:
            self._forget()
            self._call = event.call_id
        return event.delta if isinstance(event.delta, str) else ""

    def _look(self) -> Partial[T] | None:
        length = len(self._text)
        if length > _EAGER and length - self._read < length // _SHARE:
            return None
        self._read = length
        if not self._begun and not self._begin():
            return None
        try:
            data = self._from_json(bytes(self._text), partial_mode="trailing-strings")
        except ValueError:  # words around the JSON; the whole answer is read by other means
            return None
        data = self._unwrapped(data)
        if data is None or data == self._data:
            return None
        self._data = data
        return Partial(self._output, data, attempt=self.attempt)

    def _begin(self) -> bool:
        """Leave out what stands before the first brace: words, a fence."""
        places = [place for place in (self._text.find(b"{"), self._text.find(b"[")) if place >= 0]
        if not places:
            return False
        del self._text[: min(places)]
        self._begun, self._read = True, 0
        return True

    def _unwrapped(self, data: Any) -> JSON:
        if self._output.wrapped and isinstance(data, Mapping):
            return cast("JSON", data.get("value"))
        return cast("JSON", data)


class _Run(Protocol[T_co]):
    """What is read of a run: its events, and what it came to."""

    @property
    def result(self) -> RunResult[T_co]: ...

    def __aiter__(self) -> AsyncIterator[RunStreamEvent]: ...


async def partials_of_run(run: _Run[T], output: OutputType[T] | None) -> AsyncGenerator[Partial[T], None]:
    """The answer of a run as it grows; the last is complete.

    :raises AgentInputError: there is no type to read it as.
    """
    if output is None:
        raise AgentInputError("only an agent with an output_type has partial values: Agent(…, output_type=…)")
    reader = PartialReader(output)
    async for envelope in run:
        if envelope.path:
            continue
        if isinstance(envelope.event, ResponseDone):
            reader.restart(reader.attempt + 1)
        elif (partial := reader.feed(envelope.event)) is not None:
            yield partial
    result = run.result
    json = result.run.result if isinstance(result.run, ExtractionRun) else None
    yield Partial(output, thaw(json), attempt=reader.attempt - 1, reading=Reading(result.value, json))
