"""``RateLimiter``: requests and tokens per minute, shared by as many runs as use it. It starts full."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import attrs

from lamella.errors import AgentInputError
from lamella.events import Event
from lamella.models.estimate import CHARACTERS_PER_TOKEN, estimate_tokens
from lamella.models.model import Embedding, Model, closing
from lamella.models.request import ModelRequest
from lamella.models.wrapped import WrappedModel
from lamella.response import spent
from lamella.usage import TokenUsage, add_usage

__all__ = ["LimitedModel", "RateLimiter", "rate_limited"]

_MINUTE = 60.0


class _Bucket:
    """So many a minute; what is there at the start is a whole minute's worth. It may be overdrawn."""

    def __init__(self, per_minute: float, now: float) -> None:
        self.rate = per_minute / _MINUTE
        self.most = per_minute
        self.left = float(per_minute)
        self.at = now

    def refill(self, now: float) -> None:
        self.left = min(self.most, self.left + (now - self.at) * self.rate)
        self.at = now

    def wait_for(self, amount: float) -> float:
        """Seconds until ``amount`` is there; what is more than a whole minute's worth waits for a full bucket."""
        return max(0.0, (min(amount, self.most) - self.left) / self.rate)


class RateLimiter:
    """Lets through so many requests and tokens a minute; the others wait, first come first served by their need.

    :param requests_per_minute: ``None`` for no limit.
    :param tokens_per_minute: input and output; estimated before a call, settled after it. ``None`` for no limit.
    :param clock: for tests.
    :raises AgentInputError: a limit that is not more than 0.
    """

    def __init__(
        self,
        *,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Any] = asyncio.sleep,
    ) -> None:
        for name, value in (("requests", requests_per_minute), ("tokens", tokens_per_minute)):
            if value is not None and not value > 0:
                raise AgentInputError(f"RateLimiter: {name}_per_minute must be more than 0, got {value!r}")
        now = clock()
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._requests = None if requests_per_minute is None else _Bucket(requests_per_minute, now)
        self._tokens = None if tokens_per_minute is None else _Bucket(tokens_per_minute, now)

    async def acquire(self, tokens: int = 0) -> None:
        """Wait until a request with so many tokens may be made, and count it."""
        while True:
            wait = self._try(tokens)
            if wait <= 0:
                return
            await self._sleep(wait)

    def settle(self, estimated: int, used: int) -> None:
        """Correct the tokens of a request that was made."""
        with self._lock:
            if self._tokens is not None:
                self._tokens.left -= used - estimated

    def _try(self, tokens: int) -> float:
        with self._lock:
            now = self._clock()
            needs = [(self._requests, 1.0), (self._tokens, float(tokens))]
            given = [(bucket, amount) for bucket, amount in needs if bucket is not None]
            for bucket, _ in given:
                bucket.refill(now)
            wait = max((bucket.wait_for(amount) for bucket, amount in given), default=0.0)
            if wait <= 0:
                for bucket, amount in given:
                    bucket.left -= amount
            return wait


def rate_limited(model: Model, limiter: RateLimiter) -> LimitedModel:
    """A model whose calls wait for the limiter. Give several models the same one, and they share it."""
    return LimitedModel(inner=model, limiter=limiter)


@attrs.define(kw_only=True, eq=False, slots=False)
class LimitedModel(WrappedModel):
    """A model behind a rate limiter; made by :func:`rate_limited`. All else is the model's own."""

    limiter: RateLimiter = attrs.field(repr=False)

    async def stream(self, request: ModelRequest) -> AsyncIterator[Event]:
        """The model's events, once the limiter lets the request through."""
        estimated = estimate_tokens(request).tokens
        await self.limiter.acquire(estimated)
        usage: TokenUsage | None = None
        try:
            async with closing(self.inner.stream(request)) as events:
                async for event in events:
                    usage = add_usage(usage, spent(event))
                    yield event
        finally:
            used = None if usage is None else usage.resolved_total_tokens
            self.limiter.settle(estimated, estimated if used is None else used)

    async def embed(
        self, inputs: Sequence[str], *, model: str | None = None, dimensions: int | None = None
    ) -> list[Embedding]:
        """The model's vectors, once the limiter lets the request through."""
        await self.limiter.acquire(sum(map(len, inputs)) // CHARACTERS_PER_TOKEN)
        return await super().embed(inputs, model=model, dimensions=dimensions)
