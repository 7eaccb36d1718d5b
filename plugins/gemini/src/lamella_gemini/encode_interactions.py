"""Writes requests for the Interactions API ("Interactions: create" in the API reference). Pure."""

from __future__ import annotations

from typing import Any, Final

from lamella.errors import AgentSerializationError
from lamella.models import EncodeReport, ModelRequest, OutputSchema
from lamella.providers import Wire, flat_schema, merge, options, strict_loss
from lamella.tools import Tool
from lamella_gemini.encode import check_tool_name, warn_parallel
from lamella_gemini.settings import InteractionsSettings
from lamella_gemini.steps_interactions import DIALECT, Steps

__all__ = ["DIALECT", "encode_interactions"]

_CONFIG: Final = ("temperature", "top_p", "max_output_tokens", "stop_sequences", "seed")
_BESIDE: Final = ("previous_interaction_id", "service_tier")
_MODES: Final = {"auto": "auto", "required": "any", "any": "any", "none": "none", "validated": "validated"}
_JSON: Final = "application/json"


def encode_interactions(
    request: ModelRequest,
    report: EncodeReport,
    *,
    model: str,
    issuer: str,
    settings: InteractionsSettings,
    schema: OutputSchema | None,
) -> dict[str, Wire]:
    """The payload of a request.

    :param schema: what ``response_format`` asks for; the request's own schema wins.
    """
    history = Steps(report, issuer=issuer)
    payload: dict[str, Wire] = {"model": model, "input": history.steps(request), "store": settings.store}
    if not payload["input"] and settings.previous_interaction_id is None:
        report.problem(
            AgentSerializationError("there is nothing to send: Gemini wants at least one part of a message")
        )
    if history.system:
        payload["system_instruction"] = "\n\n".join(history.system)
    payload |= options(settings, _BESIDE)
    payload |= _cached(settings)
    payload |= _format(settings, request.output_schema or schema)
    if request.tools:
        payload["tools"] = [_tool(tool, report) for tool in request.tools]
    if config := _generation_config(request, settings, report):
        payload["generation_config"] = config
    if request.streaming and settings.streaming:
        payload["stream"] = True
    return merge(merge(payload, settings.model_kwargs), request.extra)


def _cached(settings: InteractionsSettings) -> dict[str, Wire]:
    name = settings.cached_content
    if name is None:
        return {}
    return {"cached_content": name if "/" in name else f"cachedContents/{name}"}


def _format(settings: InteractionsSettings, schema: OutputSchema | None) -> dict[str, Wire]:
    kind = settings.response_mime_type
    if schema is not None:
        body = merge({}, flat_schema(schema.schema))
        return {"response_format": {"type": "text", "mime_type": kind or _JSON, "schema": body}}
    return {} if kind is None else {"response_format": {"type": "text", "mime_type": kind}}


def _generation_config(
    request: ModelRequest, settings: InteractionsSettings, report: EncodeReport
) -> dict[str, Wire]:
    config = options(settings, _CONFIG)
    if settings.reasoning_effort is not None:
        config["thinking_level"] = settings.reasoning_effort
    if settings.reasoning_summary is not None:
        config["thinking_summaries"] = settings.reasoning_summary
    if not request.parallel_tool_calls:
        warn_parallel(report)
    if request.tools:
        config["tool_choice"] = _choice(request, settings, report)
    return config


def _tool(tool: Tool, report: EncodeReport) -> dict[str, Wire]:
    check_tool_name(tool.name, report)
    strict_loss(tool, report)
    schema, _ = tool.wire_schema()
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": merge({}, schema),
    }


def _choice(request: ModelRequest, settings: InteractionsSettings, report: EncodeReport) -> Wire:
    """The choice. A word of ``tool_choice`` wins over the setting, ``auto`` leaves it to the setting."""
    choice: Any = request.tool_choice
    if choice == "auto":
        return settings.function_calling_mode
    if choice in _MODES:
        return _MODES[choice]
    if choice not in {tool.name for tool in request.tools}:
        report.problem(
            AgentSerializationError(
                f"tool_choice {choice!r} is no tool of the request; use auto, required, none, validated or a "
                "tool's name"
            )
        )
    return {"allowed_tools": {"mode": "any", "tools": [choice]}}
