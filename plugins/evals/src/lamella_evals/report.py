"""``Report``: what an evaluation found; its totals, its lines, its stored form."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from decimal import Decimal
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final

import attrs

from lamella._frozen import as_tuple
from lamella._json import dumps, loads
from lamella.errors import AgentError, AgentSerializationError
from lamella.usage import TokenUsage
from lamella_evals.results import CaseResult, total_cost, total_usage

if TYPE_CHECKING:
    from lamella_evals.comparing import Comparison

__all__ = ["EvaluationFailedError", "Report", "summary_line"]

_SHOWN: Final = 20


class EvaluationFailedError(AgentError, AssertionError):
    """Not every run of an evaluation passed; ``partial`` is the ``Report``."""


@attrs.frozen(kw_only=True)
class Report:
    """The results in the order of the cases, and of a case in that of its repetitions.

    ``not_run`` names the cases that did not come to their turn because another failed (``fail_fast``); they count as
    not passed. ``seconds`` is wall time, ``started_at`` Unix time.
    """

    results: tuple[CaseResult, ...] = attrs.field(converter=as_tuple)
    name: str | None = None
    not_run: tuple[str, ...] = attrs.field(default=(), converter=as_tuple)
    seconds: float = 0.0
    started_at: float = attrs.field(factory=time.time)

    @property
    def passed(self) -> bool:
        """Whether everything passed."""
        return not self.not_run and all(result.passed for result in self.results)

    @property
    def pass_rate(self) -> float:
        """The part of the runs that passed, from 0 to 1."""
        count = len(self.results) + len(self.not_run)
        return sum(result.passed for result in self.results) / count if count else 0.0

    @property
    def scores(self) -> Mapping[str, float]:
        """The mean score of each check, by its name."""
        found: dict[str, list[float]] = {}
        for result in self.results:
            for name, score in result.scores.items():
                found.setdefault(name, []).append(score.value)
        return {name: fmean(values) for name, values in found.items()}

    @property
    def token_usage(self) -> TokenUsage | None:
        """What the runs used; models that judged are not in it."""
        return total_usage(result.token_usage for result in self.results)

    @property
    def cost(self) -> Decimal | None:
        """US dollars of the runs, ``None`` when that of any is unknown."""
        return total_cost(result.cost for result in self.results)

    @property
    def judge_usage(self) -> TokenUsage | None:
        """What models that judged used."""
        return total_usage(result.judge_usage for result in self.results)

    @property
    def judge_cost(self) -> Decimal | None:
        """US dollars of judging, ``None`` when any of it is unknown."""
        return total_cost(result.judge_cost for result in self.results)

    def by_case(self) -> Mapping[str, tuple[CaseResult, ...]]:
        """The results by the name of the case."""
        found: dict[str, tuple[CaseResult, ...]] = {}
        for result in self.results:
            found[result.case] = (*found.get(result.case, ()), result)
        return found

    def failures(self) -> tuple[CaseResult, ...]:
        """The results that did not pass."""
        return tuple(result for result in self.results if not result.passed)

    def raise_for_failures(self) -> None:
        """Do nothing if everything passed.

        :raises EvaluationFailedError: it did not; the message says which cases, and why.
        """
        if self.passed:
            return
        lines = [line for result in self.failures()[:_SHOWN] for line in _told(result)]
        more = len(self.failures()) - _SHOWN
        lines += [f"… and {more} more"] if more > 0 else []
        raise EvaluationFailedError("\n".join([summary_line(self), *lines]), partial=self)

    def compare(self, baseline: Report, *, tolerance: float = 0.0) -> Comparison:
        """What got better and worse since another report, case by case; see :class:`Comparison`."""
        from lamella_evals.comparing import compared

        return compared(baseline, self, tolerance)

    def lines(self) -> Iterator[str]:
        """The report for a terminal."""
        for result in self.results:
            yield from _told(result)
        for name in self.not_run:
            yield f"----  {name}: not run"
        yield ""
        for check, mean in self.scores.items():
            yield f"{mean:4.2f}  {check}"
        yield from ("", summary_line(self))

    def __str__(self) -> str:
        return "\n".join(self.lines())

    # -- the stored form ----------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values; ``summary`` is for other readers, and computed anew when it is read back."""
        from lamella_evals.storing import report_to_dict

        return report_to_dict(self)

    def to_json(self, indent: int | None = 2) -> str:
        """The report as JSON text."""
        return dumps(self.to_dict(), indent=indent)

    @classmethod
    def from_dict(cls, data: Any) -> Report:
        """The report that :meth:`to_dict` wrote.

        :raises AgentSerializationError: it is none, or one of a newer version.
        """
        from lamella_evals.storing import report_from_dict

        return report_from_dict(data)

    @classmethod
    def from_json(cls, text: str | bytes) -> Report:
        """The report that :meth:`to_json` wrote; see :meth:`from_dict`."""
        try:
            return cls.from_dict(loads(text))
        except UnicodeDecodeError as error:
            raise AgentSerializationError(f"this is no report: {error}", cause=error) from error


def summary_line(report: Report) -> str:
    """``9 of 10 runs passed (90%), 1,200 tokens, cost unknown, 3.1 s``."""
    count = len(report.results) + len(report.not_run)
    passed = sum(result.passed for result in report.results)
    words = [
        f"{passed} of {count} runs passed ({report.pass_rate:.0%})",
        *_spent(report.token_usage, report.cost),
    ]
    if report.judge_usage is not None:
        words.append(f"judged with {', '.join(_spent(report.judge_usage, report.judge_cost))}")
    return ", ".join([*words, f"{report.seconds:.1f} s"])


def _spent(usage: TokenUsage | None, cost: Decimal | None) -> list[str]:
    total = None if usage is None else usage.resolved_total_tokens
    tokens = "tokens unknown" if total is None else f"{total:,} tokens"
    return [tokens, "cost unknown" if cost is None else f"{cost:.6f} USD"]


def _told(result: CaseResult) -> Iterator[str]:
    again = f" (attempt {result.attempt})" if result.attempt > 1 else ""
    took = "" if result.duration is None else f"  {result.duration:.2f} s"
    yield f"{'PASS' if result.passed else 'FAIL'}  {result.case}{again}{took}"
    for reason in result.reasons():
        yield f"      {' '.join(reason.split())}"
    if not result.passed and result.run_id is not None:
        yield f"      run {result.run_id}"
