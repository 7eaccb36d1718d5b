"""F-X23: what runs cost, by model, by run, for a conversation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from genai_prices.data_snapshot import DataSnapshot, set_custom_snapshot
from genai_prices.types import (
    ClauseStartsWith,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    Provider,
    StartDateConstraint,
    Tier,
    TieredPrices,
    TimeOfDateConstraint,
)

from lamella import Agent, Project, RunResult, TokenUsage, use_project
from lamella.events import (
    AgentEnd,
    AgentStart,
    AttemptRollback,
    Event,
    MessageOutputDone,
    ResponseDone,
    RunStreamEvent,
    StreamEnd,
    StreamError,
    StreamStart,
)
from lamella.fold import fold
from lamella_prices import Spending, spending

NIGHT = TimeOfDateConstraint(time(22, tzinfo=UTC), time(6, tzinfo=UTC))
EVENING = datetime(2026, 11, 1, 21, 59, tzinfo=UTC).timestamp()


@pytest.fixture(autouse=True)
def acme() -> Iterator[None]:
    """``acme`` sells ``m`` at 1 in, 2 out, twice that above 1000 tokens; ``n`` is cheaper at night."""

    def tiers(price: int) -> TieredPrices:
        return TieredPrices(Decimal(price), [Tier(1000, Decimal(2 * price))])

    models = [
        ModelInfo(
            id="m",
            match=ClauseStartsWith("m-"),
            prices=ModelPrice(input_mtok=tiers(1), output_mtok=tiers(2)),
        ),
        ModelInfo(
            id="n",
            match=ClauseStartsWith("n"),
            prices=[
                ConditionalPrice(prices=ModelPrice(input_mtok=Decimal(8), output_mtok=Decimal(8))),
                ConditionalPrice(
                    StartDateConstraint(date(2026, 1, 1)),
                    prices=ModelPrice(input_mtok=Decimal(4), output_mtok=Decimal(4)),
                ),
                ConditionalPrice(NIGHT, prices=ModelPrice(input_mtok=Decimal(1), output_mtok=Decimal(1))),
            ],
        ),
    ]
    acme = Provider(id="acme", name="Acme", api_pattern="acme", models=models)
    set_custom_snapshot(DataSnapshot([acme], from_auto_update=False))
    with use_project(Project.bare()):
        yield
    set_custom_snapshot(None)


def used(given: int, made: int = 0) -> TokenUsage:
    return TokenUsage(input_tokens=given, output_tokens=made, total_tokens=given + made)


def done(usage: TokenUsage | None, **fields: Any) -> list[Event]:
    return [MessageOutputDone(output="words"), ResponseDone(token_usage=usage, **fields)]


def run(
    *events: Event | tuple[str, Event], run_id: str = "r", seconds: float = 1.0, **start: Any
) -> list[RunStreamEvent]:
    """The events of a run; those of nested agents with their names. One event takes ``seconds``."""
    told = {"provider": "acme", "model": "m-1", "started_at": EVENING, **start}
    every = [StreamStart(**told), *events, StreamEnd()]
    return [
        RunStreamEvent(
            event=given[1] if isinstance(given, tuple) else given,
            path=(given[0],) if isinstance(given, tuple) else (),
            run_id=run_id,
            seq=seq,
            at=100 + seq * seconds,
            start_time=100,
        )
        for seq, given in enumerate(every)
    ]


def dollars(found: Spending) -> Decimal | None:
    return None if found.amount is None else found.amount * 1_000_000


def both(events: Iterable[RunStreamEvent]) -> list[Spending]:
    """What is read from the events, and from the result of their fold."""
    events = list(events)
    return [spending(events), spending(fold(events))]


def test_f_x23_each_response_is_priced_by_itself() -> None:
    """F-X23: two requests of 600 tokens are no request of 1200, which would cost twice as much."""
    events = run(*done(used(600, 10)), *done(used(600, 20)))
    for found in both(events):
        assert dollars(found) == 600 + 20 + 600 + 40
        assert len(found.responses) == 2
        assert found.unpriced == ()


def test_what_the_run_cost_is_at_the_prices_of_its_time() -> None:
    early = run(*done(used(100)), model="n", started_at=datetime(2025, 5, 1, 12, tzinfo=UTC).timestamp())
    for found in both(early):
        assert dollars(found) == 800
    assert dollars(spending(early, at=datetime(2026, 5, 1, 12))) == 400
    late = run(*done(used(100)), *done(used(100)), model="n", seconds=20)
    assert dollars(spending(late)) == 400 + 100, "the second response came after ten o'clock"


def test_runs_whose_events_are_mixed_keep_their_times() -> None:
    old = run(*done(used(100)), model="n", started_at=datetime(2025, 5, 1, 12, tzinfo=UTC).timestamp())
    new = run(*done(used(100)), model="n", run_id="s")
    mixed = [event for pair in zip(old, new, strict=True) for event in pair]
    assert [dollars(part) for part in spending(mixed).by_run().values()] == [800, 400]


def test_without_a_time_the_prices_are_those_of_now() -> None:
    events = run(*done(used(100)), started_at=None)
    before = datetime.now(UTC).date()
    for found in both(events):
        assert dollars(found) == 100
        (response,) = found.responses
        assert response.cost is not None
        day = date.fromisoformat(response.cost.source.rpartition(" ")[2])
        assert before <= day <= datetime.now(UTC).date()


def test_f_x23_by_model_and_by_run() -> None:
    """F-X23: agents of one run may ask different models."""
    helper = [("helper", AgentStart(agent="helper", provider="acme", model="n"))]
    helped = [("helper", event) for event in done(used(100))]
    ended = [("helper", AgentEnd())]
    first = run(*helper, *helped, *ended, *done(used(10)), run_id="a")
    second = run(*done(used(20)), run_id="b")
    found = spending(first, second)
    assert {name: dollars(part) for name, part in found.by_model().items()} == {
        "acme:n": 400,
        "acme:m-1": 30,
    }
    assert {name: dollars(part) for name, part in found.by_run().items()} == {"a": 410, "b": 20}
    assert dollars(found) == 430
    assert spending(first) + spending(second) == found
    assert spending(first + second) == found, "a log of several runs"
    assert sum((spending(each) for each in (first, second)), Spending()) == found


def test_a_result_counts_nested_agents_once() -> None:
    helper = [("helper", AgentStart(agent="helper", provider="acme", model="n"))]
    helped = [("helper", event) for event in done(used(100))]
    events = run(*helper, *helped, ("helper", AgentEnd()), *done(used(10)))
    for found in both(events):
        assert dollars(found) == 410


@pytest.mark.parametrize("where", ["raw", "raw_event"])
def test_the_tier_that_openai_says_beside_the_usage(where: str) -> None:
    set_custom_snapshot(None)
    for tier, factor in [("default", Decimal(1)), ("flex", Decimal("0.5")), (None, Decimal(1))]:
        served = done(used(100), **{where: {"service_tier": tier}})
        for found in both(run(*served, provider="openai", model="gpt-5")):
            assert dollars(found) == 125 * factor


def test_attempts_that_failed_cost() -> None:
    """F-N25: what they used is part of the run, although they left no message."""
    events = run(AttemptRollback(error="x", token_usage=used(50, 5)), *done(used(100)))
    for found in both(events):
        assert dollars(found) == 50 + 10 + 100


def test_a_response_that_broke_off_costs() -> None:
    """Its message is incomplete and without a usage; what was used is on the error."""
    error = StreamError(error="cut", code="api.connection", token_usage=used(40, 1))
    events = run(*done(used(100)), MessageOutputDone(output="half"), error)[:-1]
    for found in both(events):
        assert dollars(found) == 100 + 42


def test_what_nobody_prices_has_no_cost() -> None:
    events = run(*done(used(100)), *done(used(5), model="unheard-of"), model="unheard-of", provider="acme")
    priced = run(*done(used(10)))
    found = spending(events, priced)
    assert found.amount is None
    assert found.known_amount * 1_000_000 == 10
    assert found.unpriced == ("acme:unheard-of",)


def test_what_was_not_reported_has_no_cost() -> None:
    for found in both(run(*done(None))):
        assert found.amount is None
        assert found.unpriced == ("acme:m-1",)


def test_nothing_asked_is_nothing_spent() -> None:
    for found in both(run()):
        assert found.amount == 0


def test_the_model_that_answered_is_asked_for_first() -> None:
    served = run(*done(used(100), model="n-2026", provider="acme"))
    assert dollars(spending(served)) == 400
    unknown = run(*done(used(100), model="x"))
    assert dollars(spending(unknown)) == 100, "else the model that was asked for"
    nameless = run(*done(used(100)), model=None, provider=None)
    assert spending(nameless).unpriced == ("unknown",)


def test_prices_of_the_project_come_first() -> None:
    with use_project(Project.bare(overrides={"prices": {"acme:m-1": [7, 7]}})):
        (response,) = spending(run(*done(used(100)))).responses
    assert response.cost is not None
    assert response.cost.amount * 1_000_000 == 700
    assert response.cost.source == "configuration"


def test_a_run_of_an_agent() -> None:
    with use_project(Project.load(overrides={"prices": {"sim:echo": [1, 3]}})):
        agent = Agent("sim:echo")
        result = agent.run("What does this cost?")
        events = list(agent.stream("What does this cost?"))
        assert isinstance(result, RunResult)
        usage = result.token_usage
        assert usage is not None
        expected = (usage.input_tokens or 0) + 3 * (usage.output_tokens or 0)
        assert dollars(spending(result)) == dollars(spending(events)) == expected > 0
        assert list(spending(result, events).by_model()) == ["sim:echo"]
