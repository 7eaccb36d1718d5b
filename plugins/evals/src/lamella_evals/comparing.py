"""``Comparison``: what got better and worse from one report to the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import fmean

import attrs

from lamella.errors import AgentInputError
from lamella_evals.report import Report, summary_line
from lamella_evals.results import CaseResult

__all__ = ["Change", "Comparison", "compared"]


@attrs.frozen(kw_only=True)
class Change:
    """One case in both reports: the part of its runs that passed, and the mean of each check that both have."""

    case: str
    before: float
    after: float
    scores: Mapping[str, tuple[float, float]] = attrs.field(factory=dict)

    @property
    def by(self) -> float:
        """How much better it is, below 0 worse: by what passed, and where that is the same by the mean score."""
        if self.after != self.before or not self.scores:
            return self.after - self.before
        return fmean(after - before for before, after in self.scores.values())

    def __str__(self) -> str:
        moved = {name: pair for name, pair in self.scores.items() if pair[0] != pair[1]}
        told = "".join(f", {name} {before:.2f} -> {after:.2f}" for name, (before, after) in moved.items())
        return f"{self.case}: {self.before:.0%} -> {self.after:.0%}{told}"


@attrs.frozen(kw_only=True)
class Comparison:
    """Two reports, ``before`` and ``after``, case by case. ``new`` are only in the one, ``gone`` only in the other."""

    before: Report = attrs.field(repr=False)
    after: Report = attrs.field(repr=False)
    better: tuple[Change, ...]
    worse: tuple[Change, ...]
    same: tuple[Change, ...]
    new: tuple[str, ...]
    gone: tuple[str, ...]
    new_failing: tuple[str, ...]

    @property
    def regressed(self) -> bool:
        """Whether a case got worse, or a new one does not pass."""
        return bool(self.worse or self.new_failing)

    def to_dict(self) -> dict[str, object]:
        """The comparison as JSON values."""
        return {
            **{name: [_plain(change) for change in getattr(self, name)] for name in ("better", "worse")},
            **{name: list(getattr(self, name)) for name in ("new", "gone", "new_failing")},
            "same": len(self.same),
            "pass_rate": [self.before.pass_rate, self.after.pass_rate],
        }

    def lines(self) -> Iterator[str]:
        """The comparison for a terminal."""
        for word, changes in (("worse", self.worse), ("better", self.better)):
            for change in changes:
                yield f"{word:6}  {change}"
        for name in self.new:
            yield f"new     {name}{': does not pass' if name in self.new_failing else ''}"
        for name in self.gone:
            yield f"gone    {name}"
        yield (
            f"{len(self.worse)} worse, {len(self.better)} better, {len(self.same)} the same, {len(self.new)} new, "
            f"{len(self.gone)} gone"
        )
        yield f"before  {summary_line(self.before)}"
        yield f"after   {summary_line(self.after)}"

    def __str__(self) -> str:
        return "\n".join(self.lines())


def compared(before: Report, after: Report, tolerance: float) -> Comparison:
    """What changed; a change of no more than ``tolerance`` is none."""
    if not 0 <= tolerance <= 1:
        raise AgentInputError(f"compare(tolerance=…) must be a number from 0 to 1, got {tolerance!r}")
    old, new = before.by_case(), after.by_case()
    changes = [_change(name, old[name], new[name]) for name in new if name in old]
    only_new = tuple(name for name in new if name not in old)
    slack = tolerance + 1e-9
    return Comparison(
        before=before,
        after=after,
        better=tuple(change for change in changes if change.by > slack),
        worse=tuple(change for change in changes if change.by < -slack),
        same=tuple(change for change in changes if abs(change.by) <= slack),
        new=only_new,
        gone=tuple(name for name in old if name not in new and name not in after.not_run),
        new_failing=tuple(name for name in only_new if _rate(new[name]) < 1),
    )


def _change(name: str, old: tuple[CaseResult, ...], new: tuple[CaseResult, ...]) -> Change:
    before, after = _means(old), _means(new)
    scores = {check: (before[check], after[check]) for check in after if check in before}
    return Change(case=name, before=_rate(old), after=_rate(new), scores=scores)


def _rate(results: tuple[CaseResult, ...]) -> float:
    return fmean(result.passed for result in results)


def _means(results: tuple[CaseResult, ...]) -> dict[str, float]:
    names = dict.fromkeys(name for result in results for name in result.scores)
    return {
        name: fmean(result.scores[name].value for result in results if name in result.scores)
        for name in names
    }


def _plain(change: Change) -> dict[str, object]:
    scores = {name: list(pair) for name, pair in change.scores.items()}
    return {"case": change.case, "before": change.before, "after": change.after, "scores": scores}
