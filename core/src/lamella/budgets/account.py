"""``Account``: what is spent of a budget, and what is reserved by calls under way. Safe for many runs and threads."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from decimal import Decimal

import attrs

from lamella.budgets.budget import Budget
from lamella.errors import BudgetExceededError

__all__ = ["Account", "Spent", "deadline_of", "reserve", "take_tool_calls", "tool_calls_exceeded"]


@attrs.frozen(kw_only=True)
class Spent:
    """An amount of everything that a budget limits."""

    cost: Decimal = Decimal(0)
    tokens: int = 0
    turns: int = 0
    tool_calls: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            cost=self.cost + other.cost,
            tokens=self.tokens + other.tokens,
            turns=self.turns + other.turns,
            tool_calls=self.tool_calls + other.tool_calls,
        )

    def __sub__(self, other: Spent) -> Spent:
        return Spent(
            cost=self.cost - other.cost,
            tokens=self.tokens - other.tokens,
            turns=self.turns - other.turns,
            tool_calls=self.tool_calls - other.tool_calls,
        )


class Account:
    """A budget in use; made by :meth:`Budget.open`."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self._lock = threading.Lock()
        self._spent = Spent()
        self._reserved = Spent()
        self._begun: float | None = None
        self._waiting: list[asyncio.Future[None]] = []

    def __repr__(self) -> str:
        return f"Account({self.budget!r}, spent={self._spent!r})"

    @property
    def spent(self) -> Spent:
        """What has been used."""
        with self._lock:
            return self._spent

    @property
    def reserved(self) -> Spent:
        """What calls under way may use."""
        with self._lock:
            return self._reserved

    def begin(self) -> None:
        """Start the clock, once."""
        with self._lock:
            if self._begun is None:
                self._begun = time.monotonic()

    @property
    def deadline(self) -> float | None:
        """When the time is over, as ``time.monotonic()``; ``None`` without a limit."""
        if self.budget.seconds is None or self._begun is None:
            return None
        return self._begun + self.budget.seconds

    def expired(self) -> BudgetExceededError:
        """The error for the time that is over."""
        return BudgetExceededError(
            f"the budget allows {self.budget.seconds:g} seconds, and they are over; raise Budget.seconds",
            context={"limit": "seconds", "allowed": self.budget.seconds},
        )

    # -- taking and giving back -----------------------------------------------------------------------

    def hold(self, need: Spent) -> asyncio.Future[None] | None:
        """Reserve; ``None`` when it is done, else what to wait for before asking again.

        :raises BudgetExceededError: it does not fit what is left, whatever the calls under way use.
        """
        with self._lock:
            self._refuse(need)
            if self._over(self._spent + self._reserved + need) is None:
                self._reserved += need
                return None
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            return waiter

    def settle(self, held: Spent, used: Spent) -> None:
        """Give back what was reserved, and note what was used."""
        with self._lock:
            self._reserved -= held
            self._spent += used
            waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.get_loop().call_soon_threadsafe(_wake, waiter)

    def take(self, used: Spent) -> bool:
        """Use something at once, if it fits."""
        with self._lock:
            fits = self._over(self._spent + self._reserved + used) is None
            if fits:
                self._spent += used
            return fits

    def _over(self, amount: Spent) -> str | None:
        """The first limit that an amount is over."""
        for name in ("cost", "tokens", "turns", "tool_calls"):
            limit = getattr(self.budget, name)
            if limit is not None and getattr(amount, name) > limit:
                return name
        return None

    def _refuse(self, need: Spent) -> None:
        limit = self._over(self._spent + need)
        if limit is not None:
            raise _exceeded(limit, self.budget, self._spent, need)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


_WORDS = {"cost": "US dollars", "tokens": "tokens", "turns": "model calls", "tool_calls": "tool calls"}


def _exceeded(limit: str, budget: Budget, spent: Spent, need: Spent) -> BudgetExceededError:
    allowed, gone, more = (getattr(each, limit) for each in (budget, spent, need))
    advice = f"raise Budget.{limit}"
    if limit in ("cost", "tokens"):
        advice += ", or lower the longest answer of the model (max_output_tokens)"
    return BudgetExceededError(
        f"the budget allows {allowed:,} {_WORDS[limit]}: {gone:,} are spent, and the next step may take {more:,}; "
        f"it was not taken. To go on, {advice}",
        context={"limit": limit, "allowed": str(allowed), "spent": str(gone), "needed": str(more)},
    )


# -- many accounts ------------------------------------------------------------------------------------


async def reserve(accounts: Sequence[Account], need: Spent) -> None:
    """Reserve in all accounts, or in none; wait where calls under way are in the way.

    :raises BudgetExceededError: it does not fit one of them.
    """
    while (waiter := _hold_all(accounts, need)) is not None:
        await waiter


def _hold_all(accounts: Sequence[Account], need: Spent) -> asyncio.Future[None] | None:
    held: list[Account] = []
    done = False
    try:
        for account in accounts:
            waiter = account.hold(need)
            if waiter is not None:
                return waiter
            held.append(account)
        done = True
    finally:
        if not done:
            for account in held:
                account.settle(need, Spent())
    return None


# -- tools and time -----------------------------------------------------------------------------------


def take_tool_calls(accounts: Sequence[Account], wanted: int) -> int:
    """How many of some tool calls may be run; they are counted."""
    for count in range(wanted):
        taken: list[Account] = []
        for account in accounts:
            if not account.take(Spent(tool_calls=1)):
                for other in taken:
                    other.settle(Spent(), Spent(tool_calls=-1))
                return count
            taken.append(account)
    return wanted


def tool_calls_exceeded(accounts: Sequence[Account], wanted: int) -> BudgetExceededError:
    """The error for tool calls that do not fit."""
    tightest = min(
        (account for account in accounts if account.budget.tool_calls is not None),
        key=lambda account: (account.budget.tool_calls or 0) - account.spent.tool_calls,
    )
    return _exceeded("tool_calls", tightest.budget, tightest.spent, Spent(tool_calls=wanted))


def deadline_of(accounts: Sequence[Account]) -> tuple[float, Account] | None:
    """The earliest deadline and whose it is."""
    found = [(account.deadline, account) for account in accounts if account.deadline is not None]
    return min(found, key=lambda each: each[0]) if found else None
