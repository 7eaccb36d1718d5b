"""One run of a case: the agent as it is, with the evaluation's own budget, sinks and journal around it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack, nullcontext
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs

from lamella.agent.base import BaseAgent, Ready
from lamella.agent.scope import RunScope
from lamella.config import use_project
from lamella.errors import AgentExecutionError, AgentInputError, LamellaError
from lamella.events import ApprovalPending, RunStreamEvent
from lamella.layers.layer import Composite
from lamella.layers.parts import as_agent
from lamella.recordings import reprice
from lamella.runs import RunFailure, RunResult
from lamella_evals.checks import Check, Score, score
from lamella_evals.limits import priced
from lamella_evals.results import CaseResult

if TYPE_CHECKING:
    from lamella.recordings import Repriced
    from lamella_evals.cases import Case

__all__ = ["Evaluated", "Subject", "run_case"]


@attrs.frozen(kw_only=True, eq=False)
class Evaluated(Composite):
    """An agent in an evaluation. What its run says of itself is the agent's, the rest the evaluation's too."""

    agent: BaseAgent[Any]

    async def prepare(self, scope: RunScope, stack: AsyncExitStack) -> Ready:
        """The agent, within the budget of the evaluation beside its own."""
        return await self.agent.prepare(scope.spending(self.budget), stack)


@attrs.frozen(kw_only=True)
class Subject:
    """Who is evaluated, and how its runs are made. ``agent`` may be anything with ``arun``."""

    agent: Any
    runtime_context: Mapping[str, Any] | None = None
    options: Mapping[str, Any] = attrs.field(factory=dict)

    @classmethod
    def of(cls, agent: Any, runtime_context: Mapping[str, Any] | None, **options: Any) -> Subject:
        """The subject, checked before anything runs.

        :raises AgentInputError: the agent is none, or the options need one that is Lamella's.
        """
        given = {name: value for name, value in options.items() if value is not None and value != ()}
        if isinstance(agent, BaseAgent | str) or not hasattr(agent, "arun"):
            agent = as_agent(agent)
        elif given:
            raise AgentInputError(
                f"{', '.join(sorted(given))}: only for agents and layers of Lamella, not for {type(agent).__name__}"
            )
        subject = cls(agent=agent, runtime_context=runtime_context, options=given)
        subject.around("", 1)
        return subject

    def around(self, case: str, attempt: int) -> Any:
        """The agent for one run."""
        agent = self.agent
        if not isinstance(agent, BaseAgent):
            return agent
        return Evaluated(
            agent=agent,
            name=agent.name,
            description=agent.description,
            approve=agent.approve or _deny,
            approval_timeout=agent.approval_timeout,
            slow_sinks=agent.slow_sinks,
            sinks=[*agent.sinks, *self.options.get("sinks", ())],
            journal=self.options.get("journal", agent.journal),
            meta={**agent.meta, "evaluation": {"case": case, "attempt": attempt}},
            budget=self.options.get("budget"),
            project=agent.project,
        )


def _deny(pending: ApprovalPending) -> bool:
    """Nobody is there to approve; the tool is denied at once."""
    return False


@attrs.define(kw_only=True)
class _Ran:
    """What is known of a run."""

    result: RunResult[Any] | None = None
    failure: RunFailure | None = None
    spent: Repriced | None = None
    seconds: float = 0.0

    @property
    def cost(self) -> Decimal | None:
        return None if self.spent is None else self.spent.amount

    @property
    def duration(self) -> float:
        timed = None if self.result is None else self.result.timing.duration
        return self.seconds if timed is None else timed


async def run_case(
    subject: Subject, name: str, case: Case, attempt: int, checks: Mapping[str, Check]
) -> CaseResult:
    """Run the case once and check what came of it. What fails is in the result, never raised."""
    project = getattr(subject.agent, "project", None)
    with nullcontext() if project is None else use_project(project):
        ran = await _run(subject, name, case, attempt)
        scores = await _scores(ran, case, checks)
    result = ran.result
    return CaseResult(
        case=name,
        attempt=attempt,
        passed=ran.failure is None and all(score.passed for score in scores.values()),
        run_id=None if result is None else result.run_id,
        output="" if result is None else result.output,
        scores=scores,
        error=ran.failure,
        token_usage=None if result is None else result.token_usage,
        cost=ran.cost,
        duration=ran.duration,
        run=result,
    )


async def _run(subject: Subject, name: str, case: Case, attempt: int) -> _Ran:
    ran, events, began = _Ran(), [], time.perf_counter()
    task = asyncio.current_task()

    async def keep(envelope: RunStreamEvent) -> None:
        if envelope.event.durable:
            events.append(envelope)

    agent = subject.around(name, attempt)
    own = isinstance(agent, BaseAgent)
    try:
        ran.result = await agent.arun(case.input, subject.runtime_context, **({"emit": keep} if own else {}))
    except asyncio.CancelledError as error:
        if task is not None and task.cancelling():
            raise
        _fail(ran, AgentExecutionError("the run was cancelled from within", cause=error))
    except Exception as error:
        _fail(ran, error)
    ran.seconds = time.perf_counter() - began
    if own:
        ran.spent = reprice(events)
    elif ran.result is not None:
        ran.spent = reprice(ran.result)
    return ran


def _fail(ran: _Ran, error: Exception) -> None:
    if not isinstance(error, LamellaError):
        error = AgentExecutionError(f"the run failed: {type(error).__name__}: {error}", cause=error)
    ran.failure = RunFailure(
        message=error.message,
        code=error.error_code.value,
        error_type=type(error).__name__,
        retryable=error.retryable,
        context={name: _plain(value) for name, value in error.context.items()},
    )
    ran.result = error.partial if isinstance(error.partial, RunResult) else None


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else str(value)


async def _scores(ran: _Ran, case: Case, checks: Mapping[str, Check]) -> dict[str, Score]:
    if ran.result is None or ran.failure is not None:
        code = "" if ran.failure is None else f": {ran.failure.code}"
        return {name: Score(value=0, passed=False, reason=f"the run failed{code}") for name in checks}
    spent = ran.spent
    with nullcontext() if spent is None else priced(ran.result.run_id, spent):
        return await _all(checks.items(), ran.result, case)


async def _all(checks: Iterable[tuple[str, Check]], result: RunResult[Any], case: Case) -> dict[str, Score]:
    return {name: await score(check, result, case) for name, check in checks}
