"""Checks the hook implementations of a plugin against the specifications, before they are registered."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from lamella.plugins.names import did_you_mean

if TYPE_CHECKING:
    from pluggy import PluginManager

__all__ = ["HookFault", "verify_hooks"]

_PREFIX = "lamella_"


class HookFault(Exception):
    """An implementation that does not fit its specification; the message says which and how."""


def verify_hooks(plugin: object, manager: PluginManager) -> None:
    """Check every implementation in a plugin object.

    :raises HookFault: an unknown hook or argument, a hook that is not synchronous, or a forgotten
        ``@lamella.hookimpl``.
    """
    from lamella.hookspecs import specifications

    specs = specifications()
    for attribute in dir(plugin):
        options = manager.parse_hookimpl_opts(plugin, attribute)
        if options is None:
            _check_unmarked(plugin, attribute)
            continue
        hook = options.get("specname") or attribute
        if hook in specs:
            _check_form(hook, getattr(plugin, attribute), options)
            _check_arguments(hook, getattr(plugin, attribute), specs[hook])
        elif not options.get("optionalhook"):
            raise HookFault(f"there is no hook {hook!r}{did_you_mean(hook, specs)}")


def _check_unmarked(plugin: object, attribute: str) -> None:
    if not attribute.startswith(_PREFIX):
        return
    if inspect.isroutine(inspect.getattr_static(plugin, attribute)):
        raise HookFault(f"{attribute!r} is not marked as a hook; decorate it with @lamella.hookimpl")


def _check_form(hook: str, function: Callable[..., Any], options: Mapping[str, Any]) -> None:
    if options.get("wrapper") or options.get("hookwrapper"):
        raise HookFault(f"hook {hook!r} is a pluggy wrapper; return a wrapped object from the hook instead")
    if (
        inspect.iscoroutinefunction(function)
        or inspect.isasyncgenfunction(function)
        or inspect.isgeneratorfunction(function)
    ):
        raise HookFault(
            f"hook {hook!r} must be a plain function: hooks are synchronous, what they return does the work"
        )


def _check_arguments(hook: str, function: Callable[..., Any], spec: Callable[..., Any]) -> None:
    known = inspect.signature(spec).parameters
    for name, parameter in inspect.signature(function).parameters.items():
        optional = parameter.default is not parameter.empty
        variadic = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if name in known and parameter.kind is not parameter.POSITIONAL_ONLY:
            continue
        if not optional and not variadic:
            listed = ", ".join(known) or "none"
            raise HookFault(
                f"hook {hook!r} has no argument {name!r}{did_you_mean(name, known)} (its arguments: {listed})"
            )
