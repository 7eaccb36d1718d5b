"""References to secrets: configuration files say where a secret is, never what it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from lamella.errors import ConfigError

__all__ = ["REFERENCE_FORMS", "is_reference", "resolve_secret"]

REFERENCE_FORMS: Final = '{ env = "NAME" }, { file = "PATH" } or { keyring = "SERVICE/NAME" }'

_KINDS: Final = frozenset({"env", "file", "keyring"})


def is_reference(value: object) -> bool:
    """Whether a value has the form of a reference: one key that says where, with a text."""
    if not isinstance(value, Mapping) or len(value) != 1:
        return False
    ((kind, place),) = value.items()
    return kind in _KINDS and isinstance(place, str)


def resolve_secret(
    reference: Mapping[str, str], *, where: str, env: Callable[[str], str | None], root: Path | None
) -> str:
    """What a reference refers to.

    :param where: whose secret it is, for the error.
    :param env: looks up an environment variable.
    :param root: what relative paths are relative to.
    :raises ConfigError: there is nothing in that place.
    """
    ((kind, place),) = reference.items()
    if kind == "env":
        value = env(place)
        if value is None:
            raise ConfigError(
                f"{where}: the environment variable {place} is not set; set it, or put it into .env"
            )
        return value
    if kind == "file":
        return _read(place, where, root)
    return _from_keyring(place, where)


def _read(place: str, where: str, root: Path | None) -> str:
    path = Path(place).expanduser()
    path = path if root is None else root / path
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{where}: the secret's file {path} cannot be read: {error}", cause=error
        ) from error


def _from_keyring(place: str, where: str) -> str:
    service, slash, name = place.rpartition("/")
    if not slash or not service or not name:
        raise ConfigError(f'{where}: a keyring reference is "SERVICE/NAME", got {place!r}')
    try:
        keyring: Any = __import__("keyring")
    except ImportError as error:
        raise ConfigError(
            f"{where}: the secret is in the keyring, and keyring is not installed: pip install keyring",
            cause=error,
        ) from error
    try:
        value = keyring.get_password(service, name)
    except Exception as error:  # keyring's backends raise what they like
        raise ConfigError(f"{where}: the keyring failed: {error}", cause=error) from error
    if value is None:
        raise ConfigError(f"{where}: the keyring has no {place!r}; store it: keyring set {service} {name}")
    return str(value)
