"""Reprice: what stored runs cost at other prices."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from lamella import Project, use_project
from lamella.events import AttemptRollback, ResponseDone, StreamEnd, StreamError, StreamResumed, StreamStart
from lamella.fold import fold
from lamella.pricing import PriceTable, cost_of
from lamella.recordings import Repriced, reprice
from lamella.recordings.responses import of_events
from lamella.usage import Cost, TokenUsage

from recorded_runs import envelopes, used, whole_run

BEGAN = datetime(2026, 1, 1, 12, tzinfo=UTC)
TABLE = PriceTable.of({"acme:m": (1, 2)})
MILLION = 1_000_000


class Dated:
    """A price source that knows times: a dollar for each token, two from 2026-06 on; another one for flex."""

    def __init__(self) -> None:
        self.asked: list[datetime | None] = []

    def price(
        self, usage: TokenUsage, model: str, provider: str | None = None, *,
        at: datetime | None = None, context: Any = None,
    ) -> Cost | None:  # fmt: skip
        self.asked.append(at)
        if not model.startswith("m"):
            return None
        rate = 2 if at is None or at >= datetime(2026, 6, 1, tzinfo=UTC) else 1
        if (context or {}).get("service_tier") == "flex":
            rate *= 10
        return Cost(amount=Decimal(rate * (usage.total_tokens or 0)), priced=True, source="dated")


@pytest.fixture
def dated(monkeypatch: pytest.MonkeyPatch) -> Iterator[Dated]:
    source = Dated()
    with use_project(Project.bare()) as project:
        monkeypatch.setattr(
            type(project.host.hooks), "price", lambda _, *args, **more: source.price(*args, **more)
        )
        yield source


def run(*events: Any, **start: Any) -> Any:
    told = {"provider": "acme", "model": "m", "started_at": BEGAN.timestamp(), **start}
    return envelopes([StreamStart(**told), *events, StreamEnd()], seconds=1)


def test_today_beside_its_time(dated: Dated) -> None:
    found = reprice(run(ResponseDone(token_usage=used(10, 5)), ResponseDone(token_usage=used(1, 0))))
    assert (found.amount, found.before, found.change) == (32, 16, 16)
    assert [response.at for response in found.responses] == [
        datetime(2026, 1, 1, 12, 0, second, tzinfo=UTC) for second in (1, 2)
    ]


def test_as_of_a_time(dated: Dated) -> None:
    events = run(ResponseDone(token_usage=used(10, 5)))
    assert reprice(events, at=datetime(2026, 2, 1, tzinfo=UTC)).amount == 15
    assert reprice(events, at=datetime(2026, 7, 1, tzinfo=UTC)).amount == 30


def test_a_table_counts_instead(dated: Dated) -> None:
    found = reprice(run(ResponseDone(token_usage=used(10, 5))), prices=TABLE)
    assert (found.amount, found.before) == (Decimal(20) / MILLION, 15)
    assert found.responses[0].cost is not None
    assert found.responses[0].cost.source == "table"


def test_attempts_that_failed_count() -> None:
    """F-N25: what was used is paid, whatever came of it."""
    events = run(AttemptRollback(error="x", token_usage=used(50, 0)), ResponseDone(token_usage=used(10, 5)))
    events[-1] = envelopes([StreamError(error="cut", token_usage=used(7, 0))])[0]
    found = reprice(events, prices=TABLE)
    assert [(response.failed, response.cost and response.cost.amount * MILLION) for response in found.responses] == [
        (True, 50), (False, 20), (True, 7),
    ]  # fmt: skip


def test_what_came_from_a_cache_is_free_whoever_prices_it() -> None:
    found = reprice(run(ResponseDone(token_usage=used(0, 0), cached=True), model="unheard-of"), prices=TABLE)
    assert (found.amount, found.unpriced) == (0, ())
    assert found.responses[0].cached


def test_what_nobody_prices_is_named_and_never_free(dated: Dated) -> None:
    events = run(
        ResponseDone(token_usage=used(1, 1), provider="other", model="x"),
        ResponseDone(token_usage=used(10, 5)),
        ResponseDone(token_usage=None),
        model=None, provider=None,
    )  # fmt: skip
    found = reprice(events, prices=PriceTable.of({"y": (1, 1)}))
    assert found.amount is None
    assert found.known_amount == 0
    assert found.unpriced == ("other:x", "unknown")
    assert found.unreported == ("unknown",)
    assert [response.cost for response in found.responses] == [None] * 3


def test_without_a_start_its_time_is_unknown(dated: Dated) -> None:
    found = reprice(run(ResponseDone(token_usage=used(10, 5)), started_at=None))
    assert (found.amount, found.before, found.change) == (30, None, None)


def test_the_tier_is_part_of_the_price(dated: Dated) -> None:
    events = run(ResponseDone(token_usage=used(10, 5), raw={"service_tier": "flex"}))
    assert reprice(events).amount == 300


def test_by_run_and_by_model_of_events_and_of_results(dated: Dated) -> None:
    runs = [whole_run("a"), whole_run("b")]
    both = sum((reprice(run) for run in runs), Repriced())
    assert both == reprice([*runs[0], *runs[1]])
    assert list(both.by_run()) == ["a", "b"]
    assert list(both.by_model()) == ["acme:m1", "sim:demo"]
    assert both.by_model()["acme:m1"].amount == 2 * 2 * 39
    assert both.by_model()["sim:demo"].amount is None
    assert reprice(fold(runs[0])).by_model()["acme:m1"].amount == 2 * 39
    assert Repriced().amount == 0


def test_a_run_that_was_resumed_later_has_the_times_of_both_days() -> None:
    later = BEGAN.timestamp() + 86_400
    events = run(
        ResponseDone(token_usage=used(1, 1)),
        StreamResumed(started_at=later),
        ResponseDone(token_usage=used(1, 1)),
    )
    assert [response.at for response in of_events(events)] == [
        datetime(2026, 1, 1, 12, 0, 1, tzinfo=UTC), datetime(2026, 1, 2, 12, 0, 1, tzinfo=UTC)
    ]  # fmt: skip


def test_cost_of_takes_a_time(dated: Dated) -> None:
    moment = datetime(2026, 2, 1, tzinfo=UTC)
    assert cost_of(used(1, 1), "m", at=moment).amount == 2
    assert cost_of(used(1, 1), "acme:m").amount == 4
    assert cost_of(used(1, 1), "m", prices=PriceTable.of({"m": (1, 1)}), at=moment).source == "table"
    assert cost_of(used(MILLION, 0), "x", at=moment) == Cost(
        amount=Decimal(1), priced=False, source="fallback"
    )
