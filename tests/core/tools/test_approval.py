"""``Approvals``: thread-safe, at once, and in doubt no."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from lamella import AgentInputError
from lamella.events import ApprovalPending
from lamella.tools import Approvals, Decision

PENDING = ApprovalPending(call_id="c1", name="drop")


async def test_f_n35_another_thread_wakes_the_waiting_run_at_once() -> None:
    approvals = Approvals()
    given: list[float] = []

    def person() -> None:
        while not approvals.approve("c1"):
            time.sleep(0.001)
        given.append(time.perf_counter())

    thread = threading.Thread(target=person)
    thread.start()
    assert await approvals.wait(PENDING) == Decision(True)
    woken = time.perf_counter()
    thread.join()
    assert woken - given[0] < 0.5


async def test_a_decision_between_showing_and_waiting_is_not_missed() -> None:
    approvals = Approvals()
    with approvals.expecting(PENDING) as decision:
        assert approvals.deny("c1", "no")
        assert await decision() == Decision(False, "no")
    assert not approvals.approve("c1")


async def test_f_n31_timeout_and_failing_policies_deny() -> None:
    def broken(pending: ApprovalPending) -> bool:
        raise RuntimeError("secret")

    async def slow(pending: ApprovalPending) -> bool:
        await asyncio.sleep(30)
        return True

    assert await Approvals(timeout=0.01).wait(PENDING) == Decision(False, "no approval within 0.01 s")
    assert await Approvals(slow, timeout=0.01).wait(PENDING) == Decision(False, "no approval within 0.01 s")
    assert await Approvals(broken).wait(PENDING) == Decision(
        False, "the approval policy failed (RuntimeError)"
    )


@pytest.mark.parametrize(
    ("answer", "approved"), [(True, True), (False, False), (None, False), ("yes", False)]
)
async def test_only_true_approves(answer: Any, approved: bool) -> None:
    async def later(pending: ApprovalPending) -> Any:
        return answer

    assert (await Approvals(lambda pending: answer).wait(PENDING)).approved is approved
    assert (await Approvals(later).wait(PENDING)).approved is approved


async def test_an_id_that_two_runs_wait_for_is_not_guessed() -> None:
    approvals = Approvals(timeout=0.05)
    both = asyncio.gather(approvals.wait(PENDING), approvals.wait(PENDING))
    await asyncio.sleep(0)
    with pytest.raises(AgentInputError, match="one Approvals per run"):
        approvals.approve("c1")
    assert [decision.approved for decision in await both] == [False, False]


def test_deciding_without_a_waiting_call_and_bad_timeouts() -> None:
    assert not Approvals().approve("c1")
    assert not Approvals().deny("c1")
    with pytest.raises(AgentInputError, match="> 0"):
        Approvals(timeout=0)
