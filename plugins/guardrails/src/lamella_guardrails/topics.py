"""``TopicGuardrail``: words and phrases that a conversation must not touch."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import Any

import attrs

from lamella import AgentInputError, Verdict
from lamella_guardrails.reading import plain
from lamella_guardrails.sides import Side, sides

__all__ = ["TopicGuardrail"]


def _listed(value: Iterable[str]) -> tuple[str, ...]:
    if isinstance(value, str):
        raise AgentInputError(
            f"TopicGuardrail.blocked is a list of words and phrases, got the text {value!r}"
        )
    return tuple(value)


def _check_phrases(instance: object, attribute: attrs.Attribute[Any], value: tuple[Any, ...]) -> None:
    for phrase in value:
        if not isinstance(phrase, str) or not phrase.strip("* \t\n"):
            raise AgentInputError(f"TopicGuardrail.blocked takes words and phrases, got {phrase!r}")
    if not value:
        raise AgentInputError("TopicGuardrail.blocked needs at least one word or phrase")


@attrs.frozen(kw_only=True)
class TopicGuardrail:
    """Blocks texts with certain words and phrases: whole words, in any case and spacing.

    It knows words, not meanings: for those there is ``JudgeGuardrail``.

    :param blocked: words and phrases; ``*`` stands for the rest of a word (``casino*``).
    :param on: the input, the output, or both.
    :raises AgentInputError: a value that does not fit.
    """

    blocked: tuple[str, ...] = attrs.field(converter=_listed, validator=_check_phrases)
    on: tuple[Side, ...] = sides("input", "output")
    name: str = "topics"

    async def check_input(self, text: str) -> Verdict:
        """Judge the last user message."""
        return self._check(text) if "input" in self.on else Verdict()

    async def check_output(self, text: str) -> Verdict:
        """Judge the answer."""
        return self._check(text) if "output" in self.on else Verdict()

    def _check(self, text: str) -> Verdict:
        found = _pattern(self.blocked).search(plain(text))
        return Verdict() if found is None else Verdict(block=True, reason=f"it is about {found.group()!r}")


@functools.lru_cache(maxsize=64)
def _pattern(phrases: tuple[str, ...]) -> re.Pattern[str]:
    words = (re.escape(plain(phrase)).replace(r"\*", r"\w*").replace(r"\ ", r"\W+") for phrase in phrases)
    return re.compile(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)")
