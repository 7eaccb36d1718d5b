"""Reads a request of ``generateContent`` (ai.google.dev/api/generate-content), as strictly as Google does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from lamella.content import TextBlock
from lamella.models import ModelRequest, OutputSchema
from lamella_sim.wires.gemini_fields import check_enum, fields, read_list
from lamella_sim.wires.gemini_tools import check_schema, is_old, read_tool_config, read_tools
from lamella_sim.wires.gemini_turns import read_contents, read_part
from lamella_sim.wires.openai import Payload
from lamella_sim.wires.wire import Asked, BadRequest

__all__ = ["read_gemini"]

_KNOWN: Final = (
    *("model", "contents", "systemInstruction", "tools", "toolConfig", "safetySettings"),
    *("generationConfig", "cachedContent", "serviceTier", "store", "continuationToken"),
)
_LEVELS: Final = ("minimal", "low", "medium", "high", "xhigh")
_MIME_TYPES: Final = ("text/plain", "application/json", "text/x.enum")


def _number(low: float | None = None, high: float | None = None) -> Callable[[Any], bool]:
    def holds(value: Any) -> bool:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and (low is None or value >= low) and (high is None or value <= high)

    return holds


def _integer(low: int | None = None) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and (low is None or value >= low)


def _texts(value: Any) -> bool:
    return (
        isinstance(value, list) and len(value) <= 5 and all(isinstance(text, str) and text for text in value)
    )


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _any(value: Any) -> bool:
    return True


_CONFIG: Final[Mapping[str, Callable[[Any], bool]]] = {
    "temperature": _number(0, 2),
    "topP": _number(0, 1),
    "topK": _number(1),
    "candidateCount": lambda value: value == 1,
    "maxOutputTokens": _integer(1),
    "stopSequences": _texts,
    "seed": _integer(),
    "presencePenalty": _number(-2, 2),
    "frequencyPenalty": _number(-2, 2),
    "responseLogprobs": _flag,
    "logprobs": _integer(0),
    "responseMimeType": lambda value: value in _MIME_TYPES,
    "enableEnhancedCivicAnswers": _flag,
    **dict.fromkeys(
        ("responseSchema", "responseJsonSchema", "responseModalities", "thinkingConfig", "mediaResolution"),
        _any,
    ),
    **dict.fromkeys(("speechConfig", "imageConfig", "audioTranscriptionConfig", "responseFormat"), _any),
}
"""The fields of ``generationConfig``, and what holds for each."""


def read_gemini(payload: Payload, path: str) -> Asked:
    """The request of a body that was posted to a path.

    :raises BadRequest: Google would refuse it.
    """
    model, streaming = _read_path(path)
    given = fields(payload, "", _KNOWN)
    config = fields(given.get("generationConfig", {}), "generation_config", _CONFIG)
    tools = read_tools(given.get("tools"), model)
    schema = _output_schema(config)
    if tools and config.get("responseMimeType") == "application/json" and is_old(model):
        raise BadRequest("Function calling with a response mime type: 'application/json' is unsupported")
    choice, tools = read_tool_config(given.get("toolConfig"), tools)
    request = ModelRequest(
        messages=read_contents(given.get("contents"), model),
        system_instruction=_system(given.get("systemInstruction")),
        tools=tools,
        tool_choice=choice,
        output_schema=schema,
        streaming=streaming,
    )
    return Asked(model=model, request=request, streaming=streaming, payload=payload)


def _read_path(path: str) -> tuple[str, bool]:
    """The model, and whether a stream is wanted: ``/gemini/{version}/models/{model}:{method}``."""
    url = urlsplit(path)
    version, _, call = url.path.removeprefix("/gemini/").partition("/models/")
    model, _, method = call.rpartition(":")
    if version not in ("v1", "v1beta", "v1alpha") or method not in (
        "generateContent",
        "streamGenerateContent",
    ):
        raise BadRequest(
            f"models/{model or call} is not found for API version {version}, or is not supported for {method}. Call "
            "ModelService.ListModels to see the list of available models and their supported methods.",
            status=404,
        )
    streaming = method == "streamGenerateContent"
    if streaming and parse_qs(url.query).get("alt") != ["sse"]:
        raise BadRequest(
            "The simulator streams server-sent events only: add ?alt=sse to the URL.", param="alt"
        )
    return model.removeprefix("models/"), streaming


def _system(given: Any) -> str | None:
    if given is None:
        return None
    content = fields(given, "system_instruction", ("role", "parts"))
    listed = read_list(content.get("parts"), "system_instruction.parts")
    parts = [
        read_part(part, f"system_instruction.parts[{index}]", "user") for index, part in enumerate(listed)
    ]
    if not parts or not all(isinstance(part.block, TextBlock) for part in parts):
        raise BadRequest("System instruction only supports text content.", param="system_instruction")
    return "".join(part.block.text for part in parts if isinstance(part.block, TextBlock))


def _output_schema(config: Payload) -> OutputSchema | None:
    for name, value in config.items():
        if not _CONFIG[name](value):
            raise BadRequest(f"Invalid value at 'generation_config.{name}', {value!r}", param=name)
    _check_thinking(config.get("thinkingConfig", {}))
    plain, full = config.get("responseSchema"), config.get("responseJsonSchema")
    as_json = config.get("responseMimeType") == "application/json"
    if plain is not None and full is not None:
        raise BadRequest("response_schema and response_json_schema must not be set both at the same time.")
    if plain is not None:
        check_schema(plain, "generation_config.response_schema")
    schema = plain if plain is not None else full
    if schema is None:
        return OutputSchema(schema={"type": "object"}, name="json", strict=False) if as_json else None
    if not as_json and (full is not None or config.get("responseMimeType") != "text/x.enum"):
        raise BadRequest(
            "* GenerateContentRequest.generation_config.response_schema: only allowed when response_mime_type is "
            "'application/json'."
        )
    if not isinstance(schema, Mapping):
        raise BadRequest("Invalid value at 'generation_config.response_json_schema': expected an object.")
    return OutputSchema(schema=schema, name="response")


def _check_thinking(given: Any) -> None:
    where = "generation_config.thinking_config"
    thinking = fields(given, where, ("includeThoughts", "thinkingBudget", "thinkingLevel"))
    if "thinkingBudget" in thinking and "thinkingLevel" in thinking:
        raise BadRequest("You can only set only one of thinking budget and thinking level.", param=where)
    if "thinkingBudget" in thinking and not _integer(-1)(thinking["thinkingBudget"]):
        raise BadRequest(f"Invalid value at '{where}.thinking_budget' (TYPE_INT32)", param=where)
    if "thinkingLevel" in thinking:
        check_enum(thinking["thinkingLevel"], f"{where}.thinking_level", _LEVELS)
