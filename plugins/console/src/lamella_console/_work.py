"""What one agent does beside talking: outputs of tools, approvals, progress, answers that are sent back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from lamella._json import dumps
from lamella.events import (
    ApprovalPending,
    ApprovalResolved,
    Event,
    OutputRejected,
    ProgressEnd,
    ProgressStart,
    ProgressUpdate,
    ResponseDone,
    StreamResumed,
    ToolCallDone,
    ToolEnd,
    ToolOutputDone,
)
from lamella_console._gallery import Gallery
from lamella_console._page import Page, Speaker
from lamella_console.plain import cut, describe_output

__all__ = ["WorkView"]


class WorkView:
    """Shows the events of one agent that are lines.

    :param names: the names of the run's calls, by id.
    """

    def __init__(
        self, page: Page, speaker: Speaker, gallery: Gallery, names: Mapping[str, str], *, width: int
    ) -> None:
        self._page = page
        self._speaker = speaker
        self._gallery = gallery
        self._names = names
        self._width = width
        self._progress: dict[str, int] = {}
        self._early: set[str] = set()
        self._calls: dict[str, int] = {}
        self._counting = False

    def feed(self, event: Event) -> None:
        """Show the next event; events that mean nothing to a reader show nothing."""
        for kind in type(event).__mro__:
            show = _SHOW.get(kind)
            if show is not None:
                show(self, event)
                return

    def count(self, event: Event) -> None:
        """Remember the order of a turn's calls: a result that comes out of order says which call it is of."""
        if isinstance(event, ToolCallDone):
            if not self._counting:
                self._calls.clear()
                self._counting = True
            self._calls[event.call_id] = len(self._calls) + 1
        elif isinstance(event, ResponseDone):
            self._counting = False

    def _line(self, kind: str, text: str) -> None:
        self._page.line(self._speaker, kind, text, 1)

    def _tool_end(self, event: ToolEnd) -> None:
        """A result before its turn: it is shown now, and not again."""
        self._early.add(event.call_id)
        number = self._calls.get(event.call_id)
        which = f" (call {number} of {len(self._calls)})" if number else ""
        self._result(f"{event.name}{which}", event.output, event.is_error)

    def _tool_output(self, event: ToolOutputDone) -> None:
        if event.call_id in self._early:
            self._early.discard(event.call_id)
        else:
            self._result(event.name or event.call_id, event.output, event.is_error)

    def _result(self, name: str, output: Any, is_error: bool) -> None:
        kind, sign = ("failure", "failed:") if is_error else ("result", "->")
        self._line(kind, f"{name} {sign} {cut(describe_output(output), self._width)}")
        for part in output if isinstance(output, tuple) else ():
            picture = self._gallery.take(part)
            if picture is not None:
                self._page.draw(self._speaker, picture, 1)

    def _approval_pending(self, event: ApprovalPending) -> None:
        call = f"{event.name}({cut(dumps(event.arguments), self._width)})"
        self._line("warning", f"waiting for approval: {call}")

    def _approval_resolved(self, event: ApprovalResolved) -> None:
        word = "approved" if event.approved else "denied"
        self._line("note", f"{word}: {event.name}" + (f" ({event.reason})" if event.reason else ""))

    def _rejected(self, event: OutputRejected) -> None:
        self._page.line(self._speaker, "warning", "the answer is not what was asked for and goes back:")
        for problem in event.problems or (event.told,):
            self._line("warning", cut(" ".join(problem.split()), self._width))

    def _resumed(self, event: StreamResumed) -> None:
        self._page.line(
            self._speaker, "warning", "the run was interrupted and goes on from here in another process"
        )
        for call_id in event.unknown:
            name = self._names.get(call_id)
            self._line(
                "warning",
                f"unknown: {f'{name} ({call_id})' if name else call_id} was running, and may have run",
            )

    # -- progress; in a terminal what goes on is in the last row, and only its end is a line -------

    def _progress_start(self, event: ProgressStart) -> None:
        self._progress[event.key] = 0
        if not self._page.live:
            self._line("note", event.key + (f": {event.details}" if event.details else " …"))

    def _progress_update(self, event: ProgressUpdate) -> None:
        if self._page.live:
            return
        if event.fraction is None:
            if event.details:
                self._line("note", f"{event.key}: {event.details}")
            return
        tenths = int(event.fraction * 10)
        if tenths > self._progress.get(event.key, 0):
            self._progress[event.key] = tenths
            self._line("note", f"{event.key}: {event.fraction:.0%}")

    def _progress_end(self, event: ProgressEnd) -> None:
        self._progress.pop(event.key, None)
        self._line("note", f"{event.key}: done")


_SHOW: Final[Mapping[type[Any], Callable[[WorkView, Any], None]]] = {
    ToolEnd: WorkView._tool_end,
    ToolOutputDone: WorkView._tool_output,
    ApprovalPending: WorkView._approval_pending,
    ApprovalResolved: WorkView._approval_resolved,
    OutputRejected: WorkView._rejected,
    StreamResumed: WorkView._resumed,
    ProgressStart: WorkView._progress_start,
    ProgressUpdate: WorkView._progress_update,
    ProgressEnd: WorkView._progress_end,
}
