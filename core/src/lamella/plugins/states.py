"""What a plugin is doing, and why."""

from __future__ import annotations

import enum

import attrs

from lamella.plugins.kinds import Key, Kind, label

__all__ = ["PluginRecord", "PluginState"]


class PluginState(enum.StrEnum):
    """The state of one plugin in one host. Only the first two can be used."""

    AVAILABLE = "available"
    """Installed, and not imported yet."""
    ACTIVE = "active"
    """Imported, checked and in use."""
    DISABLED = "disabled"
    """Switched off by the configuration."""
    NOT_LISTED = "not-listed"
    """The project uses only plugins that it lists, and not this one."""
    INCOMPATIBLE = "incompatible"
    """Made for another plugin API."""
    CONFLICT = "conflict"
    """Its name is claimed twice."""
    BROKEN = "broken"
    """It could not be imported, or is not what it says it is."""


@attrs.frozen(kw_only=True)
class PluginRecord:
    """One plugin as the host sees it.

    ``module`` is the entry point's value. ``distribution`` and ``version`` are ``None`` for what was
    registered in code. ``reason`` says why it is in this state, ``mend`` what to do about it.
    ``switch`` is the configuration's three-state switch: on, off, or not mentioned.
    """

    kind: Kind
    name: str
    module: str
    distribution: str | None = None
    version: str | None = None
    state: PluginState
    reason: str | None = None
    mend: str | None = None
    switch: bool | None = None

    @property
    def key(self) -> Key:
        """Kind and name."""
        return self.kind, self.name

    @property
    def usable(self) -> bool:
        """Whether it can be used when it is named."""
        return self.state in (PluginState.AVAILABLE, PluginState.ACTIVE)

    @property
    def origin(self) -> str:
        """Where it comes from: ``"lamella-acme 1.0"``, or the module that registered it."""
        if self.distribution is None:
            return f"code ({self.module})"
        return f"{self.distribution} {self.version or 'of unknown version'}"

    @property
    def title(self) -> str:
        """Its name in a message: ``"provider 'acme' (lamella-acme 1.0)"``."""
        return f"{label(self.kind)} {self.name!r} ({self.origin})"
