"""What runs cost, response by response: prices may depend on the size of a request and on its time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

import attrs

from lamella.events import RunStreamEvent
from lamella.pricing import is_split
from lamella.recordings.responses import FREE, Response, of_events, of_result
from lamella.runs import RunResult
from lamella.usage import Cost, TokenUsage
from lamella_prices.pricing import price

__all__ = ["Spending", "Spent", "spending"]


@attrs.frozen(kw_only=True)
class Spent:
    """What one response, or one attempt that failed, used and cost.

    ``usage`` is ``None`` when the provider reported none, ``cost`` is ``None`` when that or the price is unknown.
    """

    run_id: str
    provider: str | None = None
    model: str | None = None
    usage: TokenUsage | None = None
    cost: Cost | None = None

    @property
    def title(self) -> str:
        """``provider:model``."""
        return ":".join(filter(None, (self.provider, self.model))) or "unknown"


@attrs.frozen
class Spending:
    """What was spent, response by response. ``+`` adds."""

    responses: tuple[Spent, ...] = ()

    @property
    def amount(self) -> Decimal | None:
        """US dollars, ``None`` when what any response cost is unknown."""
        costs = [response.cost for response in self.responses]
        return None if None in costs else sum((cost.amount for cost in costs if cost), Decimal(0))

    @property
    def known_amount(self) -> Decimal:
        """US dollars of the responses whose cost is known: a lower bound."""
        return sum((each.cost.amount for each in self.responses if each.cost), Decimal(0))

    @property
    def unpriced(self) -> tuple[str, ...]:
        """Whose cost is unknown: ``provider:model``, each once."""
        return tuple(dict.fromkeys(each.title for each in self.responses if each.cost is None))

    def by_model(self) -> Mapping[str, Spending]:
        """By ``provider:model``, in the order of first use."""
        return self._by("title")

    def by_run(self) -> Mapping[str, Spending]:
        """By run id, in the order given."""
        return self._by("run_id")

    def __add__(self, other: Spending) -> Spending:
        return Spending(self.responses + other.responses)

    def _by(self, name: str) -> Mapping[str, Spending]:
        found: dict[str, tuple[Spent, ...]] = {}
        for response in self.responses:
            key = getattr(response, name)
            found[key] = (*found.get(key, ()), response)
        return {key: Spending(responses) for key, responses in found.items()}


def spending(*runs: RunResult | Iterable[RunStreamEvent], at: datetime | None = None) -> Spending:
    """What runs cost: one run, or the runs of a conversation. Each is a result, or its events, live or stored.

    Prices are those of the project's ``[prices]``, else of ``genai-prices`` at the time of each response, or
    ``at``. Events say more than a result: which model answered, and when. Responses of a model that nobody
    prices have no cost, never that of the fallback rate.
    """
    responses: list[Spent] = []
    for run in runs:
        found = of_result(run) if isinstance(run, RunResult) else of_events(run)
        responses.extend(_spent(response, at or response.at) for response in found)
    return Spending(tuple(responses))


def _spent(response: Response, at: datetime | None) -> Spent:
    return Spent(
        run_id=response.run_id,
        provider=response.provider,
        model=response.asked or response.served,
        usage=response.usage,
        cost=_cost(response, at),
    )


def _cost(response: Response, at: datetime | None) -> Cost | None:
    """By the first name with a price; what was kept from an earlier call cost nothing."""
    usage, provider, context = response.usage, response.provider, response.context
    if response.cached:
        return FREE
    if usage is None:
        return None
    for model in response.models:
        cost = _configured(usage, model, provider) or price(usage, model, provider, at=at, context=context)
        if cost is not None:
            return cost
    return None


def _configured(usage: TokenUsage, model: str, provider: str | None) -> Cost | None:
    from lamella.config import current_project

    prices = current_project().prices
    row = prices.lookup(model, provider)
    if row is None:
        return None
    return Cost(amount=row.amount(usage), priced=is_split(usage), source=prices.source)
