"""A run done again from its own log, with the network blocked: it must ask for the same and show the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from lamella.agent.base import BaseAgent
from lamella.agent.rerun import EndOfLog, Rerun
from lamella.agent.run import restart
from lamella.agent.stream import collect
from lamella.errors import ErrorCode, LamellaError, ReplayMismatchError
from lamella.events import (
    ApprovalPending,
    ApprovalResolved,
    ProgressEnd,
    ProgressStart,
    ProgressUpdate,
    ResponseDone,
    RunStreamEvent,
    StreamError,
    StreamResumed,
    ToolEnd,
    ToolStart,
)
from lamella.recordings.offline import offline
from lamella.runlog import RESUMED, RunLog
from lamella.serial import to_dict

__all__ = ["Verification", "averify"]

_SHOWN: Final = 200
_OF_A_CALL: Final = (
    ToolStart, ApprovalPending, ApprovalResolved, ProgressStart, ProgressUpdate, ProgressEnd
)  # fmt: skip


@attrs.frozen(kw_only=True)
class Verification:
    """What came of a verification.

    ``requests`` were compared with the log and ``unchecked`` could not be, because the log has no digest of them: nobody
    kept the events when they were made, or no model was asked (``static``).
    ``events`` were compared. ``whole`` says that the log reaches to the end of the run: the others end where it ends.
    ``problems`` are a line each, the first difference of every agent; empty where all is the same.
    """

    run_id: str
    requests: int
    unchecked: int
    events: int
    whole: bool
    problems: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether everything was the same."""
        return not self.problems

    def raise_for_problems(self) -> None:
        """Raise what was found.

        :raises ReplayMismatchError: something differs.
        """
        if self.problems:
            raise ReplayMismatchError(
                f"run {self.run_id} does not come out of its log again: {self.problems[0]}",
                context={"run_id": self.run_id, "problems": list(self.problems)},
            )


async def averify(
    log: RunLog, agent: BaseAgent[Any], runtime_context: Mapping[str, Any] | None = None
) -> Verification:
    """Verify a run; see :meth:`~lamella.recordings.Recording.averify`."""
    rerun = Rerun(log, "verify")
    made: list[RunStreamEvent] = []
    failure: LamellaError | None = None

    async def keep(envelope: RunStreamEvent) -> None:
        made.append(envelope)

    with offline():
        try:
            await collect(restart(agent, rerun, runtime_context, "run_async"), keep)
        except LamellaError as error:
            failure = error
    whole = _is_whole(log)
    problems = [] if failure is None else _problem(failure, whole)
    if not problems:
        problems = _differences(_compared(log.events), _compared(made), whole)
    asked = [each.event for each in log.events if isinstance(each.event, ResponseDone)]
    return Verification(
        run_id=log.run_id,
        requests=rerun.checked,
        unchecked=sum(done.request is None for done in asked),
        events=len(_compared(log.events)),
        whole=whole,
        problems=tuple(problems),
    )


def _is_whole(log: RunLog) -> bool:
    """Whether the log ends by itself: a run that was cut or cancelled cannot be done again to that very moment."""
    last = log.events[-1].event
    cancelled = isinstance(last, StreamError) and last.code == ErrorCode.CANCELLED.value
    return last.type in ("stream.end", "stream.error") and not cancelled


def _problem(failure: LamellaError, whole: bool) -> list[str]:
    if isinstance(failure, EndOfLog) and not whole:
        return []
    return [failure.message] if isinstance(failure, ReplayMismatchError) else []


def _compared(events: Iterable[RunStreamEvent]) -> list[RunStreamEvent]:
    """What both runs must have: not that one process died and another went on, nor which of several calls was first."""
    return [
        envelope
        for envelope in events
        if not isinstance(envelope.event, StreamResumed | ToolEnd)
        and getattr(envelope.event, "code", None) != RESUMED
    ]


def _differences(logged: list[RunStreamEvent], made: list[RunStreamEvent], whole: bool) -> list[str]:
    """The first difference of each agent and call; how the events of several lie between each other is chance."""
    before, after = _in_lines(logged), _in_lines(made)
    found = []
    for path, call_id in {**before, **after}:
        told, new = before.get((path, call_id), []), after.get((path, call_id), [])
        if not whole:
            told, new = told[: len(new)], new[: len(told)]
            if new and new[-1].type == "stream.error":
                told, new = told[:-1], new[:-1]
        found += _first_difference(" > ".join(path) or "the run", told, new)
    return found


def _in_lines(
    events: list[RunStreamEvent],
) -> dict[tuple[tuple[str, ...], str | None], list[RunStreamEvent]]:
    """The events whose order is sure: those of an agent, and apart from them those of each call while it runs."""
    found: dict[tuple[tuple[str, ...], str | None], list[RunStreamEvent]] = defaultdict(list)
    for envelope in events:
        event: Any = envelope.event
        call_id = event.call_id if isinstance(event, _OF_A_CALL) else None
        found[envelope.path, call_id].append(envelope)
    return found


def _first_difference(who: str, logged: list[RunStreamEvent], made: list[RunStreamEvent]) -> list[str]:
    for old, new in zip(logged, made, strict=False):
        if old.event is not new.event and (was := _plain(old)) != (now := _plain(new)):
            return [f"{who}: event {old.seq} is {_short(now, was)}, the log has {_short(was, now)}"]
    if len(logged) > len(made):
        return [f"{who}: event {logged[len(made)].seq} ({logged[len(made)].type}) of the log does not come"]
    if len(made) > len(logged):
        return [f"{who}: after the last event of the log comes {made[len(logged)].type}"]
    return []


def _plain(envelope: RunStreamEvent) -> dict[str, Any]:
    document = to_dict(envelope.event)
    for note in ("started_at", "meta"):
        document.pop(note, None)
    for how in ("mode", "execution_mode"):  # how the run was called is not part of what it does
        document.get("context", {}).pop(how, None)
    return document


def _short(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """The event, and of its fields those that differ."""
    differ = {key: value for key, value in one.items() if key != "type" and other.get(key) != value}
    text = f"{one['type']} {differ}" if differ else str(one["type"])
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
