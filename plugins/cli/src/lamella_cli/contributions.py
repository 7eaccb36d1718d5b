"""What an active plugin contributes, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from lamella.plugins import PluginHost, PluginRecord, PluginState, resolve_import_string
from lamella.specs import is_secret

if TYPE_CHECKING:
    from lamella.specs import Spec

__all__ = ["contribution"]


def contribution(host: PluginHost, record: PluginRecord) -> dict[str, Any] | None:
    """The summary, variables, models and settings of a plugin, ``None`` for one that is not active."""
    if record.state is not PluginState.ACTIVE or record.kind == "plugin":
        return None
    spec = _spec(host, record)
    facts: dict[str, Any] = {"summary": spec.summary}
    for name in ("env", "default_model", "offline", "store"):
        if (value := getattr(spec, name, None)) is not None:
            facts[name] = list(value) if isinstance(value, tuple) else value
    facts["models"] = [info.formal_name for info in getattr(spec, "models", ())]
    facts["settings"] = _settings(spec)
    return facts


def _spec(host: PluginHost, record: PluginRecord) -> Spec:
    if record.kind == "provider":
        return host.provider(record.name)
    if record.kind == "content":
        return host.content(record.name)
    return host.sink(record.name) if record.kind == "sink" else host.tool_source(record.name)


def _settings(spec: Spec) -> list[str]:
    """The names of the settings with their defaults; secrets only by name."""
    settings = spec.settings
    cls: Any = resolve_import_string(settings) if isinstance(settings, str) else settings
    if cls is None:
        return []
    return [_setting(field) for field in attrs.fields(cls)]


def _setting(field: attrs.Attribute[Any]) -> str:
    plain = field.default is None or isinstance(field.default, str | int | float | tuple | bool)
    return f"{field.name} = {field.default!r}" if plain and not is_secret(field) else field.name
