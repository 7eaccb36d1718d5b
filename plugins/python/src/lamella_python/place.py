"""``module:name``: where tools are, as the configuration says it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

import attrs

from lamella import ConfigError

__all__ = ["Place", "read_places"]


@attrs.frozen
class Place:
    """A module, or something in it; ``called`` when it is called for what it returns."""

    module: str
    name: str = ""
    called: bool = False

    @classmethod
    def read(cls, text: str) -> Self:
        """Read ``module``, ``module:name`` or ``module:name()``.

        :raises ConfigError: it is none of these.
        """
        module, colon, name = text.partition(":")
        called = name.endswith("()")
        name = name.removesuffix("()")
        fits = all(part.isidentifier() for part in module.split(".")) and (
            all(part.isidentifier() for part in name.split(".")) if colon else True
        )
        if not fits:
            raise ConfigError(
                "the tool source python: module must be 'module', 'module:name' or 'module:function()', "
                f"got {text!r}"
            )
        return cls(module, name, called)


def read_places(module: str | None, modules: Iterable[str]) -> tuple[Place, ...]:
    """What ``module`` and ``modules`` name; one of the two is given.

    :raises ConfigError: neither is, or both are.
    """
    if isinstance(modules, str):
        raise ConfigError(f"the tool source python: modules must be a list, got the text {modules!r}")
    texts = tuple(modules)
    if (module is None) == (not texts):
        raise ConfigError(
            'the tool source python needs module = "…" or modules = ["…", …], '
            + ("and not both" if texts else "and has neither")
        )
    return tuple(map(Place.read, texts if module is None else (module,)))
