"""Checks against a JSON schema that was given, by ``jsonschema``: imported when first needed, all errors at once."""

from __future__ import annotations

import functools
import importlib.util
import itertools
from collections.abc import Iterable, Mapping
from typing import Any, Final

from lamella._frozen import JSON, thaw
from lamella._json import dumps, loads
from lamella.errors import AgentInputError, ConfigError

_LOOKED_FOR: Final = 1000
"""How many errors are looked for in one value: each of them costs time, and nobody reads more."""


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

    References lead into the schema itself only; nothing is fetched.

    :raises AgentInputError: the schema itself is wrong.
    """
    import jsonschema  # type: ignore[import-untyped]  # ships no types
    from referencing.exceptions import Unresolvable

    try:
        found = list(itertools.islice(_validator(dumps(schema)).iter_errors(thaw(value)), _LOOKED_FOR))
    except jsonschema.SchemaError as error:
        raise AgentInputError(
            f"tool {label}: not a valid JSON schema: {error.message}", cause=error
        ) from error
    except Unresolvable as error:
        raise AgentInputError(
            f"tool {label}: a reference in the JSON schema leads nowhere: {error}", cause=error
        ) from error
    found.sort(key=lambda error: list(map(str, error.absolute_path)))
    return [f"{_place(error.absolute_path)}: {_short(error.message)}" for error in found]


@functools.lru_cache(maxsize=256)
def _validator(schema_text: str) -> Any:
    """The validator of a schema; by its text, because ``1 == True`` makes equal dicts of different schemas."""
    import jsonschema
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]  # ships no types

    schema = loads(schema_text)
    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    kind.check_schema(schema)
    return kind(schema, registry=REGISTRY)


def _short(message: str) -> str:
    """A message without the rest of a value that it repeats."""
    return message if len(message) <= 500 else f"{message[:300]} … {message[-150:]}"


def _place(path: Iterable[str | int]) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
