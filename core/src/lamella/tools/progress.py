"""Progress from inside a tool."""

from __future__ import annotations

from lamella.errors import AgentInputError
from lamella.events import Event, ProgressEnd, ProgressStart, ProgressUpdate
from lamella.tools.channel import aemit, emit

__all__ = ["areport_progress", "report_progress"]


def report_progress(key: str, fraction: float | None = None, details: str | None = None) -> None:
    """Say how far the work under ``key`` is, from sync code.

    Without ``fraction`` the work begins, with one from 0 to 1 it goes on, and 1 also ends it;
    ``details`` say what is being done.

    :raises AgentInputError: outside a tool call, or ``fraction`` is not from 0 to 1.
    """
    for event in _events(key, fraction, details):
        emit(event)


async def areport_progress(key: str, fraction: float | None = None, details: str | None = None) -> None:
    """As :func:`report_progress`, from async code: waits for room without blocking the loop."""
    for event in _events(key, fraction, details):
        await aemit(event)


def _events(key: str, fraction: float | None, details: str | None) -> list[Event]:
    if fraction is None:
        return [ProgressStart(key=key, details=details)]
    if not 0 <= fraction <= 1:
        raise AgentInputError(f"progress of {key!r} must be from 0 to 1, got {fraction!r}")
    update = ProgressUpdate(key=key, fraction=float(fraction), details=details)
    return [update, ProgressEnd(key=key)] if fraction == 1 else [update]
