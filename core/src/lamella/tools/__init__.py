"""Tools: functions that a model may call, and the running of its calls."""

from __future__ import annotations

from lamella.tools.approval import ApprovalPolicy, Approvals, Decision
from lamella.tools.channel import Emitted, aemit, emit
from lamella.tools.choice import effective_choice, normalise_choice
from lamella.tools.dispatch import run_calls
from lamella.tools.progress import areport_progress, report_progress
from lamella.tools.runtime import ToolRuntime
from lamella.tools.selection import selected
from lamella.tools.tool import FunctionTool, Tool, as_tools, tool

__all__ = [
    "ApprovalPolicy",
    "Approvals",
    "Decision",
    "Emitted",
    "FunctionTool",
    "Tool",
    "ToolRuntime",
    "aemit",
    "areport_progress",
    "as_tools",
    "effective_choice",
    "emit",
    "normalise_choice",
    "report_progress",
    "run_calls",
    "selected",
    "tool",
]
