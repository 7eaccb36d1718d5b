"""The SDK set up from OpenTelemetry's own variables, for programs that have not set up one themselves.

It is Lamella's alone: the global providers are left to the program.
"""

from __future__ import annotations

import atexit
import importlib
import logging
import os
import threading
from typing import TYPE_CHECKING, Any, Final

from lamella.errors import ConfigError
from lamella_otel.flusher import Flusher
from lamella_otel.health import Health, watched

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

__all__ = ["Pipeline", "pipeline"]

_log = logging.getLogger(__name__)

_EXIT_SECONDS: Final = 2.0
"""How long the end of the process waits for what has not been sent yet."""

_PROTOCOLS: Final = {"http/protobuf": "http", "grpc": "grpc"}
_KINDS: Final = {
    "traces": ("trace_exporter", "OTLPSpanExporter"),
    "metrics": ("metric_exporter", "OTLPMetricExporter"),
}
_INSTALL: Final = "pip install 'lamella-otel[sdk]'"

_lock = threading.Lock()
_made: dict[int, Pipeline | None] = {}
"""By process id: a fork sets up its own."""


def pipeline() -> Pipeline | None:
    """The one of this process; ``None``, and said once, without the SDK.

    :raises ConfigError: the variables ask for an exporter that there is not.
    """
    with _lock:
        process = os.getpid()
        if process not in _made:
            _made[process] = _make()
        return _made[process]


class Pipeline:
    """Providers, and what sends what they make. ``meter_provider`` is ``None`` where metrics are switched off."""

    def __init__(self) -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider

        self.health = Health()
        resource = Resource.create()
        if str(resource.attributes.get("service.name", "")).startswith("unknown_service"):
            resource = resource.merge(Resource({"service.name": "lamella"}))
        spans, metrics = self._exporter("traces"), self._exporter("metrics")
        tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._providers: list[Any] = [tracers]
        if spans is not None:
            from opentelemetry.sdk.trace.export import BatchSpanProcessor

            tracers.add_span_processor(BatchSpanProcessor(spans))
        self.tracer_provider: TracerProvider = tracers
        self.meter_provider: MeterProvider = self._meters(resource, metrics)
        self._flusher = Flusher(self._flush, self.health)
        atexit.register(self._exit)

    def _meters(self, resource: Any, exporter: Any) -> MeterProvider:
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

        readers = [] if exporter is None else [PeriodicExportingMetricReader(exporter)]
        meters = MeterProvider(readers, resource=resource, shutdown_on_exit=False)
        self._providers.append(meters)
        return meters

    async def flush(self) -> None:
        """Send what has been made. Waits a second at most, and not at all while nobody takes it."""
        await self._flusher.flush()

    def _flush(self) -> None:
        for provider in self._providers:
            provider.force_flush()

    def _exit(self) -> None:
        """Send the rest, within a bounded time: an unreachable collector does not keep the process."""
        last = threading.Thread(target=self._shutdown, name="lamella-otel-exit", daemon=True)
        last.start()
        last.join(0.0 if self.health.down else _EXIT_SECONDS)

    def _shutdown(self) -> None:
        for provider in self._providers:
            provider.shutdown()

    def _exporter(self, signal: str) -> Any:
        """The exporter that the variables ask for; ``None`` for none."""
        variable = f"OTEL_{signal.upper()}_EXPORTER"
        asked = os.environ.get(variable, "").strip().lower() or "otlp"
        if asked == "none":
            return None
        if asked == "console":
            return _console(signal)
        if asked != "otlp":
            raise ConfigError(
                f"{variable}={asked!r}: lamella-otel sets up otlp, console or none; for anything else set up "
                "OpenTelemetry in your program, or run it with opentelemetry-instrument"
            )
        return watched(_otlp(signal), self.health)()


def _make() -> Pipeline | None:
    try:
        importlib.import_module("opentelemetry.sdk.trace")
    except ImportError:
        _log.warning(
            "the sink 'otel' makes no spans: the program has set up no OpenTelemetry, and the SDK is not installed, "
            "with which the sink would: %s",
            _INSTALL,
        )
        return None
    return Pipeline()


def _console(signal: str) -> Any:
    module = importlib.import_module(f"opentelemetry.sdk.{'trace' if signal == 'traces' else signal}.export")
    return getattr(module, "ConsoleSpanExporter" if signal == "traces" else "ConsoleMetricExporter")()


def _otlp(signal: str) -> Any:
    variable = f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL"
    asked = os.environ.get(variable) or os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL") or "http/protobuf"
    if asked not in _PROTOCOLS:
        raise ConfigError(f"OTEL_EXPORTER_OTLP_PROTOCOL={asked!r} is none of {', '.join(_PROTOCOLS)}")
    package = f"opentelemetry.exporter.otlp.proto.{_PROTOCOLS[asked]}"
    module, name = _KINDS[signal]
    try:
        return getattr(importlib.import_module(f"{package}.{module}"), name)
    except ImportError as error:
        wanted = (
            _INSTALL if asked == "http/protobuf" else "pip install opentelemetry-exporter-otlp-proto-grpc"
        )
        raise ConfigError(
            f"the sink 'otel' cannot send by OTLP over {asked}: {error}; {wanted}", cause=error
        ) from error
