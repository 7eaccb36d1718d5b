"""Writes requests for the Messages API ("Create a Message" in the API reference). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from lamella.errors import AgentSerializationError
from lamella.models import EncodeReport, ModelRequest, OutputSchema
from lamella.providers import Wire, merge, options
from lamella.tools import Tool
from lamella_anthropic.cache import with_breakpoints
from lamella_anthropic.catalog import takes_schemas
from lamella_anthropic.history import DIALECT, History
from lamella_anthropic.schema import answer_format, tool_schema
from lamella_anthropic.settings import AnthropicSettings, thinks

__all__ = ["DIALECT", "VENDOR", "encode_messages"]

VENDOR: Final = "anthropic"

_SENT: Final = ("temperature", "top_p", "top_k", "stop_sequences", "service_tier")
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def encode_messages(
    request: ModelRequest,
    report: EncodeReport,
    *,
    model: str,
    issuer: str,
    settings: AnthropicSettings,
    schema: OutputSchema | None,
) -> dict[str, Wire]:
    """The payload of a request.

    :param schema: what ``response_format`` asks for; the request's own schema wins.
    """
    system, messages = History(report, issuer=issuer, vendor=VENDOR).write(request)
    payload: dict[str, Wire] = {"model": model, "max_tokens": settings.max_tokens, "messages": messages}
    if system:
        payload["system"] = system
    payload |= options(settings, _SENT)
    if settings.user is not None:
        payload["metadata"] = {"user_id": settings.user}
    payload |= _thinking(settings)
    payload |= _output(settings, request.output_schema or schema, report, able=takes_schemas(model))
    payload |= _tools(request, report, settings, able=takes_schemas(model))
    if request.streaming and settings.streaming:
        payload["stream"] = True
    payload = merge(merge(payload, settings.model_kwargs), request.extra)
    return payload if settings.cache is None else with_breakpoints(payload, settings.cache, report)


def _thinking(settings: AnthropicSettings) -> dict[str, Wire]:
    given = settings.thinking
    if given is None:
        return {}
    if isinstance(given, Mapping):
        thinking = dict(given)
    elif isinstance(given, str):
        thinking = {"type": given}
    else:
        thinking = {"type": "enabled", "budget_tokens": given}
    if settings.thinking_display is not None:
        thinking["display"] = settings.thinking_display
    return {"thinking": thinking}


def _output(
    settings: AnthropicSettings, schema: OutputSchema | None, report: EncodeReport, *, able: bool
) -> dict[str, Wire]:
    config: dict[str, Wire] = options(settings, ("effort",))
    if schema is not None:
        config["format"] = answer_format(schema, report, able=able)
    return {"output_config": config} if config else {}


# -- tools ----------------------------------------------------------------------------------------


def _tools(
    request: ModelRequest, report: EncodeReport, settings: AnthropicSettings, *, able: bool
) -> dict[str, Wire]:
    if not request.tools:
        return {}
    return {
        "tools": [_tool(tool, report, able=able) for tool in request.tools],
        "tool_choice": _choice(request, report, settings),
    }


def _tool(tool: Tool, report: EncodeReport, *, able: bool) -> dict[str, Wire]:
    if _NAME.fullmatch(tool.name) is None:
        report.problem(
            AgentSerializationError(
                f"tool {tool.name!r:.80} cannot be sent: {DIALECT} takes names of up to 64 letters, digits, '_' "
                "and '-'; give it another with name=…"
            )
        )
    schema, strict = tool_schema(tool, report, able=able)
    description = {"description": tool.description} if tool.description else {}
    flag = {"strict": True} if strict else {}
    return {"name": tool.name, **description, "input_schema": schema, **flag}


def _choice(request: ModelRequest, report: EncodeReport, settings: AnthropicSettings) -> dict[str, Wire]:
    wanted = request.tool_choice
    if wanted == "none":
        return {"type": "none"}
    if wanted == "auto":
        choice: dict[str, Wire] = {"type": "auto"}
    else:
        choice = {"type": "any"} if wanted in ("required", "any") else {"type": "tool", "name": wanted}
        _refuse_forced(wanted, report, settings)
    return choice if request.parallel_tool_calls else {**choice, "disable_parallel_tool_use": True}


def _refuse_forced(choice: str, report: EncodeReport, settings: AnthropicSettings) -> None:
    """A model that thinks cannot be forced to call."""
    if thinks(settings):
        report.problem(
            AgentSerializationError(
                f"tool_choice={choice!r} cannot be sent while the model thinks: the vendor takes only auto and none "
                'then; set tool_choice="auto", or thinking="disabled" for this model'
            )
        )
