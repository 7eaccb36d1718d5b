"""The message of a record: one short line, without control characters and without content."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

__all__ = ["line_of"]

Facts = Mapping[str, Any]

_LONGEST: Final = 200


def line_of(facts: Facts) -> str:
    """A line for people. ``facts`` are those of the record."""
    say = _LINES.get(facts["type"])
    line = facts["type"] if say is None else say(facts)
    if (duration := facts.get("duration")) is not None:
        line = f"{line}, {duration:.3g} s"
    who = "/".join(facts["path"])
    line = f"{facts['run_id'][:8]}{f' {who}' if who else ''}: {line}"
    return "".join(each if each.isprintable() else "\ufffd" for each in line[:_LONGEST])


def _begins(facts: Facts) -> str:
    model = ":".join(filter(None, (facts.get("provider"), facts.get("model"))))
    return " ".join(
        filter(None, (facts.get("agent") or "the agent", "begins", f"on {model}" if model else ""))
    )


def _resumed(facts: Facts) -> str:
    unknown = len(facts.get("unknown", ()))
    return "the run goes on after an interruption" + (
        f", the outcome of {unknown} calls is unknown" if unknown else ""
    )


def _tokens(facts: Facts) -> str:
    tokens = facts.get("tokens", {})
    total = tokens.get("total")
    return "tokens not reported" if total is None else f"{total} tokens"


def _response(facts: Facts) -> str:
    kept = " (cached)" if facts.get("cached") else ""
    return f"{facts.get('model') or 'the model'} answered{kept}: {facts['stop_reason']}, {_tokens(facts)}"


def _failed(facts: Facts) -> str:
    return f"[{facts['error_code']}] {facts['error']}"


def _agent_ends(facts: Facts) -> str:
    return (
        f"{facts.get('agent') or 'the agent'} failed: {_failed(facts)}" if "error" in facts else _ends(facts)
    )


def _ends(facts: Facts) -> str:
    return f"{facts.get('agent') or 'the agent'} ended: {facts['stop_reason']}, {_tokens(facts)}"


def _tool(facts: Facts) -> str:
    return f"tool {facts.get('name')} {'failed' if facts['is_error'] else 'ended'}"


def _rollback(facts: Facts) -> str:
    return f"attempt {facts['attempt']} failed, the next in {facts['wait']:.3g} s: {_failed(facts)}"


def _resolved(facts: Facts) -> str:
    return f"tool {facts['name']} was {'approved' if facts['approved'] else 'denied'}"


_LINES: Final[Mapping[str, Callable[[Facts], str]]] = {
    "stream.start": _begins,
    "stream.resumed": _resumed,
    "stream.end": _ends,
    "stream.error": _failed,
    "agent.start": _begins,
    "agent.end": _agent_ends,
    "attempt.start": lambda facts: f"attempt {facts['attempt']}",
    "attempt.rollback": _rollback,
    "response.done": _response,
    "message.output.done": lambda facts: f"text of {facts['characters']} characters",
    "reasoning.done": lambda facts: f"reasoning of {facts['characters']} characters",
    "tool.call.done": lambda facts: f"the model calls {facts['name']}",
    "tool.start": lambda facts: f"tool {facts['name']} begins",
    "tool.output.done": _tool,
    "approval.pending": lambda facts: f"tool {facts['name']} waits for approval",
    "approval.resolved": _resolved,
    "guardrail.override": lambda facts: f"guardrail {facts.get('guardrail') or ''} replaced the answer",
    "output.rejected": lambda facts: f"the answer was rejected: {facts['problems']} problems",
    "media.output.done": lambda facts: f"the model made {facts['media_type']}",
    "other.event": lambda facts: f"event {facts.get('name')}",
    "progress.start": lambda facts: f"{facts['key']} begins",
    "progress.update": lambda facts: f"{facts['key']} goes on",
    "progress.end": lambda facts: f"{facts['key']} ended",
}
