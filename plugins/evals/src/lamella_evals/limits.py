"""Checks of what a run took: money, tokens, time; and what runs cost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from lamella.errors import AgentInputError
from lamella.recordings import reprice
from lamella.runs import RunResult
from lamella_evals.checks import Check, Score, failed

if TYPE_CHECKING:
    from lamella.recordings import Repriced
    from lamella_evals.cases import Case

__all__ = ["costs_at_most", "faster_than", "priced", "tokens_at_most"]

_known: ContextVar[tuple[str, Repriced] | None] = ContextVar("lamella_evals_priced", default=None)


@contextmanager
def priced(run_id: str, spent: Repriced) -> Iterator[None]:
    """What a run cost by its events, which say more than its result, for the checks within."""
    token = _known.set((run_id, spent))
    try:
        yield
    finally:
        _known.reset(token)


def costs_at_most(usd: float | Decimal | str) -> Check:
    """The run cost no more than so many US dollars; a cost that nobody knows is too much.

    :raises AgentInputError: it is no amount.
    """
    limit = _amount(usd)

    def weigh(result: RunResult[Any], case: Case) -> Score:
        known = _known.get()
        spent = known[1] if known is not None and known[0] == result.run_id else reprice(result)
        if spent.amount is None:
            who = ", ".join((*spent.unpriced, *spent.unreported)) or "the model"
            return failed(
                f"the cost is unknown: no price or no usage of {who}; set [prices], or lamella-prices"
            )
        return _within(spent.amount, limit, f"cost {spent.amount:f} USD, more than {limit:f}")

    return Check(weigh, f"costs_at_most({limit:f})", quick=True)


def tokens_at_most(count: int) -> Check:
    """The run used no more than so many tokens, of all buckets together; an unreported usage is too much.

    :raises AgentInputError: it is no count.
    """
    given: object = count
    if isinstance(given, bool) or not isinstance(given, int) or given < 0:
        raise AgentInputError(f"tokens_at_most() takes an int >= 0, got {count!r}")

    def weigh(result: RunResult[Any], case: Case) -> Score:
        usage = result.token_usage
        used = None if usage is None else usage.resolved_total_tokens
        if used is None:
            return failed("the usage is unknown: the provider reported none")
        return _within(used, count, f"used {used:,} tokens, more than {count:,}")

    return Check(weigh, f"tokens_at_most({count})", quick=True)


def faster_than(seconds: float) -> Check:
    """The run took less than so many seconds.

    :raises AgentInputError: it is no duration.
    """
    given: object = seconds
    if isinstance(given, bool) or not isinstance(given, int | float) or not given > 0:
        raise AgentInputError(f"faster_than() takes a number of seconds > 0, got {seconds!r}")

    def weigh(result: RunResult[Any], case: Case) -> Score:
        took = result.timing.duration
        if took is None or took >= seconds:
            return failed(
                "the run has no end" if took is None else f"took {took:.2f} s, not less than {seconds:g}"
            )
        return Score(value=1, passed=True)

    return Check(weigh, f"faster_than({seconds:g})", quick=True)


def _within(used: Decimal | int, limit: Decimal | int, reason: str) -> Score:
    return Score(value=1, passed=True) if used <= limit else failed(reason)


def _amount(usd: Any) -> Decimal:
    try:
        amount = Decimal(str(usd))
    except InvalidOperation:
        amount = Decimal(-1)
    if isinstance(usd, bool) or not amount.is_finite() or amount < 0:
        raise AgentInputError(f"costs_at_most() takes a number of US dollars >= 0, got {usd!r}")
    return amount
