"""Whether what is exported arrives: reported once when it does not, and once when it does again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Final

__all__ = ["Health", "watched"]

_log = logging.getLogger(__name__)

_EXPORTERS: Final = (
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.exporter.otlp.proto.http.metric_exporter",
    "opentelemetry.exporter.otlp.proto.grpc.exporter",
)
"""The loggers of the exporters: each failed try is a record of theirs."""

_exporting = threading.local()


class Health:
    """What is known of the collector. ``down`` from the first failure until something arrives."""

    def __init__(self) -> None:
        self.down = False
        self.when_down: Callable[[], None] | None = None
        self._reason = ""
        for name in _EXPORTERS:
            logging.getLogger(name).addFilter(self._take)

    def _take(self, record: logging.LogRecord) -> bool:
        """Keep what an exporter of ours says of a failure for the one report; others log as they do."""
        if getattr(_exporting, "health", None) is not self:
            return True
        self._reason = record.getMessage()
        if not self.down and "retrying" in self._reason:
            self.failed(getattr(_exporting, "endpoint", None))
        return False

    def failed(self, endpoint: str | None) -> None:
        """Something was not taken."""
        if self.down:
            return
        self.down = True
        _log.warning(
            "the sink 'otel' cannot send what it makes%s (%s); runs go on, and what cannot be sent is lost. Start the "
            "collector, or set OTEL_EXPORTER_OTLP_ENDPOINT; this is reported once",
            "" if endpoint is None else f" to {endpoint}",
            self._reason or "no reason given",
        )
        if self.when_down is not None:
            self.when_down()

    def arrived(self) -> None:
        """Something was taken."""
        if self.down:
            self.down = False
            _log.warning("the sink 'otel' can send again")


def watched(exporter: Any, health: Health) -> Any:
    """The exporter's class, telling ``health`` how each export went."""

    class Watched(exporter):  # type: ignore[misc]  # a class that is known only at run time
        def export(self, *args: Any, **kwargs: Any) -> Any:
            _exporting.health = health
            _exporting.endpoint = endpoint = getattr(self, "_endpoint", None)
            try:
                result = super().export(*args, **kwargs)
            finally:
                _exporting.health = None
            if getattr(result, "name", None) == "SUCCESS":
                health.arrived()
            else:
                health.failed(endpoint)
            return result

    return Watched
