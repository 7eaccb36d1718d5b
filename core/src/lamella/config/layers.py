"""The layers of a configuration, and their merge: later layers win, and each value remembers its layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

import attrs

from lamella.config.variables import variable_name
from lamella.errors import ConfigError
from lamella.plugins.names import canonical
from lamella.plugins.secrets import is_reference
from lamella.plugins.settings import Setting, Source

__all__ = ["Layer", "LayerName", "Mention", "find", "merge", "nested"]

LayerName: TypeAlias = Literal["defaults", "user", "project", "dotenv", "environment", "code"]
"""The layers, lowest first."""


@attrs.frozen(kw_only=True)
class Layer:
    """What one place says. ``path`` is its file, ``table`` the table of the file that is Lamella's."""

    name: LayerName
    path: Path | None = None
    table: str = ""
    data: Mapping[str, Any] = attrs.field(repr=False)

    @property
    def source(self) -> Source:
        """How its values are typed: by a file, as texts of the environment, or as Python objects."""
        if self.name in ("dotenv", "environment"):
            return "environment"
        return "code" if self.name in ("defaults", "code") else "file"

    def where(self, path: tuple[str, ...]) -> str:
        """Where a key of this layer is set: a file, a variable, or code."""
        if self.name == "environment":
            return f"environment variable {variable_name(path)}"
        if self.name == "dotenv":
            return f"{self.path} ({variable_name(path)})"
        return str(self.path) if self.path is not None else self.name

    def named(self, path: tuple[str, ...]) -> str:
        """A key as it stands in this layer's file."""
        return ".".join((self.table, *path) if self.table else path)


@attrs.frozen(kw_only=True)
class Mention:
    """One layer's word on a plugin: the layer, where it says so, the key, and on or off."""

    layer: LayerName
    where: str
    key: str
    value: bool


def merge(layers: Iterable[Layer]) -> dict[str, Any]:
    """All layers as one tree of tables with :class:`Setting` leaves.

    Tables merge; anything else, lists and references to secrets included, is replaced. Keys that differ
    in dashes and underscores are one key, in its first spelling.
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        _merge_table(merged, layer.data, layer, ())
    return merged


def _merge_table(into: dict[str, Any], table: Mapping[str, Any], layer: Layer, path: tuple[str, ...]) -> None:
    spelled = {canonical(key): key for key in into}
    for key, value in table.items():
        here = (*path, key)
        known = spelled.setdefault(canonical(key), key)
        if not isinstance(value, Mapping) or (len(here) >= 3 and is_reference(value)):
            into[known] = Setting(value, layer.source, layer.where(here), layer.name)
            continue
        below = into.get(known)
        if not isinstance(below, dict):
            below = into[known] = {}
        _merge_table(below, value, layer, here)


def find(tree: Mapping[str, Any], dotted: str) -> Any:
    """What stands at a dotted key of a merged tree (names may hold dots themselves), or ``None``."""
    parts = dotted.split(".")
    spelled = {canonical(key): key for key in tree}
    for length in range(len(parts), 0, -1):
        key = spelled.get(canonical(".".join(parts[:length])))
        if key is None:
            continue
        value = tree[key]
        rest = ".".join(parts[length:])
        if not rest:
            return value
        found = find(value, rest) if isinstance(value, Mapping) else None
        if found is not None:
            return found
    return None


def nested(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Overrides as tables: dotted keys at the top are opened."""
    found: dict[str, Any] = {}
    for dotted, value in overrides.items():
        *tables, key = dotted.split(".")
        table = found
        for name in tables:
            table = table.setdefault(name, {})
            if not isinstance(table, dict):
                raise ConfigError(f"override {dotted!r}: {name!r} is set to a value and to a table")
        table[key] = value
    return found
