"""What a run prints: for people through the console sink, for programs one JSON line per event."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol, TextIO

import click

from lamella.events import RunStreamEvent, StreamError
from lamella_cli.output import error_line, notice
from lamella_console import ConsoleSink

if TYPE_CHECKING:
    from lamella.config import Project
    from lamella_cli.saving import MadeMedia

__all__ = ["CONSOLE", "Collecting", "Display", "JSONLines", "People", "console_settings"]

CONSOLE: Final = "console"


def console_settings(project: Project, show_images: bool | None) -> dict[str, Any]:
    """The settings of the project's console sink, which hold here too; the command line's word comes first."""
    settings = project.plugin_settings("sink", CONSOLE) if CONSOLE in project.enabled_sinks() else {}
    chosen = {} if show_images is None else {"images": "always" if show_images else "never"}
    return {**settings, **chosen}


class Display(Protocol):
    """Shows the events of one run."""

    async def open(self) -> None:
        """Get ready."""

    async def show(self, envelope: RunStreamEvent) -> None:
        """Show an event; ``BrokenPipeError`` when nobody reads."""

    async def close(self) -> None:
        """The run is over."""


class People:
    """Text as it comes. Where standard output is no terminal it gets the answer alone, the rest goes to standard error."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """``settings`` are those of the console sink in the project's configuration."""
        notes = "same" if sys.stdout.isatty() else "stderr"
        self._sink = ConsoleSink(**{"notes": notes, **settings})

    async def open(self) -> None:
        """Get ready."""
        await self._sink.open()

    async def show(self, envelope: RunStreamEvent) -> None:
        """Show an event."""
        await self._sink.write([envelope])

    async def close(self) -> None:
        """End the last line."""
        await self._sink.close()


class JSONLines:
    """Each event as one line of JSON; what tools print goes to standard error, so that nothing else is in ``output``."""

    def __init__(self, output: TextIO) -> None:
        """``output`` gets the lines."""
        self._output = output

    async def open(self) -> None:
        """Nothing to get ready."""

    async def show(self, envelope: RunStreamEvent) -> None:
        """Write an event; an error is also said in words, on standard error."""
        from lamella.serial import to_json

        click.echo(to_json(envelope), file=self._output)
        if isinstance(envelope.event, StreamError):
            if envelope.event.code == "agent.cancelled":
                notice("interrupted")
            else:
                error_line(envelope.event.error, envelope.event.code)

    async def close(self) -> None:
        """Nothing is open."""


class Collecting:
    """A display that also keeps the media which the model makes."""

    def __init__(self, display: Display, made: MadeMedia) -> None:
        self._display = display
        self._made = made

    async def open(self) -> None:
        """Get ready."""
        await self._display.open()

    async def show(self, envelope: RunStreamEvent) -> None:
        """Keep, then show an event."""
        self._made.feed(envelope)
        await self._display.show(envelope)

    async def close(self) -> None:
        """The run is over."""
        await self._display.close()
