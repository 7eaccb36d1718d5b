"""F-X26: the built-in checks, each on runs that pass and runs that do not."""

from __future__ import annotations

from typing import Any, Literal

import attrs
import pytest

from lamella import Agent, AgentInputError, Project, RunResult, tool, use_project
from lamella_evals import (
    Case,
    Check,
    Score,
    calls,
    check,
    contains,
    costs_at_most,
    equals,
    faster_than,
    is_json,
    is_value,
    judged_by,
    matches,
    no_tool_errors,
    tokens_at_most,
)
from lamella_evals.checks import as_checks, score
from lamella_sim import ChatSim, Error, Script, ToolCall


def saying(*turns: Any, **options: Any) -> RunResult[Any]:
    return Agent(ChatSim(script=Script.of(*turns)), **options).run("What?")


async def said(check: Check, result: RunResult[Any], expected: Any = None) -> Score:
    return await score(check, result, Case("What?", expected))


@attrs.frozen
class City:
    name: str
    people: int


PARIS = '{"name": "Paris", "people": 2}'


@pytest.mark.parametrize(
    ("made", "answer", "expected", "passed"),
    [
        (equals(), " Paris\n", "Paris", True),
        (equals(), "paris", "Paris", False),
        (equals(ignore_case=True), "paris", "Paris", True),
        (equals("Rome"), "Rome", "Paris", True),
        (equals(), PARIS, {"people": 2, "name": "Paris"}, True),
        (equals(), PARIS, {"name": "Paris"}, False),
        (equals(), "no JSON", {"name": "Paris"}, False),
        (equals(), "5", 5, True),
        (contains(), "It is Paris.", "Paris", True),
        (contains(["It", "Paris"]), "It is Paris.", None, True),
        (contains(["It", "Rome"]), "It is Paris.", None, False),
        (contains("PARIS", ignore_case=True), "It is Paris.", None, True),
        (matches(r"\bP\w+s\b"), "It is Paris.", None, True),
        (matches("^Paris"), "It is Paris.", None, False),
        (is_json(), PARIS, None, True),
        (is_json(), "It is Paris.", None, False),
        (is_json({"type": "object", "required": ["name"]}), PARIS, None, True),
        (is_json({"type": "object", "required": ["river"]}), PARIS, None, False),
        (is_value(City), PARIS, None, True),
        (is_value(City), '{"name": "Paris"}', None, False),
        (is_value(list[int]), "[1, 2]", None, True),
    ],
)
async def test_f_x26_answers(made: Check, answer: str, expected: Any, passed: bool) -> None:
    found = await said(made, saying(answer), expected)
    assert (found.passed, found.value, found.error) == (passed, float(passed), None)
    assert passed or found.reason


async def test_f_x26_structured_answers() -> None:
    result = saying(PARIS, output_type=City)
    assert (await said(equals(), result, City("Paris", 2))).passed
    assert (await said(equals(), result, {"name": "Paris", "people": 2})).passed
    assert not (await said(equals(), result, {"name": "Rome", "people": 2})).passed
    assert (await said(is_value(City), result)).passed
    chosen = saying('{"value": "yes"}', output_type=Literal["yes", "no"])
    assert (await said(equals(), chosen, "yes")).passed


async def test_nothing_to_compare_with_is_an_error_of_the_check() -> None:
    found = await said(equals(), saying("x"))
    assert not found.passed
    assert "has no 'expected'" in str(found.error)
    assert "looks for text" in str((await said(contains(), saying("x"), 5)).error)


@tool
def add(a: int, b: int = 0) -> int:
    """Add two numbers."""
    return a + b


async def test_f_x26_tool_calls() -> None:
    turns = ([ToolCall("add", {"a": 1, "b": 2}), ToolCall("add", {"a": 3, "b": 4})], "Done.")
    result = saying(*turns, tools=[add])
    for made in (
        calls("add"), calls("add", times=2), calls("add", {"a": 3}), calls("add", {"a": 3}, times=1),
        calls("subtract", times=0), no_tool_errors(),
    ):  # fmt: skip
        assert (await said(made, result)).passed, made.name
    for made in (calls("add", times=1), calls("add", {"a": 9}), calls("subtract"), calls("add", times=0)):
        found = await said(made, result)
        assert not found.passed, made.name
        assert "called" in str(found.reason)
    broken = saying([ToolCall("add", {"a": "x"}), ToolCall("nothing", {})], "Done.", tools=[add])
    assert "2 calls failed" in str((await said(no_tool_errors(), broken)).reason)


