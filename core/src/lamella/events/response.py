"""A response and its attempts, and the agents that are called by others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import attrs

from lamella._frozen import EMPTY, Wire, as_tuple, freeze, freeze_mapping
from lamella.events.base import Event, RunKind, StopReason
from lamella.losses import Loss
from lamella.messages import Message

__all__ = ["AgentEnd", "AgentStart", "AttemptCommit", "AttemptRollback", "AttemptStart", "ResponseDone"]


@attrs.frozen(kw_only=True)
class ResponseDone(Event):
    """One provider response is complete.

    ``raw_stop_reason`` is the provider's word, ``raw`` its payloads for this response, ``losses``
    what of the request could not be sent as it was. ``token_usage`` is the usage of this response. ``cached``
    says that it was kept from an earlier call and cost nothing now. ``request`` are digests of what an agent asked
    for (``model``, ``system``, ``tools``, ``messages``, ``options``): a run that is done again from its log
    must ask for the same.
    """

    type: ClassVar[Literal["response.done"]] = "response.done"
    stop_reason: StopReason = "end_turn"
    raw_stop_reason: str | None = None
    response_id: str | None = None
    provider: str | None = None
    model: str | None = None
    losses: tuple[Loss, ...] = attrs.field(default=(), converter=as_tuple)
    cached: bool = False
    request: Mapping[str, str] | None = attrs.field(default=None, converter=freeze)
    _raw: Wire | None = attrs.field(default=None, repr=False, hash=False)

    @property
    def raw(self) -> Wire | None:
        """The provider's payloads as they came, immutable."""
        return freeze(self._raw)


@attrs.frozen(kw_only=True)
class AttemptStart(Event):
    """A request to a provider begins; ``attempt`` counts from 1."""

    type: ClassVar[Literal["attempt.start"]] = "attempt.start"
    attempt: int = 1
    provider: str | None = None
    model: str | None = None


@attrs.frozen(kw_only=True)
class AttemptRollback(Event):
    """An attempt failed and another follows after ``wait`` seconds: take back what it showed.

    ``visible`` says whether deltas of this attempt had been emitted.
    """

    type: ClassVar[Literal["attempt.rollback"]] = "attempt.rollback"
    attempt: int = 1
    error: str = ""
    code: str = "unknown"
    wait: float = 0.0
    visible: bool = False


@attrs.frozen(kw_only=True)
class AttemptCommit(Event):
    """The attempt's response is complete and stays."""

    type: ClassVar[Literal["attempt.commit"]] = "attempt.commit"
    attempt: int = 1


@attrs.frozen(kw_only=True)
class AgentStart(Event):
    """A nested agent begins; the envelope's ``path`` is that of the nested agent."""

    type: ClassVar[Literal["agent.start"]] = "agent.start"
    kind: RunKind = "messages"
    agent: str | None = None
    provider: str | None = None
    model: str | None = None
    settings: Mapping[str, Any] = attrs.field(default=EMPTY, converter=freeze_mapping)
    system_instruction: str | None = None
    call_id: str | None = None
    input: tuple[Message, ...] = attrs.field(default=(), converter=as_tuple, repr=False)


@attrs.frozen(kw_only=True)
class AgentEnd(Event):
    """A nested agent ended; ``error`` and ``code`` are set when it failed.

    ``kind`` is what the run turned out to be, where ``agent.start`` could not know it.
    """

    type: ClassVar[Literal["agent.end"]] = "agent.end"
    agent: str | None = None
    output: str = ""
    stop_reason: StopReason = "end_turn"
    result: Any = attrs.field(default=None, converter=freeze)
    error: str | None = None
    code: str | None = None
    kind: RunKind | None = None
