"""The three kinds of spans while they are open, and the telemetry that they are made with."""

from __future__ import annotations

import attrs
from opentelemetry.context import Context
from opentelemetry.trace import Span, Status, StatusCode, Tracer

from lamella.usage import TokenUsage
from lamella_otel import names
from lamella_otel.clock import Clock
from lamella_otel.content import Conversation
from lamella_otel.facts import Attributes
from lamella_otel.instruments import Instruments

__all__ = ["AgentSpan", "ChatSpan", "Failure", "Open", "Telemetry", "ToolSpan"]


@attrs.frozen
class Telemetry:
    """What spans and metrics are made with, and how much they tell."""

    tracer: Tracer
    instruments: Instruments | None
    content: bool
    cost: bool


@attrs.frozen
class Failure:
    """Why a span ends as an error: a stable code. What the error says is told only with the content."""

    code: str
    says: str | None = None


@attrs.define(kw_only=True)
class Open:
    """A span that has not ended. ``began`` is in the monotonic seconds of the run."""

    span: Span
    context: Context
    began: float
    clock: Clock

    def note(self, name: str, at: float, attributes: Attributes | None = None) -> None:
        """Add a span event."""
        self.span.add_event(name, attributes, timestamp=self.clock.nanoseconds(at))

    def end(self, at: float, attributes: Attributes, failure: Failure | None) -> None:
        """Set what is left to say, and end it."""
        if failure is not None:
            attributes = {**attributes, names.ERROR_TYPE: failure.code}
            self.span.set_status(Status(StatusCode.ERROR, failure.says or failure.code))
        self.span.set_attributes(attributes)
        self.span.end(end_time=self.clock.nanoseconds(max(at, self.began)))


@attrs.define(kw_only=True)
class AgentSpan(Open):
    """An agent, or a layer, at work. ``shared`` are the attributes of all that happens below it.

    ``request`` and ``system`` are those of its requests, ``given`` its conversation, where content is told;
    ``failed_below`` says that an agent below it has failed and it has not gone on since.
    """

    operation: str
    name: str | None
    provider: str | None
    model: str | None
    shared: Attributes
    request: Attributes
    system: Attributes
    given: Conversation | None
    usage: TokenUsage | None = None
    failed_below: bool = False


@attrs.define(kw_only=True)
class ChatSpan(Open):
    """A request to a model and its response."""

    provider: str | None
    model: str | None
    answered_by: str | None = None
    first_chunk: float | None = None


@attrs.define(kw_only=True)
class ToolSpan(Open):
    """A call of a tool that runs."""

    name: str
