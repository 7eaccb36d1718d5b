"""The spans of agents and layers: ``invoke_agent`` and ``invoke_workflow``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanContext

from lamella.events import AgentEnd, AgentStart, StreamEnd, StreamResumed, StreamStart
from lamella.usage import add_usage
from lamella_otel import measure, names
from lamella_otel.content import Conversation, said, system_json
from lamella_otel.facts import Attributes, request_attributes, usage_attributes
from lamella_otel.spans import AgentSpan, Failure, ToolSpan
from lamella_otel.tree import Path, Tree, of_model

__all__ = ["Agents", "Before"]

Before = Callable[[str], SpanContext | None]
"""The span of a run that this process has seen, by run id."""

_LAYERS: Final = frozenset({"chain", "parallel"})


class Agents:
    """Begins and ends the spans of a run's agents."""

    def __init__(self, tree: Tree, run_id: str, parent: Context, before: Before) -> None:
        self._tree = tree
        self._run_id = run_id
        self._parent = parent
        self._before = before

    def begin(self, event: StreamStart, at: float, resumed: StreamResumed | None = None) -> None:
        """The run begins, or goes on in this process."""
        shared: Attributes = {names.RUN_ID: self._run_id}
        if event.conversation is not None:
            shared[names.CONVERSATION] = event.conversation
        own: Attributes = {}
        links: list[Link] = []
        if resumed is not None:
            own |= {names.RESUMED: True, names.UNKNOWN_CALLS: list(resumed.unknown)}
            links += self._link(self._run_id, "resumed")
        if event.forked_from is not None:
            own |= {names.FORKED_FROM: event.forked_from, names.FORKED_AT: event.forked_at or 0}
            links += self._link(event.forked_from, "forked")
        self._open((), event, at, self._parent, shared, own, links)

    def start(self, event: AgentStart, path: Path, at: float, tool: ToolSpan | None) -> None:
        """A nested agent begins; ``tool`` is the call that it answers."""
        above = self._tree.agent(path[:-1])
        if tool is not None:
            tool.span.set_attribute(names.TRANSFER_TARGET, event.agent or path[-1])
            tool.span.set_attribute(names.TRANSFER_MODE, "return_to_caller")
        parent = above.context if tool is None else tool.context
        self._open(path, event, at, parent, above.shared, {names.PATH: "/".join(path)}, ())

    def outcome(self, path: Path, event: AgentEnd | StreamEnd) -> Attributes:
        """What there is to say of an agent that came to an end."""
        self._settle_kind(self._tree.agents[path], event.kind)
        last: Attributes = {names.FINISH_REASONS: [names.finish_reason(event.stop_reason)]}
        if self._tree.telemetry.content and event.output:
            last[names.OUTPUT_MESSAGES] = said(event.output)
        return last

    def close(self, path: Path, at: float, failure: Failure | None, last: Attributes) -> None:
        """End the span of the agent at ``path``; the run's own stays to be asked for its context."""
        agents = self._tree.agents
        agent = agents.pop(path) if path else agents[path]
        if agent.operation == names.INVOKE_AGENT:
            last = {**last, **usage_attributes(agent.usage)}
        agent.end(at, last, failure)
        measure.agent(self._tree.telemetry.instruments, agent, at, failure)
        if path:
            above = self._tree.agent(path[:-1])
            above.usage = add_usage(above.usage, agent.usage)

    def _link(self, run_id: str, why: str) -> list[Link]:
        context = self._before(run_id)
        return [] if context is None else [Link(context, {names.RUN_ID: run_id, "lamella.link": why})]

    def _open(
        self,
        path: Path,
        event: StreamStart | AgentStart,
        at: float,
        parent: Context,
        shared: Attributes,
        own: Attributes,
        links: Sequence[Link],
    ) -> None:
        layer = event.kind in _LAYERS
        operation = names.INVOKE_WORKFLOW if layer else names.INVOKE_AGENT
        request = request_attributes(event.settings) if event.settings else {}
        if event.kind == "extraction":
            request[names.OUTPUT_TYPE] = "json"
        given, told = self._told(event)
        attributes = {names.OPERATION: operation, **shared, **own, **request, **told}
        if event.agent is not None:
            attributes[names.WORKFLOW if layer else names.AGENT] = event.agent
        attributes |= of_model(event.provider, event.model)
        span, context = self._tree.start(parent, _named(operation, event.agent), at, attributes, links=links)
        self._tree.since[path] = at
        self._tree.agents[path] = AgentSpan(
            span=span,
            context=context,
            began=at,
            clock=self._tree.clock,
            operation=operation,
            name=event.agent,
            provider=event.provider,
            model=event.model,
            shared=shared,
            request=request,
            given=given,
            system={key: value for key, value in told.items() if key == names.SYSTEM},
        )

    def _told(self, event: StreamStart | AgentStart) -> tuple[Conversation | None, Attributes]:
        """The content of what an agent was given, where content is told."""
        if not self._tree.telemetry.content:
            return None, {}
        given = Conversation(event.input)
        told: Attributes = {names.INPUT_MESSAGES: given.so_far()} if event.input else {}
        if event.system_instruction:
            told[names.SYSTEM] = system_json(event.system_instruction)
        return given, told

    @staticmethod
    def _settle_kind(agent: AgentSpan, kind: str | None) -> None:
        """A function may turn out to have been a workflow."""
        if kind not in _LAYERS or agent.operation == names.INVOKE_WORKFLOW:
            return
        agent.operation = names.INVOKE_WORKFLOW
        agent.span.set_attribute(names.OPERATION, agent.operation)
        if agent.name is not None:
            agent.span.set_attribute(names.WORKFLOW, agent.name)
        agent.span.update_name(_named(agent.operation, agent.name))


def _named(operation: str, name: str | None) -> str:
    return operation if name is None else f"{operation} {name}"
