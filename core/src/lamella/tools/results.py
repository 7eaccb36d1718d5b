"""What a tool returned, as the output of its call: text, JSON, or blocks of text and media."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import math
import pathlib
import sys
import uuid
from collections.abc import Mapping
from typing import Any, Final

import attrs

from lamella._frozen import JSON
from lamella._json import MAX_OBJECT_DEPTH, deeper_than, loads
from lamella.content import Block, MediaContent, OpaqueContent, TextBlock
from lamella.errors import AgentToolExecutionError
from lamella.tools.validation import schema_errors

_PARTS: Final = (str, TextBlock, MediaContent, OpaqueContent)
_TEXTS: Final = (uuid.UUID, decimal.Decimal, pathlib.PurePath)
_TIMES: Final = (datetime.datetime, datetime.date, datetime.time)


def normalise_result(value: Any, tool_name: str) -> JSON | tuple[Block, ...]:
    """The output of a call: a JSON value, or a tuple of blocks when there is media in it.

    :raises AgentToolExecutionError: the value has no JSON form; names tool and type.
    """
    parts = list(value) if isinstance(value, list | tuple) else [value]
    if any(isinstance(part, TextBlock | MediaContent | OpaqueContent) for part in parts):
        return _blocks(parts, tool_name)
    try:
        made = _json(value, tool_name)
    except RecursionError as error:
        raise AgentToolExecutionError(
            f"tool {tool_name} returned a {type(value).__name__} that is nested too deeply, or contains itself",
            cause=error,
        ) from error
    if deeper_than(made, MAX_OBJECT_DEPTH):
        raise AgentToolExecutionError(
            f"tool {tool_name} returned a {type(value).__name__} that is nested in more than "
            f"{MAX_OBJECT_DEPTH} levels"
        )
    return made


def _blocks(parts: list[Any], tool_name: str) -> tuple[Block, ...]:
    for part in parts:
        if not isinstance(part, _PARTS):
            raise AgentToolExecutionError(
                f"tool {tool_name} returned media together with a {_type_name(part)}; "
                f"beside media a result holds text and media only"
            )
    return tuple(TextBlock(text=part) if isinstance(part, str) else part for part in parts)


def _json(value: Any, tool_name: str) -> JSON:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, enum.Enum):
        return _json(value.value, tool_name)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return _number(value, tool_name)
    if isinstance(value, Mapping):
        return {_key(key, tool_name): _json(item, tool_name) for key, item in value.items()}
    if isinstance(value, tuple) and (names := getattr(value, "_fields", None)) is not None:
        return {key: _json(item, tool_name) for key, item in zip(names, value, strict=True)}
    if isinstance(value, list | tuple):
        return [_json(item, tool_name) for item in value]
    return _object(value, tool_name)


def _number(value: float, tool_name: str) -> float:
    if not math.isfinite(value):
        raise AgentToolExecutionError(f"tool {tool_name} returned {value}, which JSON has no number for")
    return float(value)


def _key(key: Any, tool_name: str) -> str:
    if isinstance(key, enum.Enum):
        key = key.value
    if isinstance(key, str):
        return str(key)
    if isinstance(key, int) and not isinstance(key, bool):
        return str(key)
    raise AgentToolExecutionError(
        f"tool {tool_name} returned a dict with a {_type_name(key)} as key; use str"
    )


def _object(value: Any, tool_name: str) -> JSON:
    kind = type(value)
    if isinstance(value, _TIMES):
        return value.isoformat()
    if isinstance(value, _TEXTS):
        return str(value)
    if attrs.has(kind) and not isinstance(value, Block):
        fields = [(field.alias or field.name, field.name) for field in attrs.fields(kind)]
        return {key: _json(getattr(value, name), tool_name) for key, name in fields}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        return {name: _json(getattr(value, name), tool_name) for name in names}
    if _is_instance(value, "msgspec", "Struct"):
        import msgspec

        return _json(msgspec.to_builtins(value), tool_name)
    if _is_instance(value, "pydantic", "BaseModel"):
        return _json(value.model_dump(mode="json"), tool_name)
    raise AgentToolExecutionError(
        f"tool {tool_name} returned a {_type_name(value)}, which is no text, JSON value, attrs or dataclass "
        f"object, or media; convert it in the tool"
    )


def _is_instance(value: Any, module: str, name: str) -> bool:
    """``isinstance`` with a class of a library that may not be loaded; then nothing is an instance of it."""
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(value, getattr(loaded, name))


def _type_name(value: Any) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def check_result(output: Any, schema: Mapping[str, Any] | None, tool_name: str) -> None:
    """Hold a normalised result to the tool's ``output_schema``.

    The schema is of the result itself; the result or the schema may be wrapped in one field ``result``. Media may
    stand beside the JSON that the schema is of, when that comes first, as a text.

    :raises AgentToolExecutionError: it does not fit; every problem is named.
    """
    if schema is None:
        return
    if isinstance(output, tuple):
        output = _leading_json(output, tool_name)
    problems = schema_errors(output, schema, tool_name)
    if not problems or _fits_wrapped(output, schema, tool_name):
        return
    raise AgentToolExecutionError(
        f"the result of tool {tool_name} breaks its output_schema: {'; '.join(problems)}"
    )


def _leading_json(blocks: tuple[Any, ...], tool_name: str) -> Any:
    try:
        return loads(blocks[0].text)
    except (AttributeError, IndexError, ValueError) as error:
        raise AgentToolExecutionError(
            f"tool {tool_name} returned media, its output_schema asks for JSON"
        ) from error


def _fits_wrapped(output: Any, schema: Mapping[str, Any], tool_name: str) -> bool:
    if list(schema.get("properties", {})) == ["result"] and not schema_errors(
        {"result": output}, schema, tool_name
    ):
        return True
    wrapped = isinstance(output, dict) and list(output) == ["result"]
    return wrapped and not schema_errors(output["result"], schema, tool_name)
