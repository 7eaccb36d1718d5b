"""Where runs are stored: the project's run store, else files of JSON lines below the project."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import attrs

from lamella.errors import ConfigError, PluginError
from lamella.specs import RunStore
from lamella_cli.output import notice

if TYPE_CHECKING:
    from lamella.agent import Journal
    from lamella.config import Project

__all__ = ["Keeping", "enabled_stores", "keep_runs", "open_store", "store_name"]

_DEFAULT: Final = "jsonl"


def open_store(project: Project, name: str | None = None) -> RunStore:
    """The store that ``lamella runs`` reads: that of the name, else the one that ``lamella run`` writes.

    :raises ConfigError: no sink has this name, or it is no run store.
    :raises PluginError: it cannot be used.
    """
    if name is not None and not project.host.sink(name).store:
        stores = [each for each in project.host.names("sink") if project.host.sink(each).store]
        raise ConfigError(f"sink {name!r} is no run store (the stores: {', '.join(stores) or 'none'})")
    return project.build_store(name or store_name(project))


def store_name(project: Project) -> str:
    """The project's journal, else the first run store among its sinks, else files of JSON lines."""
    return project.journal or next(enabled_stores(project), _DEFAULT)


@attrs.frozen
class Keeping:
    """How runs are stored: the journal, and the name of its sink, which is not to get them a second time."""

    name: str
    journal: Journal

    async def has(self, run_id: str) -> bool:
        """Whether the run is there now: a journal that failed was left out of it."""
        return any(summary.run_id == run_id for summary in await self.journal.store.list(limit=50))


def keep_runs(project: Project) -> Keeping | None:
    """The journal of the runs of the command line; ``None`` with a notice if the default one is not installed.

    A store that fails is reported, and the answer comes all the same.
    """
    from lamella.agent import Journal

    name = store_name(project)
    try:
        store = project.build_store(name)
    except PluginError as error:
        if name != _DEFAULT or _DEFAULT in enabled_stores(project):
            raise
        notice(f"the run is not stored: {error}")
        return None
    return Keeping(name, Journal(store, on_error="continue"))


def enabled_stores(project: Project) -> Iterator[str]:
    """The names of the run stores among the sinks that the project enables."""
    return (name for name in project.enabled_sinks() if project.host.sink(name).store)
