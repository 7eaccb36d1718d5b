"""``ConsoleSink``: shows runs in a terminal while they happen."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TextIO, get_args

import attrs

from lamella.errors import ConfigError
from lamella.events import (
    AttemptRollback,
    RunStreamEvent,
    StreamEnd,
    StreamError,
    StreamResumed,
    ToolCallDone,
    ToolStart,
)
from lamella_console._activity import Activity
from lamella_console._gallery import Gallery
from lamella_console._output import Output
from lamella_console._page import Page, Speaker
from lamella_console._queue import TurnQueue
from lamella_console._view import AgentView
from lamella_console._work import WorkView
from lamella_console.pictures import require_pillow
from lamella_console.run_tree import RunTree
from lamella_console.settings import Color, Images, Markdown, Notes, Stream, View
from lamella_console.summary import Tally

__all__ = ["ConsoleSink"]


@attrs.frozen
class _Run:
    """What is known of a run beside what each of its agents says."""

    tally: Tally = attrs.field(factory=Tally)
    tree: RunTree = attrs.field(factory=RunTree)
    activity: Activity = attrs.field(factory=Activity)
    calls: dict[str, str] = attrs.field(factory=dict)


class ConsoleSink:
    """Writes a run as text: the answer as it comes, tool calls and results, reasoning, nested agents,
    approvals, progress, errors, and a last line with tokens, cost and time.

    Each piece is written once, so time and output grow with the text. Text is never read as rich's markup and
    its control characters never reach the terminal. Where agents talk at once, one finishes its block
    before the next is shown. In a terminal an answer is shown as Markdown, block by block; the unfinished block, and
    who is at work, are drawn under what stays. Runs that are over can be given too, all events at once.

    :param color: ``"auto"`` (a terminal, and no ``NO_COLOR``), ``"always"`` or ``"never"``.
    :param stream: where the answer goes: ``"stdout"``, ``"stderr"`` or a text file.
    :param notes: where all else goes but errors, which always go to standard error when ``stream`` is no file.
    :param tool_result_width: results are cut to this many characters, 0 shows them whole.
    :param reasoning: whether reasoning is shown.
    :param images: whether images are drawn: ``"auto"`` (in a terminal that says that it can), ``"always"`` (in
        any terminal) or ``"never"``; needs Pillow. Each is also a line that says what it is.
    :param view: ``"flat"`` indents nested agents; ``"tree"`` draws guide lines, and under the run a tree of who did
        what; ``"auto"`` is a tree in a terminal.
    :param markdown: whether answers are shown as Markdown; ``"auto"`` in a terminal.
    :param width: columns; ``None`` for those of the terminal.
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
        view: View = "auto",
        markdown: Markdown = "auto",
        width: int | None = None,
    ) -> None:
        _require_choice("color", color, get_args(Color))
        _require_choice("notes", notes, get_args(Notes))
        _require_choice("images", images, get_args(Images))
        _require_choice("view", view, get_args(View))
        _require_choice("markdown", markdown, ("auto", True, False))
        require_pillow(images)
        if isinstance(stream, str):
            _require_choice("stream", stream, get_args(Stream))
        if tool_result_width < 0:
            raise ConfigError(f"ConsoleSink: tool_result_width must be 0 or more, got {tool_result_width}")
        if width is not None and (width < 1 or isinstance(width, bool)):
            raise ConfigError(f"ConsoleSink: width must be 1 or more, or None, got {width!r}")
        self._color: Color = color
        self._stream = stream
        self._notes = notes
        self._result_width = tool_result_width
        self._reasoning = reasoning
        self._images: Images = images
        self._chosen_view: View = view
        self._markdown: Markdown = markdown
        self._width = width
        self._gallery = Gallery()
        self._page: Page | None = None
        self._queue = TurnQueue()
        self._views: dict[Speaker, AgentView] = {}
        self._runs: dict[str, _Run] = {}

    async def open(self) -> None:
        """Get ready for a run; the streams are looked up now, not when the sink is made."""
        if not self._runs:
            self._page = self._make_page()

    async def write(self, batch: Sequence[RunStreamEvent]) -> None:
        """Show events.

        :raises BrokenPipeError: nobody reads any more.
        """
        page = self._ready()
        for envelope in batch:
            if page.shows_pictures:
                await self._gallery.hang(envelope.event)
            self._take(envelope)
        if page.redraws:
            page.refresh(self._status())

    async def close(self) -> None:
        """A run ended: leave the terminal at the start of a line."""
        if self._page is not None:
            self._page.finish()

    def _ready(self) -> Page:
        if self._page is None:
            self._page = self._make_page()
        return self._page

    def _make_page(self) -> Page:
        if isinstance(self._stream, str):
            names: dict[str, Stream] = {"answers": self._stream, "errors": "stderr"}
            names["notes"] = self._stream if self._notes == "same" else self._notes
            outputs = {name: self._standard(name) for name in names.values()}
            roles = {role: outputs[name] for role, name in names.items()}
        else:
            only = self._output(self._stream)
            notes = only if self._notes == "same" else self._standard(self._notes)
            roles = {"answers": only, "notes": notes, "errors": only}
        tree = self._chosen_view == "tree" or (self._chosen_view == "auto" and roles["notes"].live)
        return Page(**roles, tree=tree)

    def _standard(self, stream: Stream) -> Output:
        return self._output(sys.stdout if stream == "stdout" else sys.stderr)

    def _output(self, file: TextIO) -> Output:
        return Output(file, self._color, self._images, markdown=self._markdown, width=self._width)

    def _status(self) -> str | None:
        activities = [run.activity for run in self._runs.values()]
        if any(activity.asks for activity in activities):
            return None
        return " · ".join(filter(None, (activity.describe() for activity in activities)))

    # -- events -----------------------------------------------------------------------------------

    def _take(self, envelope: RunStreamEvent) -> None:
        speaker = (envelope.run_id, envelope.path)
        event = envelope.event
        run = self._runs.get(envelope.run_id)
        if run is None:
            run = self._runs[envelope.run_id] = _Run()
        if event.durable:
            run.activity.feed(envelope)
            run.tree.feed(envelope)
            if isinstance(event, ToolCallDone | ToolStart):
                run.calls[event.call_id] = event.name
            elif isinstance(event, AttemptRollback):
                self._queue.take_back(speaker)
            elif isinstance(event, StreamResumed):
                self._let_go(envelope.run_id)
        if not envelope.path and isinstance(event, StreamEnd | StreamError):
            self._end(envelope)
        elif self._queue.offer(speaker, envelope):
            self._show(speaker, envelope)
            self._release()

    def _release(self) -> None:
        for speaker, envelope in self._queue.release():
            self._show(speaker, envelope)

    def _show(self, speaker: Speaker, envelope: RunStreamEvent) -> None:
        run_id, path = speaker
        self._runs[run_id].tally.feed(path, envelope.event)
        view = self._view(speaker)
        view.feed(envelope.event)
        self._queue.hold(speaker, busy=view.busy)

    def _let_go(self, run_id: str) -> Speaker | None:
        """Nobody of a run goes on with what was begun: show what waits; who of another run is in a block."""
        holder = self._queue.holder
        for speaker, envelope in self._queue.drain(run_id):
            self._show(speaker, envelope)
        if holder is None or holder[0] == run_id:
            self._queue.hold((run_id, ()), busy=False)
            return None
        self._queue.hold(holder, busy=True)
        return holder

    def _end(self, envelope: RunStreamEvent) -> None:
        """The run is over: what waits is shown, then its last lines."""
        run_id = envelope.run_id
        holder = self._let_go(run_id)  # an agent of another run that goes on
        self._show((run_id, ()), envelope)
        run, page = self._runs.pop(run_id), self._ready()
        tree = run.tree.lines() if page.tree and run.tree.nested else ()
        lines = [("failure" if line.failed else "note", line.text) for line in tree]
        page.last_lines(*lines, ("note", run.tally.line(envelope)))
        for speaker in [speaker for speaker in self._views if speaker[0] == run_id]:
            page.settle(speaker)
            del self._views[speaker]
        if holder is not None:
            self._queue.hold(holder, busy=True)
        self._release()

    def _view(self, speaker: Speaker) -> AgentView:
        view = self._views.get(speaker)
        if view is None:
            page, names = self._ready(), self._runs[speaker[0]].calls
            work = WorkView(page, speaker, self._gallery, names, width=self._result_width)
            view = AgentView(page, speaker, self._gallery, work=work, reasoning=self._reasoning)
            self._views[speaker] = view
        return view


def _require_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices:
        listed = ", ".join(repr(choice) for choice in choices)
        raise ConfigError(f"ConsoleSink: {name} must be one of {listed}, got {value!r}")
