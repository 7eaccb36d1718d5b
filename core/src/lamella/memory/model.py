"""``with_memory``: a model that is sent no more of a history than a strategy leaves."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable

import attrs

from lamella.errors import AgentInputError
from lamella.events import AttemptCommit, AttemptRollback, AttemptStart, Event, ResponseDone
from lamella.history import check_history
from lamella.memory.compaction import Compaction, compact
from lamella.memory.strategies import Strategy
from lamella.memory.summary import Summarizer, summary_message
from lamella.messages import Message
from lamella.models.inputs import Input
from lamella.models.model import Model, closing
from lamella.models.plan import Plan
from lamella.models.request import ModelRequest
from lamella.models.wrapped import WrappedModel

__all__ = ["MemoryModel", "summarizer_of", "with_memory"]


def with_memory(
    model: Model, strategy: Strategy, limit: int, *, summarize: bool | Model | Summarizer = False
) -> MemoryModel:
    """A model whose requests are shortened first; the history of the run stays whole.

    Each response says under ``losses`` what was left out. A provider's own payload (``native``) is not touched.

    :param strategy: ``keep_messages``, ``keep_turns``, ``keep_tokens``, or a function of your own.
    :param limit: what the strategy takes: messages, turns or tokens.
    :param summarize: have what is left out summarised, by the model itself (``True``), another model, or a
        ``Summarizer``. Then a history over the limit is cut to half of it, so that not every request
        needs a summary. What a summary costs is in the run's usage, as an attempt of the summarising model.
    :raises AgentInputError: a value that does not fit.
    """
    if not callable(strategy):
        raise AgentInputError(
            f"with_memory: the strategy must be a function (messages, limit) -> messages, got {type(strategy).__name__}"
        )
    given: object = limit
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise AgentInputError(f"with_memory: the limit must be an int >= 1, got {limit!r}")
    return MemoryModel(
        inner=model, strategy=strategy, limit=limit, summarizer=summarizer_of(model, summarize)
    )


def summarizer_of(model: Model, summarize: bool | Model | Summarizer) -> Summarizer | None:
    """Who summarises, ``None`` for nobody.

    :raises AgentInputError: something else.
    """
    if isinstance(summarize, bool):
        return Summarizer(model=model) if summarize else None
    if isinstance(summarize, Model):
        return Summarizer(model=summarize)
    if not isinstance(summarize, Summarizer):
        raise AgentInputError(
            f"summarize must be True, False, a Model or a Summarizer, got {type(summarize).__name__}"
        )
    return summarize


@attrs.define(kw_only=True, eq=False, slots=False)
class MemoryModel(WrappedModel):
    """A model that is sent shortened histories; made by :func:`with_memory`."""

    strategy: Strategy
    limit: int
    summarizer: Summarizer | None = None

    def limit_for(self, request: ModelRequest) -> int | None:
        """The limit for a request, ``None`` to leave it as it is."""
        return None if request.native is not None else self.limit

    def verify(self, request: ModelRequest) -> None:
        """Look at what is about to be sent; raise to refuse it."""

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event, None]:
        """Shorten the history, then answer."""
        limit = self.limit_for(request)
        compaction = None if limit is None else compact(request.messages, self.strategy, limit)
        numbers = _Numbers(self.inner)
        if limit is not None and compaction is not None and compaction.dropped and self.summarizer:
            known = self._with_known_summary(request, compaction, limit, self.summarizer)
            if known is None:
                compaction = compact(request.messages, self.strategy, max(1, limit // 2))
                left_out = _at(request, compaction.dropped)
                async with closing(self.summarizer.events(left_out)) as telling:
                    async for event in telling:
                        numbers.before = getattr(event, "attempt", numbers.before)
                        yield event
                summary = summary_message(self.summarizer.known(left_out)[1], len(left_out))
                compaction = compaction.without(summary)
            else:
                compaction = known
        sent = request if compaction is None else compaction.request(request)
        self.verify(sent)
        async with closing(self.inner.stream(sent)) as events:
            async for event in events:
                for shown in numbers.feed(event):
                    if isinstance(shown, ResponseDone) and compaction is not None:
                        shown = attrs.evolve(shown, losses=compaction.losses(shown.losses))
                    yield shown

    def plan(self, request: Input | ModelRequest) -> Plan:
        """The plan of the shortened request; a summary, which is not made yet, is not in it."""
        asked = ModelRequest.of(request)
        limit = self.limit_for(asked)
        if limit is None:
            return self.inner.plan(asked)
        compaction = compact(asked.messages, self.strategy, limit)
        plan = self.inner.plan(compaction.request(asked))
        return attrs.evolve(plan, losses=compaction.losses(plan.losses))

    def _with_known_summary(
        self, request: ModelRequest, found: Compaction, limit: int, summarizer: Summarizer
    ) -> Compaction | None:
        """What was summarised before, if the rest is within the limit with it."""
        count, summary = summarizer.known(_at(request, found.dropped))
        if count == 0:
            return None
        gone = set(found.dropped[:count])
        places = [index for index in range(len(request.messages)) if index not in gone]
        rest = Compaction(
            messages=_at(request, places), places=places, dropped=found.dropped[:count], reason=found.reason
        ).without(summary_message(summary, count))
        if check_history(rest.messages) or compact(rest.messages, self.strategy, limit).dropped:
            return None
        return rest


def _at(request: ModelRequest, places: Iterable[int]) -> tuple[Message, ...]:
    return tuple(request.messages[index] for index in places)


class _Numbers:
    """Counts the attempts of an answer after those of its summary, and makes them where the model makes none."""

    def __init__(self, model: Model) -> None:
        self.before = 0
        self._model = model
        self._own = False
        self._begun = False

    def feed(self, event: Event) -> list[Event]:
        """What to show of an event."""
        if self.before == 0:
            return [event]
        if isinstance(event, AttemptStart | AttemptRollback | AttemptCommit):
            self._own = True
            return [attrs.evolve(event, attempt=self.before + event.attempt)]
        shown: list[Event] = [event]
        if not self._own:
            number = self.before + 1
            if isinstance(event, ResponseDone):
                shown.insert(0, AttemptCommit(attempt=number))
            if not self._begun:
                start = AttemptStart(attempt=number, provider=self._model.provider, model=self._model.model)
                shown.insert(0, start)
        self._begun = True
        return shown
