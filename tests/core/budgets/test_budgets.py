"""Budgets: nothing is spent that was not reserved, across a whole tree of agents; what is over ends the run whole."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamella import (
    Agent,
    AgentInputError,
    BudgetExceededError,
    Event,
    Message,
    MessageOutputDone,
    Model,
    ModelRequest,
    Project,
    ResponseDone,
    RunResult,
    ServerError,
    check_history,
    tool,
)
from lamella.budgets import Account, Budget, RateLimiter, Spent, rate_limited
from lamella.layers import chain, parallel, static

from fakes import ScriptedModel, bare, calls, says, usage


class Limited(ScriptedModel):
    """Answers of at most 100 tokens."""

    @property
    def output_limit(self) -> int | None:
        return 100


PRICED = Project.bare(overrides={"prices": {"scripted": [1000, 2000]}})  # 0.001 and 0.002 USD a token


def error_of(caught: pytest.ExceptionInfo[BudgetExceededError]) -> tuple[Any, Any]:
    error = caught.value
    assert error.error_code.value == "agent.budget.exceeded"
    assert isinstance(error.partial, RunResult)
    return error.context["limit"], error.partial


# -- before it is spent ---------------------------------------------------------------------------


async def test_f_n26_a_call_that_may_exceed_the_tokens_is_not_made() -> None:
    """F-N26, F-X15."""
    model = Limited(says("hi", usage(1, 1)))
    agent = Agent(model, budget=Budget(tokens=100), project=bare())
    with pytest.raises(
        BudgetExceededError, match="allows 100 tokens: 0 are spent, and the next step may take 101"
    ) as caught:
        await agent.arun("four")
    assert model.requests == []
    assert error_of(caught)[0] == "tokens"
    assert (await Agent(model, budget=Budget(tokens=101), project=bare()).arun("four")).output == "hi"


async def test_f_n26_a_call_that_may_exceed_the_cost_is_not_made() -> None:
    model = Limited(says("hi", usage(1, 1)))
    with pytest.raises(BudgetExceededError, match="US dollars") as caught:
        await Agent(model, budget=Budget(cost="0.2"), project=PRICED).arun("four")
    assert model.requests == []
    assert error_of(caught)[0] == "cost"
    assert (await Agent(model, budget=Budget(cost="0.201"), project=PRICED).arun("four")).output == "hi"


async def test_a_model_that_nobody_prices_is_refused_where_the_cost_is_limited() -> None:
    model = Limited(says("hi"))
    with pytest.raises(BudgetExceededError, match=r"nobody prices fake:scripted; set \[prices\]"):
        await Agent(model, budget=Budget(cost=100), project=bare()).arun("?")
    assert model.requests == []


async def test_what_is_used_is_settled_and_the_next_call_is_measured_by_it() -> None:
    """F-N26: the second call does not fit what the first has left; the partial result has the first."""

    @tool
    def look() -> str:
        """Look."""
        return "x"

    model = Limited(calls(("c1", "look", "{}"), tokens=usage(50, 60)), says("done"))
    with pytest.raises(BudgetExceededError) as caught:
        await Agent(model, tools=[look], budget=Budget(tokens=200), project=bare()).arun("?")
    limit, partial = error_of(caught)
    assert limit == "tokens"
    assert caught.value.context["spent"] == "110"
    assert len(model.requests) == 1
    assert partial.token_usage.total_tokens == 110
    assert [message.role for message in partial.messages] == ["assistant", "user"]


async def test_turns() -> None:
    @tool
    def look() -> str:
        """Look."""
        return "x"

    model = ScriptedModel(calls(("c1", "look", "{}")), calls(("c2", "look", "{}")), says("done"))
    with pytest.raises(BudgetExceededError, match="allows 2 model calls: 2 are spent"):
        await Agent(model, tools=[look], budget=Budget(turns=2), project=bare()).arun("?")
    assert len(model.requests) == 2
    assert (
        await Agent(model, tools=[look], budget=Budget(turns=3), project=bare()).arun("?")
    ).output == "done"


async def test_f_x15_a_skipped_call_still_gets_an_output() -> None:
    ran = []

    @tool
    def look(place: str) -> str:
        """Look."""
        ran.append(place)
        return place

    many = calls(*((f"c{i}", "look", f'{{"place": "{i}"}}') for i in range(3)))
    model = ScriptedModel(many, says("done"))
    with pytest.raises(BudgetExceededError, match="allows 2 tool calls") as caught:
        await Agent(model, tools=[look], budget=Budget(tool_calls=2), project=bare()).arun("?")
    assert ran == ["0", "1"]
    _, partial = error_of(caught)
    assert [(each.call_id, each.is_error) for each in partial.messages[-1].tool_outputs] == [
        ("c0", False),
        ("c1", False),
        ("c2", True),
    ]
    assert check_history([Message.user("?"), *partial.messages]) == ()


class Endless(Model):
    async def stream(self, request: ModelRequest) -> AsyncIterator[Event]:
        self.closed = False
        try:
            yield MessageOutputDone(output="first")
            await asyncio.sleep(30)
        finally:
            self.closed = True


async def test_time() -> None:
    model = Endless()
    with pytest.raises(BudgetExceededError, match=r"allows 0\.05 seconds, and they are over") as caught:
        await Agent(model, budget=Budget(seconds=0.05), project=bare()).arun("?")
    assert model.closed
    limit, partial = error_of(caught)
    assert (limit, partial.messages[0].text) == ("seconds", "first")


async def test_time_of_a_tool() -> None:
    @tool
    async def wait() -> None:
        """Wait."""
        await asyncio.sleep(30)

    model = ScriptedModel(calls(("c1", "wait", "{}")), says("done"))
    with pytest.raises(BudgetExceededError, match="seconds"):
        await Agent(model, tools=[wait], budget=Budget(seconds=0.05), project=bare()).arun("?")


# -- a tree of agents -----------------------------------------------------------------------------


async def test_f_use05_agents_below_spend_from_the_same_budget() -> None:
    helper = Agent(Limited(says("x", usage(10, 90))), name="helper", project=bare())
    model = Limited(calls(("c1", "helper", '{"prompt": "?"}'), tokens=usage(10, 50)), says("done"))
    with pytest.raises(BudgetExceededError) as caught:
        await Agent(model, tools=[helper], budget=Budget(tokens=250), project=bare()).arun("?")
    assert caught.value.context["spent"] == "160"


async def test_a_tighter_budget_below_is_its_own() -> None:
    helper = Agent(Limited(says("x")), name="helper", budget=Budget(turns=0), project=bare())
    model = ScriptedModel(calls(("c1", "helper", '{"prompt": "?"}')), says("sorry"))
    result = await Agent(model, tools=[helper], budget=Budget(turns=5), project=bare()).arun("?")
    assert result.output == "sorry"
    assert "allows 0 model calls" in str(result.messages[1].tool_outputs[0].output)


async def test_a_layer_has_a_budget() -> None:
    layer = chain(
        Agent(ScriptedModel(says("a")), name="a", project=bare()),
        Agent(ScriptedModel(says("b")), name="b", project=bare()),
        budget=Budget(turns=1),
        project=bare(),
    )
    with pytest.raises(BudgetExceededError) as caught:
        await layer.arun("?")
    assert error_of(caught)[1].run.children[0].agent == "a"


class Counting(Model):
    """Uses less than it may; says how many calls were under way at once."""

    provider, model = "fake", "scripted"

    def __init__(self) -> None:
        self.now = self.most = self.made = 0

    @property
    def output_limit(self) -> int | None:
        return 99

    async def stream(self, request: ModelRequest) -> AsyncIterator[Event]:
        self.now += 1
        self.made += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.005)
        self.now -= 1
        yield MessageOutputDone(output="x")
        yield ResponseDone(stop_reason="end_turn", token_usage=usage(1, 9))


async def test_calls_beside_each_other_wait_for_what_is_reserved() -> None:
    """Ten calls of at most 100 tokens share 250: two at a time, and all are made because each uses ten."""
    model = Counting()
    parts = [Agent(model, name=f"a{i}", project=bare()) for i in range(10)]
    account = Budget(tokens=250).open()
    await parallel(*parts, budget=account, project=bare()).arun("four")
    assert (model.most, model.made) == (2, 10)
    assert account.spent == Spent(tokens=100, turns=10)
    assert account.reserved == Spent()


async def test_many_never_spend_more_than_there_is() -> None:
    model = Counting()
    account = Budget(tokens=130).open()
    parts = [Agent(model, name=f"a{i}", project=bare()) for i in range(20)]
    with pytest.raises(BudgetExceededError):
        await parallel(*parts, budget=account, project=bare()).arun("four")
    assert account.spent.tokens <= 130
    assert account.reserved == Spent()


async def test_runs_may_share_an_account() -> None:
    account = Budget(turns=2).open()
    agent = Agent(ScriptedModel(says("x")), budget=account, project=bare())
    await agent.arun("?")
    await agent.arun("?")
    with pytest.raises(BudgetExceededError):
        await agent.arun("?")


def test_accounts_are_shared_by_threads() -> None:
    account = Budget(turns=20).open()
    agent = Agent(Counting(), budget=account, project=bare())
    refused = []

    def work() -> None:
        for _ in range(10):
            try:
                asyncio.run(agent.arun("?"))
            except BudgetExceededError:
                refused.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (account.spent.turns, len(refused)) == (20, 20)


# -- settling -------------------------------------------------------------------------------------


async def test_what_is_not_reported_counts_as_what_was_reserved() -> None:
    account = Budget(tokens=1000).open()
    await Agent(Limited(says("x")), budget=account, project=bare()).arun("four")
    assert account.spent.tokens == 101


async def test_a_call_that_fails_is_settled() -> None:
    account = Budget(tokens=1000).open()
    model = Limited([ServerError("down", status_code=503)])
    with pytest.raises(ServerError):
        await Agent(model, budget=account, project=bare()).arun("four")
    assert account.reserved == Spent()
    assert account.spent.tokens == 101


async def test_a_run_that_is_left_is_settled() -> None:
    account = Budget(tokens=1000).open()
    model = Endless()
    async with Agent(model, budget=account, project=bare()).astream("four") as stream:
        async for event in stream:
            if event.type == "message.output.done":
                break
    assert account.reserved == Spent()


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=20))
def test_accounts_add_up(steps: list[tuple[int, int]]) -> None:
    account = Account(Budget(tokens=100))
    total = 0

    async def play() -> None:
        nonlocal total
        for need, used in steps:
            used = min(need, used)
            try:
                waiter = account.hold(Spent(tokens=need))
            except BudgetExceededError:
                assert total + need > 100
                continue
            assert waiter is None
            account.settle(Spent(tokens=need), Spent(tokens=used))
            total += used

    asyncio.run(play())
    assert account.spent.tokens == total <= 100
    assert account.reserved == Spent()


@pytest.mark.parametrize(
    "wrong",
    [
        {"cost": -1},
        {"cost": "much"},
        {"cost": True},
        {"tokens": 1.5},
        {"turns": -1},
        {"tool_calls": True},
        {"seconds": 0},
    ],
    ids=str,
)
def test_budgets_are_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(AgentInputError, match=next(iter(wrong))):
        Budget(**wrong)
    with pytest.raises(AgentInputError, match="must be a Budget or an Account"):
        Agent(ScriptedModel(), budget=5)  # type: ignore[arg-type]


def test_a_budget_is_plain() -> None:
    assert Budget(cost=0.5).cost == Decimal("0.5")
    assert Budget() == Budget()


# -- how fast -------------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.waits.append(round(seconds, 3))
        self.now += seconds


async def test_f_x23_a_limiter_starts_full_and_refills() -> None:
    clock = Clock()
    limiter = RateLimiter(requests_per_minute=3, clock=clock, sleep=clock.sleep)
    for _ in range(3):
        await limiter.acquire()
    assert clock.waits == []
    await limiter.acquire()
    assert clock.waits == [20.0]


async def test_f_x23_tokens_are_settled() -> None:
    clock = Clock()
    limiter = RateLimiter(tokens_per_minute=600, clock=clock, sleep=clock.sleep)
    model = rate_limited(Limited(says("x", usage(100, 500))), limiter)
    await model.complete("?" * 40)
    await model.complete("?" * 400)
    assert clock.waits == [10.0]  # 600 used, 100 wanted, ten a second
    assert (model.provider, model.model, model.output_limit) == ("fake", "scripted", 100)


async def test_more_than_a_minutes_worth_waits_for_a_full_bucket() -> None:
    clock = Clock()
    limiter = RateLimiter(tokens_per_minute=60, clock=clock, sleep=clock.sleep)
    await limiter.acquire(600)
    assert clock.waits == []
    await limiter.acquire(1)
    assert clock.waits == [541.0]


def test_limits_are_checked() -> None:
    with pytest.raises(AgentInputError, match="requests_per_minute"):
        RateLimiter(requests_per_minute=0)


async def test_static_agents_cost_nothing() -> None:
    assert (await static("x", budget=Budget(turns=0), project=bare()).arun("?")).output == "x"
