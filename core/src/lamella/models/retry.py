"""When and how long to wait before another attempt: the one retry layer there is."""

from __future__ import annotations

import random

import attrs

from lamella.errors import LamellaError

__all__ = ["RetryPolicy"]


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """Retries of errors that are ``retryable``: after 2, 4, 8 … 60 s (seconds, with jitter of up to half).

    A ``Retry-After`` of the provider is waited for exactly; one longer than ``max_wait`` is not
    waited for at all, and the error leaves.
    """

    max_retries: int = attrs.field(default=3, validator=attrs.validators.ge(0))
    base: float = 2.0
    cap: float = 60.0
    max_wait: float = 120.0

    def wait(self, attempt: int, error: LamellaError) -> float | None:
        """Seconds to wait after failed attempt number ``attempt`` (from 1), ``None`` to give up."""
        if attempt > self.max_retries or not error.retryable:
            return None
        if error.retry_after is not None:
            return error.retry_after if error.retry_after <= self.max_wait else None
        ceiling: float = min(self.cap, self.base * 2 ** (attempt - 1))
        return ceiling * random.uniform(0.5, 1.0)
