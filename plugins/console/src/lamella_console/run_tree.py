"""Who did what in a run: its agents as a tree, each with its model, turns, tools, tokens, cost, time and end."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import attrs

from lamella.errors import ErrorCode
from lamella.events import (
    AgentEnd,
    AgentStart,
    AttemptStart,
    Event,
    ResponseDone,
    RunStreamEvent,
    StreamEnd,
    StreamError,
    StreamStart,
    ToolOutputDone,
)
from lamella.usage import TokenUsage
from lamella_console.plain import cut
from lamella_console.summary import Tally, describe_cost, describe_usage

__all__ = ["RunTree", "TreeLine"]

_ERROR: int = 120
"""Characters of an error."""


@attrs.frozen
class TreeLine:
    """A line of the tree: ``failed`` when its agent did."""

    text: str
    failed: bool = False


@attrs.define
class _Node:
    name: str
    asked: str = ""
    tally: Tally = attrs.field(factory=Tally)
    turns: int = 0
    tools: int = 0
    failed_tools: int = 0
    begin: float | None = None
    end: float | None = None
    status: str = "unfinished"
    failed: bool = False
    children: dict[str, _Node] = attrs.field(factory=dict)

    def below(self, path: tuple[str, ...]) -> _Node:
        node = self
        for name in path:
            node = node.children.setdefault(name, _Node(name))
        return node


class RunTree:
    """The agents of one run, from its events, live or stored."""

    def __init__(self) -> None:
        self._root = _Node("run")

    @property
    def nested(self) -> bool:
        """Whether agents called agents."""
        return bool(self._root.children)

    def feed(self, envelope: RunStreamEvent) -> None:
        """Take the next event."""
        event = envelope.event
        if not event.durable:
            return
        node = self._root.below(envelope.path)
        node.tally.feed((), event)
        if isinstance(event, ResponseDone):
            node.turns += 1
        elif isinstance(event, ToolOutputDone):
            node.tools += 1
            node.failed_tools += event.is_error
        elif isinstance(event, StreamStart | AgentStart | AttemptStart):
            _begin(node, event, envelope.at)
        elif isinstance(event, StreamEnd | StreamError | AgentEnd):
            _end(node, event, envelope.at)

    def lines(self) -> Iterator[TreeLine]:
        """The tree, root first; tokens and cost of an agent are with those of all below it."""
        placed = list(_placed(self._root, "", ""))
        width = max(len(place) for place, _ in placed)
        for place, node in placed:
            facts = " · ".join(filter(None, _facts(node)))
            yield TreeLine(f"{place.ljust(width)}  {facts}".rstrip(), node.failed)


def _begin(node: _Node, event: StreamStart | AgentStart | AttemptStart, at: float) -> None:
    node.begin = at if node.begin is None else node.begin
    if isinstance(event, StreamStart):
        node.name = event.agent or node.name
    if event.model is not None:
        node.asked = ":".join(filter(None, (event.provider, event.model)))


def _end(node: _Node, event: Event, at: float) -> None:
    node.end = at
    error = event.error if isinstance(event, AgentEnd | StreamError) else None
    code = event.code if isinstance(event, AgentEnd | StreamError) else None
    node.failed = error is not None
    if error is None:
        node.status = "done"
    elif code == ErrorCode.CANCELLED.value:
        node.status = "stopped"
    else:
        node.status = f"FAILED: {cut(' '.join(error.split()), _ERROR)}"


def _placed(node: _Node, lead: str, below: str) -> Iterator[tuple[str, _Node]]:
    """The nodes, parents first, each behind its guide lines."""
    yield f"{lead}{node.name}", node
    for place, child in enumerate(node.children.values(), 1):
        last = place == len(node.children)
        yield from _placed(child, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  "))


def _facts(node: _Node) -> Iterator[str]:
    yield node.tally.models or node.asked
    yield _count(node.turns, "turn")
    failed = f" ({node.failed_tools} failed)" if node.failed_tools else ""
    yield f"{_count(node.tools, 'tool call')}{failed}" if node.tools else ""
    usage, cost = _used(node)
    yield describe_usage(usage) if usage is not None else ""
    yield describe_cost(cost) if cost is not None else ""
    if node.begin is not None and node.end is not None:
        yield f"{node.end - node.begin:.1f} s"
    yield node.status


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}" if number else ""


def _used(node: _Node) -> tuple[TokenUsage | None, Decimal | None]:
    """Tokens and cost of an agent and all below it; no cost where one response has no known price."""
    usage = node.tally.usage
    cost = node.tally.cost()
    if cost is None and usage is None:
        cost = Decimal(0)
    for child in node.children.values():
        child_usage, child_cost = _used(child)
        if child_usage is not None:
            usage = child_usage if usage is None else usage + child_usage
            cost = None if cost is None or child_cost is None else cost + child_cost
    return usage, cost if usage is not None else None
