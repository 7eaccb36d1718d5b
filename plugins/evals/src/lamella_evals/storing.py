"""The stored form of reports: JSON with a version. Fields that stand at their default are left out."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import attrs

from lamella.errors import AgentInputError, AgentSerializationError
from lamella.serial import from_dict, to_dict
from lamella.usage import TokenUsage
from lamella_evals.report import Report
from lamella_evals.results import CaseResult

if TYPE_CHECKING:
    from cattrs import Converter

__all__ = ["report_from_dict", "report_to_dict"]

_TYPE: Final = "evaluation.report"
_VERSION: Final = 1


def report_to_dict(report: Report) -> dict[str, Any]:
    """The report as JSON values, with its totals for other readers."""
    usage, judged = report.token_usage, report.judge_usage
    summary = {
        "passed": report.passed,
        "pass_rate": report.pass_rate,
        "scores": dict(report.scores),
        "total_tokens": None if usage is None else usage.resolved_total_tokens,
        "cost": _spelled(report.cost),
        "judge_tokens": None if judged is None else judged.resolved_total_tokens,
        "judge_cost": _spelled(report.judge_cost),
    }
    return {"v": _VERSION, "type": _TYPE, "summary": summary, **_converter().unstructure(report)}


def report_from_dict(data: Any) -> Report:
    """The report that was written; fields that it does not know are passed over.

    :raises AgentSerializationError: it is none, or one of another version.
    """
    if not isinstance(data, Mapping) or data.get("type") != _TYPE:
        raise AgentSerializationError(f"this is no report of an evaluation: it has no type {_TYPE!r}")
    if data.get("v") != _VERSION:
        raise AgentSerializationError(
            f"the report is of version {data.get('v')!r}, and this lamella-evals reads version {_VERSION}; "
            "pip install -U lamella-evals"
        )
    try:
        return _converter().structure(data, Report)
    except (KeyError, TypeError, ValueError, AttributeError, InvalidOperation, AgentInputError) as error:
        raise AgentSerializationError(
            f"the report cannot be read: {type(error).__name__}: {error}", cause=error
        ) from error


@cache
def _converter() -> Converter:
    from cattrs import Converter
    from cattrs.gen import make_dict_unstructure_fn, override

    made = Converter(omit_if_default=True, detailed_validation=False)
    made.register_unstructure_hook(Decimal, _spelled)
    made.register_structure_hook(Decimal, lambda text, _: Decimal(text))
    made.register_unstructure_hook(TokenUsage, to_dict)
    made.register_structure_hook(TokenUsage, lambda data, _: from_dict(data, TokenUsage, unknown="keep"))
    attrs.resolve_types(CaseResult)
    write = make_dict_unstructure_fn(
        CaseResult,
        made,
        _cattrs_omit_if_default=True,
        run=override(omit=True),
        attempt=override(omit_if_default=False),
    )
    made.register_unstructure_hook(CaseResult, write)
    return made


def _spelled(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"
