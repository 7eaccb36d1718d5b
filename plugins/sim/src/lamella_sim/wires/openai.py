"""What the two OpenAI wires share: errors, usage, the schema of an answer, integrity of calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from lamella._json import dumps
from lamella.content import ToolCallBlock, ToolOutputBlock
from lamella.errors import AgentInputError
from lamella.messages import Message
from lamella.models import OutputSchema
from lamella.usage import TokenUsage
from lamella_sim.steps import Error
from lamella_sim.wires.wire import BadRequest, OfferedTool

__all__ = [
    "HEADERS",
    "UNPARSABLE",
    "Payload",
    "bearer",
    "built",
    "check_calls",
    "error_object",
    "output_schema",
    "read_tool_choice",
    "refused",
    "sse",
    "usage_object",
]

Payload = Mapping[str, Any]

HEADERS: Final[Mapping[str, str]] = {"openai-processing-ms": "0", "openai-version": "2020-10-01"}

UNPARSABLE: Final = (
    "We could not parse the JSON body of your request. (The OpenAI API expects a JSON payload, but what was "
    "sent was not valid JSON.)"
)
"""What OpenAI says to a body that is no JSON object."""

_TYPES: Final = {401: "invalid_request_error", 403: "permission_error", 429: "requests"}
_CODES: Final = {401: "invalid_api_key", 404: "not_found", 429: "rate_limit_exceeded"}


def sse(data: Payload, event: str | None = None) -> bytes:
    """A server-sent event."""
    head = f"event: {event}\n" if event is not None else ""
    return f"{head}data: {dumps(dict(data))}\n\n".encode("utf-8", "surrogatepass")


def bearer(headers: Mapping[str, str]) -> str | None:
    """The key of ``Authorization: Bearer …`` or of Azure's ``api-key``."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() or None if scheme.casefold() == "bearer" else headers.get("api-key")


def error_object(error: Error) -> dict[str, Any]:
    """The ``error`` object of a body or of a chunk."""
    server = error.status >= 500
    return {
        "message": error.message,
        "type": _TYPES.get(error.status, "server_error" if server else "invalid_request_error"),
        "param": None,
        "code": error.code or _CODES.get(error.status, "server_error" if server else None),
    }


def refused(problem: BadRequest) -> dict[str, Any]:
    """The body of a 400."""
    kind = "invalid_request_error"
    return {"error": {"message": problem.message, "type": kind, "param": problem.param, "code": problem.code}}


def usage_object(usage: TokenUsage, names: tuple[str, str]) -> dict[str, Any]:
    """The usage in OpenAI's counting: cached input is part of the input, reasoning part of the output.

    :param names: what the wire calls input and output.
    """
    cached, written = usage.cached_read_tokens or 0, usage.cached_write_tokens or 0
    reasoning, spoken = usage.reasoning_tokens or 0, usage.audio_output_tokens or 0
    heard = usage.audio_input_tokens or 0
    taken = (usage.input_tokens or 0) + (usage.tool_use_tokens or 0) + cached + written + heard
    given = (usage.output_tokens or 0) + reasoning + spoken
    of_input = {"cached_tokens": cached, "cache_write_tokens": written}
    of_output = {"reasoning_tokens": reasoning}
    if names[0] == "prompt":
        of_input["audio_tokens"] = heard
        of_output |= {
            "audio_tokens": spoken,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        }
    return {
        f"{names[0]}_tokens": taken,
        f"{names[0]}_tokens_details": of_input,
        f"{names[1]}_tokens": given,
        f"{names[1]}_tokens_details": of_output,
        "total_tokens": usage.total_tokens if usage.total_tokens is not None else taken + given,
    }


def built(make: Callable[[], Any], param: str) -> Any:
    """What ``make`` makes; what Lamella's words refuse, the vendor is taken to refuse too."""
    try:
        return make()
    except AgentInputError as error:
        raise BadRequest(f"Invalid value for '{param}': {error}", param=param) from error


def check_calls(messages: Sequence[Message], unanswered: str, uncalled: str) -> None:
    """Refuse calls without output and outputs without call, in the vendor's words (``{id}`` is the call's)."""
    made = {
        block.call_id for message in messages for block in message.content if isinstance(block, ToolCallBlock)
    }
    answered = [
        block.call_id
        for message in messages
        for block in message.content
        if isinstance(block, ToolOutputBlock)
    ]
    for call_id in answered:
        if call_id not in made:
            raise BadRequest(uncalled.format(id=call_id), param="input")
    for call_id in made:
        if call_id not in answered:
            raise BadRequest(unanswered.format(id=call_id), param="input")


def output_schema(format: Any, param: str) -> OutputSchema | None:
    """The schema of ``text.format`` or of ``response_format`` brought to its flat form."""
    if format is None:
        return None
    kind = format.get("type") if isinstance(format, Mapping) else None
    if kind == "text":
        return None
    if kind == "json_object":
        return OutputSchema(schema={"type": "object"}, name="json_object", strict=False)
    if kind != "json_schema":
        raise BadRequest(
            f"Invalid value for '{param}.type': {kind!r}. Supported values are: 'text', 'json_object', "
            "and 'json_schema'.",
            param=f"{param}.type",
            code="invalid_value",
        )
    schema, name = format.get("schema"), format.get("name")
    if not isinstance(schema, Mapping) or not isinstance(name, str):
        raise BadRequest(f"Missing required parameter: '{param}.schema' or '{param}.name'.", param=param)
    return OutputSchema(
        schema=schema, name=name, strict=bool(format.get("strict")), description=format.get("description")
    )


def read_tool_choice(
    choice: Any, tools: tuple[OfferedTool, ...], name_of: Callable[[Payload], Any]
) -> tuple[str, tuple[OfferedTool, ...]]:
    """The canonical choice, and the tools it leaves.

    :param name_of: the tool's name in an entry of this wire's form.
    """
    if choice is None:
        return "auto", tools
    if choice in ("auto", "none", "required"):
        if choice == "required" and not tools:
            raise BadRequest(
                "Tool choice 'required' must be specified with 'tools' parameter.", param="tool_choice"
            )
        return choice, tools
    if not isinstance(choice, Mapping):
        raise BadRequest(
            f"Invalid value for 'tool_choice': {choice!r}.", param="tool_choice", code="invalid_value"
        )
    if choice.get("type") == "allowed_tools":
        allowed = choice.get("allowed_tools", choice)
        names = {name_of(entry) for entry in allowed.get("tools", ())}
        return str(allowed.get("mode", "auto")), tuple(tool for tool in tools if tool.name in names)
    name = name_of(choice)
    if name not in {tool.name for tool in tools}:
        raise BadRequest(f"Tool choice '{name}' not found in 'tools' parameter.", param="tool_choice")
    return name, tools
