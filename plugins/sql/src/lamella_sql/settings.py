"""The settings of the ``sql`` sink, as they stand in a project's configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import attrs

from lamella.serial.stored import RawPolicy
from lamella.specs import secret

__all__ = ["DEFAULT_TIMEOUT", "DEFAULT_URL", "Durability", "SQLSettings"]

Durability: TypeAlias = Literal["normal", "full"]
"""What a written batch outlives: the death of the process (``normal``), also that of the machine (``full``)."""

DEFAULT_URL = ".lamella/runs.db"
DEFAULT_TIMEOUT = 30.0


def _without_password(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if isinstance(value, str) and "://" in value and "@" in value:
        userinfo = value.split("://", 1)[1].rsplit("@", 1)[0]
        if userinfo.partition(":")[2]:
            raise ValueError(
                "url holds a password, which must not stand in the configuration; refer to the whole URL, "
                'url = { env = "NAME" }, or to the password alone, password = { env = "NAME" }'
            )


@attrs.frozen(kw_only=True)
class SQLSettings:
    """Where and how runs are stored; the fields are the arguments of ``SQLStore``."""

    url: str | Mapping[str, str] = attrs.field(default=DEFAULT_URL, validator=_without_password, repr=False)
    """A SQLite file (a relative path is below the project's root), ``sqlite:///…`` or ``postgresql://…``.

    ``{ env = "NAME" }``, ``{ file = "PATH" }`` and ``{ keyring = "SERVICE/NAME" }`` say where the URL is.
    """

    password: str | None = secret(default=None)
    """The password of the database's user, where the URL has none."""

    raw: RawPolicy = "full"
    """What is kept of the providers' own payloads: all, their shape without their words, nothing."""

    deltas: bool = True
    """Whether ``*.delta`` events are stored too. A run is complete without them; with them a cut one shows its last words."""

    durability: Durability = "normal"
    """``normal``: a batch outlives the process. ``full``: and a power cut, for many fewer batches a second."""

    timeout: float = DEFAULT_TIMEOUT
    """Seconds to wait for a lock, or for a server that is away, before a write fails."""

    pool_size: int = 5
    """Connections kept open at most, for each event loop."""
