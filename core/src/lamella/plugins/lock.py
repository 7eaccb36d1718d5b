"""The lock: which plugins were looked at, in which version, with which files.

It says that a plugin is what it was when it was locked. It is no sandbox: it checks what a distribution
declares in its RECORD, and nothing about what the code does.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from lamella.errors import ConfigError, PluginError
from lamella.plugins.discovery import EntryPoint
from lamella.plugins.kinds import Key, Kind

if TYPE_CHECKING:
    from lamella.plugins.host import PluginHost

__all__ = [
    "LOCK_NAME",
    "Lock",
    "LockedPlugin",
    "differences",
    "lock_plugins",
    "read_lock",
    "verify_lock",
    "write_lock",
]

LOCK_NAME = "lamella.lock"
"""The file's name, below the project's root."""

_VERSION = 1


@attrs.frozen(kw_only=True)
class LockedPlugin:
    """One plugin as it was locked. ``record_sha256`` is the hash of its distribution's RECORD, in hex."""

    kind: Kind
    name: str
    distribution: str
    version: str | None
    record_sha256: str


@attrs.frozen(kw_only=True)
class Lock:
    """The locked plugins, by kind and name."""

    plugins: tuple[LockedPlugin, ...] = ()

    def get(self, key: Key) -> LockedPlugin | None:
        """The locked plugin of that kind and name."""
        return next((found for found in self.plugins if (found.kind, found.name) == key), None)

    def to_json(self) -> str:
        """The text of a lock file."""
        plugins = [attrs.asdict(plugin) for plugin in self.plugins]
        return json.dumps({"version": _VERSION, "plugins": plugins}, indent=2) + "\n"


def lock_plugins(host: PluginHost) -> Lock:
    """Lock what this host may use. Imports no plugin.

    :raises PluginError: a name is in conflict, or a distribution has no RECORD.
    """
    locked = []
    for key, entries in sorted(host.catalog.entries().items()):
        if not host.record(*key).usable:
            continue
        entry = entries[0]
        locked.append(
            LockedPlugin(
                kind=entry.kind,
                name=entry.name,
                distribution=entry.distribution,
                version=entry.version,
                record_sha256=_record_hash(entry),
            )
        )
    return Lock(plugins=tuple(locked))


def verify_lock(locked: Lock, host: PluginHost) -> dict[Key, list[str]]:
    """What differs from the lock, by plugin; empty when nothing does. Hashes every file again."""
    entries = host.catalog.entries()
    found = {
        key: differences(locked, several[0]) for key, several in entries.items() if host.record(*key).usable
    }
    for plugin in locked.plugins:
        if (plugin.kind, plugin.name) not in entries:
            found[plugin.kind, plugin.name] = [f"{plugin.distribution} {plugin.version} is not installed"]
    return {key: reasons for key, reasons in sorted(found.items()) if reasons}


def differences(locked: Lock, entry: EntryPoint) -> list[str]:
    """How an installed plugin differs from the lock; empty when it does not."""
    plugin = locked.get(entry.key)
    if plugin is None:
        return [f"{entry.origin} is not in the lock"]
    if (plugin.distribution, plugin.version) != (entry.distribution, entry.version):
        return [f"{plugin.distribution} {plugin.version} was locked, {entry.origin} is installed"]
    try:
        actual = _record_hash(entry)
    except PluginError as error:
        return [str(error)]
    if actual != plugin.record_sha256:
        return [f"the RECORD of {entry.origin} has changed"]
    return _changed_files(entry)


def read_lock(path: Path) -> Lock:
    """Read a lock file.

    :raises ConfigError: there is none, or it is malformed.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["version"] != _VERSION:
            raise ConfigError(f"{path}: lock version {document['version']!r}, this Lamella reads {_VERSION}")
        return Lock(plugins=tuple(_locked_plugin(item) for item in document["plugins"]))
    except FileNotFoundError as error:
        raise ConfigError(f"{path} does not exist; make it: lamella plugins lock", cause=error) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(
            f"{path} cannot be read as a lock ({type(error).__name__}: {error}); "
            "make it again: lamella plugins lock",
            cause=error,
        ) from error


def write_lock(locked: Lock, path: Path) -> None:
    """Write a lock file in one step: a reader sees the old one or the new one."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(locked.to_json())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _locked_plugin(item: Any) -> LockedPlugin:
    if not all(isinstance(item[name], str) for name in ("kind", "name", "distribution", "record_sha256")):
        raise TypeError("a plugin's fields must be texts")
    return LockedPlugin(**item)


def _record(entry: EntryPoint) -> str:
    text = entry.dist.read_text("RECORD")
    if text is None:
        raise PluginError(
            f"{entry.origin} has no RECORD; reinstall it: pip install --force-reinstall {entry.distribution}"
        )
    return str(text)


def _record_hash(entry: EntryPoint) -> str:
    return hashlib.sha256(_record(entry).encode("utf-8")).hexdigest()


def _changed_files(entry: EntryPoint) -> list[str]:
    found = []
    for name, declared, *_ in csv.reader(_record(entry).splitlines()):
        algorithm, _, digest = declared.partition("=")
        if not digest:
            continue  # RECORD itself and compiled files carry no hash
        try:
            content = Path(entry.dist.locate_file(name)).read_bytes()
        except OSError:
            found.append(f"{name} of {entry.origin} is missing")
            continue
        actual = base64.urlsafe_b64encode(hashlib.new(algorithm, content).digest()).rstrip(b"=").decode()
        if actual != digest:
            found.append(f"{name} of {entry.origin} has changed")
    return found
