"""The plugin layer: discovery, states and lazy activation, typed hook calls, settings, the lock.

Importing it imports no plugin, and neither pluggy, importlib-metadata nor cattrs before they are needed.
"""

from __future__ import annotations

from lamella.plugins.catalog import Autoload
from lamella.plugins.discovery import Discovered, DiscoveryFault, EntryPoint, discover, forget_discovered
from lamella.plugins.facade import Hooks
from lamella.plugins.host import PluginHost
from lamella.plugins.importing import resolve_import_string
from lamella.plugins.kinds import ADDRESSABLE, GROUPS, KINDS, Kind
from lamella.plugins.lock import (
    LOCK_NAME,
    Lock,
    LockedPlugin,
    lock_plugins,
    read_lock,
    verify_lock,
    write_lock,
)
from lamella.plugins.registry import (
    RegisteredAgent,
    RegisteredProvider,
    register_agent,
    register_provider,
    registered_agents,
    registered_providers,
    unregister_agent,
    unregister_provider,
)
from lamella.plugins.settings import Setting, build_settings
from lamella.plugins.states import PluginRecord, PluginState

__all__ = [
    "ADDRESSABLE",
    "GROUPS",
    "KINDS",
    "LOCK_NAME",
    "Autoload",
    "Discovered",
    "DiscoveryFault",
    "EntryPoint",
    "Hooks",
    "Kind",
    "Lock",
    "LockedPlugin",
    "PluginHost",
    "PluginRecord",
    "PluginState",
    "RegisteredAgent",
    "RegisteredProvider",
    "Setting",
    "build_settings",
    "discover",
    "forget_discovered",
    "lock_plugins",
    "read_lock",
    "register_agent",
    "register_provider",
    "registered_agents",
    "registered_providers",
    "resolve_import_string",
    "unregister_agent",
    "unregister_provider",
    "verify_lock",
    "write_lock",
]
