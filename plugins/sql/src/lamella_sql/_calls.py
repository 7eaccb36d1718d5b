"""The tool calls of one agent of a run, as rows of ``tool_calls``."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from lamella.events import ToolCallDone, ToolEnd, ToolOutputDone
from lamella_sql._changes import Changes, Row
from lamella_sql._escape import encode_json, readable
from lamella_sql._tables import tool_calls

__all__ = ["Calls"]


class Calls:
    """Calls by their ids. Where an id is used again, what follows belongs to the latest call."""

    def __init__(self, run_id: str, path: str, changes: Changes, count: int = 0) -> None:
        self._where = {"run_id": run_id, "path": path}
        self._changes = changes
        self._open: dict[str, Row] = {}
        self._fresh: list[Row] = []
        self.count = count

    def requested(self, event: ToolCallDone, turn: int, at: float | None) -> None:
        """The model has asked for a call."""
        row: Row = {
            **self._where,
            "idx": self.count,
            "turn": turn,
            "call_id": readable(event.call_id),
            "name": readable(event.name),
            "arguments": None if event.output is None else encode_json(event.output),
            "status": "requested",
            "output": None,
            "is_error": None,
            "requested_at": at,
            "started_at": None,
            "ended_at": None,
        }
        self.count += 1
        self._open[event.call_id] = row
        self._fresh.append(row)
        self._changes.put(tool_calls, row)

    def settled(self) -> None:
        """The response stands, and its calls with it."""
        self._fresh = []

    def taken_back(self) -> None:
        """The attempt failed: what it asked for was never asked."""
        for row in self._fresh:
            self._changes.delete(tool_calls, row)
        self.count -= len(self._fresh)
        gone = {row["idx"] for row in self._fresh}
        self._open = {call_id: row for call_id, row in self._open.items() if row["idx"] not in gone}
        self._fresh = []

    def started(self, call_id: str, at: float | None) -> None:
        """The tool begins to run."""
        self._change(call_id, status="running", started_at=at)

    def denied(self, call_id: str) -> None:
        """The call was not approved."""
        self._change(call_id, status="denied")

    def ended(self, event: ToolEnd | ToolOutputDone, output: str, at: float | None) -> None:
        """The call has its output. One that was denied, or whose outcome nobody knows, stays what it is."""
        row = self._open.get(event.call_id)
        if row is None:
            return
        kept = row["status"] in ("denied", "unknown")
        self._change(
            event.call_id,
            status=row["status"] if kept else ("failed" if event.is_error else "completed"),
            output=readable(output),
            is_error=event.is_error,
            ended_at=at if row["ended_at"] is None and not kept else row["ended_at"],
        )
        if isinstance(event, ToolOutputDone):
            self._open.pop(event.call_id, None)

    def lost(self, call_ids: Collection[str] | None = None) -> None:
        """Calls were running when the process, or the run, ended; ``None``: whichever were."""
        for call_id, row in list(self._open.items()):
            named = row["status"] == "running" if call_ids is None else call_id in call_ids
            if named and row["status"] in ("requested", "running"):
                self._change(call_id, status="unknown")

    def _change(self, call_id: str, **columns: Any) -> None:
        row = self._open.get(call_id)
        if row is not None:
            changed = self._open[call_id] = {**row, **columns}
            self._fresh = [changed if fresh is row else fresh for fresh in self._fresh]
            self._changes.put(tool_calls, changed)
