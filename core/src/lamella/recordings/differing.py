"""``diff``: where two runs differ, agent by agent and response by response."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from lamella._frozen import as_tuple, freeze
from lamella.errors import AgentInputError
from lamella.events import RunStreamEvent
from lamella.recordings.plain import Call
from lamella.recordings.result_steps import steps_of_result
from lamella.recordings.steps import Step, StepKey, differing_facts, steps_of_events
from lamella.recordings.wording import changed_lines
from lamella.runs import RunResult

__all__ = ["Difference", "RunDiff", "diff"]

_Path: TypeAlias = tuple[str, ...]
_Found: TypeAlias = tuple[str, Any, Any]


@attrs.frozen(kw_only=True)
class Difference:
    """One thing that is not the same in two runs.

    ``path`` names the agent (empty for the run's own), ``turn`` its response, counted from 0, and ``None`` for what is
    said once. ``what`` is the name of the thing: ``system``, ``input``, ``settings.temperature``, ``text``,
    ``call 1 arguments``, ``output 1``, ``usage``. ``before`` and ``after`` are text or JSON, ``None`` where there
    is nothing.
    """

    path: tuple[str, ...] = attrs.field(converter=as_tuple)
    turn: int | None
    what: str
    before: Any = attrs.field(default=None, converter=freeze)
    after: Any = attrs.field(default=None, converter=freeze)

    @property
    def title(self) -> str:
        """``helper, response 2: call 1 arguments``; responses are counted from 1 for people."""
        place = " > ".join(self.path) or "run"
        return (
            f"{place}: {self.what}"
            if self.turn is None
            else f"{place}, response {self.turn + 1}: {self.what}"
        )

    def lines(self) -> Iterator[str]:
        """What is different: lines of ``before`` after ``-``, of ``after`` after ``+``."""
        return changed_lines(self.before, self.after)


@attrs.frozen(kw_only=True)
class RunDiff:
    """What is different between the runs with the ids ``a`` and ``b``, in the order in which it happened."""

    a: str
    b: str
    strict: bool = False
    differences: tuple[Difference, ...] = attrs.field(default=(), converter=as_tuple)

    @property
    def same(self) -> bool:
        """Whether nothing is different."""
        return not self.differences

    @property
    def first(self) -> Difference | None:
        """The first difference: what follows may come of it."""
        return self.differences[0] if self.differences else None

    def lines(self) -> Iterator[str]:
        """The differences in plain words, as ``lamella runs diff`` prints them."""
        if self.same:
            yield f"{self.a} and {self.b} are the same"
            return
        yield f"--- {self.a}"
        yield f"+++ {self.b}"
        for difference in self.differences:
            yield ""
            yield difference.title
            yield from (f"  {line}" for line in difference.lines())


def diff(
    a: RunResult | Iterable[RunStreamEvent], b: RunResult | Iterable[RunStreamEvent], *, strict: bool = False
) -> RunDiff:
    """Compare two runs: agents by their paths, the responses of each by their number.

    What an agent was given (system instruction, settings, model, input, tools), what each response said (text,
    reasoning, calls), what it used and cost, what the tools gave, how it ended. Ids, times and the state of vendors
    are not looked at, unless ``strict``. Events tell more than a result; what only one of the two can tell is left
    out.

    :raises AgentInputError: a run without an event.
    """
    a, b = (given if isinstance(given, RunResult) else list(given) for given in (a, b))
    left = _Run(a, () if isinstance(b, RunResult) else _paths(b))
    right = _Run(b, () if isinstance(a, RunResult) else _paths(a))
    return RunDiff(
        a=left.run_id, b=right.run_id, strict=strict, differences=list(_compared(left, right, strict))
    )


class _Run:
    """A run as steps."""

    def __init__(self, given: RunResult | list[RunStreamEvent], paths: Sequence[_Path]) -> None:
        if isinstance(given, RunResult):
            self.run_id = given.run_id
            steps = steps_of_result(given, paths)
        elif given:
            self.run_id = given[0].run_id
            steps = steps_of_events(given)
        else:
            raise AgentInputError("diff: a run without an event cannot be compared")
        self.steps = {step.key: step for step in steps}
        self.paths = {step.path for step in steps}


def _paths(events: Iterable[RunStreamEvent]) -> list[_Path]:
    """The paths of agents, in the order in which they began."""
    return list(dict.fromkeys(envelope.path for envelope in events))


def _compared(left: _Run, right: _Run, strict: bool) -> Iterator[Difference]:
    for path, turn, kind in _in_order(list(left.steps), list(right.steps)):
        one, other = left.steps.get((path, turn, kind)), right.steps.get((path, turn, kind))
        if path not in left.paths or path not in right.paths:
            if kind == "start" and not _below_one_sided(path, left.paths, right.paths):
                yield Difference(path=path, turn=None, what="agent", before=_who(one), after=_who(other))
        elif kind == "response" and (one is None or other is None):
            yield Difference(path=path, turn=turn, what="response", before=_said(one), after=_said(other))
        elif kind == "outputs" and not _answered(left, right, path, turn):
            continue  # of a response that is there on one side only
        else:
            for what, before, after in _facts(one, other, strict):
                yield Difference(path=path, turn=turn, what=what, before=before, after=after)


def _in_order(left: Sequence[StepKey], right: Sequence[StepKey]) -> Iterator[StepKey]:
    """The keys of both: those of the left in order, and those of the right alone after what they follow there."""
    known = set(left)
    alone: dict[StepKey | None, list[StepKey]] = {}
    previous: StepKey | None = None
    for key in right:
        if key in known:
            previous = key
        else:
            alone.setdefault(previous, []).append(key)
    yield from alone.get(None, ())
    for key in left:
        yield key
        yield from alone.get(key, ())


def _below_one_sided(path: _Path, left: set[_Path], right: set[_Path]) -> bool:
    """Whether the agent that called this one is on one side only, which says enough."""
    parent = path[:-1]
    return bool(parent) and (parent not in left or parent not in right)


def _answered(left: _Run, right: _Run, path: _Path, turn: int | None) -> bool:
    key: StepKey = (path, turn, "response")
    return (key in left.steps) == (key in right.steps)


def _facts(one: Step | None, other: Step | None, strict: bool) -> Iterator[_Found]:
    found = differing_facts(one.facts if one else {}, other.facts if other else {})
    for name, before, after in found:
        yield from _parts(name, before, after)
    if strict:
        told = {name for name, _, _ in found}
        for name, before, after in differing_facts(one.vendor if one else {}, other.vendor if other else {}):
            if name not in told:
                yield name, before, after


def _parts(name: str, before: Any, after: Any) -> Iterator[_Found]:
    """Settings one by one; of a call, its name and its arguments by themselves."""
    if name in ("settings", "meta"):
        for key, one, other in differing_facts(before or {}, after or {}):
            yield f"{name}.{key}", one, other
    elif isinstance(before, Call) and isinstance(after, Call):
        if before.name != after.name:
            yield f"{name} name", before.name, after.name
        if before.arguments != after.arguments:
            yield f"{name} arguments", before.arguments, after.arguments
    else:
        yield name, _shown(before), _shown(after)


def _shown(value: Any) -> Any:
    return {"name": value.name, "arguments": value.arguments} if isinstance(value, Call) else value


def _who(step: Step | None) -> str | None:
    """An agent in a word."""
    if step is None:
        return None
    model = ":".join(filter(None, (step.facts.get("provider"), step.facts.get("model"))))
    name = step.facts.get("agent") or step.path[-1]
    return f"{name} on {model}" if model else str(name)


def _said(step: Step | None) -> Mapping[str, Any] | str | None:
    """A response in short: its text, else its calls."""
    if step is None:
        return None
    calls = {name: _shown(value) for name, value in step.facts.items() if isinstance(value, Call)}
    text = step.facts.get("text")
    return text if text and not calls else {**({"text": text} if text else {}), **calls}
