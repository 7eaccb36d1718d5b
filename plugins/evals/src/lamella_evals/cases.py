"""Cases: what an agent is asked, what is expected of it; from Python, and from runs that are stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from lamella._frozen import EMPTY, as_tuple, freeze_mapping
from lamella.errors import AgentInputError, OutputParserError
from lamella.events import StreamResumed, StreamStart
from lamella.fold import fold
from lamella.messages import Message
from lamella.models.inputs import Input
from lamella.prompt import PromptTemplate
from lamella_evals.checks import CheckFunction

if TYPE_CHECKING:
    from lamella.events import RunStreamEvent
    from lamella.runs import RunResult
    from lamella.specs import RunStore

__all__ = ["Case", "acases_from", "cases_from", "named_cases"]

_LENGTH: Final = 60


def _name(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and (not isinstance(value, str) or not value.strip()):
        raise AgentInputError(f"Case.name must be text, got {value!r}")


@attrs.frozen(eq=False)
class Case:
    """One question to an agent.

    :param input: whatever ``Agent.run`` takes.
    :param expected: the answer that checks such as ``equals()`` compare with: text, or JSON.
    :param name: identifies the case in reports and between them; by default the beginning of its text.
    :param meta: yours, for checks; JSON where the case is saved.
    :param checks: for this case alone, beside those of the evaluation.
    """

    input: Input
    expected: Any = None
    name: str | None = attrs.field(default=None, validator=_name)
    meta: Mapping[str, Any] = attrs.field(default=EMPTY, converter=freeze_mapping)
    checks: tuple[CheckFunction, ...] = attrs.field(default=(), kw_only=True, converter=as_tuple)

    def __str__(self) -> str:
        """The name, else the beginning of the text; for ``pytest.mark.parametrize(…, ids=str)``."""
        return self.name or _excerpt(_text_of(self.input)) or "case"


def named_cases(cases: Iterable[Case]) -> dict[str, Case]:
    """The cases by name; those without one, whose text is that of another, are numbered.

    :raises AgentInputError: there is none, two have one name, or something is no case.
    """
    found: dict[str, Case] = {}
    listed = list(cases)
    given: set[str] = set()
    for case in listed:
        if not isinstance(case, Case):
            raise AgentInputError(f"an evaluation takes Case objects, got {type(case).__name__}: Case(input)")
        if case.name in given:
            raise AgentInputError(
                f"two cases are named {case.name!r}; names tell cases apart between reports"
            )
        given.update([case.name] if case.name else [])
    for case in listed:
        name, count = str(case), 1
        while name in found or (case.name is None and name in given):
            count += 1
            name = f"{case} #{count}"
        found[name] = case
    if not found:
        raise AgentInputError("there are no cases, so nothing could fail: give at least one Case")
    return found


def _excerpt(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LENGTH else f"{line[: _LENGTH - 1].rstrip()}…"


def _text_of(given: Input) -> str:
    """The last thing said, as far as it is text."""
    if isinstance(given, str):
        return given
    if isinstance(given, PromptTemplate):
        given = given.to_messages()
    last: Any = given if isinstance(given, Message) else given[-1] if given else ""
    if isinstance(last, Message):
        return last.text
    content = last.get("content") if isinstance(last, Mapping) else None
    return content if isinstance(content, str) else ""


def cases_from(store: RunStore, run_ids: Iterable[str]) -> list[Case]:
    """Cases of stored runs: what each was given, and its answer as what is expected.

    The answer of an agent with an ``output_type`` is its JSON. A run without an answer, such as a failed one, gives a
    case that expects nothing. The case has the run's id as name; ``meta`` says ``run_id``, ``status``, ``agent``,
    ``provider`` and ``model``.

    :raises AgentInputError: the store has no such run.
    """
    from lamella.sync import run

    return run(acases_from(store, run_ids))


async def acases_from(store: RunStore, run_ids: Iterable[str]) -> list[Case]:
    """:func:`cases_from`, asynchronously."""
    if isinstance(run_ids, str):
        raise AgentInputError(f"run_ids is a list of ids: [{run_ids!r}]")
    return [_case(run_id, list(await store.load(run_id))) for run_id in run_ids]


def _case(run_id: str, events: list[RunStreamEvent]) -> Case:
    start = events[0].event if events else None
    if not isinstance(start, StreamStart):
        kind = "of a run that was resumed" if isinstance(start, StreamResumed) else "stored"
        raise AgentInputError(f"run {run_id} has no stream.start among what is {kind}: it says no input")
    result = fold(events)
    given: Any = list(start.native_input) if start.native_input is not None else list(start.input)
    if start.plain_input and start.input:
        given = start.input[0].text
    return Case(given, _answer(result), run_id, _provenance(result))


def _answer(result: RunResult[Any]) -> Any:
    if result.status != "completed":
        return None
    try:
        return result.value
    except OutputParserError:
        return None


def _provenance(result: RunResult[Any]) -> dict[str, Any]:
    run = result.run
    facts = {"agent": run.agent, "provider": run.provider, "model": run.model}
    said = {name: value for name, value in facts.items() if value is not None}
    return {"run_id": result.run_id, "status": result.status, **said}
