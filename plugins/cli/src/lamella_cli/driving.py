"""Drives one run from its first event to an exit code, whatever ends it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lamella.errors import LamellaError
from lamella.events import ApprovalPending, RunStreamEvent
from lamella_cli.approving import Approver
from lamella_cli.display import Display
from lamella_cli.exits import Exit, exit_of
from lamella_cli.interrupts import Interrupts

if TYPE_CHECKING:
    from lamella.agent import AgentStream

__all__ = ["Unshown", "drive"]


class Unshown:
    """A sink that keeps the events which the consumer has not seen: the last ones, when it was cancelled."""

    def __init__(self) -> None:
        self._kept: deque[RunStreamEvent] = deque()
        self._seen = -1

    async def open(self) -> None:
        """Nothing to get ready."""

    async def write(self, batch: Sequence[RunStreamEvent]) -> None:
        """Keep events until they are seen; a sink may get them before or after the consumer."""
        self._kept.extend(batch)
        self.seen(self._seen)

    async def close(self) -> None:
        """What is kept stays, for who comes after the run."""

    def seen(self, seq: int) -> None:
        """Forget the events up to the one numbered ``seq``."""
        self._seen = seq
        while self._kept and self._kept[0].seq <= seq:
            self._kept.popleft()

    def rest(self) -> list[RunStreamEvent]:
        """The events that were not seen."""
        return list(self._kept)


async def drive(
    stream: AgentStream, display: Display, approver: Approver, unshown: Unshown, *, debug: bool = False
) -> Exit:
    """Show a run and answer its approvals. A signal cancels it; its last events are shown all the same.

    :raises BrokenPipeError: nobody reads the output; the run was cancelled.
    """
    with Interrupts() as interrupts:
        await display.open()
        try:
            return await _follow(stream, display, approver, unshown, debug=debug)
        except asyncio.CancelledError:
            await stream.aclose()
            for envelope in unshown.rest():
                await display.show(envelope)
            if interrupts.received is None:
                raise
            interrupts.settle()
            return interrupts.received
        finally:
            approver.close()
            await stream.aclose()
            await display.close()


async def _follow(
    stream: AgentStream, display: Display, approver: Approver, unshown: Unshown, *, debug: bool
) -> Exit:
    begun = False
    try:
        async for envelope in stream:
            begun = True
            await display.show(envelope)
            unshown.seen(envelope.seq)
            if isinstance(envelope.event, ApprovalPending):
                approver.answer(stream, envelope.event)
    except LamellaError as error:
        if not begun:  # then no event has said it
            raise
        if debug:
            import traceback

            traceback.print_exception(error)
        return exit_of(error, running=True)
    return Exit.OK
