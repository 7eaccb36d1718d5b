"""At which level the events of a run are logged."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Mapping
from typing import Final

from lamella.errors import ConfigError
from lamella.events import (
    AgentEnd,
    ApprovalResolved,
    Event,
    StreamError,
    ToolOutputDone,
)

__all__ = ["DEFAULT_LEVELS", "OFF", "check_levels", "level_named", "level_of"]

OFF: Final = 1000
"""Above every level: never logged."""

_NAMES: Final[Mapping[str, int]] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "off": OFF,
}

DEFAULT_LEVELS: Final[Mapping[str, int]] = {
    "stream.start": logging.INFO,
    "stream.resumed": logging.WARNING,
    "stream.end": logging.INFO,
    "stream.error": logging.ERROR,
    "agent.start": logging.INFO,
    "agent.end": logging.INFO,
    "response.done": logging.INFO,
    "tool.start": logging.INFO,
    "tool.output.done": logging.INFO,
    "attempt.rollback": logging.WARNING,
    "approval.pending": logging.INFO,
    "approval.resolved": logging.INFO,
    "guardrail.override": logging.WARNING,
    "output.rejected": logging.WARNING,
    "attempt.start": logging.DEBUG,
    "message.output.done": logging.DEBUG,
    "reasoning.done": logging.DEBUG,
    "tool.call.done": logging.DEBUG,
    "media.output.done": logging.DEBUG,
    "other.event": logging.DEBUG,
    "progress.start": logging.DEBUG,
    "progress.update": logging.DEBUG,
    "progress.end": logging.DEBUG,
}
"""The level of each type of event; ``attempt.commit`` and ``tool.end`` say nothing that others do not say."""

_SILENT: Final = frozenset({"attempt.commit", "tool.end"})
_FAMILIES: Final = frozenset(name.partition(".")[0] for name in DEFAULT_LEVELS)


def level_named(name: str, where: str) -> int:
    """The level of this name.

    :raises ConfigError: there is none.
    """
    if str(name).lower() not in _NAMES:
        listed = ", ".join(map(repr, _NAMES))
        raise ConfigError(f"LoggingSink: {where} must be one of {listed}, got {name!r}")
    return _NAMES[str(name).lower()]


def check_levels(levels: Mapping[str, str]) -> dict[str, int]:
    """The levels of single types of events, as numbers.

    :raises ConfigError: a level that does not exist, or a type that the core does not have under its prefix.
    """
    checked = {}
    for name, level in levels.items():
        if name not in DEFAULT_LEVELS and name not in _SILENT and name.partition(".")[0] in _FAMILIES:
            near = difflib.get_close_matches(name, DEFAULT_LEVELS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(DEFAULT_LEVELS)}"
            raise ConfigError(f"LoggingSink: levels names {name!r}, which is no durable event; {hint}")
        checked[name] = level_named(level, f"levels[{name!r}]")
    return checked


def level_of(event: Event, levels: Mapping[str, int]) -> int:
    """The level of an event: as configured, else by its type and by how it went."""
    if event.type in levels:
        return levels[event.type]
    if event.type in _SILENT or not event.durable:
        return OFF
    usual = DEFAULT_LEVELS.get(event.type, logging.DEBUG)
    return max(usual, logging.WARNING) if _went_wrong(event) else _cancelled(event, usual)


def _went_wrong(event: Event) -> bool:
    if isinstance(event, ToolOutputDone):
        return event.is_error
    if isinstance(event, AgentEnd):
        return event.error is not None
    return isinstance(event, ApprovalResolved) and not event.approved


def _cancelled(event: Event, usual: int) -> int:
    """Somebody stopped the run, which is no error."""
    stopped = isinstance(event, StreamError) and event.code == "agent.cancelled"
    return logging.WARNING if stopped else usual
