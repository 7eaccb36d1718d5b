"""The settings of the tool source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

import lamella


def _texts(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(values)


@attrs.frozen(kw_only=True)
class PythonToolSettings:
    """The plugin's table in the configuration.

    ``module`` is ``module``, ``module:name`` or ``module:function()``, ``modules`` several of them; ``recursive`` takes
    the modules below a package, too. ``arguments`` and ``secrets`` are what a class or ``function()`` is called with.
    ``path`` is the folder that modules are looked for in first.
    """

    module: str | None = None
    modules: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    recursive: bool = False
    arguments: Mapping[str, Any] = attrs.field(factory=dict)
    secrets: Mapping[str, str] = lamella.secret(factory=dict)
    path: str = "."
