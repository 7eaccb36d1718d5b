"""A plugin's table in the configuration, checked against its settings class."""

from __future__ import annotations

import os
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

import attrs

from lamella.errors import ConfigError, LamellaError, PluginError
from lamella.plugins.conversion import convert, describe_type, faults, from_text, optional_of
from lamella.plugins.importing import resolve_import_string
from lamella.plugins.names import canonical, did_you_mean
from lamella.plugins.secrets import REFERENCE_FORMS, is_reference, resolve_secret
from lamella.specs import is_secret

__all__ = ["Setting", "Source", "Table", "build_settings", "plain", "settings_fields"]

Source: TypeAlias = Literal["file", "environment", "code"]


@attrs.frozen
class Setting:
    """One value of the configuration, and which layer set it where.

    Values from a ``file`` have types, values from the ``environment`` are texts, and values from ``code``
    are what they are. ``where`` is a path, or a variable's name.
    """

    value: Any = attrs.field(repr=False)
    source: Source = "code"
    where: str = "code"
    layer: str = "code"


Table: TypeAlias = Mapping[str, Any]
"""Keys to :class:`Setting`, nested tables, or plain values (which count as set in code)."""


@attrs.frozen(kw_only=True)
class _Place:
    """What the conversion of a table needs to know of its surroundings."""

    where: str
    env: Callable[[str], str | None]
    root: Path | None


def build_settings(
    settings: type[Any] | str | None,
    table: Table,
    *,
    where: str,
    env: Callable[[str], str | None] = os.environ.get,
    root: Path | None = None,
    complete: bool = False,
) -> dict[str, Any]:
    """The keyword arguments that a table sets, checked against an attrs class or its import string.

    Only what is set is returned; secrets are resolved now. Dashes and underscores in keys are equal.

    :param where: the table's name for messages, such as ``provider.openai``.
    :param env: looks up the variables that secrets refer to.
    :param root: what relative paths are relative to.
    :param complete: whether a setting without a default must be there.
    :raises ConfigError: an unknown key, a value of the wrong type, a literal in a secret field of a file,
        or a value that the class refuses; the message names file and key, never a secret.
    """
    place = _Place(where=where, env=env, root=root)
    if settings is None:
        for key, value in table.items():
            raise ConfigError(f"{_named(value)}: {where} takes no settings, but {key} is set")
        return {}
    cls = _settings_class(settings, where)
    found = _fields_set(cls, table, place)
    _check_instance(cls, found, table, place, complete)
    return {name: value for name, (value, _) in found.items()}


def plain(value: Any) -> Any:
    """A value without the record of its layers, tables included."""
    if isinstance(value, Setting):
        return value.value
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return value


def settings_fields(settings: type[Any] | str | None, where: str) -> tuple[str, ...]:
    """The names of the settings of an attrs class or its import string; none where there is no class.

    :param where: whose settings they are, for messages.
    :raises PluginError: it cannot be imported, or is no attrs class.
    """
    return () if settings is None else tuple(_fields(_settings_class(settings, where)))


def _settings_class(settings: type[Any] | str, where: str) -> type[Any]:
    cls: type[Any] = resolve_import_string(settings) if isinstance(settings, str) else settings
    if not attrs.has(cls):
        raise PluginError(f"the settings of {where} must be an attrs class, got {cls!r}")
    try:
        return attrs.resolve_types(cls)
    except NameError as error:
        raise PluginError(
            f"the settings class {cls.__qualname__} of {where} has a type that cannot be resolved: {error}; "
            "import it outside TYPE_CHECKING",
            cause=error,
        ) from error


def _fields(cls: type[Any]) -> dict[str, attrs.Attribute[Any]]:
    return {canonical(field.alias or field.name): field for field in attrs.fields(cls) if field.init}


def _fields_set(cls: type[Any], table: Table, place: _Place) -> dict[str, tuple[Any, bool]]:
    """By argument name: the value, and whether it is a secret."""
    fields = _fields(cls)
    found: dict[str, tuple[Any, bool]] = {}
    for key, value in table.items():
        field = fields.get(canonical(key))
        if field is None:
            known = [name for name in fields if not name.startswith("_")]
            raise ConfigError(
                f"{_named(value)}: {place.where} has no setting {key!r}{did_you_mean(canonical(key), known)}"
                f" (its settings: {', '.join(known) or 'none'})"
            )
        convert_field = _secret if is_secret(field) else _value
        found[field.alias or field.name] = (convert_field(key, value, field, place), is_secret(field))
    return found


