"""Texts of documents as data: JSON or YAML, keys as texts, no circles, no bombs."""

from __future__ import annotations

import json
from typing import Any, Final

from lamella_openapi.problems import bad_setting, shortened

__all__ = ["parse", "settle"]

_DEEPEST: Final = 400
"""Levels of nesting. Real documents have less than 60."""


def parse(data: bytes, name: str) -> Any:
    """The data of a document.

    :param name: where it came from, for the error.
    :raises ConfigError: it is neither JSON nor YAML, or nests too deeply.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise bad_setting(f"the document {name} is not UTF-8: {error}", error) from error
    try:
        if text.lstrip()[:1] in ("{", "["):
            try:
                return settle(json.loads(text), name)
            except json.JSONDecodeError:
                pass  # YAML may begin so, too
        return settle(_yaml(text), name)
    except RecursionError as error:
        raise bad_setting(f"the document {name} nests too deeply", error) from error
    except ValueError as error:
        raise bad_setting(
            f"the document {name} cannot be read: {shortened(str(error), 500)}", error
        ) from error


def _yaml(text: str) -> Any:
    import yaml

    from lamella_openapi.yaml12 import read_yaml

    try:
        return read_yaml(text)
    except yaml.YAMLError as error:
        raise ValueError(f"it is neither JSON nor YAML: {error}") from error


def settle(value: Any, name: str) -> Any:
    """The data as JSON has it: keys of mappings are texts (``200:`` in YAML), aliases lead to no circle.

    :raises ConfigError: it has a circle, nests too deeply, or holds what JSON has no word for.
    """
    return _Settler(name).node(value, 0)


class _Settler:
    def __init__(self, name: str) -> None:
        self._name = name
        self._done: dict[int, Any] = {}
        self._kept: list[Any] = []  # so that no id is used twice

    def node(self, value: Any, depth: int) -> Any:
        if value is None or isinstance(value, str | bool | int | float):
            return value
        if depth > _DEEPEST:
            raise bad_setting(
                f"the document {self._name} nests deeper than {_DEEPEST} levels, or in a circle"
            )
        if id(value) in self._done:
            return self._done[id(value)]
        if isinstance(value, dict):
            made: Any = {_key(key): self.node(item, depth + 1) for key, item in value.items()}
        elif isinstance(value, list | tuple):
            made = [self.node(item, depth + 1) for item in value]
        else:
            raise bad_setting(
                f"the document {self._name} holds a {type(value).__name__}, which JSON cannot hold"
            )
        self._done[id(value)] = made
        self._kept.append(value)
        return made


def _key(key: Any) -> str:
    if isinstance(key, bool) or key is None:
        return json.dumps(key)
    return str(key)
