"""Where runs are stored: the project's run store, else files of JSON lines below the project."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import attrs

from lamella.errors import ConfigError, PluginError
from lamella.specs import RunStore
from lamella_cli.output import notice

if TYPE_CHECKING:
    from lamella.config import Project

__all__ = ["Keeping", "enabled_stores", "keep_runs", "open_store"]

_DEFAULT: Final = "jsonl"


def open_store(project: Project) -> RunStore:
    """The store that ``lamella runs`` reads: the first that the project enables, else the default one.

    :raises PluginError: it cannot be used.
    """
    return _build(next(enabled_stores(project), _DEFAULT), project)


@attrs.frozen
class Keeping:
    """How a run will be stored: ``store`` is asked afterwards, ``extra`` is to be given to the agent."""

    store: RunStore
    extra: RunStore | None = None

    async def has(self, run_id: str) -> bool:
        """Whether the run is there now: a sink that failed was left out of it."""
        return any(summary.run_id == run_id for summary in await self.store.list(limit=50))


def keep_runs(project: Project) -> Keeping | None:
    """The project's store, which the agent uses by itself, or the default one; ``None`` with a notice if neither can."""
    name = next(enabled_stores(project), None)
    try:
        store = _build(name or _DEFAULT, project)
    except PluginError as error:
        if name is not None:
            raise
        notice(f"the run is not stored: {error}")
        return None
    return Keeping(store, None if name else store)


def enabled_stores(project: Project) -> Iterator[str]:
    """The names of the run stores among the sinks that the project enables."""
    return (name for name in project.enabled_sinks() if project.host.sink(name).store)


def _build(name: str, project: Project) -> RunStore:
    store = project.build_sink(name)
    if not isinstance(store, RunStore):
        raise ConfigError(f"sink {name!r} says that it is a run store, but lacks load or list")
    return store
