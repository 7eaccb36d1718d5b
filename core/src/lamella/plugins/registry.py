"""Agents and providers registered in code, for the whole process: no distribution, no entry point."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import attrs

from lamella.errors import PluginError
from lamella.specs import ModelInfo, ProviderSpec

if TYPE_CHECKING:
    from lamella.models import Model

__all__ = [
    "RegisteredAgent",
    "RegisteredProvider",
    "register_agent",
    "register_provider",
    "registered_agents",
    "registered_providers",
    "unregister_agent",
    "unregister_provider",
]


@attrs.frozen(kw_only=True)
class RegisteredAgent:
    """An agent registered in code: an ``Agent`` or any callable form of one."""

    key: str
    display_name: str
    agent: Any
    origin: str


@attrs.frozen(kw_only=True)
class RegisteredProvider:
    """A provider registered in code, as the spec that the host serves."""

    key: str
    display_name: str
    spec: ProviderSpec
    origin: str


_lock = threading.Lock()
_agents: dict[str, RegisteredAgent] = {}
_providers: dict[str, RegisteredProvider] = {}


def register_provider(
    key: str,
    factory: Callable[..., Model],
    *,
    display_name: str | None = None,
    models: Iterable[ModelInfo | str] = (),
    settings: type[Any] | None = None,
) -> None:
    """Make ``"{key}:{model}"`` model names work in this process.

    :param factory: ``factory(model, **settings)`` returns a ``Model``.
    :param models: the models it is known to have, by formal name or as ``ModelInfo``.
    :param settings: an attrs class for its ``[provider.KEY]`` table; without one it takes no settings.
    :raises PluginError: the key is taken.
    """
    title = display_name or key
    known = [
        ModelInfo(formal_name=model, display_name=model) if isinstance(model, str) else model
        for model in models
    ]
    spec = ProviderSpec(id=key, summary=title, factory=factory, settings=settings, models=known)
    provider = RegisteredProvider(key=key, display_name=title, spec=spec, origin=_origin(factory))
    with _lock:
        _refuse_second("provider", key, _providers.get(key), provider.origin)
        _providers[key] = provider


def register_agent(key: str, agent: Any, *, display_name: str | None = None) -> None:
    """Make an agent findable by name in this process.

    :param agent: an ``Agent``, or an async ``(model, emit, prev_runs) -> AgentRun``.
    :raises PluginError: the key is taken, or ``agent`` is not callable.
    """
    if not callable(agent):
        raise PluginError(f"agent {key!r} must be an Agent or a callable, got {type(agent).__name__}")
    registered = RegisteredAgent(
        key=key, display_name=display_name or key, agent=agent, origin=_origin(agent)
    )
    with _lock:
        _refuse_second("agent", key, _agents.get(key), registered.origin)
        _agents[key] = registered


def unregister_provider(key: str) -> None:
    """Take a provider back; ``PluginError`` when there is none."""
    _remove("provider", _providers, key)


def unregister_agent(key: str) -> None:
    """Take an agent back; ``PluginError`` when there is none."""
    _remove("agent", _agents, key)


def registered_providers() -> Mapping[str, RegisteredProvider]:
    """The providers registered in code, by key; a live view."""
    return MappingProxyType(_providers)


def registered_agents() -> Mapping[str, RegisteredAgent]:
    """The agents registered in code, by key; a live view."""
    return MappingProxyType(_agents)


def _remove(what: str, registry: dict[str, Any], key: str) -> None:
    with _lock:
        if registry.pop(key, None) is None:
            known = ", ".join(sorted(registry)) or "none"
            raise PluginError(f"no {what} {key!r} is registered in code; registered: {known}")


def _refuse_second(
    what: str, key: str, holder: RegisteredAgent | RegisteredProvider | None, origin: str
) -> None:
    if holder is not None:
        raise PluginError(
            f"{what} {key!r} is already registered by {holder.origin}, and now again by {origin}; "
            f"choose another key, or unregister_{what}({key!r}) first",
            context={"key": key},
        )


def _origin(thing: object) -> str:
    named = thing if hasattr(thing, "__qualname__") else type(thing)
    return f"{getattr(named, '__module__', '?')}.{getattr(named, '__qualname__', '?')}"
