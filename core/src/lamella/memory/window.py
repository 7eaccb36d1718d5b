"""``context_guard``: a request that is too long for the model's context window is refused, or shortened, unsent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import attrs

from lamella.errors import AgentInputError, InvalidRequestError
from lamella.memory.compaction import compact
from lamella.memory.model import MemoryModel, summarizer_of
from lamella.memory.strategies import Strategy, keep_tokens
from lamella.memory.summary import Summarizer
from lamella.messages import Message
from lamella.models.estimate import estimate_tokens
from lamella.models.inputs import Input
from lamella.models.model import Model
from lamella.models.plan import Plan, Problem
from lamella.models.request import ModelRequest

__all__ = ["ContextOverflow", "GuardedModel", "context_guard"]

ContextOverflow: TypeAlias = Literal["error", "compact"]


def context_guard(
    model: Model,
    context_overflow: ContextOverflow = "error",
    *,
    context_window: int | None = None,
    reserve: int = 0,
    strategy: Strategy = keep_tokens,
    summarize: bool | Model | Summarizer = False,
) -> GuardedModel:
    """A model that is sent no request that is longer than its context window, by the estimate.

    A window that nobody knows guards nothing. The estimate takes four characters for a token and counts no media.

    :param context_overflow: ``error`` refuses such a request before any network; ``compact`` leaves out the oldest
        messages, and refuses what is too long even so.
    :param context_window: in tokens, unless given what is known of the model.
    :param reserve: tokens of the window that are kept free for the answer.
    :param strategy: what ``compact`` leaves out; its limit is in tokens.
    :param summarize: as in :func:`with_memory`.
    :raises AgentInputError: a value that does not fit.
    """
    if context_overflow not in ("error", "compact"):
        raise AgentInputError(
            f"context_guard: context_overflow must be 'error' or 'compact', got {context_overflow!r}"
        )
    numbers: list[tuple[str, object, int]] = [
        ("context_window", context_window, 1),
        ("reserve", reserve, 0),
    ]
    for name, value, least in numbers:
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
            raise AgentInputError(f"context_guard: {name} must be an int >= {least}, got {value!r}")
    return GuardedModel(
        inner=model,
        strategy=strategy,
        limit=1,
        summarizer=summarizer_of(model, summarize),
        context_overflow=context_overflow,
        context_window=context_window,
        reserve=reserve,
    )


@attrs.define(kw_only=True, eq=False, slots=False)
class GuardedModel(MemoryModel):
    """A model whose context window is respected; made by :func:`context_guard`."""

    context_overflow: ContextOverflow = "error"
    context_window: int | None = None
    reserve: int = 0

    @property
    def window(self) -> int | None:
        """The context window in tokens, ``None`` when unknown."""
        if self.context_window is not None:
            return self.context_window
        declared = self.inner.capabilities.context_window
        if declared is not None:
            return declared
        info = self.inner.info
        return None if info is None else info.context_window

    def limit_for(self, request: ModelRequest) -> int | None:
        """The tokens that are left for the messages, ``None`` where the request is not shortened."""
        window = self.window
        if window is None or self.context_overflow == "error" or request.native is not None:
            return None
        if not self._over(request, window):
            return None
        around = estimate_tokens(attrs.evolve(request, messages=())).tokens
        return max(1, window - self.reserve - around)

    def verify(self, request: ModelRequest) -> None:
        """Refuse what is too long.

        :raises InvalidRequestError: the estimate and the reserve are more than the window.
        """
        window = self.window
        if window is not None and self._over(request, window):
            raise self._overflow(request, window)

    def plan(self, request: Input | ModelRequest) -> Plan:
        """The plan of what would be sent; a request that is too long has a problem."""
        asked = ModelRequest.of(request)
        plan = super().plan(asked)
        limit, window = self.limit_for(asked), self.window
        messages: Sequence[Message] = asked.messages
        if limit is not None:
            messages = compact(messages, self.strategy, limit).messages
        sent = attrs.evolve(asked, messages=messages)
        if window is None or not self._over(sent, window):
            return plan
        return attrs.evolve(plan, problems=(*plan.problems, Problem.of(self._overflow(sent, window))))

    def _over(self, request: ModelRequest, window: int) -> bool:
        return estimate_tokens(request).tokens + self.reserve > window

    def _overflow(self, request: ModelRequest, window: int) -> InvalidRequestError:
        tokens = estimate_tokens(request).tokens
        kept = f", {self.reserve:,} are kept for the answer," if self.reserve else ""
        advice = (
            "start a new conversation, give less, or let it be shortened (context_overflow='compact')"
            if self.context_overflow == "error"
            else "what the user said last, the instructions and the tools alone are too long"
        )
        return InvalidRequestError(
            f"the request is about {tokens:,} tokens{kept} and the context window of {self.provider}:{self.model} "
            f"has {window:,}; it was not sent: {advice}",
            context={
                "provider": self.provider,
                "model": self.model,
                "input_tokens": tokens,
                "reserve": self.reserve,
                "context_window": window,
                "estimated": True,
            },
        )
