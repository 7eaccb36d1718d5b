"""An OpenTelemetry SDK in memory, and what it got."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk")

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from lamella_otel import OtelSink


class Collected:
    """What a sink told: spans and metrics, as a program would find them."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.tracers = TracerProvider(shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.meters = MeterProvider([self._reader], shutdown_on_exit=False)

    def sink(self, **options: Any) -> OtelSink:
        return OtelSink(tracer_provider=self.tracers, meter_provider=self.meters, **options)

    @property
    def spans(self) -> list[ReadableSpan]:
        """In the order they began; one that began at the same time as its parent after it."""
        found = list(self._exporter.get_finished_spans())[::-1]
        return sorted(found, key=lambda span: span.start_time or 0)

    def span(self, name: str) -> ReadableSpan:
        (found,) = (span for span in self.spans if span.name == name)
        return found

    def attributes(self, name: str) -> Mapping[str, Any]:
        return self.span(name).attributes or {}

    def tree(self) -> list[Any]:
        """Names, nested: a span with children is ``(name, [children])``."""
        return tree_of({ids(span)[0]: (span.name, ids(span)[1]) for span in self.spans})

    def points(self, metric: str) -> list[HistogramDataPoint]:
        data = self._reader.get_metrics_data()
        return [
            point
            for resource in (data.resource_metrics if data is not None else ())
            for scope in resource.scope_metrics
            for found in scope.metrics
            if found.name == metric
            for point in found.data.data_points
            if isinstance(point, HistogramDataPoint)
        ]

    def shutdown(self) -> None:
        self.tracers.shutdown()
        self.meters.shutdown()


def ids(span: ReadableSpan) -> tuple[int, int | None]:
    assert span.context is not None
    return span.context.span_id, None if span.parent is None else span.parent.span_id


def tree_of(spans: Mapping[Any, tuple[str, Any]]) -> list[Any]:
    """Spans by id, with their names and parents, as a tree; one whose parent is unknown is a root."""

    def below(parent: Any) -> list[Any]:
        children = [(key, name) for key, (name, above) in spans.items() if above == parent]
        return [(name, below(key)) if below(key) else name for key, name in children]

    roots = [(key, name) for key, (name, above) in spans.items() if above not in spans]
    return [(name, below(key)) if below(key) else name for key, name in roots]


@pytest.fixture
def collected() -> Iterator[Collected]:
    found = Collected()
    yield found
    found.shutdown()
