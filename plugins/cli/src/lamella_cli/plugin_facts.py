"""What is said about a plugin, in words and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from lamella.errors import ConfigError
from lamella.plugins import PluginHost, PluginRecord

if TYPE_CHECKING:
    from lamella.config import Project, ProviderAlias

__all__ = ["find_alias", "find_records", "record_facts", "state_words"]

_AMBIENT: Final = ("sink", "plugin")
_COLORS: Final = {"active": "green", "available": "green", "disabled": "yellow", "not-listed": "yellow"}


def record_facts(record: PluginRecord) -> dict[str, Any]:
    """A record as JSON. ``enabled`` is the configuration's switch, ``null`` when it says nothing."""
    return {
        "kind": record.kind,
        "name": record.name,
        "distribution": record.distribution,
        "version": record.version,
        "module": record.module,
        "state": record.state.value,
        "reason": record.reason,
        "mend": record.mend,
        "enabled": record.switch,
    }


def state_words(record: PluginRecord) -> str:
    """The state, and why it is so or what is missing."""
    state = click.style(record.state.value, fg=_COLORS.get(record.state.value, "red"))
    if record.reason:
        return f"{state}: {record.reason}"
    if record.kind in _AMBIENT and not record.switch:
        return f"{state}, acts where it is switched on"
    return state


def find_alias(project: Project, name: str) -> tuple[ProviderAlias | None, str]:
    """The provider of that name that the configuration makes, and the name of the plugin to look at.

    :raises ConfigError: the alias is wrong.
    """
    alias = project.provider_alias(name.removeprefix("provider."))
    return alias, name if alias is None else f"provider.{alias.like}"


def find_records(host: PluginHost, name: str) -> Sequence[PluginRecord]:
    """The plugins called ``name``, or the one called ``kind.name``.

    :raises ConfigError: there is none.
    """
    found = [record for record in host.records() if name in (record.name, f"{record.kind}.{record.name}")]
    if not found:
        raise _unknown(host, name)
    return found


def _unknown(host: PluginHost, name: str) -> ConfigError:
    import difflib

    names = sorted({record.name for record in host.records()})
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"install it: pip install lamella-{name}"
    return ConfigError(f"no plugin {name!r} is installed (installed: {', '.join(names) or 'none'}); {hint}")
