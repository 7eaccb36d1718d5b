"""The spans of requests to models, ``chat``: one for each attempt, failed ones too."""

from __future__ import annotations

from typing import Final

from opentelemetry.trace import SpanKind

from lamella.events import AttemptRollback, AttemptStart, Event, ResponseDone
from lamella.usage import TokenUsage
from lamella_otel import measure, names
from lamella_otel.facts import Attributes, usage_attributes
from lamella_otel.spans import ChatSpan, Failure
from lamella_otel.tree import Path, Tree, of_model

__all__ = ["Chats"]

_NO_FAILURES: Final = frozenset({"memory.summarized", "run.resumed"})
"""Codes of rollbacks that tell of no failed request."""


class Chats:
    """Begins and ends the spans of requests. An agent has one at a time."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.open: dict[Path, ChatSpan] = {}
        self.streaming: set[Path] = set()
        """The paths whose response has shown its first chunk."""

    def attempt(self, event: AttemptStart, path: Path, at: float) -> None:
        """A request is sent."""
        self.close(path, at, None)
        self._open(path, at, event.provider, event.model, {names.ATTEMPT: event.attempt})

    def block(self, event: Event, path: Path, at: float) -> None:
        """A block of a response is complete; of one that is not streamed it is the first sign."""
        self._chat(path, at)
        given = self._tree.agent(path).given
        if given is not None:
            given.take(event)

    def first_chunk(self, path: Path, at: float) -> None:
        """A response begins to arrive."""
        self._chat(path, at).first_chunk = at
        self.streaming.add(path)

    def done(self, event: ResponseDone, path: Path, at: float) -> None:
        """A response is complete."""
        chat = self._chat(path, at)
        last: Attributes = {names.FINISH_REASONS: [names.finish_reason(event.stop_reason)]}
        if event.response_id is not None:
            last[names.RESPONSE_ID] = event.response_id
        if event.model is not None:
            chat.answered_by = last[names.RESPONSE_MODEL] = event.model
        if event.provider is not None and event.provider != chat.provider:
            chat.provider = event.provider
            last[names.PROVIDER] = names.provider_name(event.provider)
        if event.cached:
            last[names.CACHED] = True
        given = self._tree.agent(path).given
        if given is not None and (output := given.complete(event)) is not None:
            last[names.OUTPUT_MESSAGES] = output
        self._end(path, at, last, event.token_usage, None)
        self._tree.since[path] = at

    def rollback(self, event: AttemptRollback, path: Path, at: float) -> None:
        """What an attempt showed is taken back: it failed, unless its code says otherwise."""
        facts: Attributes = {"code": event.code, "wait": event.wait, "visible": event.visible}
        self._tree.since[path] = at + event.wait
        agent = self._tree.agent(path)
        output = None if agent.given is None else agent.given.forget()
        shown: Attributes = {} if output is None else {names.OUTPUT_MESSAGES: output}
        chat = self.open.get(path)
        (agent if chat is None else chat).note("lamella.attempt.rollback", at, facts)
        if chat is None:
            return
        failure = None
        if event.code not in _NO_FAILURES:
            failure = self._tree.failure(event.code, event.error)
        self._end(path, at, shown, event.token_usage, failure)

    def refused(self, path: Path, at: float, failure: Failure) -> None:
        """The agent at ``path`` failed. One whose model makes no attempts may have got no answer: a span, too."""
        agent = self._tree.agents[path]
        if agent.model is None or agent.failed_below or not failure.code.startswith("api."):
            return
        self._chat(path, at)

    def close(self, path: Path, at: float, failure: Failure | None) -> None:
        """End what is open at ``path``, if anything is: it was broken off."""
        if path in self.open:
            self._end(path, at, {}, None, failure)

    def _chat(self, path: Path, at: float) -> ChatSpan:
        """The request that is open; one that nothing announced began when the agent could ask."""
        chat = self.open.get(path)
        return self._open(path, self._tree.waiting_since(path, at), None, None, {}) if chat is None else chat

    def _open(
        self, path: Path, at: float, provider: str | None, model: str | None, own: Attributes
    ) -> ChatSpan:
        agent = self._tree.agent(path)
        provider, model = provider or agent.provider, model or agent.model
        attributes = {names.OPERATION: names.CHAT, **agent.shared, **own, **agent.request, **agent.system}
        attributes |= of_model(provider, model)
        if agent.name is not None:
            attributes[names.AGENT] = agent.name
        if agent.given is not None:
            attributes[names.INPUT_MESSAGES] = agent.given.so_far()
        name = names.CHAT if model is None else f"{names.CHAT} {model}"
        span, context = self._tree.start(agent.context, name, at, attributes, kind=SpanKind.CLIENT)
        chat = self.open[path] = ChatSpan(
            span=span, context=context, began=at, clock=self._tree.clock, provider=provider, model=model
        )
        return chat

    def _end(
        self, path: Path, at: float, last: Attributes, usage: TokenUsage | None, failure: Failure | None
    ) -> None:
        chat = self.open.pop(path)
        self.streaming.discard(path)
        last |= usage_attributes(usage)
        if failure is not None:
            last[names.FINISH_REASONS] = ["error"]
        if chat.first_chunk is not None:
            last |= {names.REQUEST_STREAM: True, names.FIRST_CHUNK: max(0.0, chat.first_chunk - chat.began)}
        cost = self._cost(chat, usage)
        if cost is not None:
            last[names.COST] = cost
        chat.end(at, last, failure)
        measure.chat(self._tree.telemetry.instruments, chat, at, usage, failure)

    def _cost(self, chat: ChatSpan, usage: TokenUsage | None) -> float | None:
        if not self._tree.telemetry.cost or usage is None or chat.model is None:
            return None
        cost = usage.cost(chat.model, chat.provider)
        return float(cost.amount) if cost.priced else None
