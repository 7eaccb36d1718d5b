"""``Rerun``: a run that is done again from its own log: to go on with it, to fork it, to verify it.

The agents take the same way as before; where they would call a model or a tool, the log answers as long as it
lasts. What is behind its end depends on the kind: ``resume`` and ``fork`` go on by themselves, ``verify`` does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import attrs

from lamella.errors import ReplayMismatchError
from lamella.events import (
    AgentEnd,
    AgentStart,
    AttemptRollback,
    Event,
    GuardrailOverride,
    OutputRejected,
    ResponseDone,
    ToolOutputDone,
)
from lamella.models.digests import differing
from lamella.runlog import RESUMED, LoggedAgent, LoggedTurn, RunLog
from lamella.usage import TokenUsage

__all__ = ["EndOfLog", "Rerun", "RerunKind"]

RerunKind: TypeAlias = Literal["resume", "fork", "verify"]

_FREE = TokenUsage(input_tokens=0, output_tokens=0, total_tokens=0)


class EndOfLog(ReplayMismatchError):
    """A run that is verified asks for something that its log does not have any more."""


@attrs.define(eq=False)
class Rerun:
    """What is behind the agents of a run that is done again.

    :param force: go on although an agent asks for something else than the log says.
    """

    log: RunLog
    kind: RerunKind
    force: bool = False
    checked: int = attrs.field(default=0, init=False)
    """How many requests were compared with the log."""

    @property
    def live(self) -> bool:
        """Whether agents go on by themselves behind the end of the log."""
        return self.kind != "verify"

    def agent(self, path: tuple[str, ...]) -> LoggedAgent | None:
        """What the log has of an agent."""
        return self.log.agent(path)

    def completed(self, path: tuple[str, ...]) -> LoggedAgent | None:
        """An agent that has ended, and need not be run again; to verify, every agent is."""
        return self.log.ended(path) if self.live else None

    # -- a response of a model ------------------------------------------------------------------

    def check_request(self, agent: LoggedAgent, turn: LoggedTurn, asked: Mapping[str, str]) -> None:
        """Compare what is asked with what was asked.

        :raises ReplayMismatchError: it is something else. A fork may ask what it likes.
        """
        logged = None if turn.done is None else turn.done.request
        if logged is None or self.kind == "fork" or self.force:
            return
        self.checked += 1
        parts = differing(logged, asked)
        if parts:
            who = " > ".join(agent.path) or "the agent"
            raise ReplayMismatchError(
                f"request {agent.number} of {who} is not the one of the log: its {' and '.join(parts)} {'differs' if len(parts) == 1 else 'differ'}; "
                "run it with the agent, tools and settings that made the log"
                + (", or force it" if self.live else ""),
                context={"path": list(agent.path), "request": agent.number, "differs": parts},
            )

    def end_of_log(self, agent: LoggedAgent, what: str) -> EndOfLog:
        """The error of a verified run that wants more."""
        who = " > ".join(agent.path) or "the agent"
        return EndOfLog(
            f"{who} asks for {what}, and the log ends before it",
            context={"path": list(agent.path), "request": agent.number},
        )

    # -- what the run shows ----------------------------------------------------------------------

    def shown(self, path: tuple[str, ...], event: Event) -> Event | None:
        """What to emit in the place of an event: ``None`` where the log, which is gone on with, has it already.

        :raises ReplayMismatchError: the log has another in its place.
        """
        if self.kind == "verify":
            return event
        known = self.log.is_known(event)
        if self.kind == "fork":
            return _free(event) if known else event
        if known:
            self.log.expects(path, event)
            return None
        if isinstance(event, AttemptRollback) and event.code == RESUMED:
            self.log.forget(
                path
            )  # here, in the order of the run: what an agent does is ahead of what is shown
            return event
        logged = self.log.expects(path, event)
        if logged is None:
            return event
        if not self.force and _gist(logged) != _gist(event):
            raise ReplayMismatchError(
                f"{' > '.join(path) or 'the agent'} does something else than the log says: "
                f"{_told(logged)} in the log, {_told(event)} now; run it with the agent that made the log, or force it",
                context={"path": list(path), "type": event.type},
            )
        return None


def _free(event: Event) -> Event:
    """What the log answered costs nothing in a fork."""
    if isinstance(event, ResponseDone):
        return attrs.evolve(event, token_usage=_FREE, cached=True)
    return event if event.token_usage is None else attrs.evolve(event, token_usage=None)


def _gist(event: Event) -> Any:
    """What two runs of one agent must have in common, whatever was kept of the providers' payloads."""
    if isinstance(event, AgentStart):
        return (event.kind, event.agent, event.provider, event.model, event.call_id)
    if isinstance(event, AgentEnd):
        return (event.output, event.stop_reason, event.code)
    if isinstance(event, ToolOutputDone):
        return (event.call_id, event.name, event.output, event.is_error)
    if isinstance(event, OutputRejected):
        return event.told
    if isinstance(event, GuardrailOverride):
        return event.output
    return event.type


def _told(event: Event) -> str:
    text = f"{event.type} {_gist(event)!r}"
    return text if len(text) <= 200 else f"{text[:199]}…"
