"""The rows of ``rows.toml``: what is known of each gateway."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import attrs

__all__ = ["Row", "rows"]


@attrs.frozen(kw_only=True)
class Row:
    """A gateway. The fields are explained at the top of ``rows.toml``."""

    id: str
    summary: str
    base_url: str
    docs: str
    env: tuple[str, ...] = attrs.field(default=(), converter=tuple)
    needs_key: bool = True
    default_model: str | None = None
    deviations: Mapping[str, Any] = attrs.field(factory=dict, converter=MappingProxyType)


@functools.cache
def rows() -> Mapping[str, Row]:
    """All rows by id. The file is read once, by the first who asks."""
    text = files("lamella_gateways").joinpath("rows.toml").read_text(encoding="utf-8")
    return MappingProxyType({name: Row(id=name, **table) for name, table in tomllib.loads(text).items()})
