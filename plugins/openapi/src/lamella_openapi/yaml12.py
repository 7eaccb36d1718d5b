"""YAML as OpenAPI means it: version 1.2 with its JSON schema, so that ``on``, ``no`` and dates are texts."""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

__all__ = ["read_yaml"]

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_SCALARS: Final = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", list("-+0123456789.")),
    ("merge", r"<<", ["<"]),
)


class _Loader(_Base):  # type: ignore[misc]  # the base is chosen at run time
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # filled below, as the base class does


for _name, _pattern, _first in _SCALARS:
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(f"(?:{_pattern})$"), _first)


def _float(loader: Any, node: Any) -> float:
    return float(loader.construct_scalar(node))  # the base class reads 1e3 as a text


_Loader.add_constructor("tag:yaml.org,2002:float", _float)


def read_yaml(text: str) -> Any:
    """The value of a YAML text.

    :raises yaml.YAMLError: it is none, or has tags of a language.
    """
    return yaml.load(text, _Loader)  # a safe loader
