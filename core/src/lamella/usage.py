"""Tokens, time and money of a response or a run."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import attrs

from lamella._frozen import EMPTY, as_tuple, freeze, freeze_mapping
from lamella.errors import AgentInputError

if TYPE_CHECKING:
    from lamella.pricing import PriceTable

__all__ = ["BUCKETS", "Cost", "Timing", "TokenUsage", "add_usage"]

BUCKETS = (
    "input_tokens",
    "output_tokens",
    "cached_read_tokens",
    "cached_write_tokens",
    "reasoning_tokens",
    "tool_use_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
)
"""The disjoint buckets: no token is counted in two of them."""


_COUNTS: Final = (*BUCKETS, "total_tokens")
_buckets_of: Final = attrgetter(*BUCKETS)
_counts_of: Final = attrgetter(*_COUNTS)


@attrs.frozen(kw_only=True)
class TokenUsage:
    """Token counts in buckets that never overlap. ``None`` means "not reported", 0 means zero.

    ``input_tokens`` is uncached text and image input, ``output_tokens`` is visible output; cached,
    reasoning, tool and audio tokens are counted only in their own buckets. ``total_tokens`` is what
    the provider reported. ``raw`` is the provider's usage object, unaltered (frozen when read).
    ``estimated`` names the buckets that were computed rather than reported.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_read_tokens: int | None = None
    cached_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    tool_use_tokens: int | None = None
    audio_input_tokens: int | None = None
    audio_output_tokens: int | None = None
    total_tokens: int | None = None
    estimated: tuple[str, ...] = attrs.field(default=(), converter=as_tuple)
    _raw: Mapping[str, Any] | None = attrs.field(default=None, repr=False, hash=False)
    extra: Mapping[str, Any] = attrs.field(default=EMPTY, converter=freeze_mapping, repr=False)

    def __attrs_post_init__(self) -> None:
        for count in _counts_of(self):  # one check for all: some servers report usage with every chunk
            if count is not None and (type(count) is not int or count < 0):
                self._check_counts()

    def _check_counts(self) -> None:
        for name in _COUNTS:
            count = getattr(self, name)
            if count is None or (isinstance(count, int) and not isinstance(count, bool) and count >= 0):
                continue
            raise AgentInputError(f"TokenUsage.{name} must be a count (int >= 0) or None, got {count!r}")

    @property
    def raw(self) -> Mapping[str, Any] | None:
        """The provider's usage object as it came, immutable."""
        frozen: Mapping[str, Any] | None = freeze(self._raw)
        return frozen

    @property
    def resolved_total_tokens(self) -> int | None:
        """``total_tokens``, else the sum of the reported buckets, else ``None``."""
        if self.total_tokens is not None:
            return self.total_tokens
        counts = [count for count in _buckets_of(self) if count is not None]
        return sum(counts) if counts else None

    def __add__(self, other: TokenUsage) -> TokenUsage:
        """Add bucket by bucket; totals add as resolved totals. ``raw`` belongs to one response and is left out."""
        if not isinstance(other, TokenUsage):
            return NotImplemented
        sums: dict[str, Any] = dict(
            zip(BUCKETS, map(_add, _buckets_of(self), _buckets_of(other)), strict=True)
        )
        estimated = {*self.estimated, *other.estimated} if self.estimated or other.estimated else ()
        return TokenUsage(
            **sums,
            total_tokens=_add(self.resolved_total_tokens, other.resolved_total_tokens),
            estimated=tuple(sorted(estimated)),
        )

    def __radd__(self, other: object) -> TokenUsage:
        """So that ``sum(usages)`` works, which begins at 0."""
        return self if other == 0 else NotImplemented

    def cost(self, model: str, provider: str | None = None, *, prices: PriceTable | None = None) -> Cost:
        """What these tokens cost on ``model``.

        Prices come from ``prices``, else from the project's price table and the installed price
        plugins. A model nobody prices costs the fallback rate of 1 USD in and 3 USD out per million
        tokens, marked ``priced=False``.
        """
        from lamella.pricing import cost_of

        return cost_of(self, model, provider, prices=prices)

    def cost_usd(self, model: str, provider: str | None = None, *, prices: PriceTable | None = None) -> float:
        """``float(self.cost(model, provider).amount)``: US dollars."""
        return float(self.cost(model, provider, prices=prices).amount)


def _add(left: int | None, right: int | None) -> int | None:
    if left is None:
        return right
    return left if right is None else left + right


def add_usage(left: TokenUsage | None, right: TokenUsage | None) -> TokenUsage | None:
    """Add two usages of which either may be unreported."""
    if left is None:
        return right
    return left if right is None else left + right


@attrs.frozen(kw_only=True)
class Cost:
    """An amount in US dollars. ``priced`` is false when no price was found and the fallback rate was used."""

    amount: Decimal
    priced: bool
    source: str


@attrs.frozen(kw_only=True)
class Timing:
    """Monotonic seconds from ``time.perf_counter()``; only differences mean anything."""

    start_time: float
    end_time: float | None = None
    first_token: float | None = None

    @property
    def duration(self) -> float | None:
        """Seconds from start to end, ``None`` while unfinished."""
        return None if self.end_time is None else self.end_time - self.start_time
