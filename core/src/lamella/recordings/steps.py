"""A run as a list of steps: what was asked of each agent, what each response said, what the tools gave, how it ended.

Two runs are compared step by step; what one of them cannot tell (a result knows less than events) is ``UNKNOWN``.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

import attrs

from lamella.events import (
    AgentEnd,
    AgentStart,
    ApprovalResolved,
    AttemptRollback,
    Event,
    GuardrailOverride,
    OutputRejected,
    ResponseDone,
    RunStreamEvent,
    StreamEnd,
    StreamError,
    StreamStart,
    ToolOutputDone,
)
from lamella.recordings.plain import plain_message, plain_output, plain_usage, response_facts
from lamella.recordings.repricing import cost_of_response
from lamella.recordings.responses import Response, of_events
from lamella.response import ResponseFold, spent

__all__ = ["UNKNOWN", "Step", "StepKey", "steps_of_events"]

StepKind: TypeAlias = Literal["start", "response", "outputs", "end"]
StepKey: TypeAlias = tuple[tuple[str, ...], int | None, StepKind]


class _Unknown(enum.Enum):
    UNKNOWN = "unknown"


UNKNOWN: Final = _Unknown.UNKNOWN
"""In place of what cannot be told."""


@attrs.define(kw_only=True)
class Step:
    """One step of the agent at ``path``; ``turn`` counts its responses from 0.

    ``facts`` are what is compared, by name; ``vendor`` what is compared only where everything must be the same: ids,
    times, the state of vendors.
    """

    path: tuple[str, ...]
    turn: int | None
    kind: StepKind
    facts: dict[str, Any] = attrs.field(factory=dict)
    vendor: dict[str, Any] = attrs.field(factory=dict)

    @property
    def key(self) -> StepKey:
        """What is aligned with what."""
        return self.path, self.turn, self.kind


def steps_of_events(events: Iterable[RunStreamEvent]) -> list[Step]:
    """The steps of a run, in the order in which they began."""
    events = list(events)
    reading = _Reading(of_events(events))
    for envelope in events:
        reading.take(envelope)
    return reading.done()


class _Agent:
    """What is read of one agent: its response so far, and its last steps."""

    def __init__(self) -> None:
        self.fold = ResponseFold()
        self.turn = -1
        self.began: float | None = None
        self.failed: list[str] = []
        self.response: Step | None = None
        self.outputs: Step | None = None
        self.ended = False


class _Reading:
    def __init__(self, responses: Iterator[Response]) -> None:
        self._responses = responses
        self._agents: dict[tuple[str, ...], _Agent] = {}
        self._steps: list[Step] = []

    def take(self, envelope: RunStreamEvent) -> None:
        """Take the next event."""
        event, path = envelope.event, envelope.path
        billed = None
        if isinstance(event, ResponseDone) or spent(event) is not None:
            billed = next(self._responses)  # which come in the order of these events
        if not event.durable:
            return
        agent = self._agents.get(path)
        if agent is None:
            agent = self._agents[path] = _Agent()
            self._begin(path, event)
        if agent.began is None:
            agent.began = envelope.at
        if isinstance(event, ResponseDone):
            self._respond(agent, envelope, event, billed)
        elif isinstance(event, StreamEnd | StreamError | AgentEnd):
            self._end(agent, envelope, event)
        elif not agent.fold.feed(event):
            self._note(agent, path, event)

    def done(self) -> list[Step]:
        """The steps; a run without an end was interrupted."""
        root = self._agents.get(())
        if root is None or not root.ended:
            if root is not None:
                self._cut(root, ())
            self._steps.append(Step(path=(), turn=None, kind="end", facts={"status": "interrupted"}))
        return self._steps

    def _begin(self, path: tuple[str, ...], event: Event) -> None:
        step = Step(path=path, turn=None, kind="start")
        if isinstance(event, StreamStart | AgentStart):
            step.facts.update(
                kind=event.kind,
                agent=event.agent,
                provider=event.provider,
                model=event.model,
                system=event.system_instruction,
                input=[plain_message(message) for message in event.input],
                settings=dict(event.settings),
            )
            step.vendor["input"] = [plain_message(message, strict=True) for message in event.input]
        if isinstance(event, StreamStart):
            step.facts.update(meta=dict(event.meta), native_input=event.native_input)
            step.vendor.update(started_at=event.started_at, conversation=event.conversation)
        elif isinstance(event, AgentStart):
            step.vendor["call_id"] = event.call_id
        self._steps.append(step)

    def _respond(
        self, agent: _Agent, envelope: RunStreamEvent, done: ResponseDone, billed: Response | None
    ) -> None:
        step = self._close(agent, envelope.path, done)
        cost = None if billed is None else cost_of_response(billed)
        request = done.request
        step.facts.update(
            model=":".join(filter(None, (done.provider, done.model))) or None,
            stop_reason=done.stop_reason,
            usage=plain_usage(done.token_usage),
            cost=None if cost is None else f"${cost.amount:f}",
            losses=[str(loss) for loss in done.losses],
            cached=done.cached,
            tools=UNKNOWN if request is None else request.get("tools", UNKNOWN),
            options=UNKNOWN if request is None else request.get("options", UNKNOWN),
        )
        step.vendor.update(
            response_id=done.response_id,
            raw_stop_reason=done.raw_stop_reason,
            raw=done.raw if done.raw is not None else done.raw_event,
            duration=None if agent.began is None else envelope.at - agent.began,
        )
        agent.began = envelope.at

    def _close(self, agent: _Agent, path: tuple[str, ...], done: ResponseDone | None) -> Step:
        """The step of a response that is complete, or cut."""
        message = agent.fold.message(done)
        agent.turn += 1
        agent.fold = ResponseFold(agent.turn + 1)
        facts, vendor = response_facts(() if message is None else message.content)
        step = Step(path=path, turn=agent.turn, kind="response", facts=facts, vendor=vendor)
        step.facts["attempts"] = agent.failed
        agent.failed, agent.response, agent.outputs = [], step, None
        self._steps.append(step)
        return step

    def _cut(self, agent: _Agent, path: tuple[str, ...]) -> None:
        if agent.fold.blocks:
            self._close(agent, path, None).facts["stop_reason"] = "cut"

    def _note(self, agent: _Agent, path: tuple[str, ...], event: Event) -> None:
        if isinstance(event, AttemptRollback):
            usage = plain_usage(event.token_usage)
            agent.failed.append(event.code if usage is None else f"{event.code} {usage}")
            agent.fold = ResponseFold(agent.fold.turn)
        elif isinstance(event, GuardrailOverride):
            if agent.response is not None:
                agent.response.facts["text"] = event.output
        elif isinstance(event, ToolOutputDone):
            outputs = self._outputs(agent, path)
            count = sum(name.startswith("output ") for name in outputs.facts) + 1
            outputs.facts[f"output {count}"] = plain_output(event)
            outputs.vendor[f"output {count} call_id"] = event.call_id
        elif isinstance(event, ApprovalResolved):
            self._outputs(agent, path).facts[f"approval of {event.name}"] = (
                "approved" if event.approved else f"denied: {event.reason or 'no reason'}"
            )
        elif isinstance(event, OutputRejected):
            self._outputs(agent, path).facts["rejected"] = event.told

    def _outputs(self, agent: _Agent, path: tuple[str, ...]) -> Step:
        if agent.outputs is None:
            agent.outputs = Step(path=path, turn=max(agent.turn, 0), kind="outputs")
            self._steps.append(agent.outputs)
        return agent.outputs

    def _end(
        self, agent: _Agent, envelope: RunStreamEvent, event: StreamEnd | StreamError | AgentEnd
    ) -> None:
        self._cut(agent, envelope.path)
        agent.ended = True
        facts = _outcome(event)
        said = None if agent.response is None else agent.response.facts.get("text")
        facts["output"] = None if facts["output"] == said else facts["output"]
        facts["usage"] = plain_usage(spent(event))
        step = Step(path=envelope.path, turn=None, kind="end", facts=facts)
        if not envelope.path:
            step.vendor["duration"] = envelope.at - envelope.start_time
        self._steps.append(step)


def _outcome(event: StreamEnd | StreamError | AgentEnd) -> dict[str, Any]:
    if isinstance(event, StreamError):
        status = "cancelled" if event.code == "agent.cancelled" else "failed"
        return {"status": status, "error": f"{event.error} [{event.code}]", "output": None}
    error = getattr(event, "error", None)
    if error is not None:
        return {"status": "failed", "error": f"{error} [{getattr(event, 'code', None)}]", "output": None}
    return {
        "status": "completed",
        "error": None,
        "output": event.output or None,
        "result": event.result,
        "stop_reason": event.stop_reason,
    }


def differing_facts(left: Mapping[str, Any], right: Mapping[str, Any]) -> Sequence[tuple[str, Any, Any]]:
    """The facts that are not the same, as (name, left, right); what one side cannot tell is left out."""
    found = []
    for name in dict.fromkeys((*left, *right)):
        one, other = left.get(name), right.get(name)
        if one is not UNKNOWN and other is not UNKNOWN and one != other:
            found.append((name, one, other))
    return found
