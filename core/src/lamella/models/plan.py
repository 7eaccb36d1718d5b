"""``Plan``: what would happen to a request, said before a byte is sent."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

from lamella.errors import LamellaError
from lamella.losses import Loss

__all__ = ["Plan", "PlanEntry", "PlanStatus", "Problem"]

PlanStatus: TypeAlias = Literal["native", "emulated", "degraded", "lost", "impossible"]


@attrs.frozen(kw_only=True)
class PlanEntry:
    """How one feature or block fares. ``message`` and ``block`` are zero-based, ``None`` for a feature."""

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


@attrs.frozen(kw_only=True)
class Plan:
    """The outlook of a request. ``payload_bytes`` is the size of the encoded request, ``None`` when it cannot be encoded."""

    provider: str
    model: str
    entries: tuple[PlanEntry, ...] = ()
    losses: tuple[Loss, ...] = ()
    problems: tuple[Problem, ...] = ()
    payload_bytes: int | None = None

    @property
    def possible(self) -> bool:
        """Whether the request can be sent."""
        return not self.problems
