"""The keys that a configuration may have, checked layer by layer so that a mistake is found in its file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lamella.config.aliases import LIKE
from lamella.config.layers import Layer
from lamella.errors import ConfigError
from lamella.plugins.names import canonical, did_you_mean

__all__ = ["KEYS", "check_layer", "truth", "wrong"]

_SWITCHES: Final = ("strict_plugins", "locked")
_TABLES: Final = ("provider", "content", "sink", "plugin", "tools", "agents")

KEYS: Final = ("model", "journal", "autoload", *_SWITCHES, "plugins", *_TABLES, "prices")
"""The top-level keys."""

_TRUTH: Final = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


def check_layer(layer: Layer) -> None:
    """Check the top of one layer; what is below belongs to plugins, agents and prices.

    :raises ConfigError: an unknown key or a value of the wrong type, with file and key.
    """
    for key, value in layer.data.items():
        known = canonical(key)
        if known not in KEYS:
            where = layer.where(_leaf((key,), value) if layer.source == "environment" else (key,))
            raise ConfigError(
                f"{where}: unknown key {layer.named((key,))}{did_you_mean(known, KEYS)}"
                f" (the keys are: {', '.join(KEYS)})"
            )
        _check_value(layer, key, known, value)


def _leaf(path: tuple[str, ...], value: Any) -> tuple[str, ...]:
    """The first key below that is no table: in the environment, only such a key has a variable."""
    while isinstance(value, Mapping):
        key, value = next(iter(value.items()))
        path = (*path, key)
    return path


def _check_value(layer: Layer, key: str, known: str, value: Any) -> None:
    if known == "model" and not (isinstance(value, str) and value.strip()):
        raise wrong(layer, (key,), "a model's name such as 'openai:gpt-5-nano'", value)
    if known == "journal" and not (isinstance(value, str) and value.strip()):
        raise wrong(layer, (key,), "the name of a sink that stores runs, such as 'sql'", value)
    if known == "autoload" and value not in ("installed", "listed", "none"):
        raise wrong(layer, (key,), '"installed", "listed" or "none"', value)
    if known in _SWITCHES:
        truth(layer, (key,), value)
    if known in (*_TABLES, "prices", "plugins") and not isinstance(value, Mapping):
        raise wrong(layer, (key,), "a table", value)
    if known in _TABLES:
        for name, table in value.items():
            if not isinstance(table, Mapping):
                raise wrong(layer, (key, name), "a table", table)
            if known == "provider" and LIKE in table:
                _check_like(layer, (key, name, LIKE), table[LIKE])


def _check_like(layer: Layer, path: tuple[str, ...], value: Any) -> None:
    if not isinstance(value, str) or not value.strip():
        raise wrong(layer, path, "the name of an installed provider such as 'openai-chat'", value)


def truth(layer: Layer, path: tuple[str, ...], value: Any) -> bool:
    """A switch; the environment writes ``1``, ``true``, ``yes``, ``on`` and their opposites."""
    if isinstance(value, bool):
        return value
    if layer.source == "environment" and isinstance(value, str) and value.strip().lower() in _TRUTH:
        return _TRUTH[value.strip().lower()]
    raise wrong(layer, path, "true or false", value)


def _harmless(value: Any) -> bool:
    """Whether a text is a word for yes or no, written where a file wants ``true`` or ``false``."""
    return isinstance(value, str) and value.lower() in _TRUTH


def wrong(layer: Layer, path: tuple[str, ...], wanted: str, value: Any) -> ConfigError:
    """The error of a value that is not what its key wants."""
    got = repr(value)
    if isinstance(value, Mapping):
        got = "a table"
    elif (
        path[0] not in ("model", "journal", "autoload")
        and not isinstance(value, int | float)
        and not _harmless(value)
    ):
        got = f"a {type(value).__name__}"  # it may be a key in the wrong line, which must not be shown
    return ConfigError(f"{layer.where(path)}: {layer.named(path)} must be {wanted}, got {got}")
