"""What a run used, and its last line: model, tokens, cost, time."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import attrs

from lamella.events import (
    AgentEnd,
    AgentStart,
    AttemptRollback,
    AttemptStart,
    Event,
    ResponseDone,
    RunStreamEvent,
    StreamError,
    StreamStart,
)
from lamella.usage import TokenUsage

__all__ = ["Tally", "describe_cost", "describe_usage"]

_WORDS: Final = {
    "input_tokens": "in",
    "cached_read_tokens": "cached",
    "cached_write_tokens": "cache writes",
    "tool_use_tokens": "tool use",
    "audio_input_tokens": "audio in",
    "output_tokens": "out",
    "reasoning_tokens": "reasoning",
    "audio_output_tokens": "audio out",
}
_ALWAYS: Final = ("input_tokens", "output_tokens")
_OFFLINE: Final = "sim"


@attrs.frozen
class _Spent:
    """What one response used. ``models`` are the names to price it by: the one served, the one asked for."""

    usage: TokenUsage
    provider: str | None
    models: tuple[str, ...]

    def cost(self) -> Decimal | None:
        """US dollars, ``None`` when no model has a known price."""
        costs = (self.usage.cost(model, self.provider) for model in self.models)
        return next((cost.amount for cost in costs if cost.priced), None)


class Tally:
    """What a run used, response by response: agents of one run may ask different models."""

    def __init__(self) -> None:
        self._asked: dict[tuple[str, ...], tuple[str | None, str | None]] = {}
        self._models: dict[str, None] = {}
        self._spent: list[_Spent] = []
        self._simulated = False
        self._cached = 0

    def feed(self, path: tuple[str, ...], event: Event) -> None:
        """Take the next event of the agent at ``path``."""
        if isinstance(event, StreamStart | AgentStart | AttemptStart):
            if event.model is not None:
                self._asked[path] = (event.provider, event.model)
        elif isinstance(event, ResponseDone | AttemptRollback | StreamError | AgentEnd):
            self._add(path, event)

    def _add(self, path: tuple[str, ...], event: Event) -> None:
        provider, asked = self._asked.get(path, (None, None))
        served: str | None = None
        if isinstance(event, ResponseDone):
            provider, served = event.provider or provider, event.model
            self._models[":".join(filter(None, (provider, asked or served)))] = None
            self._cached += event.cached
        self._simulated = self._simulated or provider == _OFFLINE
        kept = isinstance(event, ResponseDone) and event.cached  # was paid for when it was made
        if event.token_usage is not None and not kept:
            self._spent.append(_Spent(event.token_usage, provider, tuple(filter(None, (served, asked)))))

    def line(self, last: RunStreamEvent) -> str:
        """The line, given the run's last envelope."""
        duration = last.timing.duration
        parts = [self.models, describe_usage(last.token_usage), self._price(), self._kept()]
        return " · ".join([part for part in parts if part] + [f"{duration or 0.0:.1f} s"])

    def _kept(self) -> str:
        return f"{self._cached} of the answers from the cache" if self._cached else ""

    def _price(self) -> str:
        amount = self.cost()
        if self._simulated:
            priced = "" if amount is None else f"{describe_cost(amount)}, "
            return f"{priced}simulated: nothing is billed"
        return "" if amount is None else describe_cost(amount)

    @property
    def models(self) -> str:
        """The models that answered, as ``provider:model``."""
        return ", ".join(filter(None, self._models))

    @property
    def usage(self) -> TokenUsage | None:
        """Tokens so far; ``None`` when none were reported."""
        total: TokenUsage | None = None
        for spending in self._spent:
            total = spending.usage if total is None else total + spending.usage
        return total

    @property
    def simulated(self) -> bool:
        """Whether the offline provider answered."""
        return self._simulated

    def cost(self) -> Decimal | None:
        """US dollars so far, ``None`` when any response has no known price. Answers from a cache cost nothing."""
        total = Decimal(0)
        for spending in self._spent:
            amount = spending.cost()
            if amount is None:
                return None
            total += amount
        return total if self._spent else None


def describe_cost(amount: Decimal) -> str:
    """``$0.0012``: cents from a dollar on, below as exact as it matters."""
    if 0 < amount < Decimal("0.000001"):
        return "<$0.000001"
    return f"${amount:.2f}" if amount >= 1 else f"${amount:.6f}".rstrip("0").rstrip(".")


def describe_usage(usage: TokenUsage | None) -> str:
    """``14 in, 3 cached, 8 out tokens``: the buckets that hold something; ``~`` marks estimates."""
    if usage is None:
        return "tokens not reported"
    counts = ", ".join(_counts(usage))
    if counts:
        return f"{counts} tokens"
    total = usage.total_tokens
    return "tokens not reported" if total is None else f"{total} tokens"


def _counts(usage: TokenUsage) -> Iterator[str]:
    for bucket, word in _WORDS.items():
        count = getattr(usage, bucket)
        if count or (count == 0 and bucket in _ALWAYS):
            yield f"{'~' if bucket in usage.estimated else ''}{count} {word}"
