"""Writes requests for ``generateContent`` ("Generating content" in the API reference). Pure."""

from __future__ import annotations

import re
import warnings
from typing import Any, Final

from lamella.errors import AgentInputError, AgentSerializationError
from lamella.models import EncodeReport, ModelRequest, OutputSchema
from lamella.providers import Wire, flat_schema, merge, strict_loss
from lamella.tools import Tool
from lamella_gemini.catalog import signs_calls, takes_budget
from lamella_gemini.contents import Contents
from lamella_gemini.settings import GeminiSettings

__all__ = ["DIALECT", "check_tool_name", "encode_generate", "thinking_config", "warn_parallel"]

DIALECT: Final = "gemini"

_CONFIG: Final = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "max_output_tokens": "maxOutputTokens",
    "stop_sequences": "stopSequences",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "response_logprobs": "responseLogprobs",
    "logprobs": "logprobs",
    "response_modalities": "responseModalities",
    "speech_config": "speechConfig",
    "image_config": "imageConfig",
    "response_mime_type": "responseMimeType",
}
"""Settings that are fields of ``generationConfig``."""

_BESIDE: Final = {"safety_settings": "safetySettings", "service_tier": "serviceTier", "labels": "labels"}
"""Settings that stand beside it."""

_BUDGETS: Final = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24576}
"""What the efforts are in tokens ("OpenAI compatibility", Thinking)."""

_MODES: Final = {"auto": "AUTO", "required": "ANY", "any": "ANY", "none": "NONE", "validated": "VALIDATED"}

_TOOL_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}")


def encode_generate(
    request: ModelRequest,
    report: EncodeReport,
    *,
    model: str,
    issuer: str,
    settings: GeminiSettings,
    schema: OutputSchema | None,
) -> dict[str, Wire]:
    """The payload of a request; the model is in the path.

    :param schema: what ``response_format`` asks for; the request's own schema wins.
    """
    history = Contents(report, issuer=issuer, gemini_3=signs_calls(model))
    payload: dict[str, Wire] = {"contents": history.contents(request)}
    if history.system:
        payload["systemInstruction"] = {"parts": [{"text": text} for text in history.system]}
    payload |= _tools(request, settings, report)
    config = _generation_config(model, settings, request.output_schema or schema)
    if config:
        payload["generationConfig"] = config
    payload |= _chosen(settings, _BESIDE)
    if settings.cached_content is not None:
        name = settings.cached_content
        payload["cachedContent"] = name if "/" in name else f"cachedContents/{name}"
    return merge(merge(payload, settings.model_kwargs), request.extra)


def _chosen(settings: GeminiSettings, names: dict[str, str]) -> dict[str, Wire]:
    """The settings of these names that are set, under their names on the wire."""
    values = {wire: getattr(settings, name) for name, wire in names.items()}
    return merge({}, {wire: value for wire, value in values.items() if value is not None})


# -- the generation config ------------------------------------------------------------------------


def _generation_config(model: str, settings: GeminiSettings, schema: OutputSchema | None) -> dict[str, Wire]:
    config = _chosen(settings, _CONFIG)
    if settings.logprobs is not None:
        config.setdefault("responseLogprobs", True)
    if settings.media_resolution is not None:
        config["mediaResolution"] = f"MEDIA_RESOLUTION_{settings.media_resolution.upper()}"
    if thinking := thinking_config(model, settings):
        config["thinkingConfig"] = thinking
    if schema is not None:
        config.setdefault("responseMimeType", "application/json")
        config["responseJsonSchema"] = merge({}, flat_schema(schema.schema))
    return config


def thinking_config(model: str, settings: GeminiSettings) -> dict[str, Wire]:
    """How much to think, and whether to tell of it.

    :raises AgentInputError: an effort and a budget, or an effort that the model has no budget for.
    """
    effort, budget = settings.reasoning_effort, settings.thinking_budget
    if effort is not None and budget is not None:
        raise AgentInputError(
            "reasoning_effort and thinking_budget say the same thing; give one: the effort for Gemini 3 and "
            "later, the budget for Gemini 2.5"
        )
    config: dict[str, Wire] = {}
    if effort is not None and takes_budget(model):
        if effort not in _BUDGETS:
            known = ", ".join(_BUDGETS)
            raise AgentInputError(
                f"{model} takes no reasoning_effort={effort!r}; use one of {known}, or thinking_budget=…"
            )
        budget = _BUDGETS[effort]
    elif effort is not None:
        config["thinkingLevel"] = effort.upper()
    if budget is not None:
        config["thinkingBudget"] = budget
    if settings.reasoning_summary is not None:
        config["includeThoughts"] = settings.reasoning_summary == "auto"
    return config


# -- tools ----------------------------------------------------------------------------------------


def _tools(request: ModelRequest, settings: GeminiSettings, report: EncodeReport) -> dict[str, Wire]:
    if not request.parallel_tool_calls:
        warn_parallel(report)
    if not request.tools:
        return {}
    return {
        "tools": [{"functionDeclarations": [_declaration(tool, report) for tool in request.tools]}],
        "toolConfig": {"functionCallingConfig": _calling(request, settings, report)},
    }


def warn_parallel(report: EncodeReport) -> None:
    """Say that calls cannot be kept from coming several at once, which is no error."""
    reason = "Gemini has no switch for parallel tool calls: several may come at once"
    warnings.warn(f"parallel_tool_calls=False is not sent; {reason}", UserWarning, stacklevel=5)
    report.drop(reason, "parallel_tool_calls")


def _declaration(tool: Tool, report: EncodeReport) -> dict[str, Wire]:
    check_tool_name(tool.name, report)
    strict_loss(tool, report)
    schema, _ = tool.wire_schema()
    return {
        "name": tool.name,
        "description": tool.description,
        "parametersJsonSchema": merge({}, schema),
    }


def check_tool_name(name: str, report: EncodeReport) -> None:
    """Refuse a name that the API does not take."""
    if not _TOOL_NAME.fullmatch(name):
        report.problem(
            AgentSerializationError(
                f"Gemini takes no tool named {name!r:.150}: a name begins with a letter or an underscore and has "
                "up to 128 letters, digits, underscores, dots, colons and dashes; pass name=… to the tool"
            )
        )


def _calling(request: ModelRequest, settings: GeminiSettings, report: EncodeReport) -> dict[str, Wire]:
    """The mode. A word of ``tool_choice`` wins over the setting, ``auto`` leaves it to the setting."""
    choice: Any = request.tool_choice
    if choice == "auto":
        return {"mode": _MODES[settings.function_calling_mode]}
    if choice in _MODES:
        return {"mode": _MODES[choice]}
    if choice not in {tool.name for tool in request.tools}:
        report.problem(
            AgentSerializationError(
                f"tool_choice {choice!r} is no tool of the request; use auto, required, none, validated or a tool's name"
            )
        )
    return {"mode": "ANY", "allowedFunctionNames": [choice]}
