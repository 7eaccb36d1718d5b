"""The settings of the tool source."""

from __future__ import annotations

from collections.abc import Iterable

import attrs


def _texts(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(values)


@attrs.frozen(kw_only=True)
class PythonToolSettings:
    """The plugin's table in the configuration.

    ``module`` is a module or ``module:function``, ``include`` and ``exclude`` are patterns of tool
    names, ``path`` is the folder that modules are looked for in first.
    """

    module: str
    include: tuple[str, ...] = attrs.field(default=("*",), converter=_texts)
    exclude: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    path: str = "."
