"""The events a run is made of, and their envelope.

``type`` is the stable JSON tag. Everything but ``*.delta`` is durable: the fold needs durable events
only. Third parties add event types by subclassing :class:`Event` under a prefix of their own
(``type = "acme.thing"``) and :func:`lamella.serial.register_event`; a stored event whose type nobody
registered is read as :class:`OpaqueEvent`.
"""

from __future__ import annotations

from lamella.events.base import Event, OpaqueEvent, RunKind, StopReason
from lamella.events.envelope import RunStreamEvent, TextSoFar
from lamella.events.guards import (
    ApprovalPending,
    ApprovalResolved,
    GuardrailOverride,
    MediaOutputDone,
    OutputRejected,
    ProgressEnd,
    ProgressStart,
    ProgressUpdate,
)
from lamella.events.response import (
    AgentEnd,
    AgentStart,
    AttemptCommit,
    AttemptRollback,
    AttemptStart,
    ResponseDone,
)
from lamella.events.stream import (
    MessageOutputDelta,
    MessageOutputDone,
    OtherEvent,
    ReasoningDelta,
    ReasoningDone,
    StreamEnd,
    StreamError,
    StreamResumed,
    StreamStart,
    ToolCallDelta,
    ToolCallDone,
    ToolEnd,
    ToolOutputDone,
    ToolStart,
)

__all__ = [
    "AgentEnd",
    "AgentStart",
    "ApprovalPending",
    "ApprovalResolved",
    "AttemptCommit",
    "AttemptRollback",
    "AttemptStart",
    "Event",
    "GuardrailOverride",
    "MediaOutputDone",
    "MessageOutputDelta",
    "MessageOutputDone",
    "OpaqueEvent",
    "OtherEvent",
    "OutputRejected",
    "ProgressEnd",
    "ProgressStart",
    "ProgressUpdate",
    "ReasoningDelta",
    "ReasoningDone",
    "ResponseDone",
    "RunKind",
    "RunStreamEvent",
    "StopReason",
    "StreamEnd",
    "StreamError",
    "StreamResumed",
    "StreamStart",
    "TextSoFar",
    "ToolCallDelta",
    "ToolCallDone",
    "ToolEnd",
    "ToolOutputDone",
    "ToolStart",
]
