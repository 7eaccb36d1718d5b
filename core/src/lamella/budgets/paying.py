"""``Paying``: a model call that is reserved before it is made, and settled on what it used; and the time it has."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from typing import Self, TypeVar

from lamella.budgets.account import Account, Spent, deadline_of, reserve
from lamella.config import Project, use_project
from lamella.errors import BudgetExceededError, LamellaError
from lamella.events import Event
from lamella.models.estimate import estimate_tokens
from lamella.models.model import Model
from lamella.models.request import ModelRequest
from lamella.pricing import cost_of
from lamella.response import spent
from lamella.usage import TokenUsage, add_usage

__all__ = ["Paying", "within"]

T = TypeVar("T")


class Paying:
    """Use it around a model call, as an async context manager.

    The worst case of the call is the request (estimated at four characters a token) and the longest answer of the
    model; where that is unknown, the request alone. What is not reported afterwards counts as what was reserved:
    unknown is not nothing.

    :raises BudgetExceededError: the worst case does not fit; or it cannot be priced, and the cost is limited.
    """

    def __init__(
        self, accounts: Sequence[Account], model: Model, request: ModelRequest, project: Project
    ) -> None:
        self._accounts = accounts
        self._model = model
        self._request = request
        self._project = project
        self._held = Spent()
        self._usage: TokenUsage | None = None

    def note(self, event: Event) -> None:
        """Take an event of the call."""
        self._usage = add_usage(self._usage, spent(event))

    async def __aenter__(self) -> Self:
        if self._accounts:
            self._held = self._worst_case()
            await reserve(self._accounts, self._held)
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not self._accounts:
            return
        if isinstance(error, LamellaError):
            self._usage = add_usage(self._usage, getattr(error.partial, "usage", None))
        used = self._used()
        for account in self._accounts:
            account.settle(self._held, used)

    @property
    def _costs(self) -> bool:
        return any(account.budget.cost is not None for account in self._accounts)

    def _worst_case(self) -> Spent:
        if not self._costs and all(account.budget.tokens is None for account in self._accounts):
            return Spent(turns=1)
        given, most = estimate_tokens(self._request).tokens, self._model.output_limit or 0
        cost = Decimal(0)
        if self._costs:
            guess = ("input_tokens", "output_tokens")
            cost = self._price(TokenUsage(input_tokens=given, output_tokens=most, estimated=guess))
        return Spent(cost=cost, tokens=given + most, turns=1)

    def _used(self) -> Spent:
        usage = self._usage
        if usage is None or usage.resolved_total_tokens is None:
            return self._held
        cost = self._price(usage) if self._costs else Decimal(0)
        return Spent(cost=cost, tokens=usage.resolved_total_tokens, turns=1)

    def _price(self, usage: TokenUsage) -> Decimal:
        with use_project(self._project):
            found = cost_of(usage, self._model.model, self._model.provider)
        if not found.priced:
            raise BudgetExceededError(
                f"the cost is limited, and nobody prices {self._model.provider}:{self._model.model}; set [prices], or "
                "switch on a price plugin (pip install lamella-prices)",
                context={"limit": "cost", "provider": self._model.provider, "model": self._model.model},
            )
        return found.amount


async def within(items: AsyncIterator[T], accounts: Sequence[Account]) -> AsyncIterator[T]:
    """The items, as long as the time of the accounts lasts. Closing ``items`` is the caller's.

    :raises BudgetExceededError: it is over.
    """
    limit = deadline_of(accounts)
    if limit is None:
        async for item in items:
            yield item
        return
    deadline, account = limit
    ending = asyncio.get_running_loop().time() + (deadline - time.monotonic())
    while True:
        try:
            async with asyncio.timeout_at(ending) as timer:
                item = await anext(items)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            if not timer.expired():
                raise
            raise account.expired() from error
        yield item
