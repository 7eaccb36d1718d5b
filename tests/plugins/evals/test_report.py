"""F-X26: reports are totalled, stored with a version, and compared."""

from __future__ import annotations

from decimal import Decimal

import pytest

from lamella import Agent, AgentInputError, AgentSerializationError, RunFailure, TokenUsage
from lamella_evals import Case, CaseResult, EvaluationFailedError, Report, Score, contains, evaluate


def result(case: str, passed: bool = True, value: float | None = None, **options: object) -> CaseResult:
    score = Score(
        value=float(passed) if value is None else value, passed=passed, reason=None if passed else "no"
    )
    return CaseResult(case=case, passed=passed, scores={"c": score}, **options)  # type: ignore[arg-type]


FULL = Report(
    name="full",
    results=[
        result("a", run_id="r1", output="é", token_usage=TokenUsage(input_tokens=3), cost=Decimal("0.00000012"), duration=0.5),
        CaseResult(
            case="a", attempt=2, passed=False,
            error=RunFailure(message="m", code="api.timeout", error_type="APITimeoutError", retryable=True, context={"a": 1}),
        ),
        CaseResult(
            case="b", passed=False, cost=Decimal(1),
            scores={"j": Score(value=0.2, passed=False, error="e", token_usage=TokenUsage(output_tokens=2), cost=Decimal("0.5"))},
        ),
    ],
    not_run=["c"],
    seconds=1.5,
    started_at=10.0,
)  # fmt: skip


def test_f_x26_totals() -> None:
    assert not FULL.passed
    assert FULL.pass_rate == 1 / 4
    assert FULL.scores == {"c": 1.0, "j": 0.2}
    assert FULL.token_usage == TokenUsage(input_tokens=3)
    assert FULL.cost is None, "that of one run is unknown"
    assert (FULL.judge_usage, FULL.judge_cost) == (TokenUsage(output_tokens=2), Decimal("0.5"))
    assert [len(results) for results in FULL.by_case().values()] == [2, 1]
    known = Report(results=[result("a", cost=Decimal("0.1")), result("b", cost=Decimal("0.2"))])
    assert (known.cost, known.judge_cost, known.judge_usage) == (Decimal("0.3"), Decimal(0), None)


def test_f_x26_a_report_is_stored_and_read_back() -> None:
    read = Report.from_json(FULL.to_json())
    assert read == FULL
    assert read.to_json() == FULL.to_json()
    assert Report.from_dict(FULL.to_dict()) == FULL
    assert FULL.to_dict()["v"] == 1
    assert FULL.to_dict()["results"][0]["cost"] == "0.00000012"
    real = evaluate(Agent("sim:echo"), [Case("x", "y")], [contains()])
    assert real.results[0].run is not None
    assert Report.from_json(real.to_json()) == real


def test_what_a_later_version_adds_is_passed_over() -> None:
    data = FULL.to_dict()
    data["new"] = 1
    data["results"][0]["new"] = 1
    assert Report.from_dict(data) == FULL


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "no report"),
        ('{"type": "evaluation.report", "v": 2}', "of version 2"),
        ('{"type": "evaluation.report", "v": 1}', "cannot be read"),
        ('{"type": "evaluation.report", "v": 1, "results": [{"case": "a"}]}', "cannot be read"),
        ('{"type": "evaluation.report", "v": 1, "results": [{"case": "a", "passed": true, "cost": "x"}]}', "cannot be read"),
        ("{", "JSON"),
    ],
)  # fmt: skip
def test_what_is_no_report(text: str, told: str) -> None:
    with pytest.raises(AgentSerializationError, match=told):
        Report.from_json(text)


def test_f_x26_failures_are_raised_with_their_reasons() -> None:
    with pytest.raises(EvaluationFailedError) as raised:
        FULL.raise_for_failures()
    assert isinstance(raised.value, AssertionError)
    assert raised.value.partial is FULL
    told = str(raised.value)
    assert "1 of 4 runs passed (25%)" in told
    assert "m [api.timeout]" in told
    assert "j: e" in told
    Report(results=[result("a")]).raise_for_failures()


def test_f_x26_lines_for_the_terminal() -> None:
    lines = list(FULL.lines())
    assert lines[0] == "PASS  a  0.50 s"
    assert "FAIL  a (attempt 2)" in lines
    assert "----  c: not run" in lines
    assert "0.20  j" in lines
    assert lines[-1] == (
        "1 of 4 runs passed (25%), 3 tokens, cost unknown, judged with 2 tokens, 0.500000 USD, 1.5 s"
    )


def test_f_x26_what_got_better_worse_new_and_gone() -> None:
    before = Report(
        results=[
            result("up", False),
            result("down"),
            result("same"),
            result("gone"),
            result("little", value=0.6),
        ]
    )
    after = Report(
        results=[
            result("up"),
            result("down", False),
            result("same"),
            result("new", False),
            result("little", value=0.9),
        ]
    )
    found = after.compare(before)
    assert [change.case for change in found.better] == ["up", "little"]
    assert [change.case for change in found.worse] == ["down"]
    assert [change.case for change in found.same] == ["same"]
    assert (found.new, found.gone, found.new_failing) == (("new",), ("gone",), ("new",))
    assert found.regressed
    assert [change.case for change in after.compare(before, tolerance=0.5).better] == ["up"]
    assert "worse   down: 100% -> 0%, c 1.00 -> 0.00" in str(found)
    assert found.to_dict()["pass_rate"] == [0.8, 0.6]
    assert not before.compare(before).regressed
    with pytest.raises(AgentInputError, match="tolerance"):
        after.compare(before, tolerance=2)


def test_repetitions_are_compared_as_the_part_that_passed() -> None:
    before = Report(results=[result("a"), result("a", attempt=2)])
    after = Report(results=[result("a"), result("a", False, attempt=2)])
    change = after.compare(before).worse[0]
    assert (change.before, change.after) == (1, 0.5)


def test_what_was_not_run_is_not_gone() -> None:
    before = Report(results=[result("a"), result("b")])
    assert Report(results=[result("a", False)], not_run=["b"]).compare(before).gone == ()
