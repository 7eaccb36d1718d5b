"""The spans of calls of tools that run, ``execute_tool``."""

from __future__ import annotations

from typing import TypeAlias

from lamella.events import ToolCallDone, ToolEnd, ToolOutputDone, ToolStart
from lamella_otel import measure, names
from lamella_otel.content import as_json, output_json
from lamella_otel.facts import Attributes
from lamella_otel.spans import Failure, ToolSpan
from lamella_otel.tree import Path, Tree, of_call

__all__ = ["Tools"]

_Key: TypeAlias = tuple[Path, str]


class Tools:
    """Begins and ends the spans of calls. A call that did not run is an event of its agent's span."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.open: dict[_Key, ToolSpan] = {}
        self._calls: dict[_Key, ToolCallDone] = {}
        self._ended: set[_Key] = set()

    def running(self, path: Path) -> bool:
        """Whether a tool of the agent at ``path`` runs."""
        return any(place == path for place, _ in self.open)

    def called(self, event: ToolCallDone, path: Path) -> None:
        """The model asks for a call; its arguments are told when it runs."""
        if self._tree.telemetry.content:
            self._calls[path, event.call_id] = event

    def start(self, event: ToolStart, path: Path, at: float) -> None:
        """A tool begins to run."""
        agent = self._tree.agent(path)
        attributes: Attributes = {
            names.OPERATION: names.EXECUTE_TOOL,
            names.TOOL_TYPE: "function",
            **of_call(event.name, event.call_id),
            **agent.shared,
        }
        if agent.name is not None:
            attributes[names.AGENT] = agent.name
        call = self._calls.get((path, event.call_id))
        if call is not None:
            attributes[names.TOOL_ARGUMENTS] = (
                call.arguments_json if call.output is None else as_json(call.output)
            )
        name = f"{names.EXECUTE_TOOL} {event.name}"
        span, context = self._tree.start(agent.context, name, at, attributes)
        self.open[path, event.call_id] = ToolSpan(
            span=span, context=context, began=at, clock=self._tree.clock, name=event.name
        )

    def end(self, event: ToolEnd, path: Path, at: float) -> None:
        """A tool ended before a call that was made before its own."""
        self._answered(event, path, at)
        self._ended.add((path, event.call_id))

    def output(self, event: ToolOutputDone, path: Path, at: float) -> None:
        """The output of a call, in the order of the calls."""
        key = (path, event.call_id)
        agent = self._tree.agent(path)
        if key in self._ended:
            self._ended.discard(key)
        elif not self._answered(event, path, at):
            agent.note("lamella.tool.not_run", at, of_call(event.name, event.call_id))
        self._calls.pop(key, None)
        self._tree.since[path] = at
        agent.failed_below = False
        if agent.given is not None:
            agent.given.take(event)

    def _answered(self, event: ToolEnd | ToolOutputDone, path: Path, at: float) -> bool:
        key = (path, event.call_id)
        if key not in self.open:
            return False
        last: Attributes = {}
        if self._tree.telemetry.content:
            last[names.TOOL_RESULT] = output_json(event.output)
        self._end(key, at, last, Failure(names.TOOL_ERROR) if event.is_error else None)
        return True

    def close(self, path: Path, at: float, failure: Failure | None) -> None:
        """End what is open at ``path``: it was broken off."""
        for key in [key for key in self.open if key[0] == path]:
            self._end(key, at, {}, failure)

    def _end(self, key: _Key, at: float, last: Attributes, failure: Failure | None) -> None:
        tool = self.open.pop(key)
        tool.end(at, last, failure)
        measure.tool(self._tree.telemetry.instruments, tool, at, self._tree.agent(key[0]).name, failure)
