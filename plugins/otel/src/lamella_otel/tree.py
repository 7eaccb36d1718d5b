"""What the spans of one run share: the agents at work, the clock, and how a span begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, set_span_in_context

from lamella.events import Event
from lamella.response import spent
from lamella.usage import add_usage
from lamella_otel import names
from lamella_otel.clock import Clock
from lamella_otel.facts import Attributes
from lamella_otel.spans import AgentSpan, Failure, Telemetry

__all__ = ["Path", "Tree", "of_call", "of_model"]

Path: TypeAlias = tuple[str, ...]


class Tree:
    """The agents of a run by path. ``since`` is when each path last had something that a model is asked with."""

    def __init__(self, telemetry: Telemetry, clock: Clock) -> None:
        self.telemetry = telemetry
        self.clock = clock
        self.agents: dict[Path, AgentSpan] = {}
        self.since: dict[Path, float] = {}

    def agent(self, path: Path) -> AgentSpan:
        """The span of the agent at ``path``, else of the nearest above it."""
        while path and path not in self.agents:
            path = path[:-1]
        return self.agents[path]

    def start(
        self,
        parent: Context,
        name: str,
        at: float,
        attributes: Attributes,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        links: Sequence[Link] = (),
    ) -> tuple[Span, Context]:
        """Start a span at ``at``; the span, and the context that what is below it has for a parent."""
        span = self.telemetry.tracer.start_span(
            name,
            context=parent,
            kind=kind,
            attributes=attributes,
            links=links,
            start_time=self.clock.nanoseconds(at),
        )
        return span, set_span_in_context(span, parent)

    def waiting_since(self, path: Path, at: float) -> float:
        """When the model at ``path`` was asked, as far as is known: what came before ended then."""
        return min(self.since.get(path, at), at)

    def spend(self, path: Path, event: Event) -> None:
        """Add what an event cost to its agent."""
        agent = self.agent(path)
        agent.usage = add_usage(agent.usage, spent(event))

    def failure(self, code: str, says: str | None) -> Failure:
        """A failure; its message, which may quote what was said, only where content is told."""
        return Failure(code, says if self.telemetry.content else None)


def of_model(provider: str | None, model: str | None) -> Attributes:
    """The attributes that name a model."""
    found: Attributes = {}
    if provider is not None:
        found[names.PROVIDER] = names.provider_name(provider)
    if model is not None:
        found[names.REQUEST_MODEL] = model
    return found


def of_call(name: str | None, call_id: str) -> Attributes:
    """The attributes that name a call."""
    found: Attributes = {names.TOOL_CALL_ID: call_id}
    if name is not None:
        found[names.TOOL_NAME] = name
    return found
