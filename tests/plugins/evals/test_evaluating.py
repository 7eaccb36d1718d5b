"""F-X26: every case is a real run; what fails is a result, and never stops the others."""

from __future__ import annotations

import asyncio
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from lamella import Agent, AgentInputError, Budget, Message, Recording, ToolRuntime, chain, tool
from lamella.config import Project, use_project
from lamella.runs import MessagesRun, RunResult
from lamella.usage import Timing
from lamella_evals import Case, CaseResult, Score, aevaluate, contains, costs_at_most, equals, evaluate
from lamella_jsonl import JSONLStore
from lamella_sim import ChatSim, Error, Script, ToolCall, Turn


def answering(function: Any) -> Agent:
    """An agent whose answer is made of the last message of the user."""
    return Agent(ChatSim(script=Script.of(lambda request: Turn(function(request.messages[-1].text)))))


ECHO = Agent("sim:echo")


def test_f_x26_every_case_is_a_run_and_results_keep_the_order_of_the_cases() -> None:
    cases = [Case(f"say {number}", str(number)) for number in range(20)]
    report = evaluate(ECHO, cases, [contains()], max_concurrency=5)
    assert report.passed
    assert [result.case for result in report.results] == [f"say {number}" for number in range(20)]
    assert [result.output for result in report.results] == [f"say {number}" for number in range(20)]
    assert len({result.run_id for result in report.results}) == 20
    assert report.token_usage == sum(result.token_usage for result in report.results)


def test_f_x26_a_failing_run_is_a_failed_case_with_its_typed_error_and_stops_no_other() -> None:
    agent = answering(lambda text: Error(status=400, message="no") if "two" in text else text)
    report = evaluate(agent, [Case("one", "one"), Case("two", "two"), Case("three", "three")], [contains()])
    assert [result.passed for result in report.results] == [True, False, True]
    failed = report.results[1]
    assert failed.error is not None
    assert (failed.error.error_type, failed.error.code) == ("InvalidRequestError", "api.invalid_request")
    assert failed.run_id is not None
    assert failed.scores["contains"] == Score(
        value=0, passed=False, reason="the run failed: api.invalid_request"
    )
    assert report.scores == {"contains": pytest.approx(2 / 3)}
    assert not report.passed


def test_input_that_no_agent_takes_is_a_failed_case() -> None:
    report = evaluate(ECHO, [Case(7, name="seven"), Case("eight")])  # type: ignore[arg-type]
    assert [result.passed for result in report.results] == [False, True]
    assert report.results[0].error is not None
    assert report.results[0].error.error_type == "AgentInputError"
    assert report.results[0].run_id is None


def test_fail_fast_stops_and_says_what_was_not_run() -> None:
    report = evaluate(
        ECHO, [Case(f"say {n}", "4") for n in range(9)], [contains()], fail_fast=True, max_concurrency=1
    )
    assert [result.case for result in report.results] == ["say 0"]
    assert report.not_run == tuple(f"say {n}" for n in range(1, 9))
    assert not report.passed
    assert report.pass_rate == 0


def test_repeat_runs_each_case_so_often() -> None:
    report = evaluate(ECHO, [Case("a"), Case("b")], repeat=3)
    assert [(r.case, r.attempt) for r in report.results] == [(c, n) for c in "ab" for n in (1, 2, 3)]


async def test_no_more_runs_at_once_than_allowed() -> None:
    running, most = 0, 0

    class Slow:
        async def arun(self, messages: Any, runtime_context: Any = None) -> Any:
            nonlocal running, most
            running += 1
            most = max(most, running)
            for _ in range(3):
                await asyncio.sleep(0)
            running -= 1
            return await ECHO.arun(messages)

    report = await aevaluate(Slow(), [Case(f"{n}") for n in range(12)], max_concurrency=3)
    assert most == 3
    assert report.passed


