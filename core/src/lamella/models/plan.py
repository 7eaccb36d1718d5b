"""``Plan``: what would happen to a request, said before a byte is sent."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import attrs

from lamella.errors import ErrorCode, InvalidRequestError, LamellaError, UnsupportedContentError
from lamella.losses import Loss
from lamella.models.counting import TokenCount
from lamella.pricing import cost_of
from lamella.usage import Cost, TokenUsage

__all__ = ["STATUSES", "Plan", "PlanEntry", "PlanStatus", "Problem"]

PlanStatus: TypeAlias = Literal["native", "emulated", "degraded", "lost", "impossible"]


STATUSES: Final[tuple[PlanStatus, ...]] = ("native", "emulated", "degraded", "lost", "impossible")
"""From best to worst."""


@attrs.frozen(kw_only=True)
class PlanEntry:
    """How one feature or block fares. ``message`` and ``block`` are zero-based, ``None`` for a feature.

    ``native`` arrives as it is; ``emulated`` in another form, and whole; ``degraded`` in another form with
    something lost; ``lost`` not at all; ``impossible`` stops the request.
    """

    what: str
    status: PlanStatus
    reason: str = ""
    message: int | None = None
    block: int | None = None


@attrs.frozen(kw_only=True)
class Problem:
    """Why a request cannot be sent as it is."""

    code: str
    message: str

    @classmethod
    def of(cls, error: LamellaError) -> Problem:
        """The problem an error describes."""
        return cls(code=error.error_code.value, message=error.message)

    def error(self) -> LamellaError:
        """The problem as an error of the tree."""
        unsupported = self.code == ErrorCode.CONTENT_UNSUPPORTED.value
        return (UnsupportedContentError if unsupported else InvalidRequestError)(self.message)


@attrs.frozen(kw_only=True)
class Plan:
    """The outlook of a request.

    ``payload_bytes`` is the size of the encoded request, ``None`` when it cannot be encoded.
    ``input_tokens`` is an estimate. ``max_output_tokens`` and ``context_window`` are ``None`` when unknown.
    """

    provider: str
    model: str
    entries: tuple[PlanEntry, ...] = ()
    losses: tuple[Loss, ...] = ()
    problems: tuple[Problem, ...] = ()
    payload_bytes: int | None = None
    input_tokens: TokenCount | None = None
    max_output_tokens: int | None = None
    context_window: int | None = None

    @property
    def possible(self) -> bool:
        """Whether the request can be sent."""
        return not self.problems

    def raise_for_problems(self) -> None:
        """Raise the first problem, if there is one: for a ``stream`` that refuses what it cannot do.

        :raises UnsupportedContentError: content that the model does not take.
        :raises InvalidRequestError: anything else.
        """
        for problem in self.problems:
            raise problem.error()

    @property
    def fits(self) -> bool | None:
        """Whether input and longest answer fit the context window, by the estimate; ``None`` when that is unknown."""
        if self.input_tokens is None or self.context_window is None:
            return None
        if self.input_tokens.tokens > self.context_window:
            return False
        if self.max_output_tokens is None or self.input_tokens.uncounted:
            return None
        return self.input_tokens.tokens + self.max_output_tokens <= self.context_window

    @property
    def worst_case_cost(self) -> Cost | None:
        """What the request costs if the answer is as long as it can be; one attempt, nothing from a cache.

        ``None`` when the longest answer is unknown, when the input holds media that cannot be counted, or
        when nobody prices the model. The input is an estimate.
        """
        given = self.input_tokens
        if given is None or given.uncounted or self.max_output_tokens is None:
            return None
        most = TokenUsage(
            input_tokens=given.tokens,
            output_tokens=self.max_output_tokens,
            estimated=("input_tokens", "output_tokens"),
        )
        cost = cost_of(most, self.model, self.provider)
        return cost if cost.priced else None
