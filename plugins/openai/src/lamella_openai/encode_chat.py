"""Writes requests for Chat Completions ("Create chat completion" in the API reference). Pure."""

from __future__ import annotations

import json
from typing import Final

from lamella.errors import AgentSerializationError
from lamella.models import EncodeReport, ModelRequest, OutputSchema
from lamella.providers import Wire, answer_format, flat_schema, merge, options
from lamella_openai.chat_history import CHAT, DIALECT, History
from lamella_openai.chat_tools import encode_tools
from lamella_openai.deviations import Deviations
from lamella_openai.settings import ChatSettings

__all__ = ["CHAT", "DIALECT", "encode_chat"]

_OPENAI: Final = Deviations()

_SENT: Final = (
    "temperature", "top_p", "max_tokens", "max_completion_tokens", "stop", "frequency_penalty",
    "presence_penalty", "seed", "logprobs", "top_logprobs", "reasoning_effort", "verbosity", "store",
    "service_tier", "prompt_cache_key", "safety_identifier", "metadata", "user",
)  # fmt: skip


def encode_chat(
    request: ModelRequest,
    report: EncodeReport,
    *,
    model: str,
    issuer: str,
    settings: ChatSettings,
    schema: OutputSchema | None,
    deviations: Deviations = _OPENAI,
) -> dict[str, Wire]:
    """The payload of a request.

    :param schema: what ``response_format`` asks for; the request's own schema wins.
    :param deviations: where the server differs from OpenAI's.
    """
    history = History(report, issuer=issuer, deviations=deviations)
    payload: dict[str, Wire] = {"model": model, "messages": history.messages(request)}
    payload |= options(settings, _SENT)
    if settings.top_logprobs is not None and settings.logprobs is None:
        payload["logprobs"] = True
    payload |= _answer(settings, request.output_schema or schema, report, deviations, payload["messages"])
    payload |= encode_tools(request, report, model, deviations)
    if request.streaming and settings.streaming:
        payload |= {"stream": True, **_stream_options(settings, deviations)}
    return merge(merge(payload, settings.model_kwargs), request.extra)


# -- options --------------------------------------------------------------------------------------


def _stream_options(settings: ChatSettings, deviations: Deviations) -> dict[str, Wire]:
    wanted = settings.stream_options
    if wanted is None and deviations.stream_usage:
        wanted = {"include_usage": True}
    return {"stream_options": dict(wanted)} if wanted else {}


def _answer(
    settings: ChatSettings,
    schema: OutputSchema | None,
    report: EncodeReport,
    deviations: Deviations,
    messages: list[Wire],
) -> dict[str, Wire]:
    if schema is None:
        return {"response_format": {"type": "json_object"}} if settings.text_format == "json_object" else {}
    if deviations.structured_output == "json_schema":
        return {"response_format": {"type": "json_schema", "json_schema": answer_format(schema, report)}}
    if deviations.structured_output == "json_object":
        report.rewrite(
            "the server takes no schema: JSON mode is asked for, and the schema is in the system message, "
            "which nothing enforces",
            "output_schema",
        )
        _instruct(messages, schema)
        return {"response_format": {"type": "json_object"}}
    report.problem(
        AgentSerializationError(
            "the server takes no schema for its answer, and has no JSON mode; ask for the form in the prompt, "
            "or use another provider",
            context={"option": "output_schema"},
        )
    )
    return {}


def _instruct(messages: list[Wire], schema: OutputSchema) -> None:
    """Put a schema into the system message; one is made where there is none."""
    about = "" if schema.description is None else f" ({schema.description})"
    text = (
        f"Answer with one JSON object{about} that follows this JSON schema, and with nothing else:\n"
        f"{json.dumps(flat_schema(schema.schema), ensure_ascii=False)}"
    )
    first = messages[0] if messages else None
    if isinstance(first, dict) and first.get("role") == "system" and isinstance(first.get("content"), str):
        messages[0] = {**first, "content": f"{first['content']}\n\n{text}" if first["content"] else text}
    else:
        messages.insert(0, {"role": "system", "content": text})