async def test_layers_and_functions_are_evaluated_and_named() -> None:
    async def shout(model: Any, emit: Any, prev_runs: list[Any]) -> MessagesRun:
        text = prev_runs[-1].messages[-1].text
        return MessagesRun(messages=[Message.assistant(text.upper())])

    assert (await aevaluate(shout, [Case("hey", "HEY")], [equals()])).passed
    assert (await aevaluate(chain(ECHO, shout), [Case("hey", "HEY")], [equals()])).passed
    with use_project(Project.load(overrides={"agents.helper.model": "sim:echo"}, environ={})):
        assert (await aevaluate("helper", [Case("hey", "hey")], [equals()])).passed


async def test_anything_with_arun_and_what_it_raises() -> None:
    class Own:
        async def arun(self, messages: Any, runtime_context: Any = None) -> RunResult[Any]:
            if messages == "bad":
                raise ValueError("bad input")
            return RunResult(
                run_id="r", output="fine", new_items=(), token_usage=None, timing=Timing(start_time=0, end_time=1),
                run=MessagesRun(), messages=(), stop_reason=None,
            )  # fmt: skip

    report = await aevaluate(Own(), [Case("good", "fine"), Case("bad", "fine")], [equals()])
    assert [result.passed for result in report.results] == [True, False]
    assert report.results[0].duration == 1
    assert report.results[1].error is not None
    assert "ValueError: bad input" in report.results[1].error.message
    with pytest.raises(AgentInputError, match="sinks: only for agents"):
        await aevaluate(Own(), [Case("x")], sinks=[JSONLStore(".")])


def test_all_runs_together_spend_one_budget() -> None:
    report = evaluate(ECHO, [Case(f"{n}") for n in range(4)], budget=Budget(turns=2), max_concurrency=1)
    assert [result.passed for result in report.results] == [True, True, False, False]
    assert {result.error.code for result in report.results if result.error} == {"agent.budget.exceeded"}
    own = Agent("sim:echo", budget=Budget(turns=0))
    assert not evaluate(own, [Case("x")], budget=Budget(turns=9)).passed, "the agent's own holds too"


def test_runs_are_stored_and_say_which_case_they_are(tmp_path: Path) -> None:
    store = JSONLStore(tmp_path)
    report = evaluate(Agent("sim:echo", name="e", meta={"a": 1}), [Case("x", name="first")], journal=store)
    events = asyncio.run(_load(store, report.results[0].run_id))
    start = events[0].event
    assert start.agent == "e"
    assert dict(start.meta) == {"a": 1, "evaluation": {"case": "first", "attempt": 1}}


def test_a_run_of_an_evaluation_is_verified_with_the_agent_alone(tmp_path: Path) -> None:
    store = JSONLStore(tmp_path)
    agent = chain(ECHO, Agent("sim:echo", name="second"), journal=store)
    report = evaluate(agent, [Case("x")])
    recording = Recording.load(store, str(report.results[0].run_id))
    assert recording.verify(agent).ok
    assert evaluate(agent, [Case("x")], journal=False).passed
    assert len(list(tmp_path.glob("**/*.jsonl"))) == 1


async def _load(store: JSONLStore, run_id: str | None) -> Any:
    assert run_id is not None
    return await store.load(run_id)


def test_tools_get_the_runtime_context_and_nobody_approves() -> None:
    @tool
    def whose(runtime: ToolRuntime) -> str:
        """Say whose it is."""
        return str(runtime.user)

    script = Script.of(
        [ToolCall("whose", {})], lambda request: Turn(str(request.messages[-1].tool_outputs[0].output))
    )
    agent = Agent(ChatSim(script=script), tools=[whose])
    assert evaluate(agent, [Case("?", "Ann")], [contains()], runtime_context={"user": "Ann"}).passed

    @tool(requires_approval=True)
    def delete() -> str:
        """Delete everything."""
        raise AssertionError("it must not run")

    agent = Agent(ChatSim(script=Script.of([ToolCall("delete", {})], "Not done.")), tools=[delete])
    assert evaluate(agent, [Case("?", "Not done.")], [equals()]).passed


