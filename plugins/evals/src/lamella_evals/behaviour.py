"""Checks of what the agent did: its tool calls, in the whole run, agents below it included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from lamella.content import ToolCallBlock, ToolOutputBlock
from lamella.errors import AgentInputError
from lamella.messages import Message
from lamella.runs import RunResult
from lamella_evals.checks import Check, Score, failed

if TYPE_CHECKING:
    from lamella_evals.cases import Case

__all__ = ["calls", "no_tool_errors"]


def calls(tool: str, arguments: Mapping[str, Any] | None = None, times: int | None = None) -> Check:
    """The model calls the tool: at least once, or exactly so many ``times``, of which 0 is never.

    :param arguments: count the calls that have these among their arguments.
    :raises AgentInputError: ``times`` is no count.
    """
    given: object = times
    if given is not None and (isinstance(given, bool) or not isinstance(given, int) or given < 0):
        raise AgentInputError(f"calls(times=…) must be an int >= 0, got {times!r}")

    def count(result: RunResult[Any], case: Case) -> Score:
        made = [call for call in _calls(result) if call.name == tool]
        found = [call for call in made if _has(call.arguments, arguments)]
        right = bool(found) if times is None else len(found) == times
        if right:
            return Score(value=1, passed=True)
        wanted = "at least once" if times is None else f"{times} times"
        others = [call.name for call in _calls(result) if call.name != tool]
        seen = [dict(call.arguments or {}) for call in made][:3] if made else sorted(set(others))
        return failed(f"called {len(found)} times, not {wanted}; there are {seen or 'no calls'}")

    parts = [repr(tool), *([str(dict(arguments))] if arguments else [])]
    parts += [] if times is None else [f"times={times}"]
    return Check(count, f"calls({', '.join(parts)})", quick=True)


def no_tool_errors() -> Check:
    """No tool failed, was denied, or was called with arguments that do not fit."""

    def look(result: RunResult[Any], case: Case) -> Score:
        wrong = [output for output in _outputs(result) if output.is_error]
        if not wrong:
            return Score(value=1, passed=True)
        told = "; ".join(f"{output.name}: {str(output.output)[:200]}" for output in wrong[:3])
        return failed(f"{len(wrong)} calls failed: {told}")

    return Check(look, "no_tool_errors", quick=True)


def _has(arguments: Mapping[str, Any] | None, wanted: Mapping[str, Any] | None) -> bool:
    if not wanted:
        return True
    given = arguments or {}
    return all(name in given and given[name] == value for name, value in wanted.items())


def _messages(result: RunResult[Any]) -> Iterator[Message]:
    for run in result.run.walk():
        yield from getattr(run, "messages", ())


def _calls(result: RunResult[Any]) -> Iterator[ToolCallBlock]:
    for message in _messages(result):
        yield from message.tool_calls


def _outputs(result: RunResult[Any]) -> Iterator[ToolOutputBlock]:
    for message in _messages(result):
        yield from message.tool_outputs
