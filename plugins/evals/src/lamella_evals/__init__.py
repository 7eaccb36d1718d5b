"""Evaluations: an agent runs on cases, checks score what it did, a report says what passed and what it cost.

Loaded when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from lamella_evals.answers import contains, equals, is_json, is_value, matches
    from lamella_evals.behaviour import calls, no_tool_errors
    from lamella_evals.cases import Case, acases_from, cases_from
    from lamella_evals.checks import Check, Score, check
    from lamella_evals.comparing import Change, Comparison
    from lamella_evals.evaluating import aevaluate, evaluate
    from lamella_evals.files import Evaluation, load_cases, load_evaluation, save_cases
    from lamella_evals.judging import judged_by
    from lamella_evals.limits import costs_at_most, faster_than, tokens_at_most
    from lamella_evals.report import EvaluationFailedError, Report
    from lamella_evals.results import CaseResult

_HOME: Final = {
    "Case": "cases",
    "CaseResult": "results",
    "Change": "comparing",
    "Check": "checks",
    "Comparison": "comparing",
    "Evaluation": "files",
    "EvaluationFailedError": "report",
    "Report": "report",
    "Score": "checks",
    "acases_from": "cases",
    "aevaluate": "evaluating",
    "calls": "behaviour",
    "cases_from": "cases",
    "check": "checks",
    "contains": "answers",
    "costs_at_most": "limits",
    "equals": "answers",
    "evaluate": "evaluating",
    "faster_than": "limits",
    "is_json": "answers",
    "is_value": "answers",
    "judged_by": "judging",
    "load_cases": "files",
    "load_evaluation": "files",
    "matches": "answers",
    "no_tool_errors": "behaviour",
    "save_cases": "files",
    "tokens_at_most": "limits",
}

__all__ = [
    "Case",
    "CaseResult",
    "Change",
    "Check",
    "Comparison",
    "Evaluation",
    "EvaluationFailedError",
    "Report",
    "Score",
    "acases_from",
    "aevaluate",
    "calls",
    "cases_from",
    "check",
    "contains",
    "costs_at_most",
    "equals",
    "evaluate",
    "faster_than",
    "is_json",
    "is_value",
    "judged_by",
    "load_cases",
    "load_evaluation",
    "matches",
    "no_tool_errors",
    "save_cases",
    "tokens_at_most",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(f"lamella_evals.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
