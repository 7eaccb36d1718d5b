"""Finds the installed plugins without importing any.

One guarded pass over the installed distributions: each is judged by itself, so that a package with
malformed metadata is named and hides nobody else.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

import attrs

from lamella.plugins.kinds import GROUPS, Key, Kind

if TYPE_CHECKING:
    from importlib_metadata import Distribution

__all__ = ["Discovered", "DiscoveryFault", "EntryPoint", "discover", "distribution_of", "forget_discovered"]


@attrs.frozen(kw_only=True)
class EntryPoint:
    """A plugin that a distribution declares. ``value`` is ``"module"`` or ``"module:object"``, unchecked."""

    kind: Kind
    name: str
    value: str
    distribution: str
    version: str | None
    dist: Any = attrs.field(default=None, eq=False, repr=False)

    @property
    def key(self) -> Key:
        """Kind and name."""
        return self.kind, self.name

    @property
    def origin(self) -> str:
        """Distribution and version."""
        return f"{self.distribution} {self.version or 'of unknown version'}"


@attrs.frozen(kw_only=True)
class DiscoveryFault:
    """A distribution whose metadata is faulty. ``distribution`` is its name, else its place."""

    distribution: str
    reason: str


@attrs.frozen(kw_only=True)
class Discovered:
    """What one pass found: entry points by distribution and name, and the faults on the way."""

    entry_points: tuple[EntryPoint, ...] = ()
    faults: tuple[DiscoveryFault, ...] = ()

    def by_key(self) -> dict[Key, tuple[EntryPoint, ...]]:
        """The entry points of each kind and name, sorted; more than one is a conflict."""
        found: dict[Key, tuple[EntryPoint, ...]] = {}
        for entry in sorted(self.entry_points, key=lambda entry: (*entry.key, entry.distribution)):
            found[entry.key] = (*found.get(entry.key, ()), entry)
        return found


_lock = threading.Lock()
_found: Discovered | None = None


def discover(distributions: Iterable[Distribution] | None = None) -> Discovered:
    """The plugins among ``distributions``; by default among all installed, once per process."""
    global _found
    if distributions is not None:
        return _scan(distributions)
    with _lock:
        if _found is None:
            import importlib_metadata

            _found = _scan(cast("Iterable[Distribution]", importlib_metadata.distributions()))
        return _found


def forget_discovered() -> None:
    """Look again at the next :func:`discover`: something was installed in this process."""
    global _found
    with _lock:
        _found = None


def distribution_of(module: str) -> str:
    """The distribution that a plugin's module probably belongs to, for an install command."""
    root = module.partition(".")[0]
    for entry in () if _found is None else _found.entry_points:
        if entry.value.partition(":")[0].partition(".")[0] == root:
            return entry.distribution
    return root.replace("_", "-")


def _scan(distributions: Iterable[Distribution]) -> Discovered:
    entries: list[EntryPoint] = []
    faults: list[DiscoveryFault] = []
    seen: set[str] = set()
    for dist in distributions:
        try:
            found, mistaken = _read(dist, seen)
            entries.extend(found)
            faults.extend(mistaken)
        except Exception as error:
            faults.append(DiscoveryFault(distribution=_place(dist), reason=_worded(error)))
    entries.sort(key=lambda entry: (entry.distribution, entry.kind, entry.name))
    return Discovered(entry_points=tuple(entries), faults=tuple(faults))


def _read(dist: Distribution, seen: set[str]) -> tuple[list[EntryPoint], list[DiscoveryFault]]:
    text = dist.read_text("entry_points.txt")
    if text is None or "lamella." not in text:
        return [], []
    name = dist.metadata["Name"]
    if not name:
        raise ValueError("its METADATA has no Name")
    normalized = name.lower().replace("_", "-").replace(".", "-")
    if normalized in seen:  # an older copy further down sys.path; imports take the first, and so do we
        return [], []
    entries = [
        EntryPoint(
            kind=GROUPS[entry.group],
            name=entry.name,
            value=entry.value,
            distribution=name,
            version=dist.metadata["Version"],
            dist=dist,
        )
        for entry in dist.entry_points
        if entry.group in GROUPS
    ]
    mistaken = _mistaken(name, {entry.group for entry in dist.entry_points})
    if entries or mistaken:
        seen.add(normalized)
    return entries, mistaken


def _mistaken(distribution: str, groups: set[str]) -> list[DiscoveryFault]:
    """Groups that are almost one of ours: their plugins would be missed without a word."""
    found = []
    for group in sorted(groups - GROUPS.keys()):
        meant = next((known for known in GROUPS if _plain(known) == _plain(group)), None)
        if meant is not None:
            reason = f"unknown entry-point group {group!r}; did you mean {meant!r}?"
            found.append(DiscoveryFault(distribution=distribution, reason=reason))
    return found


def _plain(group: str) -> str:
    """A group without what is easily mistaken in it: case, number, dashes and underscores."""
    return group.lower().replace("-", "").replace("_", "").removesuffix("s")


def _place(dist: Distribution) -> str:
    """The name of a distribution whose metadata is in doubt, else where it is."""
    try:
        name = dist.metadata["Name"]
    except Exception:
        name = None
    return name or str(getattr(dist, "_path", dist))


def _worded(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"malformed metadata: {type(error).__name__}: {text}"
