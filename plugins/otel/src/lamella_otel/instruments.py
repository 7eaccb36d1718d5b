"""The metrics, with the convention's units and bucket boundaries."""

from __future__ import annotations

from typing import Final

from opentelemetry.metrics import Histogram, Meter

__all__ = ["Instruments"]

_SECONDS: Final = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
_AGENT_SECONDS: Final = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6]
_WORKFLOW_SECONDS: Final = [1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0]
_TOKENS: Final = [float(4**power) for power in range(14)]


class Instruments:
    """One histogram for each metric."""

    def __init__(self, meter: Meter) -> None:
        def histogram(name: str, unit: str, bounds: list[float], description: str) -> Histogram:
            return meter.create_histogram(
                name, unit=unit, description=description, explicit_bucket_boundaries_advisory=bounds
            )

        self.operation = histogram(
            "gen_ai.client.operation.duration", "s", _SECONDS, "Duration of GenAI client operation"
        )
        self.tokens = histogram(
            "gen_ai.client.token.usage",
            "{token}",
            _TOKENS,
            "Number of input and output tokens used by GenAI clients",
        )
        self.first_chunk = histogram(
            "gen_ai.client.operation.time_to_first_chunk",
            "s",
            _SECONDS,
            "Time to receive the first chunk of a response, from when it was asked for",
        )
        self.agent = histogram(
            "gen_ai.invoke_agent.duration",
            "s",
            _AGENT_SECONDS,
            "Duration of an in-process agent invocation",
        )
        self.workflow = histogram(
            "gen_ai.invoke_workflow.duration", "s", _WORKFLOW_SECONDS, "Duration of a workflow execution"
        )
        self.tool = histogram("gen_ai.execute_tool.duration", "s", _SECONDS, "Duration of a tool execution")
