"""The exit codes: what a shell learns from the command line."""

from __future__ import annotations

from enum import IntEnum

from lamella.errors import AgentInputError, ConfigError, LamellaError, PluginError

__all__ = ["Exit", "PipeClosedError", "exit_of"]


class Exit(IntEnum):
    """What a command ended with."""

    OK = 0
    FAILED = 1
    """A run failed."""
    USAGE = 2
    """The command line or the configuration is wrong."""
    PLUGIN = 3
    """A plugin is missing, broken, disabled or changed."""
    INTERRUPTED = 130
    """Ctrl-C."""
    PIPE_CLOSED = 141
    """Whoever read the output left, as ``head`` does."""
    TERMINATED = 143
    """SIGTERM."""


class PipeClosedError(Exception):
    """Nobody reads standard output any more. Not an ``OSError``, which click would handle in its own way."""


def exit_of(error: LamellaError, *, running: bool = False) -> Exit:
    """The exit code of an error; ``running`` when a run had begun, whose input is no longer the question."""
    if isinstance(error, PluginError):
        return Exit.PLUGIN
    if isinstance(error, ConfigError) or (isinstance(error, AgentInputError) and not running):
        return Exit.USAGE
    return Exit.FAILED
