"""What is installed and what the configuration says of it, before anything is imported."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import attrs

from lamella.errors import ConfigError
from lamella.plugins import refusals
from lamella.plugins.discovery import Discovered, DiscoveryFault, EntryPoint, discover
from lamella.plugins.kinds import KINDS, Key, Kind
from lamella.plugins.names import canonical
from lamella.plugins.registry import RegisteredProvider, registered_providers
from lamella.plugins.states import PluginRecord, PluginState

if TYPE_CHECKING:
    from importlib_metadata import Distribution

__all__ = ["Autoload", "Catalog"]

Autoload: TypeAlias = Literal["installed", "listed", "none"]
"""Which installed plugins may be used: all that are not switched off, those switched on, or none."""

_logger = logging.getLogger("lamella.plugins")


class Catalog:
    """The plugins by kind and name, with the state that follows from installation and switches alone."""

    def __init__(
        self,
        *,
        switches: Mapping[str, bool],
        autoload: Autoload,
        strict: bool,
        distributions: Iterable[Distribution] | None,
    ) -> None:
        if autoload not in get_args(Autoload):
            raise ConfigError(f'autoload must be "installed", "listed" or "none", got {autoload!r}')
        self.autoload = autoload
        self._strict = strict
        self._switches = {canonical(name): on for name, on in switches.items()}
        self._distributions = distributions
        self._found: Discovered | None = None
        self._entries: dict[Key, tuple[EntryPoint, ...]] = {}
        self._switched_on: tuple[Key, ...] | None = None

    def entries(self) -> Mapping[Key, tuple[EntryPoint, ...]]:
        """The entry points by kind and name; several under one key are in conflict."""
        self._discover()
        return self._entries

    def faults(self) -> tuple[DiscoveryFault, ...]:
        """Distributions whose metadata cannot be read."""
        return self._discover().faults

    def listed(self) -> tuple[Key, ...]:
        """Every plugin, by kind and name."""
        keys = {*self.entries(), *(_provider_key(name) for name in registered_providers())}
        return tuple(sorted(keys, key=lambda key: (KINDS.index(key[0]), key[1])))

    def names(self, kind: Kind) -> tuple[str, ...]:
        """The names of a kind, whatever their state, sorted."""
        return tuple(name for found, name in self.listed() if found == kind)

    def registered(self, kind: Kind, name: str) -> RegisteredProvider | None:
        """What was registered in code under this name."""
        return registered_providers().get(name) if kind == "provider" else None

    def record(self, kind: Kind, name: str) -> PluginRecord:
        """A plugin that has not been activated.

        :raises ConfigError: nothing of that kind and name is installed.
        """
        entries = self.entries().get((kind, name), ())
        in_code = self.registered(kind, name)
        switch = self.switch(kind, name)
        if in_code is not None and (not entries or switch is False):
            # Code is the highest layer: a switch concerns the installed plugin of that name.
            return PluginRecord(
                kind=kind, name=name, module=in_code.origin, state=PluginState.ACTIVE, switch=switch
            )
        if not entries:
            raise refusals.not_installed(kind, name, self.names(kind), self.faults())
        owners = [entry.origin for entry in entries]
        if in_code is not None:
            owners.append(f"code ({in_code.origin})")
        return self._judge(entries, owners, switch)

    def switch(self, kind: Kind, name: str) -> bool | None:
        """The configuration's switch: the one for this kind, else the one for the name in every kind."""
        name = canonical(name)
        return self._switches.get(f"{kind}.{name}", self._switches.get(name))

    def switched_on(self) -> tuple[Key, ...]:
        """What may act unasked: every installed plugin that the configuration switches on, by name."""
        if self.autoload == "none" or not any(self._switches.values()):
            return ()  # nothing is looked up for a project without switches
        if self._switched_on is None:
            self._switched_on = tuple(key for key in sorted(self.entries()) if self.switch(*key))
        return self._switched_on

    def unmet(self, kind: Kind) -> tuple[str, ...]:
        """Switches that are on and name nothing that is installed, unless they are for another kind."""
        if self.autoload == "none" or not any(self._switches.values()):
            return ()
        known = {canonical(form) for kind, name in self.entries() for form in (name, f"{kind}.{name}")}
        others = tuple(f"{other}." for other in KINDS if other != kind)
        unmet = (name for name, on in self._switches.items() if on and name not in known)
        return tuple(name for name in unmet if not name.startswith(others))

    def unknown_switch(self, name: str) -> ConfigError:
        """The error of a switch that is on and names nothing that is installed."""
        for kind in KINDS:
            if name.startswith(f"{kind}."):
                rest = name.removeprefix(f"{kind}.")
                return refusals.not_installed(kind, rest, self.names(kind), self.faults())
        every = {f"{kind}.{known}" if "." in name else known for kind, known in self.entries()}
        return refusals.not_installed("plugin", name, every, self.faults())

    def _discover(self) -> Discovered:
        if self._found is None:
            found = discover(self._distributions)
            if self._strict and found.faults:
                raise refusals.unreadable(found.faults[0])
            for fault in found.faults:
                _logger.warning("distribution %s: %s", fault.distribution, fault.reason)
            self._entries = found.by_key()
            self._found = found
        return self._found

    def _judge(self, entries: tuple[EntryPoint, ...], owners: list[str], switch: bool | None) -> PluginRecord:
        first = entries[0]
        record = PluginRecord(
            kind=first.kind,
            name=first.name,
            module=first.value,
            distribution=first.distribution,
            version=first.version,
            state=PluginState.AVAILABLE,
            switch=switch,
        )
        if switch is False:
            state, reason, mend = refusals.disabled(record)
        elif self.autoload == "none" or (self.autoload == "listed" and not switch):
            state, reason, mend = refusals.not_listed(record, self.autoload)
        elif len(owners) > 1:
            state, reason, mend = refusals.conflict(owners, [entry.distribution for entry in entries[1:]])
        else:
            return record
        return attrs.evolve(record, state=state, reason=reason, mend=mend)


def _provider_key(name: str) -> Key:
    return "provider", name
