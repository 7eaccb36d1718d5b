"""``reprice``: what stored runs would cost at other prices than those of their time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal

import attrs

from lamella.events import RunStreamEvent
from lamella.pricing import PriceTable, find_cost
from lamella.recordings.responses import FREE, Response, of_events, of_result
from lamella.runs import RunResult
from lamella.usage import Cost, TokenUsage

__all__ = ["Repriced", "RepricedResponse", "reprice"]


@attrs.frozen(kw_only=True)
class RepricedResponse:
    """One response, or one attempt that failed: what it used, its ``cost`` now and that ``before``, at its time.

    A cost is ``None`` where the usage or the price is not known. What was kept from an earlier call is free.
    """

    run_id: str
    path: tuple[str, ...] | None = None
    provider: str | None = None
    model: str | None = None
    usage: TokenUsage | None = None
    failed: bool = False
    cached: bool = False
    at: datetime | None = None
    cost: Cost | None = None
    before: Cost | None = None

    @property
    def title(self) -> str:
        """``provider:model``."""
        return ":".join(filter(None, (self.provider, self.model))) or "unknown"


@attrs.frozen
class Repriced:
    """What runs cost at other prices, response by response. ``+`` adds."""

    responses: tuple[RepricedResponse, ...] = ()

    @property
    def amount(self) -> Decimal | None:
        """US dollars, ``None`` when what any response costs is unknown."""
        return _total(response.cost for response in self.responses)

    @property
    def known_amount(self) -> Decimal:
        """US dollars of the responses whose cost is known: a lower bound."""
        return sum((each.cost.amount for each in self.responses if each.cost), Decimal(0))

    @property
    def before(self) -> Decimal | None:
        """US dollars at the prices of each response's own time, ``None`` when any of these is unknown."""
        return _total(response.before for response in self.responses)

    @property
    def change(self) -> Decimal | None:
        """``amount - before``: what the runs cost more now, ``None`` when either is unknown."""
        return None if self.amount is None or self.before is None else self.amount - self.before

    @property
    def unpriced(self) -> tuple[str, ...]:
        """Whose price is unknown: ``provider:model``, each once."""
        return tuple(dict.fromkeys(each.title for each in self.responses if _lacks_price(each)))

    @property
    def unreported(self) -> tuple[str, ...]:
        """Who did not report a usage: ``provider:model``, each once."""
        silent = (each for each in self.responses if each.cost is None and not _lacks_price(each))
        return tuple(dict.fromkeys(each.title for each in silent))

    def by_model(self) -> Mapping[str, Repriced]:
        """By ``provider:model``, in the order of first use."""
        return self._by(lambda response: response.title)

    def by_run(self) -> Mapping[str, Repriced]:
        """By run id, in the order given."""
        return self._by(lambda response: response.run_id)

    def __add__(self, other: Repriced) -> Repriced:
        return Repriced(self.responses + other.responses)

    def _by(self, key: Callable[[RepricedResponse], str]) -> Mapping[str, Repriced]:
        found: dict[str, list[RepricedResponse]] = {}
        for response in self.responses:
            found.setdefault(key(response), []).append(response)
        return {name: Repriced(tuple(responses)) for name, responses in found.items()}


def reprice(
    run: RunResult | Iterable[RunStreamEvent],
    *,
    prices: PriceTable | None = None,
    at: datetime | None = None,
) -> Repriced:
    """What a run costs at the prices of today, each response by itself, failed attempts included.

    The source of prices is that of ``usage.cost``: the project's ``[prices]``, then its price plugins. Beside it
    stands what the same source says of the time of each response, where it knows: tables have no times, and hold
    for all. Responses of a model that nobody prices have no cost, never that of the fallback rate.

    :param run: a result, or events, live or stored, also of several runs. Events say more: which model answered,
        when, and what came from a cache.
    :param prices: a table to price by, instead.
    :param at: the time whose prices count (UTC when naive), instead of now.
    """
    found = of_result(run) if isinstance(run, RunResult) else of_events(run)
    return Repriced(tuple(_repriced(response, prices, at) for response in found))


def _repriced(response: Response, prices: PriceTable | None, at: datetime | None) -> RepricedResponse:
    return RepricedResponse(
        run_id=response.run_id,
        path=response.path,
        provider=response.provider,
        model=response.asked or response.served,
        usage=response.usage,
        failed=response.failed,
        cached=response.cached,
        at=response.at,
        cost=cost_of_response(response, prices=prices, at=at),
        before=None if response.at is None else cost_of_response(response, at=response.at),
    )


def cost_of_response(
    response: Response, *, prices: PriceTable | None = None, at: datetime | None = None
) -> Cost | None:
    """What one response costs, by the first of its names with a price; ``None`` where nobody prices it."""
    if response.cached:
        return FREE
    usage = response.usage
    if usage is None or usage.resolved_total_tokens is None:
        return None
    costs = (
        find_cost(usage, model, response.provider, prices=prices, at=at, context=response.context)
        for model in response.models
    )
    return next((cost for cost in costs if cost is not None), None)


def _lacks_price(response: RepricedResponse) -> bool:
    usage = response.usage
    return response.cost is None and usage is not None and usage.resolved_total_tokens is not None


def _total(costs: Iterable[Cost | None]) -> Decimal | None:
    total = Decimal(0)
    for cost in costs:
        if cost is None:
            return None
        total += cost.amount
    return total
