"""``ConsoleSink``: shows runs in a terminal while they happen."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TextIO, get_args

from lamella.errors import ConfigError
from lamella.events import RunStreamEvent, StreamEnd, StreamError
from lamella_console._gallery import Gallery
from lamella_console._output import Output
from lamella_console._page import Page, Speaker
from lamella_console._queue import TurnQueue
from lamella_console._view import AgentView
from lamella_console.pictures import require_pillow
from lamella_console.settings import Color, Images, Notes, Stream
from lamella_console.summary import Tally

__all__ = ["ConsoleSink"]


class ConsoleSink:
    """Writes a run as text: the answer as it comes, tool calls and results, reasoning, nested agents,
    approvals, progress, errors, and a last line with tokens, cost and time.

    Each piece is written once, so time and output grow with the text. Text is never read as markup and
    its control characters never reach the terminal. Where agents talk at once, one finishes its block
    before the next is shown.

    :param color: ``"auto"`` (a terminal, and no ``NO_COLOR``), ``"always"`` or ``"never"``.
    :param stream: where the answer goes: ``"stdout"``, ``"stderr"`` or a text file.
    :param notes: where all else goes but errors, which always go to standard error when ``stream`` is no file.
    :param tool_result_width: results are cut to this many characters, 0 shows them whole.
    :param reasoning: whether reasoning is shown.
    :param images: whether images are drawn: ``"auto"`` (in a terminal that says that it can), ``"always"`` (in
        any terminal) or ``"never"``; needs Pillow. Each is also a line that says what it is.
    :raises ConfigError: a value that does not exist, or ``"always"`` without Pillow.
    """

    def __init__(
        self,
        *,
        color: Color = "auto",
        stream: Stream | TextIO = "stdout",
        notes: Notes = "same",
        tool_result_width: int = 200,
        reasoning: bool = True,
        images: Images = "auto",
    ) -> None:
        _require_choice("color", color, get_args(Color))
        _require_choice("notes", notes, get_args(Notes))
        _require_choice("images", images, get_args(Images))
        require_pillow(images)
        if isinstance(stream, str):
            _require_choice("stream", stream, get_args(Stream))
        if tool_result_width < 0:
            raise ConfigError(f"ConsoleSink: tool_result_width must be 0 or more, got {tool_result_width}")
        self._color: Color = color
        self._stream = stream
        self._notes = notes
        self._width = tool_result_width
        self._reasoning = reasoning
        self._images: Images = images
        self._gallery = Gallery()
        self._page: Page | None = None
        self._queue = TurnQueue()
        self._views: dict[Speaker, AgentView] = {}
        self._tallies: dict[str, Tally] = {}

    async def open(self) -> None:
        """Get ready for a run; the streams are looked up now, not when the sink is made."""
        if not self._tallies:
            self._page = self._make_page()

    async def write(self, batch: Sequence[RunStreamEvent]) -> None:
        """Show events."""
        for envelope in batch:
            if self._page is not None and self._page.shows_pictures:
                await self._gallery.hang(envelope.event)
            self._take(envelope)

    async def close(self) -> None:
        """A run ended: leave the terminal at the start of a line."""
        if self._page is not None:
            self._page.finish()

    def _make_page(self) -> Page:
        if not isinstance(self._stream, str):
            only = Output(self._stream, self._color, self._images)
            return Page(only, only if self._notes == "same" else self._output(self._notes), only)
        names: dict[str, Stream] = {"answers": self._stream, "errors": "stderr"}
        names["notes"] = self._stream if self._notes == "same" else self._notes
        outputs = {name: self._output(name) for name in names.values()}
        return Page(**{role: outputs[name] for role, name in names.items()})

    def _output(self, stream: Stream) -> Output:
        return Output(sys.stdout if stream == "stdout" else sys.stderr, self._color, self._images)

    # -- events -----------------------------------------------------------------------------------

    def _take(self, envelope: RunStreamEvent) -> None:
        speaker = (envelope.run_id, envelope.path)
        if not envelope.path and isinstance(envelope.event, StreamEnd | StreamError):
            self._end(envelope)
        elif self._queue.offer(speaker, envelope):
            self._show(speaker, envelope)
            self._release()

    def _release(self) -> None:
        for speaker, envelope in self._queue.release():
            self._show(speaker, envelope)

    def _show(self, speaker: Speaker, envelope: RunStreamEvent) -> None:
        run_id, path = speaker
        self._tallies.setdefault(run_id, Tally()).feed(path, envelope.event)
        view = self._view(speaker)
        view.feed(envelope.event)
        self._queue.hold(speaker, busy=view.busy)

    def _end(self, envelope: RunStreamEvent) -> None:
        """The run is over: nobody of it will go on, so what waits is shown, then its last line."""
        run_id = envelope.run_id
        for speaker in [speaker for speaker in self._views if speaker[0] == run_id]:
            self._queue.hold(speaker, busy=False)
            self._release()
        self._show((run_id, ()), envelope)
        assert self._page is not None
        self._page.last_line(self._tallies.pop(run_id).line(envelope))
        self._views = {speaker: view for speaker, view in self._views.items() if speaker[0] != run_id}
        self._release()

    def _view(self, speaker: Speaker) -> AgentView:
        view = self._views.get(speaker)
        if view is None:
            if self._page is None:
                self._page = self._make_page()
            view = AgentView(self._page, speaker, self._gallery, width=self._width, reasoning=self._reasoning)
            self._views[speaker] = view
        return view


def _require_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices:
        listed = ", ".join(repr(choice) for choice in choices)
        raise ConfigError(f"ConsoleSink: {name} must be one of {listed}, got {value!r}")