def test_what_is_told_while_it_goes_on() -> None:
    told: list[tuple[str, int, int]] = []
    evaluate(
        ECHO, [Case("a"), Case("b")], on_result=lambda r, done, total: told.append((r.case, done, total))
    )
    assert sorted(case for case, _, _ in told) == ["a", "b"]
    assert [(done, total) for _, done, total in told] == [(1, 2), (2, 2)]

    async def later(result: CaseResult, done: int, total: int) -> None:
        raise RuntimeError("the caller's own bug")

    with pytest.raises(RuntimeError, match="own bug"):
        evaluate(ECHO, [Case("a")], on_result=later)


def test_a_check_that_raises_is_failed_and_says_so() -> None:
    def broken(result: Any, case: Case) -> bool:
        raise KeyError("x")

    async def late(result: Any, case: Case) -> float:
        return 0.75

    def odd(result: Any, case: Case) -> Any:
        return None

    report = evaluate(ECHO, [Case("a")], [broken, late, odd, lambda result, case: 2.0])
    scores = report.results[0].scores
    assert scores["broken"].error == "the check raised KeyError: 'x'"
    assert scores["late"] == Score(value=0.75, passed=True)
    assert "got NoneType" in str(scores["odd"].error)
    assert "from 0 to 1, got 2.0" in str(scores["<lambda>"].error)


def test_a_synchronous_check_may_block_and_run_agents() -> None:
    threads: list[str] = []

    def asks(result: Any, case: Case) -> bool:
        threads.append(threading.current_thread().name)
        return Agent("sim:echo").run("again").output == "again"

    assert evaluate(ECHO, [Case("a")], [asks]).passed
    assert threads != [threading.main_thread().name]


def test_a_case_has_checks_of_its_own() -> None:
    report = evaluate(ECHO, [Case("a", checks=[contains("a")]), Case("b")], [contains("b")])
    assert [list(result.scores) for result in report.results] == [
        ["contains('b')", "contains('a')"],
        ["contains('b')"],
    ]


def test_costs_are_the_projects_and_unknown_is_none() -> None:
    assert evaluate(ECHO, [Case("a")]).cost is None
    with use_project(Project.bare(overrides={"prices": {"sim:echo": [1_000_000, 0]}})):
        report = evaluate(ECHO, [Case("a b c")], [costs_at_most("0.5"), costs_at_most(100)])
    usage = report.token_usage
    assert usage is not None
    assert report.cost == Decimal(usage.input_tokens or 0)
    assert [score.passed for score in report.results[0].scores.values()] == [False, True]
    priced = Project.bare(overrides={"prices": {"sim:echo": [0, 0]}})
    assert evaluate(Agent("sim:echo", project=priced), [Case("a")]).cost == 0, "the agent's own project"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"cases": []}, "there are no cases"),
        ({"cases": ["a"]}, "takes Case objects, got str"),
        ({"cases": [Case("a", name="n"), Case("b", name="n")]}, "two cases are named 'n'"),
        ({"checks": [contains]}, r"a built-in one is made first: contains\(\)"),
        ({"checks": [3]}, "a check is a function"),
        ({"repeat": 0}, "repeat"),
        ({"max_concurrency": True}, "max_concurrency"),
        ({"agent": 3}, "an agent is an Agent"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_runs(arguments: dict[str, Any], told: str) -> None:
    given: dict[str, Any] = {"agent": ECHO, "cases": [Case("a")], **arguments}
    with pytest.raises(AgentInputError, match=told):
        evaluate(**given)


async def test_a_cancelled_evaluation_leaves_nothing_running() -> None:
    began, ended = asyncio.Event(), 0

    class Endless:
        async def arun(self, messages: Any, runtime_context: Any = None) -> Any:
            nonlocal ended
            began.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended += 1

    task = asyncio.create_task(aevaluate(Endless(), [Case(f"{n}") for n in range(4)], max_concurrency=2))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == 2


async def test_a_run_that_cancels_itself_is_a_failed_case() -> None:
    class Quits:
        async def arun(self, messages: Any, runtime_context: Any = None) -> Any:
            raise asyncio.CancelledError

    report = await aevaluate(Quits(), [Case("a"), Case("b")], max_concurrency=1)
    assert [result.passed for result in report.results] == [False, False]
