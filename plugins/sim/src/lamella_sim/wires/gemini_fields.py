"""What the two Gemini wires share: Google's strict JSON, its error body, keys and signatures."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final
from uuid import uuid4

from lamella.usage import TokenUsage
from lamella_sim.steps import Error
from lamella_sim.wires.wire import BadRequest

__all__ = [
    "STATUSES",
    "UNPARSABLE",
    "api_key",
    "check_base64",
    "check_enum",
    "check_name",
    "check_signature",
    "fields",
    "google_error",
    "not_base64",
    "read_list",
    "read_struct",
    "read_text",
    "signature_of",
    "token_counts",
]

STATUSES: Final[Mapping[int, str]] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    412: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""Google's name of a status; the rest are ``INVALID_ARGUMENT`` below 500 and ``INTERNAL`` from there."""

UNPARSABLE: Final = "Invalid JSON payload received. Unable to parse the body as a JSON object."
"""What Google says to a body that is no JSON object."""

_TYPE: Final = "type.googleapis.com/google.rpc."
_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")


def google_error(error: Error) -> dict[str, Any]:
    """``{"error": {code, message, status, details}}``.

    A ``code`` becomes the ``reason`` of an ``ErrorInfo``, at 429 the ``quotaId`` that was exceeded;
    ``retry_after`` becomes a ``RetryInfo``.
    """
    details: list[dict[str, Any]] = []
    if error.code is not None and error.status == 429:
        details.append({"@type": f"{_TYPE}QuotaFailure", "violations": [{"quotaId": error.code}]})
    elif error.code is not None:
        details.append({"@type": f"{_TYPE}ErrorInfo", "reason": error.code, "domain": "googleapis.com"})
    if error.retry_after is not None:
        details.append({"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{error.retry_after:g}s"})
    fault = {"code": error.status, "message": error.message, "status": _status_name(error.status)}
    return {"error": {**fault, "details": details} if details else fault}


def _status_name(status: int) -> str:
    return STATUSES.get(status, "INTERNAL" if status >= 500 else "INVALID_ARGUMENT")


def api_key(given: Mapping[str, str]) -> str:
    """The key of ``x-goog-api-key`` or of ``?key=``.

    :raises BadRequest: there is none. Google refuses a key that is not valid with 400, not with 401.
    """
    key = given.get("x-goog-api-key") or given.get("key")
    if not key:
        raise BadRequest("API key not valid. Please pass a valid API key.", code="API_KEY_INVALID")
    return key


def fields(value: Any, where: str, known: Collection[str], *, camel: bool = True) -> dict[str, Any]:
    """The fields of an object, by their names in camelCase; ``null`` is absent, an unknown one is refused.

    :param camel: accept names in snake_case too, as Google does where it writes camelCase.
    """
    if not isinstance(value, Mapping):
        raise BadRequest(f"Invalid value at '{where}': expected an object.", param=where)
    given: dict[str, Any] = {}
    for key, item in value.items():
        name = re.sub(r"(?<=[a-z0-9])_([a-z])", lambda match: match[1].upper(), key) if camel else key
        if name not in known:
            at = f" at '{where}'" if where else ""
            raise BadRequest(
                f'Invalid JSON payload received. Unknown name "{key}"{at}: Cannot find field.', param=where
            )
        if item is not None:
            given[name] = item
    return given


def read_list(value: Any, where: str) -> Sequence[Any]:
    """A list, empty when it is not given."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise BadRequest(f"Invalid value at '{where}': expected a list.", param=where)
    return value


def read_struct(value: Any, where: str) -> Mapping[str, Any]:
    """A ``Struct``: any JSON object."""
    if not isinstance(value, Mapping):
        raise BadRequest(
            f"Invalid value at '{where}' (type.googleapis.com/google.protobuf.Struct), {value!r}", param=where
        )
    return value


def read_text(value: Any, where: str) -> str:
    """A string."""
    if not isinstance(value, str):
        raise BadRequest(f"Invalid value at '{where}' (TYPE_STRING), {value!r}", param=where)
    return value


def check_enum(value: Any, where: str, known: Collection[str]) -> str:
    """An enum's value in lower case; Google reads them in any."""
    if not isinstance(value, str) or value.lower() not in known:
        raise BadRequest(f"Invalid value at '{where}', \"{value}\"", param=where)
    return value.lower()


def check_name(value: Any, where: str) -> str:
    """The name of a function."""
    if not isinstance(value, str) or _NAME.fullmatch(value) is None:
        raise BadRequest(
            f"* GenerateContentRequest.{where}: Invalid function name. Must start with a letter or an underscore. "
            "Must be alphanumeric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a "
            "maximum length of 128.",
            param=where,
        )
    return value


def check_base64(value: Any, where: str) -> str:
    """Text that decodes: standard or URL-safe base64, padded or not."""
    if not isinstance(value, str) or _BASE64.fullmatch(value) is None or len(value.rstrip("=")) % 4 == 1:
        raise not_base64(value, where)
    return value


def not_base64(value: Any, where: str) -> BadRequest:
    """What Google says to bytes that are no base64."""
    shown = f'"{value:.200}"' if isinstance(value, str) else f"{value!r:.200}"
    return BadRequest(
        f"Invalid value at '{where}' (TYPE_BYTES), Base64 decoding failed for {shown}", param=where
    )


def check_signature(value: Any, where: str) -> str:
    """A signature, which is base64; one that the simulator made on another vendor's wire is none here."""
    signature = check_base64(value, where)
    if signature.startswith("sim-") and not signature.startswith("sim-gemini-"):
        raise BadRequest("Corrupted thought signature.", param=where)
    return signature


def signature_of(given: str | None) -> str:
    """A signature as it is on the wire, which is base64: the one a script gives, or one never used before.

    What a script gives and is no base64 is encoded.
    """
    if given is None:
        return f"sim-gemini-signature_{uuid4().hex[:31]}"  # 52 characters, as base64 wants them
    try:
        base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        return base64.b64encode(given.encode("utf-8", "surrogatepass")).decode()
    return given if given else signature_of(None)


def token_counts(usage: TokenUsage) -> dict[str, int]:
    """The usage in Google's counting: cached and audio input are part of the prompt, thoughts of nothing."""
    cached, heard = usage.cached_read_tokens or 0, usage.audio_input_tokens or 0
    spoken = usage.audio_output_tokens or 0
    counts = {
        "prompt": (usage.input_tokens or 0) + cached + (usage.cached_write_tokens or 0) + heard,
        "output": (usage.output_tokens or 0) + spoken,
        "thoughts": usage.reasoning_tokens or 0,
        "tool_use": usage.tool_use_tokens or 0,
    }
    total = sum(counts.values()) if usage.total_tokens is None else usage.total_tokens
    return {**counts, "total": total, "cached": cached, "heard": heard, "spoken": spoken}
