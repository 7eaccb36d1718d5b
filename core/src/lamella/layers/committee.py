"""``committee``: several agents answer, and a judge or a vote makes one answer of theirs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from lamella.errors import AgentInputError
from lamella.layers.chain import Chain
from lamella.layers.extracting import Extractor, question_and_answers
from lamella.layers.parallel import Parallel, parallel
from lamella.layers.parts import AgentLike, as_agent
from lamella.layers.stage import OnError

__all__ = ["committee", "majority"]


def majority(answers: Mapping[str, str]) -> str:
    """The answer that most gave, whatever its case and spaces; of as many, that of the first agent."""
    counted = Counter(" ".join(answer.split()).casefold() for answer in answers.values())
    most = max(counted.values())
    return next(answer for answer in answers.values() if counted[" ".join(answer.split()).casefold()] == most)


def committee(
    *members: AgentLike,
    judge: AgentLike | None = None,
    vote: Callable[[Mapping[str, str]], str] | None = None,
    extract: Extractor = question_and_answers,
    on_error: OnError = "collect",
    max_concurrency: int | None = None,
    **options: Any,
) -> Chain | Parallel:
    """Several agents answer side by side; a judge reads their answers and gives one, or a vote picks one.

    :param judge: an agent; it is asked the question with the answers under it.
    :param vote: makes one answer of the answers by name; without a judge, ``majority`` unless given.
    :param extract: makes what the judge is asked of the runs before it.
    :param on_error: what a member that fails does to the others; by default they go on without it.
    :param options: as for :func:`~lamella.layers.chain`.
    :raises AgentInputError: no member, both a judge and a vote, or something that is no agent.
    """
    if judge is None:
        return parallel(
            *members, combine=vote or majority, on_error=on_error, max_concurrency=max_concurrency, **options
        )
    if vote is not None:
        raise AgentInputError("a committee has a judge or a vote, not both")
    together = parallel(*members, name="members", on_error=on_error, max_concurrency=max_concurrency)
    return Chain(agents=(together, as_agent(judge)), extract=extract, **options)