def _value(key: str, value: Any, field: attrs.Attribute[Any], place: _Place) -> Any:
    path = f"{place.where}.{key}"
    try:
        return convert(_unwrap(value, field.type or Any), field.type or Any, place.root)
    except Exception as error:
        what = "; ".join(faults(error, path))
        wanted = describe_type(field.type)
        raise ConfigError(
            f"{_named(value)}: {what} (the setting is of type {wanted})", cause=error
        ) from error


def _unwrap(value: Any, wanted: Any) -> Any:
    """Plain values for the converter: texts of the environment read, keys of nested classes settled."""
    wanted = optional_of(wanted)
    if isinstance(value, Setting):
        if value.source == "environment" and isinstance(value.value, str):
            return from_text(value.value, wanted)
        return _unwrap(value.value, wanted) if isinstance(value.value, Mapping) else value.value
    if not isinstance(value, Mapping):
        return value
    if attrs.has(wanted):
        fields = _fields(attrs.resolve_types(wanted))
        return {
            fields[canonical(key)].name if canonical(key) in fields else key: _unwrap(
                item, fields[canonical(key)].type if canonical(key) in fields else Any
            )
            for key, item in value.items()
        }
    arguments = typing.get_args(wanted)
    return {key: _unwrap(item, arguments[1] if len(arguments) == 2 else Any) for key, item in value.items()}


def _secret(key: str, value: Any, field: attrs.Attribute[Any], place: _Place) -> Any:
    path = f"{place.where}.{key}"
    source = value.source if isinstance(value, Setting) else _source_of(value)
    bare = plain(value)
    if is_reference(bare):
        return resolve_secret(bare, where=f"{_named(value)}: {path}", env=place.env, root=place.root)
    if isinstance(bare, Mapping):  # a table of secrets: headers, the environment of a process
        items = value.value if isinstance(value, Setting) else value
        return {
            name: _secret(
                f"{key}.{name}",
                item if isinstance(item, Setting | Mapping) else Setting(item, source, _named(value)),
                field,
                place,
            )
            for name, item in items.items()
        }
    if source == "file":
        raise ConfigError(
            f"{_named(value)}: {path} is a secret and must not stand in a file; refer to it: {REFERENCE_FORMS}"
        )
    if isinstance(bare, str) or source == "code":
        return bare
    raise ConfigError(f"{_named(value)}: {path} must be a text")


def _source_of(table: Any) -> Source:
    """Where a table without a record of its own was set: in a file if any of it was."""
    if isinstance(table, Mapping):
        sources = {item.source for item in table.values() if isinstance(item, Setting)}
        return next((source for source in ("file", "environment") if source in sources), "code")
    return "code"


def _check_instance(
    cls: type[Any], found: Mapping[str, tuple[Any, bool]], table: Table, place: _Place, complete: bool
) -> None:
    """Let the class's own validators judge, once all that it requires is there."""
    required = [
        name
        for name, field in _fields(cls).items()
        if field.default is attrs.NOTHING and field.alias not in found
    ]
    if required and complete:
        missing = ", ".join(required)
        where = f"{_named(table)}: {place.where}" if table else place.where
        raise ConfigError(f"{where} needs {missing}, which nothing sets")
    if required:
        return
    try:
        cls(**{name: value for name, (value, _) in found.items()})
    except Exception as error:
        text = str(error)
        secrets = [str(value) for value, hidden in found.values() if hidden]
        leaky = [secret for secret in secrets if secret and secret in text]
        for secret in leaky:
            text = text.replace(secret, "***")
        message = f"{_named(table)}: {place.where}: {text}"
        # An exception that holds a secret must not travel as the cause.
        cause = None if secrets or isinstance(error, LamellaError) else error
        raise ConfigError(message, cause=cause) from cause


def _named(value: Any) -> str:
    """Where a value, or the first of a table, was set."""
    if isinstance(value, Setting):
        return value.where
    if isinstance(value, Mapping):
        for item in value.values():
            return _named(item)
    return "code"
