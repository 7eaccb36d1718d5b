"""Writes requests for chat completions ("Chat Completion" in Mistral's API reference). Pure."""

from __future__ import annotations

from typing import Final

from lamella.models import EncodeReport, ModelRequest, OutputSchema
from lamella.providers import Wire, answer_format, merge, options, strict_loss, tool_choice
from lamella.tools import Tool
from lamella_mistral.history import DIALECT, History
from lamella_mistral.settings import MistralSettings

__all__ = ["DIALECT", "encode"]

_SENT: Final = (
    "temperature", "top_p", "top_k", "max_tokens", "min_tokens", "stop", "random_seed", "presence_penalty",
    "frequency_penalty", "repetition_penalty", "logprobs", "top_logprobs", "reasoning_effort", "prompt_mode",
    "prediction", "prompt_cache_key", "service_tier", "guardrails", "metadata", "safe_prompt",
)  # fmt: skip


def encode(
    request: ModelRequest,
    report: EncodeReport,
    *,
    model: str,
    issuer: str,
    settings: MistralSettings,
    schema: OutputSchema | None,
) -> dict[str, Wire]:
    """The payload of a request.

    :param schema: what ``response_format`` asks for; the request's own schema wins.
    """
    payload: dict[str, Wire] = {"model": model, "messages": History(report, issuer=issuer).messages(request)}
    payload |= options(settings, _SENT)
    if settings.top_logprobs is not None and settings.logprobs is None:
        payload["logprobs"] = True
    if isinstance(settings.prediction, str):
        payload["prediction"] = {"type": "content", "content": settings.prediction}
    payload |= _answer(settings, request.output_schema or schema, report)
    payload |= _tools(request, report)
    if request.streaming and settings.streaming:
        payload["stream"] = True
    return merge(merge(payload, settings.model_kwargs), request.extra)


def _answer(settings: MistralSettings, schema: OutputSchema | None, report: EncodeReport) -> dict[str, Wire]:
    if schema is not None:
        return {"response_format": {"type": "json_schema", "json_schema": answer_format(schema, report)}}
    if settings.text_format == "json_object":
        return {"response_format": {"type": "json_object"}}
    return {}


def _tools(request: ModelRequest, report: EncodeReport) -> dict[str, Wire]:
    if not request.tools:
        return {}
    choice = request.tool_choice
    chosen = tool_choice(choice, {"type": "function", "function": {"name": choice}})
    return {
        "tools": [_tool(tool, report) for tool in request.tools],
        "tool_choice": "any" if chosen == "required" else chosen,
        "parallel_tool_calls": request.parallel_tool_calls,
    }


def _tool(tool: Tool, report: EncodeReport) -> dict[str, Wire]:
    strict_loss(tool, report)
    schema, strict = tool.wire_schema()
    function = {"name": tool.name, "description": tool.description, "parameters": schema}
    return {"type": "function", "function": {**function, "strict": True} if strict else function}
