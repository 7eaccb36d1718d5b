"""The configuration files: where they are, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from lamella.errors import ConfigError

__all__ = ["ConfigFile", "find_project_file", "user_file"]


@attrs.frozen(kw_only=True)
class ConfigFile:
    """A file that was read. ``data`` is Lamella's part of it; ``table`` how that part is called there."""

    path: Path
    data: Mapping[str, Any] = attrs.field(repr=False)
    table: str = ""


def user_file(environ: Mapping[str, str]) -> ConfigFile | None:
    """The user's own file: ``$LAMELLA_CONFIG``, else ``lamella/config.toml`` in the user's place for settings.

    That place is ``$XDG_CONFIG_HOME``, else ``%APPDATA%``, else ``~/.config``.

    :raises ConfigError: ``$LAMELLA_CONFIG`` names no file, or the file is malformed.
    """
    if named := environ.get("LAMELLA_CONFIG"):
        path = Path(named).expanduser()
        if not path.exists():
            raise ConfigError(f"LAMELLA_CONFIG names {path}, which does not exist; correct or unset it")
        return ConfigFile(path=path, data=_read(path))
    folder = _settings_folder(environ)
    if folder is None:
        return None
    path = folder / "lamella" / "config.toml"
    return ConfigFile(path=path, data=_read(path)) if _is_file(path) else None


def _settings_folder(environ: Mapping[str, str]) -> Path | None:
    for variable in ("XDG_CONFIG_HOME", "APPDATA"):
        if folder := environ.get(variable):
            return Path(folder)
    home = environ.get("HOME") or environ.get("USERPROFILE")
    return Path(home) / ".config" if home else None


def find_project_file(start: Path) -> ConfigFile | None:
    """The nearest ``lamella.toml``, or ``pyproject.toml`` with ``[tool.lamella]``, from ``start`` upwards.

    In one folder ``lamella.toml`` is taken.

    :raises ConfigError: it is malformed.
    """
    start = start.absolute()
    for folder in (start, *start.parents):
        own = folder / "lamella.toml"
        if _is_file(own):
            return ConfigFile(path=own, data=_read(own))
        shared = folder / "pyproject.toml"
        if _is_file(shared) and (data := _tool_table(shared)) is not None:
            return ConfigFile(path=shared, data=data, table="tool.lamella")
    return None


def _tool_table(path: Path) -> Mapping[str, Any] | None:
    text = _text(path)
    if "lamella" not in text:
        return None  # not ours: it may be malformed or huge for all we care
    tool = _parsed(text, path).get("tool", {})
    found = tool.get("lamella") if isinstance(tool, Mapping) else None
    if found is not None and not isinstance(found, Mapping):
        raise ConfigError(f"{path}: tool.lamella must be a table, got {type(found).__name__}")
    return found


def _read(path: Path) -> Mapping[str, Any]:
    return _parsed(_text(path), path)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", cause=error) from error


def _parsed(text: str, path: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}", cause=error) from error


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder above that we may not look into holds no project of ours
        return False
