"""``CaseResult``: what came of one run of one case."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import attrs

from lamella.runs import RunFailure, RunResult
from lamella.usage import TokenUsage, add_usage
from lamella_evals.checks import Score

__all__ = ["CaseResult", "total_cost", "total_usage"]


@attrs.frozen(kw_only=True)
class CaseResult:
    """One run of a case. ``passed``: it ended well, and every check passed.

    ``scores`` are by the name of the check; of a run that failed each is 0. ``cost`` is in US dollars, at the prices
    of when it ran, ``None`` when it is unknown. ``duration`` is in seconds. ``attempt`` counts the repetitions from 1.
    ``run`` is the whole result; it is not stored with a report.
    """

    case: str
    attempt: int = 1
    passed: bool
    run_id: str | None = None
    output: str = ""
    scores: Mapping[str, Score] = attrs.field(factory=dict)
    error: RunFailure | None = None
    token_usage: TokenUsage | None = None
    cost: Decimal | None = None
    duration: float | None = None
    run: RunResult[Any] | None = attrs.field(default=None, eq=False, repr=False)

    @property
    def judge_usage(self) -> TokenUsage | None:
        """What models that judged the run used."""
        return total_usage(score.token_usage for score in self.scores.values())

    @property
    def judge_cost(self) -> Decimal | None:
        """What judging cost, ``None`` when any of it is unknown; 0 where no model judged."""
        return total_cost(score.cost for score in self.scores.values() if score.token_usage is not None)

    def reasons(self) -> list[str]:
        """Why it did not pass, one line each."""
        if self.error is not None:
            return [f"{self.error.message} [{self.error.code}]"]
        failed = ((name, score) for name, score in self.scores.items() if not score.passed)
        return [
            f"{name}: {score.error or score.reason or f'scored {score.value:g}'}" for name, score in failed
        ]


def total_usage(usages: Iterable[TokenUsage | None]) -> TokenUsage | None:
    """The sum of what is known; ``None`` when nothing is."""
    total: TokenUsage | None = None
    for usage in usages:
        total = add_usage(total, usage)
    return total


def total_cost(costs: Iterable[Decimal | None]) -> Decimal | None:
    """The sum, ``None`` when any is unknown."""
    total = Decimal(0)
    for cost in costs:
        if cost is None:
            return None
        total += cost
    return total
