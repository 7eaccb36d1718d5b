"""``Retelling``: an agent of a run that is done again: its log answers in the place of its model and its tools."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import attrs

from lamella.agent.ledger import TurnLedger
from lamella.content import ToolCallBlock
from lamella.events import AttemptRollback, Event
from lamella.runlog import RESUMED, LoggedAgent, LoggedTurn

if TYPE_CHECKING:
    from lamella.agent.rerun import Rerun
    from lamella.agent.scope import RunScope

__all__ = ["Retelling", "ledger", "retelling"]


@attrs.define(eq=False)
class Retelling:
    """What the log has of one agent, turn by turn. ``turn`` is the one it answers now, ``None`` behind its end."""

    rerun: Rerun
    agent: LoggedAgent
    turn: LoggedTurn | None = None
    over: bool = False

    def response(self, digests: Mapping[str, str]) -> Iterator[Event]:
        """The next response; where the log stops, what is to be said before the model is asked.

        :raises LamellaError: the request is not that of the log; the agent failed here; a verified run is at the end.
        """
        self.turn = None
        turn = None if self.over else self.agent.take()
        if turn is not None and turn.done is not None:
            self.rerun.check_request(self.agent, turn, digests)
            self.turn = turn
            yield from turn.events
        elif not self.over:
            yield from self._stop(turn)

    def _stop(self, turn: LoggedTurn | None) -> Iterator[Event]:
        kind = self.rerun.kind
        if turn is not None and kind != "fork":
            yield from turn.events
        if kind != "fork" and (failure := self.agent.failure()) is not None:
            raise failure
        if not self.rerun.live:
            raise self.rerun.end_of_log(self.agent, "a response of its model")
        if turn is not None and kind == "resume":
            yield AttemptRollback(
                error="the process that asked for it was interrupted", code=RESUMED, visible=bool(turn.events)
            )
        self.over = True


def retelling(scope: RunScope) -> Retelling | None:
    """What answers an agent of this place, ``None`` where the log has none, or the run is no rerun."""
    rerun = scope.state.rerun
    logged = None if rerun is None else rerun.agent(scope.path)
    return None if rerun is None or logged is None else Retelling(rerun, logged)


def ledger(scope: RunScope, told: Retelling | None, calls: Sequence[ToolCallBlock]) -> TurnLedger | None:
    """What stands behind the calls of a turn, ``None`` where nothing does."""
    turn = None if told is None else told.turn
    if told is None or turn is None:
        intents = scope.state.intents
        return None if intents is None else TurnLedger(intents=intents)
    outcomes = dict(zip(map(id, calls), turn.calls, strict=False))
    return TurnLedger(intents=scope.state.intents, rerun=told.rerun, agent=told.agent, outcomes=outcomes)
