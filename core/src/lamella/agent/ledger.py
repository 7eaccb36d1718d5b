"""What stands behind the calls of one turn: the journal of its run, and the log that the run is done again from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

import attrs

from lamella.content import ToolCallBlock
from lamella.events import ToolOutputDone, ToolStart
from lamella.runlog import LoggedAgent, Outcome
from lamella.tools import Tool
from lamella.tools.ledger import Entry

if TYPE_CHECKING:
    from lamella.agent.journal import Intents
    from lamella.agent.rerun import Rerun

__all__ = ["TurnLedger"]


@attrs.frozen(kw_only=True)
class TurnLedger:
    """The ledger of one turn. ``outcomes`` are what the log has of its calls, by the identity of the block."""

    intents: Intents | None = None
    rerun: Rerun | None = None
    agent: LoggedAgent | None = None
    outcomes: Mapping[int, Outcome] = attrs.field(factory=dict)

    async def announce(self, start: ToolStart, put: Callable[[], Awaitable[None]]) -> None:
        """Put ``tool.start`` into the run, and wait for the journal where there is one."""
        if self.intents is None:
            await put()
        else:
            await self.intents.announce(start, put)

    def entry(self, call: ToolCallBlock, tool: Tool | None) -> Entry:
        """What the log has of a call, and what is to be done with it."""
        outcome = self.outcomes.get(id(call))
        if outcome is None or self.rerun is None or self.agent is None:
            return Entry()
        nested = tool is not None and getattr(tool.coroutine, "runs_agent", False)
        own = [(path, event) for path, event in outcome.events if not path]
        if self.rerun.kind == "verify" and nested and outcome.children:
            return Entry(children=outcome.children)  # the agents are verified too
        if outcome.answer is not None:
            return Entry(events=outcome.events, output=outcome.answer)
        if self.rerun.kind == "fork":  # a call without an outcome is behind where it parts
            return Entry(children=outcome.children)
        if self.rerun.kind == "verify":
            failure = self.agent.failure() or self.rerun.end_of_log(self.agent, f"the outcome of {call.name}")
            return Entry(events=own, error=failure)
        if not outcome.started:
            return Entry(events=own, decision=outcome.decision)
        if nested:
            return Entry(events=own, decision=outcome.decision, started=True, children=outcome.children)
        if tool is not None and tool.idempotent:
            return Entry(events=own, decision=outcome.decision)
        return Entry(events=own, output=_unknown(call))


def _unknown(call: ToolCallBlock) -> ToolOutputDone:
    text = (
        f"unknown: the process was interrupted while {call.name} was running, and it was not called again. It may have "
        "taken effect or not; find out before you rely on either, or call it again only if that does no harm"
    )
    return ToolOutputDone(id=call.call_id, call_id=call.call_id, name=call.name, output=text, is_error=True)
