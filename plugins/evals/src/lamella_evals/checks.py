"""Checks, and the scores that they give."""

from __future__ import annotations

import asyncio
import inspect
import math
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TypeAlias, overload

import attrs

from lamella.errors import AgentInputError
from lamella.runs import RunResult
from lamella.usage import TokenUsage

if TYPE_CHECKING:
    from lamella_evals.cases import Case

__all__ = ["THRESHOLD", "Check", "CheckFunction", "Score", "as_checks", "check", "failed", "score"]

THRESHOLD: Final = 0.5
"""From where on a number passes, unless the check says otherwise."""

CheckFunction: TypeAlias = "Callable[[RunResult[Any], Case], Any]"
"""``(result, case) -> bool | float | Score``, or the awaitable of one."""


def _fraction(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    number = isinstance(value, int | float) and math.isfinite(value)
    if not number or not 0 <= value <= 1:
        raise AgentInputError(
            f"{type(instance).__name__}.{attribute.name} must be a number from 0 to 1, got {value!r}"
        )


@attrs.frozen(kw_only=True)
class Score:
    """What a check says of one run: ``value`` from 0 to 1, whether that is enough, and why.

    ``error`` says why the check came to no judgement, which counts as failed. ``token_usage`` and ``cost`` are what
    the check itself used, such as a model that judges; a cost of ``None`` is unknown where there is a usage.
    """

    value: float = attrs.field(converter=float, validator=_fraction)
    passed: bool
    reason: str | None = None
    error: str | None = None
    token_usage: TokenUsage | None = None
    cost: Decimal | None = None


def failed(reason: str) -> Score:
    """The score of a check that did not pass."""
    return Score(value=0.0, passed=False, reason=reason)


@attrs.frozen
class Check:
    """A check with a name; made by :func:`check` and by the built-in checks.

    ``threshold`` is from where on a number passes. ``quick`` says that the function may run on the event loop; other
    synchronous functions run in a thread.
    """

    function: CheckFunction
    name: str
    threshold: float = attrs.field(default=THRESHOLD, kw_only=True, validator=_fraction)
    quick: bool = attrs.field(default=False, kw_only=True, repr=False)

    def __call__(self, result: RunResult[Any], case: Case) -> Any:
        """What the function says: a bool, a number, a ``Score``, or the awaitable of one."""
        return self.function(result, case)


@overload
def check(function: CheckFunction, *, name: str | None = ..., threshold: float = ...) -> Check: ...
@overload
def check(
    function: None = ..., *, name: str | None = ..., threshold: float = ...
) -> Callable[[CheckFunction], Check]: ...
def check(
    function: CheckFunction | None = None, *, name: str | None = None, threshold: float = THRESHOLD
) -> Check | Callable[[CheckFunction], Check]:
    """Name a check, or say from where on its number passes: ``@check(threshold=0.8)``.

    Any function ``(result, case)`` that returns a bool, a number from 0 to 1, or a ``Score`` is a check without it.
    """

    def named(given: CheckFunction) -> Check:
        return Check(given, name or _name_of(given), threshold=threshold)

    return named if function is None else named(function)


def as_checks(given: Iterable[CheckFunction]) -> dict[str, Check]:
    """The checks by name; the second of a name is ``name #2``.

    :raises AgentInputError: something that cannot be called.
    """
    found: dict[str, Check] = {}
    for item in given:
        if not callable(item):
            raise AgentInputError(
                f"a check is a function (result, case) -> bool | float | Score, got {item!r:.80}"
            )
        made = item if isinstance(item, Check) else Check(item, _name_of(item))
        if not _takes_two(made.function):
            raise AgentInputError(
                f"the check {made.name!r} must take (result, case); a built-in one is made first: {made.name}()"
            )
        name, count = made.name, 1
        while name in found:
            count += 1
            name = f"{made.name} #{count}"
        found[name] = made
    return found


def _takes_two(function: Any) -> bool:
    try:
        inspect.signature(function).bind(None, None)
    except TypeError:
        return False
    except ValueError:  # something built in, which says nothing of itself
        return True
    return True


def _name_of(function: Any) -> str:
    name = getattr(function, "name", None) or getattr(function, "__name__", None)
    return name if isinstance(name, str) else type(function).__name__


async def score(check: Check, result: RunResult[Any], case: Case) -> Score:
    """What a check says; one that raises, or says nothing that is a score, is failed and says so."""
    try:
        if check.quick or inspect.iscoroutinefunction(check.function):
            said = check(result, case)
        else:
            said = await asyncio.to_thread(check, result, case)
        return _score_of(await said if inspect.isawaitable(said) else said, check)
    except Exception as error:  # checks are the user's code
        return Score(value=0.0, passed=False, error=f"the check raised {type(error).__name__}: {error}")


def _score_of(said: Any, check: Check) -> Score:
    if isinstance(said, Score):
        return said
    if isinstance(said, bool):
        return Score(value=float(said), passed=said)
    if isinstance(said, int | float):
        made = Score(value=float(said), passed=said >= check.threshold)
        return made if made.passed else attrs.evolve(made, reason=f"{said:g} is below {check.threshold:g}")
    hint = f"; write {check.name}() in the list of checks" if isinstance(said, Check) else ""
    raise AgentInputError(
        f"a check returns a bool, a number from 0 to 1 or a Score, got {type(said).__name__}{hint}"
    )