async def test_calls_of_agents_below_count_too() -> None:
    below = Agent(ChatSim(script=Script.of([ToolCall("add", {"a": 1})], "One.")), name="below", tools=[add])
    result = saying([ToolCall("below", {"prompt": "?"})], "Done.", tools=[below])
    assert (await said(calls("below", times=1), result)).passed
    assert (await said(calls("add", times=1), result)).passed


async def test_f_x26_limits() -> None:
    result = saying("x")
    used = result.token_usage
    assert used is not None
    total = used.resolved_total_tokens or 0
    assert (await said(tokens_at_most(total), result)).passed
    assert "more than" in str((await said(tokens_at_most(total - 1), result)).reason)
    assert (await said(faster_than(60), result)).passed
    assert "took" in str((await said(faster_than(1e-9), result)).reason)
    assert "unknown" in str((await said(costs_at_most(1000), result)).reason)
    with use_project(Project.bare(overrides={"prices": {"sim:demo": [1, 1]}})):
        assert (await said(costs_at_most("0.01"), result)).passed
        assert not (await said(costs_at_most(0), result)).passed
    silent = attrs.evolve(result, token_usage=None)
    assert "reported none" in str((await said(tokens_at_most(9), silent)).reason)


@pytest.mark.parametrize(
    "make",
    [
        lambda: matches("("), lambda: calls("a", times=-1), lambda: tokens_at_most(1.5),  # type: ignore[arg-type]
        lambda: faster_than(0), lambda: costs_at_most("x"), lambda: costs_at_most(float("nan")),
        lambda: judged_by("sim:demo", " "), lambda: judged_by(3, "x"),  # type: ignore[arg-type]
        lambda: judged_by("sim:demo", "x", threshold=2), lambda: as_checks([add.func, 3]),  # type: ignore[list-item]
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said_at_once(make: Any) -> None:
    with pytest.raises(AgentInputError):
        make()


async def test_own_checks_have_names_and_thresholds() -> None:
    @check(threshold=0.8)
    def strict(result: Any, case: Case) -> float:
        return 0.75

    found = await said(strict, saying("x"))
    assert (found.value, found.passed, found.reason) == (0.75, False, "0.75 is below 0.8")
    assert list(as_checks([strict, strict, check(strict.function, name="other"), contains("a")])) == [
        "strict", "strict #2", "other", "contains('a')",
    ]  # fmt: skip


# -- a model that judges ------------------------------------------------------------------------------


def judging(*turns: Any) -> ChatSim:
    return ChatSim(script=Script.of(*turns))


async def test_f_x26_a_model_judges_and_its_usage_is_apart() -> None:
    result = saying("It is Paris.")
    found = await said(
        judged_by(judging('{"reason": "Names it.", "score": 0.8}'), "Names the city"), result, "Paris"
    )
    assert (found.value, found.passed, found.reason, found.error) == (0.8, True, "Names it.", None)
    assert found.token_usage is not None
    assert found.cost is None
    low = await said(judged_by(judging('{"reason": "No.", "score": 0.8}'), "x", threshold=0.9), result)
    assert not low.passed


async def test_the_judge_reads_the_question_the_answer_and_what_is_expected() -> None:
    seen: list[str] = []

    def look(request: Any) -> Any:
        seen.append(request.messages[-1].text)
        return '{"reason": "r", "score": 1}'

    await said(judged_by(ChatSim(script=Script.of(look)), "Is right"), saying("It is Paris."), "Paris")
    for part in ("Is right", "user: What?", "It is Paris.", "<expected>\nParis"):
        assert part in seen[0]


async def test_a_judge_that_fails_or_makes_no_sense_judged_nothing() -> None:
    result = saying("x")
    failed = await said(judged_by(judging(Error(status=400, message="no")), "x"), result)
    assert not failed.passed
    assert "the judge failed" in str(failed.error)
    odd = await said(judged_by(judging('{"reason": "r", "score": 9}'), "x"), result)
    assert "not from 0 to 1" in str(odd.error)
    assert odd.token_usage is not None


async def test_an_agent_judges_with_its_own_instruction() -> None:
    seen: list[str | None] = []

    def look(request: Any) -> Any:
        seen.append(request.system_instruction)
        return '{"reason": "r", "score": 1}'

    judge = Agent(ChatSim(script=Script.of(look)), system_instruction="Be harsh.")
    assert (await said(judged_by(judge, "x", name="harsh"), saying("x"))).passed
    assert "Be harsh." in str(seen[0])
