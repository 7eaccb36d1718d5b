"""A run's answer and tool calls as running text, for terminals and logs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from lamella._json import dumps, parse_object
from lamella.events import (
    AttemptRollback,
    Event,
    MessageOutputDelta,
    MessageOutputDone,
    ResponseDone,
    RunStreamEvent,
    StreamEnd,
    StreamError,
    ToolCallDelta,
    ToolCallDone,
)

__all__ = ["TextRenderer", "render_events"]


def render_events(events: Iterable[Event | RunStreamEvent]) -> Iterator[str]:
    """Render events (or their envelopes) piece by piece; the pieces joined are the text."""
    renderer = TextRenderer()
    for event in events:
        if piece := renderer.feed(event.event if isinstance(event, RunStreamEvent) else event):
            yield piece
    if piece := renderer.finish():
        yield piece


class TextRenderer:
    """Renders text as it comes and each call as ``name(``, its raw argument fragments, ``)`` and a newline.

    One thing is rendered live at a time: while a call is open, fragments of other calls and text wait,
    so that interleaved calls come out whole, one after the other. Between text and a call stands an
    empty line, which is no part of the message. Tool outputs, reasoning and progress are not rendered.
    """

    def __init__(self) -> None:
        self._queue: deque[_Part] = deque()
        self._calls: dict[str, _Part] = {}
        self._streamed = False
        self._after_text = False
        self._mid_line = False

    def feed(self, event: Event) -> str:
        """Take the next event; return what it adds to the rendering, often nothing."""
        if isinstance(event, MessageOutputDelta):
            self._streamed = True
            self._feed_text(event.delta)
        elif isinstance(event, MessageOutputDone):
            if not self._streamed:
                self._feed_text(event.output)
            self._streamed = False
        elif isinstance(event, ToolCallDelta):
            self._call(event.call_id, event.name).feed(_fragment(event.delta))
        elif isinstance(event, ToolCallDone):
            self._finish_call(event)
        elif isinstance(event, AttemptRollback):
            return self._take_back()
        elif isinstance(event, ResponseDone | StreamEnd | StreamError):
            return self.finish()
        return self._drain()

    def finish(self) -> str:
        """Close the calls that are open and return what waited; feeding may go on."""
        for part in self._calls.values():
            part.done = True
        self._calls.clear()
        self._streamed = False
        return self._drain()

    def _feed_text(self, text: str) -> None:
        if not text:
            return
        if not self._queue or self._queue[-1].is_call:
            self._queue.append(_Part())
        self._queue[-1].feed(text)

    def _call(self, call_id: str, name: str) -> _Part:
        part = self._calls.get(call_id)
        if part is None:
            part = self._calls[call_id] = _Part(name)
            self._queue.append(part)
        return part

    def _finish_call(self, event: ToolCallDone) -> None:
        part = self._call(event.call_id, event.name)
        if not part.received:
            part.feed(event.arguments_json)
        part.done = True
        del self._calls[event.call_id]

    def _drain(self) -> str:
        """Render the first part, and go on to the next while the first is complete."""
        out: list[str] = []
        while self._queue:
            part = self._queue[0]
            if part.is_call and not part.begun:
                out.append("\n\n" if self._after_text else "")
            out.append(part.take())
            self._after_text = not part.is_call
            if not part.is_complete(followed=len(self._queue) > 1):
                break
            if part.is_call:
                out.append(")\n")
            self._queue.popleft()
        rendered = "".join(out)
        if rendered:
            self._mid_line = not rendered.endswith("\n")
        return rendered

    def _take_back(self) -> str:
        """What was shown stays; what waited is dropped, and what follows begins on a line of its own."""
        self._queue.clear()
        self._calls.clear()
        self._streamed = self._after_text = False
        ending = "\n" if self._mid_line else ""
        self._mid_line = False
        return ending


class _Part:
    """A run of text, or a call (``name`` is set): what was received and what is not yet shown of it."""

    def __init__(self, name: str | None = None) -> None:
        self.name = name
        self.begun = self.done = False
        self.received: list[str] = []
        self._shown = self._parsed = 0
        self._whole = False

    @property
    def is_call(self) -> bool:
        return self.name is not None

    def feed(self, text: str) -> None:
        if text:
            self.received.append(text)

    def take(self) -> str:
        opening = f"{self.name}(" if self.is_call and not self.begun else ""
        self.begun = True
        fresh = "".join(self.received[self._shown :])
        self._shown = len(self.received)
        return opening + fresh

    def is_complete(self, *, followed: bool) -> bool:
        """Whether the next part may begin. A call whose arguments are whole need not wait for its end."""
        if self.done or not self.is_call:
            return self.done or followed
        return followed and self._is_whole()

    def _is_whole(self) -> bool:
        if self._parsed != len(self.received):  # parsed again only when there is more to parse
            self._parsed = len(self.received)
            self._whole = parse_object("".join(self.received)) is not None
        return self._whole


def _fragment(delta: str | Mapping[str, object]) -> str:
    return delta if isinstance(delta, str) else dumps(delta)
