"""Checks of the answer: its text, its JSON, its value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lamella._json import loads
from lamella.errors import AgentInputError, AgentSerializationError, OutputParserError
from lamella.runs import ExtractionRun, RunResult
from lamella_evals.checks import Check, Score, failed

if TYPE_CHECKING:
    from typing_extensions import TypeForm

    from lamella_evals.cases import Case

__all__ = ["contains", "equals", "is_json", "is_value", "matches"]

_PASSED = Score(value=1, passed=True)


def equals(expected: Any = None, *, ignore_case: bool = False) -> Check:
    """The answer is what is expected: by the case, unless it is given here.

    Text is compared without the space around it, anything else with the answer's value and its JSON.
    """

    def compare(result: RunResult[Any], case: Case) -> Score:
        wanted = _wanted(expected, case)
        if isinstance(wanted, str):
            said = _said(result).strip()
            same = _cased(said, ignore_case) == _cased(wanted.strip(), ignore_case)
            return _PASSED if same else failed(f"expected {_short(wanted)}, got {_short(said)}")
        if _has_value(result) and result.value == wanted:
            return _PASSED
        found = _json(result)
        return _PASSED if found == wanted else failed(f"expected {_short(wanted)}, got {_short(found)}")

    return Check(_of_json(compare), _named("equals", expected), quick=True)


def contains(text: str | list[str] | None = None, *, ignore_case: bool = False) -> Check:
    """The answer has the text in it, of a list every one; what the case expects, unless it is given here."""

    def look(result: RunResult[Any], case: Case) -> Score:
        wanted = _wanted(text, case)
        parts = [wanted] if isinstance(wanted, str) else wanted
        if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
            raise AgentInputError(f"contains() looks for text or a list of texts, got {_short(wanted)}")
        said = _cased(result.output, ignore_case)
        missing = [part for part in parts if _cased(part, ignore_case) not in said]
        if not missing:
            return _PASSED
        return failed(f"{', '.join(map(_short, missing))} is not in {_short(result.output)}")

    return Check(look, _named("contains", text), quick=True)


def matches(pattern: str) -> Check:
    """The regular expression is found in the answer.

    :raises AgentInputError: it is none.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise AgentInputError(f"{pattern!r} is no regular expression: {error}", cause=error) from error

    def look(result: RunResult[Any], case: Case) -> Score:
        found = compiled.search(result.output)
        return _PASSED if found else failed(f"{pattern!r} is not found in {_short(result.output)}")

    return Check(look, f"matches({pattern!r})", quick=True)


def is_json(schema: Mapping[str, Any] | None = None) -> Check:
    """The whole answer is JSON, and follows the JSON schema where one is given."""
    if schema is not None:
        return _reads(schema, "is_json(schema)")

    def read(result: RunResult[Any], case: Case) -> Score:
        _json(result)
        return _PASSED

    return Check(_of_json(read), "is_json", quick=True)


def is_value(of: TypeForm[Any]) -> Check:
    """The answer is a value of a type, as for ``Agent(output_type=…)``.

    :raises AgentInputError: the type has no JSON schema.
    """
    return _reads(of, None)


def _reads(hint: Any, name: str | None) -> Check:
    from lamella.models.structured import OutputType

    wanted = OutputType.of(hint)

    def read(result: RunResult[Any], case: Case) -> Score:
        wanted.read(_json(result))
        return _PASSED

    return Check(_of_json(read), name or f"is_value({wanted.label})", quick=True)


def _of_json(read: Any) -> Any:
    def judge(result: RunResult[Any], case: Case) -> Score:
        try:
            made: Score = read(result, case)
        except (AgentSerializationError, OutputParserError) as error:
            return failed(error.message)
        return made

    return judge


def _json(result: RunResult[Any]) -> Any:
    """The answer as JSON; what is no JSON raises."""
    if isinstance(result.run, ExtractionRun) and result.run.result is not None:
        return result.run.result
    try:
        return loads(result.output)
    except AgentSerializationError as error:
        raise AgentSerializationError(
            f"the answer is no JSON: {_short(result.output)}", cause=error
        ) from error


def _said(result: RunResult[Any]) -> str:
    """The answer as text; one that is text within JSON, such as a ``Literal``, is that text."""
    value = result.run.result if isinstance(result.run, ExtractionRun) else None
    return value if isinstance(value, str) else result.output


def _has_value(result: RunResult[Any]) -> bool:
    return not isinstance(result.run, ExtractionRun) or result.run.result is not None


def _wanted(given: Any, case: Case) -> Any:
    wanted = case.expected if given is None else given
    if wanted is None:
        raise AgentInputError(f"nothing to compare with: the case {str(case)!r} has no 'expected'")
    return wanted


def _named(name: str, given: Any) -> str:
    return name if given is None else f"{name}({_short(given, 40)})"


def _cased(text: str, ignore_case: bool) -> str:
    return text.casefold() if ignore_case else text


def _short(value: Any, length: int = 200) -> str:
    said = repr(value)
    return said if len(said) <= length else f"{said[: length - 1]}…"
