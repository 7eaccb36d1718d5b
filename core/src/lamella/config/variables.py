"""The environment as a layer: ``LAMELLA_MODEL``, and ``LAMELLA__PROVIDER__OPENAI__TIMEOUT`` for everything below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lamella.errors import ConfigError

__all__ = ["from_variables", "variable_name"]

_TOP: Final = {f"LAMELLA_{key.upper()}": key for key in ("model", "autoload", "strict_plugins", "locked")}
_PREFIX: Final = "LAMELLA__"


def variable_name(path: tuple[str, ...]) -> str:
    """The variable that sets a key: one underscore for a key at the top, two between names below."""
    if len(path) == 1:
        return f"LAMELLA_{path[0].upper()}"
    return _PREFIX + "__".join(part.upper() for part in path)


def from_variables(environ: Mapping[str, str]) -> dict[str, Any]:
    """What the variables set, as tables of texts; names in lower case. An empty variable sets nothing.

    :raises ConfigError: a variable has an empty name in it, or sets both a value and a table.
    """
    found: dict[str, Any] = {}
    for variable, value in sorted(environ.items()):
        if not value:
            continue
        if variable in _TOP:
            found[_TOP[variable]] = value
        elif variable.startswith(_PREFIX):
            _put(found, variable, value)
    return found


def _put(found: dict[str, Any], variable: str, value: str) -> None:
    *tables, key = variable.removeprefix(_PREFIX).lower().split("__")
    if not all((*tables, key)):
        raise ConfigError(f"environment variable {variable}: a name between two underscores is empty")
    table = found
    for name in tables:
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            raise ConfigError(f"environment variable {variable}: {name} is set to a value and to a table")
    if isinstance(table.get(key), dict):
        raise ConfigError(f"environment variable {variable}: {key} is set to a value and to a table")
    table[key] = value
