"""The stored form of reports: JSON with a version, which later versions go on reading."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from lamella._frozen import thaw
from lamella.errors import AgentInputError, AgentSerializationError
from lamella.runs import RunFailure
from lamella.serial import from_dict, to_dict
from lamella.usage import TokenUsage
from lamella_evals.checks import Score
from lamella_evals.report import Report
from lamella_evals.results import CaseResult

__all__ = ["report_from_dict", "report_to_dict"]

_TYPE: Final = "evaluation.report"
_VERSION: Final = 1


def report_to_dict(report: Report) -> dict[str, Any]:
    """The report as JSON values."""
    return {
        "v": _VERSION,
        "type": _TYPE,
        **_given(name=report.name),
        "started_at": report.started_at,
        "seconds": report.seconds,
        "summary": _summary(report),
        "results": [_result(result) for result in report.results],
        **({"not_run": list(report.not_run)} if report.not_run else {}),
    }


def _summary(report: Report) -> dict[str, Any]:
    usage, judged = report.token_usage, report.judge_usage
    return {
        "passed": report.passed,
        "pass_rate": report.pass_rate,
        "scores": dict(report.scores),
        "total_tokens": None if usage is None else usage.resolved_total_tokens,
        "cost": _spelled(report.cost),
        **({} if judged is None else {"judge_tokens": judged.resolved_total_tokens}),
        **({} if judged is None else {"judge_cost": _spelled(report.judge_cost)}),
    }


def _result(result: CaseResult) -> dict[str, Any]:
    error = result.error
    return {
        "case": result.case,
        "attempt": result.attempt,
        "passed": result.passed,
        **_given(run_id=result.run_id),
        "output": result.output,
        "scores": {name: _score(score) for name, score in result.scores.items()},
        **({} if error is None else {"error": _failure(error)}),
        **_usage(result.token_usage),
        "cost": _spelled(result.cost),
        "duration": result.duration,
    }


def _score(score: Score) -> dict[str, Any]:
    used = {} if score.token_usage is None else {**_usage(score.token_usage), "cost": _spelled(score.cost)}
    said = {"value": score.value, "passed": score.passed}
    return {**said, **_given(reason=score.reason, error=score.error), **used}


def _failure(error: RunFailure) -> dict[str, Any]:
    facts = {"message": error.message, "code": error.code, "error_type": error.error_type}
    return {**facts, "retryable": error.retryable, **_given(context=thaw(error.context) or None)}


def _usage(usage: TokenUsage | None) -> dict[str, Any]:
    return {} if usage is None else {"token_usage": to_dict(usage)}


def _spelled(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


# -- reading ------------------------------------------------------------------------------------------


def report_from_dict(data: Any) -> Report:
    """The report that was written; fields that a later minor version may add are passed over.

    :raises AgentSerializationError: it is none, or one of a newer version.
    """
    if not isinstance(data, Mapping) or data.get("type") != _TYPE:
        raise AgentSerializationError(f"this is no report of an evaluation: it has no type {_TYPE!r}")
    if data.get("v") != _VERSION:
        raise AgentSerializationError(
            f"the report is of version {data.get('v')!r}, and this lamella-evals reads version {_VERSION}; "
            "pip install -U lamella-evals"
        )
    try:
        return Report(
            results=[_read_result(each) for each in data["results"]],
            name=data.get("name"),
            not_run=data.get("not_run", ()),
            seconds=data["seconds"],
            started_at=data["started_at"],
        )
    except (KeyError, TypeError, AttributeError, InvalidOperation, AgentInputError) as error:
        raise AgentSerializationError(
            f"the report cannot be read: {type(error).__name__}: {error}", cause=error
        ) from error


def _read_result(data: Mapping[str, Any]) -> CaseResult:
    error = data.get("error")
    return CaseResult(
        case=data["case"],
        attempt=data["attempt"],
        passed=data["passed"],
        run_id=data.get("run_id"),
        output=data["output"],
        scores={name: _read_score(score) for name, score in data["scores"].items()},
        error=None if error is None else _read_failure(error),
        token_usage=_read_usage(data),
        cost=_read_amount(data.get("cost")),
        duration=data.get("duration"),
    )


def _read_failure(data: Mapping[str, Any]) -> RunFailure:
    return RunFailure(
        message=data["message"],
        code=data["code"],
        error_type=data["error_type"],
        retryable=data["retryable"],
        context=data.get("context", {}),
    )


def _read_score(data: Mapping[str, Any]) -> Score:
    return Score(
        value=data["value"],
        passed=data["passed"],
        reason=data.get("reason"),
        error=data.get("error"),
        token_usage=_read_usage(data),
        cost=_read_amount(data.get("cost")),
    )


def _read_usage(data: Mapping[str, Any]) -> TokenUsage | None:
    usage = data.get("token_usage")
    return None if usage is None else from_dict(usage, TokenUsage, unknown="keep")


def _read_amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
