"""The settings of the ``otel`` sink, as they stand in a project's configuration."""

from __future__ import annotations

import attrs

__all__ = ["OtelSettings"]


@attrs.frozen(kw_only=True)
class OtelSettings:
    """What is told about runs. Where it goes is said by OpenTelemetry's own variables (``OTEL_EXPORTER_OTLP_ENDPOINT``)."""

    content: bool | None = None
    """Whether prompts, answers, tool arguments and tool results are told; unset,
    ``OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`` says it, and by default they are not."""

    metrics: bool = True
    """Whether metrics are made beside the spans."""

    cost: bool = False
    """Whether the span of a response tells what it cost (``lamella.cost``, US dollars), where its model has a price."""
