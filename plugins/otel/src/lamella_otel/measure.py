"""What is recorded when a span ends."""

from __future__ import annotations

from lamella.usage import TokenUsage
from lamella_otel import names
from lamella_otel.facts import Attributes, token_counts
from lamella_otel.instruments import Instruments
from lamella_otel.spans import AgentSpan, ChatSpan, Failure, Open, ToolSpan
from lamella_otel.tree import of_model

__all__ = ["agent", "chat", "tool"]


def agent(instruments: Instruments | None, span: AgentSpan, at: float, failure: Failure | None) -> None:
    """``gen_ai.invoke_agent.duration``, of a layer ``gen_ai.invoke_workflow.duration``."""
    if instruments is None:
        return
    layer = span.operation == names.INVOKE_WORKFLOW
    attributes: Attributes = {}
    if span.name is not None:
        attributes[names.WORKFLOW if layer else names.AGENT] = span.name
    if not layer and span.model is not None:
        attributes[names.REQUEST_MODEL] = span.model
    histogram = instruments.workflow if layer else instruments.agent
    histogram.record(_seconds(span, at), _with(attributes, failure), context=span.context)


def chat(
    instruments: Instruments | None,
    span: ChatSpan,
    at: float,
    usage: TokenUsage | None,
    failure: Failure | None,
) -> None:
    """``gen_ai.client.operation.duration``, the time to the first chunk, and, of a success, the tokens."""
    if instruments is None:
        return
    attributes: Attributes = {names.OPERATION: names.CHAT, **of_model(span.provider, span.model)}
    if span.answered_by is not None:
        attributes[names.RESPONSE_MODEL] = span.answered_by
    context = span.context
    instruments.operation.record(_seconds(span, at), _with(attributes, failure), context=context)
    if span.first_chunk is not None:
        waited = max(0.0, span.first_chunk - span.began)
        instruments.first_chunk.record(waited, _with(attributes, failure), context=context)
    if usage is None or failure is not None:
        return
    for kind, count in zip(("input", "output"), token_counts(usage), strict=True):
        if count is not None:
            instruments.tokens.record(count, {**attributes, names.TOKEN_TYPE: kind}, context=context)


def tool(
    instruments: Instruments | None,
    span: ToolSpan,
    at: float,
    agent_name: str | None,
    failure: Failure | None,
) -> None:
    """``gen_ai.execute_tool.duration``."""
    if instruments is None:
        return
    attributes: Attributes = {names.TOOL_NAME: span.name, names.TOOL_TYPE: "function"}
    if agent_name is not None:
        attributes[names.AGENT] = agent_name
    instruments.tool.record(_seconds(span, at), _with(attributes, failure), context=span.context)


def _seconds(span: Open, at: float) -> float:
    return max(0.0, at - span.began)


def _with(attributes: Attributes, failure: Failure | None) -> Attributes:
    return attributes if failure is None else {**attributes, names.ERROR_TYPE: failure.code}
