"""``Script``: the turns a simulated model plays, chosen by the history of the request and by nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import attrs

from lamella.errors import AgentExecutionError, AgentInputError, LamellaError
from lamella.events import StopReason
from lamella.models import ModelRequest
from lamella.usage import TokenUsage
from lamella_sim.conversation import Exchange, read_exchange
from lamella_sim.steps import STEP_KINDS, Error, Step, Text

__all__ = ["Behaviour", "Match", "Script", "Turn", "call_behaviour", "turn_of"]

_STEPS = tuple(STEP_KINDS.values())


def _steps(value: Any) -> tuple[Step, ...]:
    items = (value,) if isinstance(value, (str, *_STEPS)) else tuple(value)
    return tuple(Text(item) if isinstance(item, str) else item for item in items)


@attrs.frozen(kw_only=True)
class Match:
    """When a turn is played: all that is given must hold.

    ``text`` is a part of the last user text (any case), ``regex`` is searched in it, ``turn`` is the
    number of responses already in the history.
    """

    text: str | None = None
    regex: str | None = None
    turn: int | None = None

    def __attrs_post_init__(self) -> None:
        if self.text is None and self.regex is None and self.turn is None:
            raise AgentInputError("match: give at least one of text, regex and turn")
        try:
            re.compile(self.regex or "")
        except re.error as error:
            raise AgentInputError(f"match: 'regex' is no regular expression: {error}", cause=error) from error

    def holds(self, exchange: Exchange) -> bool:
        """Whether the condition is met."""
        return (
            (self.text is None or self.text.casefold() in exchange.text.casefold())
            and (self.regex is None or re.search(self.regex, exchange.text) is not None)
            and (self.turn is None or self.turn == exchange.position)
        )


@attrs.frozen
class Turn:
    """One response: its ``steps`` in order (text may be given as ``str``).

    ``usage`` replaces the estimate in the buckets it sets, ``stop_reason`` what follows from the steps.
    """

    steps: tuple[Step, ...] = attrs.field(converter=_steps)
    match: Match | None = attrs.field(default=None, kw_only=True)
    usage: TokenUsage | None = attrs.field(default=None, kw_only=True)
    stop_reason: StopReason | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        for index, step in enumerate(self.steps):
            if not isinstance(step, _STEPS):
                raise AgentInputError(f"a turn holds steps and text; step {index} is {type(step).__name__}")
            if isinstance(step, Error) and index != len(self.steps) - 1:
                raise AgentInputError(f"an error ends its turn; steps follow step {index}")


Behaviour: TypeAlias = Callable[[ModelRequest], Turn]
"""What a simulated model does: from a request to a turn. Must not keep state: runs share it."""


def turn_of(value: Any) -> Turn:
    """A turn from a turn, a step, text, or a sequence of steps and text."""
    if isinstance(value, Turn):
        return value
    if isinstance(value, (Iterable, *_STEPS)):
        return Turn(value)
    raise AgentInputError(f"a turn is text, a step, or a sequence of them, got {type(value).__name__}")


def call_behaviour(function: Callable[[ModelRequest], Any], request: ModelRequest) -> Turn:
    """The turn a function gives.

    :raises AgentExecutionError: the function raised something that is no ``LamellaError``.
    """
    try:
        return turn_of(function(request))
    except LamellaError:
        raise
    except Exception as error:
        name = getattr(function, "__name__", type(function).__name__)
        raise AgentExecutionError(
            f"the function {name!r} of the script raised {type(error).__name__}: {error}", cause=error
        ) from error


def _kinds(inputs: Iterable[str] | None) -> tuple[str, ...] | None:
    if isinstance(inputs, str):
        raise AgentInputError(f"inputs is a list of kinds of content, got {inputs!r}")
    return None if inputs is None else tuple(inputs)


def _entries(turns: Iterable[Turn | Behaviour]) -> tuple[Turn | Behaviour, ...]:
    return tuple(turns)


@attrs.frozen
class Script:
    """Turns, and which of them answers a request.

    Turns without ``match`` are played by position: the n-th answers a history with n responses.
    Turns with ``match`` go first where it holds; turns of the same condition answer one after the
    other, counted from the last user text. An entry may be a function from the request to a turn.
    ``inputs`` are the kinds of content that the model takes (``text``, ``image``, …), ``None`` the usual.
    """

    turns: tuple[Turn | Behaviour, ...] = attrs.field(converter=_entries)
    name: str = attrs.field(default="script", kw_only=True)
    inputs: tuple[str, ...] | None = attrs.field(default=None, converter=_kinds, kw_only=True)

    @classmethod
    def of(cls, *turns: Any, name: str = "script", inputs: Iterable[str] | None = None) -> Script:
        """A script of these turns; each is text, a step, a list of steps, a ``Turn`` or a function."""
        entries = (turn if callable(turn) else turn_of(turn) for turn in turns)
        return cls(tuple(entries), name=name, inputs=inputs)

    def __call__(self, request: ModelRequest) -> Turn:
        """The turn that answers ``request``.

        :raises AgentExecutionError: the script has no turn for it.
        """
        exchange = read_exchange(request.messages)
        chosen = self._choose(exchange)
        return chosen if isinstance(chosen, Turn) else call_behaviour(chosen, request)

    def _choose(self, exchange: Exchange) -> Turn | Behaviour:
        for turn in self.turns:
            if isinstance(turn, Turn) and turn.match is not None and turn.match.holds(exchange):
                return self._nth(self._like(turn.match), turn.match, exchange)
        plain = [turn for turn in self.turns if not isinstance(turn, Turn) or turn.match is None]
        return self._nth(plain, None, exchange)

    def _like(self, match: Match) -> list[Turn | Behaviour]:
        return [turn for turn in self.turns if isinstance(turn, Turn) and turn.match == match]

    def _nth(
        self, turns: list[Turn | Behaviour], match: Match | None, exchange: Exchange
    ) -> Turn | Behaviour:
        index = exchange.position if match is None else exchange.responses
        if match is not None and match.turn is not None:
            index = 0  # its position is part of the condition
        if index < len(turns):
            return turns[index]
        raise AgentExecutionError(
            f"{self.name} has {_turns(len(turns))} {_which(match)}, and the request asks for turn {index + 1} "
            f"(its history has {exchange.position} responses); add a turn, or end the run earlier",
            context={"script": self.name, "turns": len(turns), "asked": index + 1},
        )


def _turns(count: int) -> str:
    return f"{count} turn" if count == 1 else f"{count} turns"


def _which(match: Match | None) -> str:
    if match is None:
        return "without a match"
    given = attrs.asdict(match, filter=lambda _, value: value is not None)
    return "with match " + ", ".join(f"{name}={value!r}" for name, value in given.items())
