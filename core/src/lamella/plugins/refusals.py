"""The errors for a plugin that is named and cannot be used: who, which version, why, and the mending command."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lamella.errors import ConfigError, PluginError
from lamella.plugins.discovery import DiscoveryFault
from lamella.plugins.kinds import Kind, label
from lamella.plugins.names import did_you_mean
from lamella.plugins.states import PluginRecord, PluginState

__all__ = ["conflict", "disabled", "not_installed", "not_listed", "refusal", "unreadable"]


def not_installed(
    kind: Kind, name: str, installed: Iterable[str], faults: Sequence[DiscoveryFault] = ()
) -> ConfigError:
    """Nothing of that name is installed."""
    names = sorted(installed)
    listed = ", ".join(names) or "none"
    unread = "".join(f"; the metadata of {fault.distribution} is faulty: {fault.reason}" for fault in faults)
    return ConfigError(
        f"no {label(kind)} {name!r} is installed{did_you_mean(name, names)} (installed: {listed}"
        f"{unread}). Install it: pip install lamella-{name}",
        context={"kind": kind, "name": name, "installed": names},
    )


def refusal(record: PluginRecord, cause: BaseException | None) -> PluginError:
    """A plugin that is there, and not usable."""
    mend = f". To mend it, {record.mend[0].lower()}{record.mend[1:]}" if record.mend else ""
    return PluginError(
        f"{record.title} is {record.state}: {record.reason}{mend}",
        cause=cause,
        context={
            "kind": record.kind,
            "name": record.name,
            "distribution": record.distribution,
            "version": record.version,
            "state": record.state.value,
        },
    )


def unreadable(fault: DiscoveryFault) -> PluginError:
    """A distribution whose metadata is faulty, where every fault counts."""
    return PluginError(
        f"distribution {fault.distribution}: {fault.reason}; "
        f"reinstall or remove it: pip uninstall {fault.distribution}",
        context={"distribution": fault.distribution},
    )


def disabled(record: PluginRecord) -> tuple[PluginState, str, str]:
    """State, reason and mend of a plugin that is switched off."""
    return (
        PluginState.DISABLED,
        "the configuration switches it off",
        f"find the switch: lamella plugins why {record.name}",
    )


def not_listed(record: PluginRecord, autoload: str) -> tuple[PluginState, str, str]:
    """State, reason and mend of a plugin that autoload leaves out."""
    mend = (
        f'list it: add {record.name} = true below [plugins], or set autoload = "installed"'
        if autoload == "listed"
        else 'set autoload = "installed" or "listed"'
    )
    return PluginState.NOT_LISTED, f'autoload is "{autoload}"', mend


def conflict(owners: Sequence[str], distributions: Sequence[str]) -> tuple[PluginState, str, str]:
    """State, reason and mend of a name that is claimed twice."""
    remove = f"pip uninstall {distributions[-1]}" if distributions else "unregister one"
    return PluginState.CONFLICT, f"claimed by {' and by '.join(owners)}", f"remove one: {remove}"
