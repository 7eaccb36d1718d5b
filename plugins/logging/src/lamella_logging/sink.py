"""``LoggingSink``: a record of Python's logging for each thing of interest in a run."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from lamella.errors import ConfigError
from lamella.events import AttemptRollback, ResponseDone, RunStreamEvent, StreamEnd, StreamError
from lamella.usage import BUCKETS, TokenUsage
from lamella_logging.clock import Place, Progress
from lamella_logging.facts import content_of, facts_of
from lamella_logging.levels import OFF, check_levels, level_named, level_of
from lamella_logging.lines import line_of
from lamella_logging.settings import DEFAULT_LOGGER, Level

__all__ = ["LoggingSink"]


class LoggingSink:
    """Writes runs to a logger. Deltas are never logged, prompts, arguments and outputs only when asked for.

    The message is one line; ``record.lamella`` is a dict of JSON values: ``run_id``, ``seq``, ``type``, ``path``, ``agent``,
    ``provider``, ``model``, and where they apply ``tokens``, ``cost_usd``, ``duration`` (seconds), ``name`` and ``call_id``
    of a tool, ``stop_reason``, ``error_code`` and more.

    :param logger: the name of the logger; it gets no handler here.
    :param level: the least level of a record.
    :param levels: the levels of single event types; ``"off"`` logs them never.
    :param content: whether records have ``content``, too: prompts, arguments, outputs.
    :param width: characters that are kept of each content; 0 keeps all.
    :raises ConfigError: a level or an event type that does not exist, or a negative width.
    """

    def __init__(
        self,
        *,
        logger: str = DEFAULT_LOGGER,
        level: Level = "info",
        levels: Mapping[str, str] | None = None,
        content: bool = False,
        width: int = 500,
    ) -> None:
        if width < 0:
            raise ConfigError(f"LoggingSink: width must be 0 or more, got {width}")
        self._logger = logging.getLogger(logger)
        self._least = level_named(level, "level")
        self._levels = check_levels(levels or {})
        self._content = content
        self._width = width
        self._runs: dict[str, Progress] = {}
        self._opened = 0
        self._lock = threading.Lock()  # several runs write from several threads

    def __repr__(self) -> str:
        return f"LoggingSink(logger={self._logger.name!r}, content={self._content})"

    async def open(self) -> None:
        """Get ready for a run."""
        with self._lock:
            self._opened += 1

    async def write(self, batch: Sequence[RunStreamEvent]) -> None:
        """Log what is of interest, at once."""
        for envelope in batch:
            if envelope.event.durable:
                self._take(envelope)

    async def close(self) -> None:
        """A run ended; with the last one what is known of runs without an end is forgotten."""
        with self._lock:
            self._opened = max(0, self._opened - 1)
            if not self._opened:
                self._runs.clear()

    # -- records ------------------------------------------------------------------------------------

    def _take(self, envelope: RunStreamEvent) -> None:
        event = envelope.event
        with self._lock:
            run = self._runs.setdefault(envelope.run_id, Progress())
            if isinstance(event, StreamEnd | StreamError):
                self._runs.pop(envelope.run_id)
        duration = run.take(envelope)
        level = level_of(event, self._levels)
        logged = self._least <= level < OFF and self._logger.isEnabledFor(level)
        cost = _cost(run, envelope)
        if logged:
            facts = self._facts(envelope, run.place(envelope.path), duration, cost)
            self._logger.log(level, "%s", line_of(facts), extra={"lamella": facts})

    def _facts(
        self, envelope: RunStreamEvent, place: Place, duration: float | None, cost: float | None
    ) -> dict[str, Any]:
        event = envelope.event
        facts: dict[str, Any] = {
            "run_id": envelope.run_id,
            "seq": envelope.seq,
            "type": event.type,
            "path": list(envelope.path),
        }
        who = {
            name: value
            for name, value in attrs.asdict(place).items()
            if name in ("agent", "provider", "model")
        }
        facts.update((name, value) for name, value in who.items() if value is not None)
        facts.update(facts_of(event))
        usage = envelope.token_usage if isinstance(event, StreamEnd | StreamError) else event.token_usage
        measured = {"tokens": _tokens(usage), "cost_usd": cost, "duration": duration}
        facts.update((name, value) for name, value in measured.items() if value is not None)
        if self._content and (content := content_of(event, self._width)):
            facts["content"] = content
        return facts


def _tokens(usage: TokenUsage | None) -> dict[str, int] | None:
    """The buckets that were reported, without ``_tokens`` in their names, and the ``total``."""
    if usage is None:
        return None
    counts = {name.removesuffix("_tokens"): getattr(usage, name) for name in BUCKETS}
    counts["total"] = usage.resolved_total_tokens
    return {name: count for name, count in counts.items() if count is not None}


def _cost(run: Progress, envelope: RunStreamEvent) -> float | None:
    """US dollars of a response, or of the whole run at its end; ``None`` where a price is not known."""
    event = envelope.event
    if isinstance(event, StreamEnd | StreamError):
        return None if run.spent is None or not run.spent else float(run.spent)
    if not isinstance(event, ResponseDone | AttemptRollback) or event.token_usage is None:
        return None
    place = run.place(envelope.path)
    model = (event.model if isinstance(event, ResponseDone) else None) or place.model
    cost = None if model is None else event.token_usage.cost(model, place.provider)
    if cost is None or not cost.priced:
        run.spent = None
        return None
    run.spent = None if run.spent is None else run.spent + cost.amount
    return float(cost.amount)
