"""``evaluate``: every case is a real run of the agent; its answers are checked, and reported."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs

from lamella.budgets import Account, Budget
from lamella.errors import AgentInputError
from lamella_evals.cases import Case, named_cases
from lamella_evals.checks import Check, CheckFunction, as_checks
from lamella_evals.report import Report
from lamella_evals.results import CaseResult
from lamella_evals.running import Subject, run_case

if TYPE_CHECKING:
    from lamella.agent.journal import JournalLike
    from lamella.specs import Sink

__all__ = ["OnResult", "aevaluate", "evaluate"]

OnResult: TypeAlias = Callable[[CaseResult, int, int], Any]
"""Called with each result as it comes, how many there are by now, and how many there will be."""


def evaluate(
    agent: Any,
    cases: Iterable[Case],
    checks: Iterable[CheckFunction] = (),
    *,
    repeat: int = 1,
    max_concurrency: int = 8,
    budget: Budget | Account | None = None,
    journal: JournalLike | Literal[False] | None = None,
    sinks: Sequence[Sink] = (),
    runtime_context: Mapping[str, Any] | None = None,
    fail_fast: bool = False,
    on_result: OnResult | None = None,
    name: str | None = None,
) -> Report:
    """Run an agent on cases and check what it does.

    Every case is a run like any other: it is stored and traced where the agent or the project says so, with
    ``meta["evaluation"]``. One that fails is a result that did not pass, with its error, and stops no other. Nobody
    approves tools, unless the agent decides for itself: they are denied.

    :param agent: an ``Agent``, a layer, a functional agent, the name of an agent, or anything with ``arun``.
    :param checks: for every case, beside its own. A case without any passes when its run ends well.
    :param repeat: how often each case runs.
    :param max_concurrency: runs at once.
    :param budget: what all runs together may spend, beside what the agent may in each; models that judge are not in it.
    :param journal: in the place of the agent's own.
    :param sinks: beside the agent's own.
    :param runtime_context: for every run, as in ``Agent.run``.
    :param fail_fast: stop at the first run that does not pass; the others are ``not_run``.
    :param on_result: called as results come, in any order: ``(result, done, total)``; may be async.
    :param name: of the report.
    :raises AgentInputError: there are no cases, two have one name, or an argument does not fit.
    """
    from lamella.sync import run

    return run(
        aevaluate(
            agent,
            cases,
            checks,
            repeat=repeat,
            max_concurrency=max_concurrency,
            budget=budget,
            journal=journal,
            sinks=sinks,
            runtime_context=runtime_context,
            fail_fast=fail_fast,
            on_result=on_result,
            name=name,
        )
    )


async def aevaluate(
    agent: Any,
    cases: Iterable[Case],
    checks: Iterable[CheckFunction] = (),
    *,
    repeat: int = 1,
    max_concurrency: int = 8,
    budget: Budget | Account | None = None,
    journal: JournalLike | Literal[False] | None = None,
    sinks: Sequence[Sink] = (),
    runtime_context: Mapping[str, Any] | None = None,
    fail_fast: bool = False,
    on_result: OnResult | None = None,
    name: str | None = None,
) -> Report:
    """:func:`evaluate`, asynchronously."""
    shared = budget.open() if isinstance(budget, Budget) else budget
    subject = Subject.of(agent, runtime_context, budget=shared, journal=journal, sinks=tuple(sinks))
    planned = _planned(named_cases(cases), list(checks), _count("repeat", repeat))
    work = _Work(subject=subject, planned=planned, fail_fast=fail_fast, on_result=on_result)
    began, started_at = time.perf_counter(), time.time()
    await work.done(_count("max_concurrency", max_concurrency))
    results = [work.results.get(place) for place in range(len(planned))]
    return Report(
        results=[result for result in results if result is not None],
        name=name,
        not_run=[each.label for each, result in zip(planned, results, strict=True) if result is None],
        seconds=time.perf_counter() - began,
        started_at=started_at,
    )


def _count(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise AgentInputError(f"evaluate({name}=…) must be an int >= 1, got {value!r}")
    return value


@attrs.frozen
class _Planned:
    """One run to be made."""

    name: str
    case: Case
    attempt: int
    checks: Mapping[str, Check]

    @property
    def label(self) -> str:
        return self.name if self.attempt == 1 else f"{self.name} (attempt {self.attempt})"


def _planned(cases: Mapping[str, Case], checks: list[CheckFunction], repeat: int) -> list[_Planned]:
    found = []
    for name, case in cases.items():
        wanted = as_checks([*checks, *case.checks])
        found += [_Planned(name, case, attempt, wanted) for attempt in range(1, repeat + 1)]
    return found


class _StoppedError(Exception):
    """A run did not pass, and that was to be the end."""


@attrs.define(kw_only=True)
class _Work:
    """The runs, and who makes them."""

    subject: Subject
    planned: list[_Planned]
    fail_fast: bool
    on_result: OnResult | None
    results: dict[int, CaseResult] = attrs.field(factory=dict)

    async def done(self, workers: int) -> None:
        """Make the runs, some at once; on every way out none is left running."""
        todo = iter(enumerate(self.planned))
        tasks = [asyncio.create_task(self._work(todo)) for _ in range(min(workers, len(self.planned)))]
        try:
            await asyncio.gather(*tasks)
        except _StoppedError:
            pass  # what there is by now is the report
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, todo: Iterator[tuple[int, _Planned]]) -> None:
        for place, each in todo:
            result = await run_case(self.subject, each.name, each.case, each.attempt, each.checks)
            self.results[place] = result
            if self.on_result is not None:
                told = self.on_result(result, len(self.results), len(self.planned))
                if inspect.isawaitable(told):
                    await told
            if self.fail_fast and not result.passed:
                raise _StoppedError
