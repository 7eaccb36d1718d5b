"""What a run used, and its last line: model, tokens, cost, time."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from lamella.events import AgentStart, AttemptStart, Event, ResponseDone, RunStreamEvent, StreamStart
from lamella.fold import spent
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


class Tally:
    """What a run used, response by response: agents of one run may ask different models."""

    def __init__(self) -> None:
        self._asked: dict[tuple[str, ...], tuple[str | None, str | None]] = {}
        self._models: dict[str, None] = {}
        self._spent: list[tuple[TokenUsage, str | None, str | None]] = []
        self._simulated = False

    def feed(self, path: tuple[str, ...], event: Event) -> None:
        """Take the next event of the agent at ``path``."""
        if isinstance(event, StreamStart | AgentStart | AttemptStart):
            if event.model is not None:
                self._asked[path] = (event.provider, event.model)
        elif isinstance(event, ResponseDone) or spent(event) is not None:
            self._add(path, event)

    def _add(self, path: tuple[str, ...], event: Event) -> None:
        provider, model = self._asked.get(path, (None, None))
        if isinstance(event, ResponseDone):
            provider, model = event.provider or provider, event.model or model
            self._models[":".join(filter(None, (provider, model)))] = None
        self._simulated = self._simulated or provider == _OFFLINE
        if (usage := spent(event)) is not None:
            self._spent.append((usage, provider, model))

    def line(self, last: RunStreamEvent) -> str:
        """The line, given the run's last envelope."""
        duration = last.timing.duration
        parts = [", ".join(filter(None, self._models)), describe_usage(last.token_usage), self._price()]
        return " · ".join([part for part in parts if part] + [f"{duration or 0.0:.1f} s"])

    def _price(self) -> str:
        if self._simulated:
            return "simulated"
        amount = self.cost()
        return "" if amount is None else describe_cost(amount)

    @property
    def simulated(self) -> bool:
        """Whether the offline provider answered."""
        return self._simulated

    def cost(self) -> Decimal | None:
        """US dollars so far, ``None`` when any response has no known price."""
        total = Decimal(0)
        for usage, provider, model in self._spent:
            cost = usage.cost(model, provider) if model is not None else None
            if cost is None or not cost.priced:
                return None
            total += cost.amount
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
