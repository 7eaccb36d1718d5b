"""Providers that the configuration makes: ``[provider.NAME]`` with ``like``, an installed provider's name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

import attrs

from lamella.errors import ConfigError
from lamella.plugins import Setting
from lamella.plugins.names import canonical, did_you_mean

__all__ = ["LIKE", "ProviderAlias", "check_alias", "read_aliases"]

LIKE: Final = "like"
"""The key that makes a provider's table an alias."""


@attrs.frozen(kw_only=True)
class ProviderAlias:
    """A provider of the configuration: another name for an installed one, with settings of its own.

    ``like`` is the installed provider; its own table of settings is not inherited, so that neither key nor
    URL goes to another server. ``where`` says which file or variable made the alias.
    """

    name: str
    like: str
    where: str


def read_aliases(providers: Mapping[str, Any]) -> Mapping[str, ProviderAlias]:
    """The aliases among the merged tables below ``[provider]``, by name."""
    found = {}
    for name, table in providers.items():
        like = table.get(LIKE) if isinstance(table, Mapping) else None
        if isinstance(like, Setting):
            found[name] = ProviderAlias(name=name, like=str(like.value), where=like.where)
    return MappingProxyType(found)


def check_alias(alias: ProviderAlias, aliases: Mapping[str, ProviderAlias], installed: Iterable[str]) -> None:
    """Check that an alias stands for an installed provider, and for nothing else.

    :raises ConfigError: it has the name of an installed provider, or is like another alias, or like
        nothing that is installed; with the place that says so, and what to do.
    """
    names = sorted(installed)
    where = f"{alias.where}: provider.{alias.name}.{LIKE}"
    if (taken := _same(alias.name, names)) is not None:
        raise ConfigError(
            f"{where}: a provider {taken!r} is installed, and its name cannot be given to another; "
            f"choose another name, or remove {LIKE} to set up the installed one"
        )
    if alias.like in names:
        return
    if (other := _same(alias.like, aliases)) is not None:
        raise ConfigError(
            f"{where} = {alias.like!r} is set up by the configuration itself; name the installed provider "
            f'behind it: {LIKE} = "{aliases[other].like}"'
        )
    raise ConfigError(
        f"{where}: no provider {alias.like!r} is installed{did_you_mean(alias.like, names)} "
        f"(installed: {', '.join(names) or 'none'}). Install it: pip install lamella-{alias.like}",
        context={"kind": "provider", "name": alias.like, "installed": names},
    )


def _same(name: str, known: Iterable[str]) -> str | None:
    return next((other for other in known if canonical(other) == canonical(name)), None)
