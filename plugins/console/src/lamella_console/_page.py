"""The outputs together: which block is being written, by whom, and where a new one begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from lamella_console._guides import Guides
from lamella_console._output import Output
from lamella_console._thumbnail import Thumbnail

if TYPE_CHECKING:
    from lamella_console._prose import Prose

__all__ = ["Page", "Speaker"]

Speaker: TypeAlias = tuple[str, tuple[str, ...]]
"""A run's id and the path of one of its agents."""

_ROOMY: Final = ("answer", "nested", "reasoning", "call")
_PROSE: Final = ("answer", "nested")


class Page:
    """What runs are shown on. Each agent's lines begin with the guides of its depth."""

    def __init__(self, answers: Output, notes: Output, errors: Output, *, tree: bool = False) -> None:
        self._outputs = {"answer": answers, "error": errors}
        self._notes = notes
        self._current = answers
        self._guides = Guides(notes.spelled, tree=tree)
        self._block: tuple[Speaker, str] | None = None
        self._prose: Prose | None = None
        self._speaker: Speaker | None = None
        self._left: set[Speaker] = set()

    @property
    def tree(self) -> bool:
        """Whether agents are shown as a tree."""
        return self._guides.tree

    @property
    def live(self) -> bool:
        """Whether what goes on can be shown under the notes."""
        return self._notes.live

    @property
    def width(self) -> int:
        """Columns of the notes."""
        return self._notes.width

    # -- what stays -------------------------------------------------------------------------------

    def write(self, speaker: Speaker, kind: str, text: str, step: int = 0) -> None:
        """Go on with a block, or begin one on a line of its own; text and calls have air around them."""
        if not text:
            return
        if self._block != (speaker, kind):
            self._begin(speaker, kind)
        if self._prose is not None:
            if self._prose.feed(text):
                self._left.add(speaker)
            return
        if kind in _ROOMY:
            self._left.add(speaker)
        self._current.put(text, kind, self._guides.before(speaker[1], step))

    def line(self, speaker: Speaker, kind: str, text: str, step: int = 0) -> None:
        """A line of its own."""
        self.end_block()
        self.write(speaker, kind, f"{text}\n", step)
        self.end_block()

    def agent(self, speaker: Speaker, text: str) -> None:
        """The line that an agent begins with."""
        if not self.tree:
            self._speaker = speaker
            self.line(speaker, "note", text)
            return
        self._introduce((speaker[0], speaker[1][:-1]))
        self._label(speaker[1], text)
        self._speaker = speaker

    def draw(self, speaker: Speaker, picture: Thumbnail, step: int = 0) -> None:
        """A picture under the line that names it."""
        self.end_block()
        self._use(self._notes).draw(picture, self._guides.before(speaker[1], step))

    @property
    def shows_pictures(self) -> bool:
        """Whether :meth:`draw` draws."""
        return self._notes.shows_pictures

    def end_block(self) -> None:
        """What comes next begins a block, also if it is of the same kind."""
        self.end_text()
        self._block = None

    def end_text(self) -> None:
        """A text is over. Text as it is may go on in its line; what is shown as Markdown is finished."""
        if self._prose is not None:
            if self._prose.finish() and self._block is not None:
                self._left.add(self._block[0])
            self._prose = self._block = None

    def last_lines(self, *lines: tuple[str, str]) -> None:
        """The lines under a run, by kind. Whoever is shown next is introduced, unless nobody else is there."""
        self.end_block()
        output = self._use(self._notes)
        output.break_line(blank=True)
        for kind, text in lines:
            output.put(f"{text}\n", kind)
        self._speaker = None

    def finish(self) -> None:
        """Leave the terminal at the start of a line, and nothing in a buffer."""
        if self._current.gone:
            self._prose = None
        self.end_block()
        for output in (self._current, self._notes, *self._outputs.values()):
            output.finish()

    # -- what does not ----------------------------------------------------------------------------

    def take_back(self, speaker: Speaker) -> bool:
        """What the agent said since :meth:`settle` does not count; whether something of it stays on the page."""
        if self._block is not None and self._block[0] == speaker:
            self._prose = self._block = None
        stays = speaker in self._left
        self.settle(speaker)
        return stays

    def settle(self, speaker: Speaker) -> None:
        """What the agent said so far is not taken back any more."""
        self._left.discard(speaker)

    @property
    def redraws(self) -> bool:
        """Whether :meth:`refresh` shows anything."""
        return self._notes.live or self._outputs["answer"].live

    def refresh(self, status: str | None) -> None:
        """Show the unfinished block, and ``status`` under it, until more is written; with ``None`` nothing at all."""
        if status is None:
            self._current.clear_footer()
            self._notes.clear_footer()
        elif self._prose is not None:
            self._prose.output.footer(self._prose.rows, status)
        else:
            (self._notes if self._notes.live else self._outputs["answer"]).footer((), status)

    # -- who and where ----------------------------------------------------------------------------

    def _begin(self, speaker: Speaker, kind: str) -> None:
        self.end_block()
        self._introduce(speaker)
        self._block = (speaker, kind)
        output = self._use(self._outputs.get(kind, self._notes))
        prefix = self._guides.before(speaker[1])
        output.break_line(blank=kind in _ROOMY, prefix=prefix if self.tree else "")
        if output.markdown and kind in _PROSE:
            from lamella_console._prose import Prose

            self._prose = Prose(output, prefix)

    def _use(self, output: Output) -> Output:
        """Two outputs may share a terminal: the one leaves its line before the other begins."""
        self._current.clear_footer()
        self._notes.clear_footer()
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
        if run_before != run_id:
            path_before = ()
        if self.tree:
            if run_before != run_id:
                self._say(f"run {run_id}:", ())
            for depth in range(_common(path_before, path), len(path)):
                self._label(path[: depth + 1], path[depth])
            return
        words = [f"run {run_id}"] if run_before != run_id else []
        if path and path_before[: len(path)] != path:
            words.append(" > ".join(path))
        if words:
            self._say(f"{', '.join(words)}:", path)

    def _say(self, text: str, path: tuple[str, ...]) -> None:
        self.end_block()
        output = self._use(self._notes)
        output.break_line()
        output.put(f"{text}\n", "note", self._guides.before(path))

    def _label(self, path: tuple[str, ...], text: str) -> None:
        self.end_block()
        output = self._use(self._notes)
        output.break_line()
        output.put(f"{text}\n", "agent", self._guides.branch(path), airy=True)


def _common(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """How many names two paths begin with together."""
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count
