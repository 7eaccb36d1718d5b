"""Checks against a JSON schema that was given, by ``jsonschema``: imported when first needed, all errors at once."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping
from typing import Any

from lamella._frozen import JSON, thaw
from lamella.errors import AgentInputError, ConfigError


def require_schema(schema: Any, field: str, label: str) -> None:
    """Refuse a schema that cannot be checked against, when the tool is made.

    :raises ConfigError: ``jsonschema`` is not installed.
    :raises AgentInputError: it is no mapping.
    """
    if not isinstance(schema, Mapping):
        raise AgentInputError(
            f"tool {label}: {field} must be a JSON schema (a dict), got {type(schema).__name__}"
        )
    if importlib.util.find_spec("jsonschema") is None:
        raise ConfigError(
            f"tool {label} has an {field} of its own, and checking against it needs jsonschema: "
            f'pip install "lamella[jsonschema]"'
        )


def schema_errors(value: JSON, schema: Mapping[str, Any], label: str) -> list[str]:
    """Everything in ``value`` that the schema does not admit, each with its place (``$.a[0]``).

    :raises AgentInputError: the schema itself is wrong.
    """
    import jsonschema  # type: ignore[import-untyped]  # ships no types

    plain = thaw(schema)
    kind = jsonschema.validators.validator_for(plain, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(plain)
    except jsonschema.SchemaError as error:
        raise AgentInputError(
            f"tool {label}: not a valid JSON schema: {error.message}", cause=error
        ) from error
    errors = sorted(kind(plain).iter_errors(thaw(value)), key=lambda error: list(map(str, error.path)))
    return [f"{_place(error.absolute_path)}: {error.message}" for error in errors]


def _place(path: Iterable[str | int]) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
