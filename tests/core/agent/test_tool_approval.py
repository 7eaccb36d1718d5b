"""F-X16, F-N31, F-N35: who says yes to a call, seen from a whole run."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from lamella import Agent, AgentInputError, RunResult, Tool

from fakes import ScriptedModel, bare, calls, says

ran: list[int] = []


def fire(n: int) -> str:
    """Fire."""
    ran.append(n)
    return f"fired {n}"


def agent(rule: Any, *numbers: int, **options: Any) -> Agent:
    ran.clear()
    asked = calls(*((f"c{n}", "fire", f'{{"n": {n}}}') for n in numbers))
    made = Tool(fire, name="fire", requires_approval=rule)
    return Agent(ScriptedModel(asked, says("done")), tools=[made], project=bare(), **options)


def outputs(result: RunResult) -> list[Any]:
    return [block.output for block in result.messages[1].tool_outputs]


def test_f_x16_static() -> None:
    asked: list[str] = []
    assert outputs(agent(True, 1, approve=lambda pending: not asked.append(pending.name)).run("go")) == [
        "fired 1"
    ]
    assert asked == ["fire"]
    assert outputs(agent(False, 1, approve=lambda pending: False).run("go")) == ["fired 1"]


def test_f_x16_by_a_policy_of_the_arguments_and_one_that_crashes_asks() -> None:
    def crash(arguments: Any) -> bool:
        raise RuntimeError("down")

    def odd(arguments: Any) -> Any:
        return None

    refusing: dict[str, Any] = {"approve": lambda pending: False}
    denied = "the call of fire was not approved: the approval policy said no"
    assert outputs(agent(lambda arguments: arguments["n"] > 5, 1, 9, **refusing).run("go")) == [
        "fired 1",
        denied,
    ]
    for rule in (crash, odd):
        assert outputs(agent(rule, 1, **refusing).run("go")) == [denied]
        assert ran == []


def test_f_n31_an_approver_that_crashes_denies() -> None:
    def crash(pending: Any) -> bool:
        raise RuntimeError("the secret is 7")

    assert outputs(agent(True, 1, approve=crash).run("go")) == [
        "the call of fire was not approved: the approval policy failed (RuntimeError)"
    ]
    assert ran == []


def test_f_x16_a_rule_that_would_have_to_be_awaited_is_refused() -> None:
    async def rule(arguments: Any) -> bool:
        return False

    with pytest.raises(
        AgentInputError, match=r"must be a sync function; what has to wait decides in Agent\(approve"
    ):
        agent(rule, 1)


def test_f_x16_nobody_answers() -> None:
    result = agent(True, 1, approval_timeout=0.02).run("go")
    assert outputs(result) == ["the call of fire was not approved: no approval within 0.02 s"]
    assert result.output == "done"


@pytest.mark.parametrize("approved", [True, False])
def test_f_n35_another_thread_wakes_the_run_at_once(approved: bool) -> None:
    """F-N35: while the consumer waits for the next event, a person decides elsewhere."""
    given: list[float] = []
    with agent(True, 1).stream("go") as stream:

        def person() -> None:
            time.sleep(0.05)  # by now the run waits
            given.append(time.perf_counter())
            stream.approve("c1") if approved else stream.deny("c1", "not today")

        for event in stream:
            if event.type == "approval.pending":
                threading.Thread(target=person).start()
            if event.type == "approval.resolved":
                woken = time.perf_counter()
        assert woken - given[0] < 0.25
        said = "fired 1" if approved else "the call of fire was not approved: not today"
        assert outputs(stream.result) == [said]


def test_f_x16_what_is_approved_is_what_runs() -> None:
    """The policy and the person see the checked call; neither can change it."""

    def meddling(arguments: dict[str, Any]) -> bool:
        arguments["n"] = 99
        return True

    assert outputs(agent(meddling, 1, approve=lambda pending: pending.arguments == {"n": 1}).run("go")) == [
        "fired 1"
    ]
