"""The conformance kit, with an SDK in memory."""

from __future__ import annotations

import pytest

pytest.importorskip("opentelemetry.sdk")

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from lamella import Sink
from lamella_otel import OtelSink
from lamella_testing import SinkConformance


class TestOtelSink(SinkConformance):
    plugin = "otel"

    def make_sink(self) -> Sink:
        tracers = TracerProvider(shutdown_on_exit=False)
        tracers.add_span_processor(SimpleSpanProcessor(InMemorySpanExporter()))
        meters = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
        return OtelSink(content=True, tracer_provider=tracers, meter_provider=meters)
