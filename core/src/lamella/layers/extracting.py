"""Message extractors: what the next agent of a chain is given, made of the runs before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from lamella.excerpts import flat_messages, last_message, last_output
from lamella.messages import Message
from lamella.models.inputs import Input
from lamella.runs import AgentRun, ParallelRun

__all__ = ["Extractor", "answers", "conversation", "question_and_answers", "says_last"]

Extractor: TypeAlias = Callable[[list[AgentRun]], Input]
"""Makes an agent's input of the runs before it; the first of them holds what the layer was given."""


def says_last(runs: Sequence[AgentRun]) -> Input:
    """The last answer, as what the user says to the next agent; the input where nobody answered."""
    answer = last_output(runs)
    return answer or flat_messages(runs)


def conversation(runs: Sequence[AgentRun]) -> Input:
    """The whole conversation: the input, and all that was made of it."""
    return flat_messages(runs)


def answers(runs: Sequence[AgentRun]) -> list[tuple[str, str]]:
    """Who answered what in the last parallel run, or in the last run."""
    last = runs[-1]
    parts = last.runs if isinstance(last, ParallelRun) else (last,)
    named = [
        (part.agent or f"agent {place}", last_output(_leaves(part))) for place, part in enumerate(parts, 1)
    ]
    return [(name, answer) for name, answer in named if answer]


def _leaves(run: AgentRun) -> list[AgentRun]:
    return [run]


def question_and_answers(runs: Sequence[AgentRun]) -> Input:
    """What was asked, then each answer under the name of who gave it: what a judge reads."""
    asked = last_message(runs[:1], "user")
    told = "\n\n".join(f"[{name}]\n{answer}" for name, answer in answers(runs))
    text = f"The answers to the question above:\n\n{told}\n\nGive the one answer that is best, in your own words."
    if asked is None:
        return text
    return [*flat_messages(runs[:1])[:-1], Message(role="user", content=[*asked.content, f"\n\n{text}"])]
