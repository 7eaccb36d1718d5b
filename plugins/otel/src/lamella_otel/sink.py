"""``OtelSink``: tells OpenTelemetry of runs."""

from __future__ import annotations

import asyncio
import functools
import importlib.metadata
import logging
import os
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final
from weakref import WeakKeyDictionary

from opentelemetry import context as otel_context
from opentelemetry import metrics as otel_metrics
from opentelemetry import trace as otel_trace
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import SpanContext, TracerProvider

from lamella.events import RunStreamEvent, StreamResumed, StreamStart
from lamella_otel.instruments import Instruments
from lamella_otel.pipeline import Pipeline, pipeline
from lamella_otel.spans import Telemetry
from lamella_otel.trace import RunTrace

__all__ = ["OtelSink"]

_log = logging.getLogger(__name__)

_CAPTURE: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_CAPTURED: Final = {
    "": False,
    "false": False,
    "no_content": False,
    "event_only": False,  # the sink makes no log events
    "true": True,
    "span_only": True,
    "span_and_event": True,
}
_REMEMBERED: Final = 1024
"""Runs whose span contexts are kept for links."""

_seen: OrderedDict[str, SpanContext] = OrderedDict()


class OtelSink:
    """A sink that makes spans and metrics of runs, by the GenAI semantic conventions.

    A run's span is a child of the span that is current where the run was started. One sink may serve any number
    of runs at once.

    :param content: whether prompts, answers, tool arguments and results are told; by default
        ``OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`` says it, and unset they are not.
    :param metrics: whether metrics are made.
    :param cost: whether a response's span tells what it cost (``lamella.cost``), where its model has a price.
    :param tracer_provider: makes the spans; by default the global one. Where none is set, and the SDK is
        installed (``lamella-otel[sdk]``), one is set up for Lamella from OpenTelemetry's variables.
    :param meter_provider: makes the metrics; found like the tracer provider.
    """

    def __init__(
        self,
        *,
        content: bool | None = None,
        metrics: bool = True,
        cost: bool = False,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        self._content = _captured() if content is None else content
        self._metrics = metrics
        self._cost = cost
        self._tracer_provider = tracer_provider
        self._meter_provider = meter_provider
        self._telemetry: Telemetry | None = None
        self._pipeline: Pipeline | None = None
        self._runs: dict[str, tuple[RunTrace, asyncio.Task[Any] | None]] = {}
        self._opened = 0
        self._openers: WeakKeyDictionary[asyncio.Task[Any], int] = WeakKeyDictionary()

    def __repr__(self) -> str:
        return f"OtelSink(content={self._content}, metrics={self._metrics}, cost={self._cost})"

    async def open(self) -> None:
        """Find out who takes the spans.

        :raises ConfigError: OpenTelemetry's variables ask for an exporter that there is not.
        """
        self._opened += 1
        if (mine := asyncio.current_task()) is not None:
            self._openers[mine] = self._openers.get(mine, 0) + 1
        if self._telemetry is None or self._tracer_provider is None:
            # In a thread: the first one imports the SDK, and the run need not wait for it.
            self._telemetry = await asyncio.to_thread(self._connect) if self._sets_up() else self._connect()

    async def write(self, batch: Sequence[RunStreamEvent]) -> None:
        """Make spans of what has ended."""
        for envelope in batch:
            found = self._runs.get(envelope.run_id)
            if found is not None:
                found[0].feed(envelope)
                if found[0].ended:
                    del self._runs[envelope.run_id]
            elif envelope.run_id not in _seen or isinstance(envelope.event, StreamStart | StreamResumed):
                self._begin(envelope)

    async def close(self) -> None:
        """A run ended; one that has not said so was interrupted. Waits a second, at most, for spans to be sent."""
        self._opened = max(0, self._opened - 1)
        last = self._close_task()
        for run_id, (run, task) in list(self._runs.items()):
            if self._opened == 0 or (last is not None and task is last):
                del self._runs[run_id]
                run.interrupt()
        if self._pipeline is not None:
            await self._pipeline.flush()

    def _close_task(self) -> asyncio.Task[Any] | None:
        """This task, where it has closed all that it opened: the core gives each run a task of its own."""
        mine = asyncio.current_task()
        if mine is None or mine not in self._openers:
            return None
        self._openers[mine] -= 1
        return mine if self._openers[mine] <= 0 else None

    def _begin(self, first: RunStreamEvent) -> None:
        if self._telemetry is None:
            self._telemetry = self._connect()
        run = RunTrace(first, self._telemetry, otel_context.get_current(), _seen.get)
        self._runs[first.run_id] = run, asyncio.current_task()
        run.feed(first)
        _remember(first.run_id, run)

    def _sets_up(self) -> bool:
        """Whether nobody has set up OpenTelemetry."""
        if self._tracer_provider is not None:
            return False
        return isinstance(otel_trace.get_tracer_provider(), otel_trace.ProxyTracerProvider)

    def _connect(self) -> Telemetry:
        tracers, meters = self._tracer_provider, self._meter_provider
        found = pipeline() if self._sets_up() else None
        self._pipeline = found
        if found is not None:
            tracers, meters = found.tracer_provider, meters or found.meter_provider
        elif tracers is None:
            tracers = otel_trace.get_tracer_provider()
        instruments = None
        if self._metrics:
            instruments = Instruments(
                (meters or otel_metrics.get_meter_provider()).get_meter(__package__, _version())
            )
        tracer = tracers.get_tracer(__package__, _version())
        return Telemetry(tracer, instruments, self._content, self._cost)


def _remember(run_id: str, run: RunTrace) -> None:
    """Keep a run's span for those that go on with it or are forks of it."""
    _seen[run_id] = run.context
    _seen.move_to_end(run_id)
    while len(_seen) > _REMEMBERED:
        _seen.popitem(last=False)


def _captured() -> bool:
    said = os.environ.get(_CAPTURE, "").strip().lower()
    if said not in _CAPTURED:
        _log.warning(
            "%s=%r is none of %s; no content is told", _CAPTURE, said, ", ".join(filter(None, _CAPTURED))
        )
    return _CAPTURED.get(said, False)


@functools.cache
def _version() -> str:
    return importlib.metadata.version("lamella-otel")
