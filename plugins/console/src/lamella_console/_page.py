"""The outputs together: which block is being written, by whom, and where a new one begins."""

from __future__ import annotations

from typing import Final, TypeAlias

from lamella_console._output import Output
from lamella_console._thumbnail import Thumbnail

__all__ = ["Page", "Speaker"]

Speaker: TypeAlias = tuple[str, tuple[str, ...]]
"""A run's id and the path of one of its agents."""

_ROOMY: Final = ("answer", "nested", "reasoning", "call")


class Page:
    """What runs are shown on. Each agent's lines are indented by its depth."""

    def __init__(self, answers: Output, notes: Output, errors: Output) -> None:
        self._outputs = {"answer": answers, "error": errors}
        self._notes = notes
        self._current = answers
        self._block: tuple[Speaker, str] | None = None
        self._speaker: Speaker | None = None

    def write(self, speaker: Speaker, kind: str, text: str, step: int = 0) -> None:
        """Go on with a block, or begin one on a line of its own; text and calls have air around them."""
        if not text:
            return
        self._introduce(speaker)
        output = self._use(self._outputs.get(kind, self._notes))
        if self._block != (speaker, kind):
            self._block = (speaker, kind)
            output.break_line(blank=kind in _ROOMY)
        output.put(text, kind, len(speaker[1]) + step)

    def line(self, speaker: Speaker, kind: str, text: str, step: int = 0) -> None:
        """A line of its own."""
        self.end_block()
        self.write(speaker, kind, f"{text}\n", step)

    @property
    def shows_pictures(self) -> bool:
        """Whether :meth:`draw` draws."""
        return self._notes.shows_pictures

    def draw(self, speaker: Speaker, picture: Thumbnail, step: int = 0) -> None:
        """A picture under the line that names it."""
        self.end_block()
        self._use(self._notes).draw(picture, len(speaker[1]) + step)

    def end_block(self) -> None:
        """What comes next begins a block, also if it is of the same kind."""
        self._block = None

    def introduced(self, speaker: Speaker) -> None:
        """Its next line says who it is."""
        self._speaker = speaker

    def last_line(self, text: str) -> None:
        """The line under a run. Whoever is shown next is introduced, unless nobody else is there."""
        self.end_block()
        output = self._use(self._notes)
        output.break_line(blank=True)
        output.put(f"{text}\n", "note")
        self._speaker = None

    def finish(self) -> None:
        """Leave the terminal at the start of a line."""
        self.end_block()
        self._current.break_line()

    def _use(self, output: Output) -> Output:
        """Two outputs may share a terminal: the one leaves its line before the other begins."""
        if output is not self._current:
            self._current.break_line()
            self._current = output
        return output

    def _introduce(self, speaker: Speaker) -> None:
        """Say who goes on where another was shown before; back to a caller needs no word."""
        before, self._speaker = self._speaker, speaker
        if before is None or before == speaker:
            return
        (run_before, path_before), (run_id, path) = before, speaker
        words = [f"run {run_id}"] if run_before != run_id else []
        if path and path_before[: len(path)] != path:
            words.append(" > ".join(path))
        if words:
            output = self._use(self._notes)
            output.break_line()
            output.put(f"{', '.join(words)}:\n", "note", len(path))
            self.end_block()
