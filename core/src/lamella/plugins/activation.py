"""Activates one plugin: import, API check, hook check, registration, contribution. Nothing else sees its faults."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs

from lamella.plugins.discovery import EntryPoint
from lamella.plugins.kinds import CONTRIBUTIONS, Contribution
from lamella.plugins.states import PluginState
from lamella.plugins.verification import HookFault, verify_hooks
from lamella.specs import PLUGIN_API, Spec

if TYPE_CHECKING:
    from pluggy import PluginManager

__all__ = ["ActivationFault", "Activated", "activate"]


class ActivationFault(Exception):
    """A plugin cannot be used: ``state``, the reason as the message, and ``mend``."""

    def __init__(self, state: PluginState, reason: str, mend: str | None = None) -> None:
        super().__init__(reason)
        self.state = state
        self.mend = mend


@attrs.frozen(kw_only=True)
class Activated:
    """A registered plugin object and the specs it contributed."""

    plugin: object
    specs: tuple[Spec, ...]


def activate(entry: EntryPoint, manager: PluginManager) -> Activated:
    """Activate what an entry point names; on any failure nothing stays registered.

    :raises ActivationFault: with the exception of the plugin, if there was one, as ``__cause__``.
    """
    try:
        plugin = _load(entry)
        _check_api(entry, plugin)
        return _register(entry, plugin, manager)
    except (KeyboardInterrupt, ActivationFault):
        raise
    except BaseException as error:  # a plugin may raise anything, SystemExit included
        reason = str(error) if isinstance(error, HookFault) else _worded(error)
        raise ActivationFault(PluginState.BROKEN, reason, _ask_author(entry)) from error


def _register(entry: EntryPoint, plugin: object, manager: PluginManager) -> Activated:
    # One module may serve several entry points: it is registered once.
    fresh = not manager.is_registered(plugin)
    try:
        if fresh:
            verify_hooks(plugin, manager)
            manager.register(plugin, name=f"{entry.kind}.{entry.name}")
        return Activated(plugin=plugin, specs=_contribute(entry, plugin, manager))
    except BaseException:
        if fresh and manager.is_registered(plugin):
            manager.unregister(plugin)
        raise


def _load(entry: EntryPoint) -> object:
    module, colon, attribute = (part.strip() for part in entry.value.partition(":"))
    path = attribute.split(".") if colon else []
    if not all(part.isidentifier() for part in (*module.split("."), *path)):
        raise ActivationFault(
            PluginState.BROKEN,
            f"its entry point {entry.value!r} is not of the form 'module' or 'module:object'",
            _ask_author(entry),
        )
    try:
        plugin: object = importlib.import_module(module)
        for part in path:
            plugin = getattr(plugin, part)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise ActivationFault(
            PluginState.BROKEN,
            f"importing {entry.value} failed: {_worded(error)}",
            f"reinstall it: pip install --force-reinstall {entry.distribution}",
        ) from error
    return plugin


def _check_api(entry: EntryPoint, plugin: object) -> None:
    host = ".".join(map(str, PLUGIN_API))
    declared = getattr(plugin, "lamella_api", None)
    if declared is None:
        raise ActivationFault(
            PluginState.INCOMPATIBLE,
            f"{entry.value} does not declare its plugin API",
            f'its author must add: lamella_api = "{host}"',
        )
    major, dot, minor = str(declared).partition(".")
    if not (dot and major.isdecimal() and minor.isdecimal()):
        raise ActivationFault(
            PluginState.INCOMPATIBLE,
            f"lamella_api is {declared!r}, expected a text such as {host!r}",
            _ask_author(entry),
        )
    wanted = int(major), int(minor)
    if wanted[0] == PLUGIN_API[0] and wanted[1] <= PLUGIN_API[1]:
        return
    newer = wanted > PLUGIN_API
    raise ActivationFault(
        PluginState.INCOMPATIBLE,
        f"it is made for plugin API {declared}, this Lamella has {host}",
        f"upgrade {'Lamella' if newer else 'it'}: "
        f"pip install --upgrade {'lamella' if newer else entry.distribution}",
    )


def _contribute(entry: EntryPoint, plugin: object, manager: PluginManager) -> tuple[Spec, ...]:
    contribution = CONTRIBUTIONS.get(entry.kind)
    if contribution is None:
        return ()
    implementations = getattr(manager.hook, contribution.hook).get_hookimpls()
    found = [implementation for implementation in implementations if implementation.plugin is plugin]
    if not found:
        raise HookFault(f"{entry.value} does not implement {contribution.hook}")
    specs = _as_specs(contribution, found[0].function())
    ids = [spec.id for spec in specs]
    if entry.name not in ids:
        raise HookFault(
            f"{contribution.hook} returned the id {', '.join(map(repr, ids)) or 'of nothing'}, "
            f"but the entry point is named {entry.name!r}; make the two equal"
        )
    return specs


def _as_specs(contribution: Contribution, returned: object) -> tuple[Spec, ...]:
    wanted = contribution.spec
    if not contribution.several:
        returned = (returned,)
    if isinstance(returned, Sequence) and not isinstance(returned, str):
        wrong = [item for item in returned if not isinstance(item, wanted)]
        if not wrong:
            return tuple(returned)
        raise HookFault(f"{contribution.hook} must return a {wanted.__name__}, got {_type_name(wrong[0])}")
    raise HookFault(
        f"{contribution.hook} must return a sequence of {wanted.__name__}, got {_type_name(returned)}"
    )


def _type_name(value: object) -> str:
    return "None" if value is None else type(value).__name__


def _worded(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _ask_author(entry: EntryPoint) -> str:
    return f"look for a newer one: pip install --upgrade {entry.distribution}"
