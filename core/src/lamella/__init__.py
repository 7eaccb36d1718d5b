"""Lamella: the pytest of agents. A thin core of typed words and hooks; everything else is a plugin.

Names are imported when they are first used: ``import lamella`` itself imports nothing.
"""

from __future__ import annotations

import importlib
import sys
import types

_ROOMS = {
    "lamella._frozen": ["FrozenDict", "FrozenList"],
    "lamella.agent": [
        "Agent",
        "AgentStream",
        "Journal",
        "SyncAgentStream",
        "aask",
        "aextract",
        "ask",
        "extract",
        "get_agent",
    ],
    "lamella.budgets": ["Budget"],
    "lamella.config": ["Project", "current_project", "use_project"],
    "lamella.content": [
        "Block",
        "MediaContent",
        "OpaqueContent",
        "ReasoningBlock",
        "TextBlock",
        "ToolCallBlock",
        "ToolOutputBlock",
    ],
    "lamella.errors": [
        "APIConnectionError",
        "APIStatusError",
        "APITimeoutError",
        "AgentError",
        "AgentExecutionError",
        "AgentInputError",
        "AgentMaxIterationsError",
        "AgentParsingError",
        "AgentSerializationError",
        "AgentToolCallError",
        "AgentToolExecutionError",
        "AuthenticationError",
        "BudgetExceededError",
        "ConfigError",
        "ContentFetchError",
        "ErrorCode",
        "InvalidRequestError",
        "LLMError",
        "LamellaError",
        "OutputParserError",
        "PluginError",
        "RateLimitError",
        "ReplayMismatchError",
        "ServerError",
        "StoreError",
        "StreamInterruptedError",
        "ToolError",
        "ToolTimeoutError",
        "UnsupportedContentError",
    ],
    "lamella.events": [
        "AgentEnd",
        "AgentStart",
        "ApprovalPending",
        "ApprovalResolved",
        "AttemptCommit",
        "AttemptRollback",
        "AttemptStart",
        "Event",
        "GuardrailOverride",
        "MediaOutputDone",
        "MessageOutputDelta",
        "MessageOutputDone",
        "OpaqueEvent",
        "OtherEvent",
        "OutputRejected",
        "ProgressEnd",
        "ProgressStart",
        "ProgressUpdate",
        "ReasoningDelta",
        "ReasoningDone",
        "ResponseDone",
        "RunStreamEvent",
        "StreamEnd",
        "StreamError",
        "StreamResumed",
        "StreamStart",
        "ToolCallDelta",
        "ToolCallDone",
        "ToolEnd",
        "ToolOutputDone",
        "ToolStart",
    ],
    "lamella.fold": ["fold"],
    "lamella.layers": ["bind", "chain", "committee", "handoffs", "parallel", "route", "static"],
    "lamella.history": ["check_history", "repair_history"],
    "lamella.hookspecs": ["hookimpl"],
    "lamella.log": ["AgentLogger"],
    "lamella.losses": ["Loss"],
    "lamella.messages": ["Message"],
    "lamella.models": [
        "Capabilities",
        "Completion",
        "Embedding",
        "Model",
        "ModelRequest",
        "OutputSchema",
        "Plan",
        "PlanEntry",
        "Problem",
        "RequestOptions",
        "RetryPolicy",
        "TokenCount",
        "WireModel",
        "fallback",
        "get_model",
    ],
    "lamella.models.structured": ["OutputType", "Partial", "StructuredModel", "portability"],
    "lamella.plugins": ["register_agent", "register_provider"],
    "lamella.recordings": ["Recording", "RunDiff", "Verification", "copy_runs", "diff", "reprice"],
    "lamella.pricing": ["Price", "PriceTable"],
    "lamella.prompt": ["PromptTemplate"],
    "lamella.rendering": ["TextRenderer", "render_events"],
    "lamella.runs": [
        "AgentRun",
        "ChainRun",
        "ExtractionRun",
        "MessageOutputItem",
        "MessagesRun",
        "OutputRejectedItem",
        "ParallelRun",
        "ReasoningItem",
        "RunFailure",
        "RunItem",
        "RunResult",
        "ToolCallItem",
        "ToolCallOutputItem",
    ],
    "lamella.serial": ["from_json", "to_json"],
    "lamella.specs": [
        "PLUGIN_API",
        "AgentSpec",
        "ChangingToolSource",
        "ClaimingStore",
        "CommandSpec",
        "ContentSpec",
        "Executor",
        "Guardrail",
        "ModelInfo",
        "ProviderSpec",
        "RunStore",
        "RunSummary",
        "Sink",
        "SinkSpec",
        "ToolSource",
        "ToolSourceSpec",
        "Verdict",
        "secret",
    ],
    "lamella.streams": ["adup", "aenumerate", "apeek", "fake_async", "prefix_stream"],
    "lamella.tools": ["Tool", "ToolRuntime", "aemit", "areport_progress", "emit", "report_progress", "tool"],
    "lamella.usage": ["Cost", "Timing", "TokenUsage"],
}
_HOME = {name: room for room, names in _ROOMS.items() for name in names}

__version__ = "0.1.0"
__all__ = ["__version__", *sorted(_HOME)]


class _Face(types.ModuleType):
    """The package: ``lamella.fold`` is the function, although the room it lives in has the same name."""

    def __setattr__(self, name: str, value: object) -> None:
        if name == "fold" and isinstance(value, types.ModuleType):
            value = vars(value)[
                "fold"
            ]  # the import system binds the room to the package; the public name wins
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face


def __getattr__(name: str) -> object:
    room = _HOME.get(name)
    if room is None:
        raise AttributeError(f"module 'lamella' has no attribute {name!r}")
    value = getattr(importlib.import_module(room), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
