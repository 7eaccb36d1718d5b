"""Trees of runs of lasagna-ai: the same four kinds, with agent, provider, model and settings."""

from __future__ import annotations

from typing import Any, Final

from lamella import AgentRun, ChainRun, ExtractionRun, Loss, Message, MessagesRun, ParallelRun, TokenUsage
from lamella._frozen import thaw
from lamella.usage import add_usage
from lamella_transcripts.forms.lasagna_reading import LasagnaReader
from lamella_transcripts.forms.lasagna_writing import LasagnaWriter
from lamella_transcripts.node import Node
from lamella_transcripts.reading import ReadReport
from lamella_transcripts.writing import Report

__all__ = ["messages_of", "read_run", "write_run"]

_KNOWN: Final = frozenset(
    {"type", "agent", "provider", "model", "model_kwargs", "messages", "runs", "result"}
)


def read_run(node: Node, report: ReadReport) -> AgentRun:
    """A run and all below it. A tool's result that is a run of its own is among the children, too."""
    source = node.table()
    kind = node["type"].one_of("messages", "parallel", "chain", "extraction")
    given: dict[str, Any] = {
        "agent": node["agent"].optional_text(),
        "provider": node["provider"].optional_text(),
        "model": node["model"].optional_text(),
        "settings": None if node["model_kwargs"].value is None else node["model_kwargs"].table(),
        "extra": {name: value for name, value in source.items() if name not in _KNOWN},
    }
    if kind in ("parallel", "chain"):
        runs = [read_run(each, report) for each in node["runs"].nodes()]
        usage = _sum(run.token_usage for run in runs)
        cls: Any = ParallelRun if kind == "parallel" else ChainRun
        return cls(runs=runs, token_usage=usage, **given)  # type: ignore[no-any-return]
    messages = LasagnaReader(report).read(node["messages"])
    layered = [read_run(each, report) for each in _layered(node["messages"])]
    usage = _sum([*(message.usage for message in messages), *(run.token_usage for run in layered)])
    if kind == "extraction":
        return ExtractionRun(messages=messages, result=source.get("result"), token_usage=usage, **given)
    return MessagesRun(messages=messages, runs=layered, token_usage=usage, **given)


def _layered(messages: Node) -> list[Node]:
    """The runs of agents that were called as tools."""
    results = [
        tool
        for each in messages.nodes()
        if each["role"].value == "tool_res"
        for tool in each["tools"].nodes()
    ]
    return [tool["run"] for tool in results if tool["type"].value == "layered_agent"]


def _sum(usages: Any) -> TokenUsage | None:
    total: TokenUsage | None = None
    for usage in usages:
        total = add_usage(total, usage)
    return total


def messages_of(run: AgentRun) -> list[Message]:
    """The messages of the leaves, in order; those of agents that were called as tools are their own."""
    if isinstance(run, MessagesRun | ExtractionRun):
        return list(run.messages)
    return [message for child in run.children for message in messages_of(child)]


def write_run(run: AgentRun, report: Report) -> dict[str, Any]:
    """A run and all below it."""
    made: dict[str, Any] = {"agent": run.agent or run.type, "type": run.type}
    if run.agent is None:
        _lose(
            report, "rewritten", "agent", f"a run without a name is called {run.type!r}: lasagna-ai needs one"
        )
    if run.provider is not None:
        made["provider"] = run.provider
    if run.model is not None:
        made["model"] = run.model
    if run.settings is not None:
        made["model_kwargs"] = thaw(run.settings)
    made |= thaw(run.extra)
    if isinstance(run, MessagesRun | ExtractionRun):
        made["messages"] = LasagnaWriter(report).write(run.messages)
    if isinstance(run, ParallelRun | ChainRun):
        made["runs"] = [write_run(child, report) for child in run.runs]
    if isinstance(run, ExtractionRun):
        made["result"] = thaw(run.result)
    if isinstance(run, MessagesRun) and len(run.runs) > len(_layered(Node(made["messages"]))):
        _lose(report, "dropped", "runs", f"the runs of agents that {made['agent']!r} called as tools")
    return made


def _lose(report: Report, kind: Any, what: str, reason: str) -> None:
    report.losses.append(Loss(kind=kind, what=what, reason=reason))
