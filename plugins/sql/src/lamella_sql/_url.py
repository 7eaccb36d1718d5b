"""Where the runs are: the URL that was given as the one that is connected to."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import attrs
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from lamella.errors import ConfigError

__all__ = ["Place", "place_of"]

_DRIVERS: Final[Mapping[str, str]] = {
    "sqlite": "sqlite",
    "sqlite+aiosqlite": "sqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}
_FORMS: Final = "a path, sqlite:///PATH or postgresql://USER@HOST/DATABASE"


@attrs.frozen(kw_only=True)
class Place:
    """A database. ``file`` is its file, ``None`` for a server."""

    url: URL = attrs.field(repr=False)
    file: Path | None = None

    @property
    def shown(self) -> str:
        """The URL without its password: what errors, logs and ``repr`` show."""
        backend = self.url.get_backend_name()
        return self.url.set(drivername=backend).render_as_string(hide_password=True)


def place_of(url: str | Path | Mapping[str, str], password: str | None = None) -> Place:
    """The database of a path, a URL, or a reference to a URL; relative paths are below the project's root.

    :raises ConfigError: it is no URL, of no database that is supported, or its driver is not installed.
    """
    if isinstance(url, Mapping):
        url = _resolved(url)
    if isinstance(url, Path) or "://" not in url:
        return _file(str(url))
    parsed = _parsed(url)
    driver = _DRIVERS.get(parsed.drivername)
    if driver is None:
        raise ConfigError(
            f"SQLStore: {parsed.drivername!r} is no database that runs can be in; give {_FORMS}"
        )
    if driver.startswith("sqlite"):
        return _file(parsed.database or "")
    if password is not None:
        parsed = parsed.set(password=password)
    _require_asyncpg()
    return Place(url=_with_ssl(parsed).set(drivername=driver))


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        # The cause names the URL, which may hold a password.
        raise ConfigError(f"SQLStore: the url cannot be read as one; give {_FORMS}") from None


def _file(path: str) -> Place:
    if path in ("", ":memory:") or path.startswith("file:"):
        raise ConfigError(f"SQLStore: a run store needs a file, got {path or 'no path'!r}; give {_FORMS}")
    file = _below_project(Path(path).expanduser())
    return Place(url=URL.create("sqlite", database=str(file)), file=file)


def _below_project(path: Path) -> Path:
    if path.is_absolute():
        return path
    from lamella.config import current_project

    return (current_project().root or Path.cwd()) / path


def _resolved(reference: Mapping[str, str]) -> str:
    from lamella.config import current_project
    from lamella.plugins.secrets import REFERENCE_FORMS, is_reference, resolve_secret

    if not is_reference(reference):
        raise ConfigError(f"SQLStore: url must be {_FORMS}, or a reference: {REFERENCE_FORMS}")
    project = current_project()
    return resolve_secret(reference, where="SQLStore: url", env=project.env, root=project.root)


def _require_asyncpg() -> None:
    if importlib.util.find_spec("asyncpg") is None:
        raise ConfigError(
            'SQLStore: PostgreSQL needs asyncpg, which is not installed: pip install "lamella-sql[postgresql]"'
        )


def _with_ssl(url: URL) -> URL:
    """The URL with libpq's ``sslmode`` under the name that asyncpg gives it."""
    mode = url.query.get("sslmode")
    if mode is None:
        return url
    return url.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})
