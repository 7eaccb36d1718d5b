"""``Compaction``: a history and what a strategy left of it, with the places both ways, and its losses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from lamella._frozen import as_tuple
from lamella.errors import AgentExecutionError
from lamella.history import check_history
from lamella.losses import Loss
from lamella.memory.strategies import Strategy
from lamella.messages import Message
from lamella.models.request import ModelRequest

__all__ = ["Compaction", "compact", "strategy_name"]


@attrs.frozen(kw_only=True)
class Compaction:
    """``messages`` are what is sent; ``places`` where each stood before, ``None`` for one that is new."""

    messages: tuple[Message, ...] = attrs.field(converter=as_tuple)
    places: tuple[int | None, ...] = attrs.field(converter=as_tuple)
    dropped: tuple[int, ...] = attrs.field(default=(), converter=as_tuple)
    reason: str = ""

    @property
    def changed(self) -> bool:
        """Whether what is sent differs from what was there."""
        return bool(self.dropped) or None in self.places

    def without(self, summary: Message) -> Compaction:
        """This with a summary in the place of what was left out."""
        at = sum(1 for place in self.places if place is not None and place < self.dropped[0])
        return attrs.evolve(
            self,
            messages=(*self.messages[:at], summary, *self.messages[at:]),
            places=(*self.places[:at], None, *self.places[at:]),
            reason=f"replaced by a summary, {self.reason}",
        )

    def request(self, request: ModelRequest) -> ModelRequest:
        """The request with what is left."""
        if not self.changed:
            return request
        plain = request.plain_input and self.places[:1] == (0,)
        return attrs.evolve(request, messages=self.messages, plain_input=plain)

    def losses(self, below: Iterable[Loss]) -> tuple[Loss, ...]:
        """What was left out, then the losses of the shortened request, at the places of the whole one."""
        if not self.changed:
            return tuple(below)
        own = [
            Loss(kind="dropped", what="messages", reason=f"{_words(run)}: {self.reason}")
            for run in _runs(self.dropped)
        ]
        return (*own, *map(self._placed, below))

    def _placed(self, loss: Loss) -> Loss:
        if loss.message is None or loss.message >= len(self.places):
            return loss
        place = self.places[loss.message]
        return attrs.evolve(loss, message=place, block=None if place is None else loss.block)


def _runs(places: Sequence[int]) -> list[list[int]]:
    runs: list[list[int]] = []
    for place in places:
        if runs and place == runs[-1][-1] + 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    return runs


def _words(run: list[int]) -> str:
    return f"message {run[0]}" if len(run) == 1 else f"messages {run[0]} to {run[-1]}"


def strategy_name(strategy: Strategy) -> str:
    """What a strategy is called in reports."""
    return str(getattr(strategy, "__name__", type(strategy).__name__))


def compact(messages: Sequence[Message], strategy: Strategy, limit: int) -> Compaction:
    """What the strategy leaves of a history.

    :raises AgentExecutionError: it leaves nothing, or splits a call from its output.
    """
    name = strategy_name(strategy)
    left = tuple(strategy(messages, limit))
    if not left and messages:
        raise AgentExecutionError(f"the memory strategy {name} left no message to send")
    places: list[int | None] = []
    position = 0
    for message in left:
        found = _find(messages, message, position)
        places.append(found)
        position = position if found is None else found + 1
    kept = set(places)
    dropped = [index for index in range(len(messages)) if index not in kept]
    made = Compaction(messages=left, places=places, dropped=dropped, reason=f"left out by {name}({limit})")
    if made.changed and check_history(left) and not check_history(messages):
        issues = "; ".join(map(str, check_history(left)))
        raise AgentExecutionError(
            f"the memory strategy {name} split a call from its output ({issues}); leave out whole steps, as "
            "lamella.memory.keep_messages does"
        )
    return made


def _find(messages: Sequence[Any], message: Message, start: int) -> int | None:
    for index in range(start, len(messages)):
        if messages[index] is message:
            return index
    return None
