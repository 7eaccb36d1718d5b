"""Tools: functions that a model may call, and the running of its calls."""

from __future__ import annotations

from lamella.tools.approval import ApprovalPolicy, Approvals, Decision
from lamella.tools.cache import CachedOutput, MemoryToolCache, ToolCache, cached
from lamella.tools.channel import Emitted, aemit, emit
from lamella.tools.choice import effective_choice, normalise_choice
from lamella.tools.dispatch import run_calls
from lamella.tools.invocation import Deny, ToolInvocation, ToolWrapper, wrapped
from lamella.tools.middleware import Answer, middleware
from lamella.tools.progress import areport_progress, report_progress
from lamella.tools.runtime import ToolRuntime
from lamella.tools.selection import selected
from lamella.tools.throttle import async_throttle
from lamella.tools.tool import FunctionTool, Tool, as_tools, tool

__all__ = [
    "Answer",
    "ApprovalPolicy",
    "Approvals",
    "CachedOutput",
    "Decision",
    "Deny",
    "Emitted",
    "FunctionTool",
    "MemoryToolCache",
    "Tool",
    "ToolCache",
    "ToolInvocation",
    "ToolRuntime",
    "ToolWrapper",
    "aemit",
    "areport_progress",
    "as_tools",
    "async_throttle",
    "cached",
    "effective_choice",
    "emit",
    "middleware",
    "normalise_choice",
    "report_progress",
    "run_calls",
    "selected",
    "tool",
    "wrapped",
]
