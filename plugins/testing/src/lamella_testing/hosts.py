"""``IsolatedHost``: the plugins of a test, without any that happen to be installed."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import importlib_metadata

from lamella.config import Project, use_project
from lamella.plugins import PluginHost

__all__ = ["IsolatedHost"]

_GROUPS = {
    "provider": "lamella.providers",
    "content": "lamella.content",
    "tool_source": "lamella.tool_sources",
    "agent": "lamella.agents",
    "sink": "lamella.sinks",
    "plugin": "lamella.plugins",
}


class _Distribution(importlib_metadata.Distribution):
    """A distribution in memory, with one entry point."""

    def __init__(self, name: str, group: str, entry: str, module: str) -> None:
        self._files = {
            "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
            "entry_points.txt": f"[{group}]\n{entry} = {module}\n",
        }

    def read_text(self, filename: Any) -> str | None:
        return self._files.get(str(filename))

    def locate_file(self, path: Any) -> Any:
        return Path(str(path))


class IsolatedHost:
    """A plugin host of its own: ``install`` plugin modules, then ask ``host`` as a program does.

    A plugin that cannot be used is an error here, not a warning.
    """

    def __init__(self) -> None:
        self._distributions: list[importlib_metadata.Distribution] = []
        self._host: PluginHost | None = None

    def install(
        self, plugin: types.ModuleType | str, *, kind: str, name: str, distribution: str | None = None
    ) -> None:
        """Make a plugin module known, as its entry point would.

        :param plugin: the module, or its import path; it is imported when it is needed, as always.
        :param kind: ``provider``, ``content``, ``tool_source``, ``sink`` or ``plugin``.
        :param name: the entry point's name, which is the plugin's.
        :raises ValueError: there is no such kind.
        """
        if kind not in _GROUPS:
            raise ValueError(f"kind must be one of {', '.join(_GROUPS)}, got {kind!r}")
        if isinstance(plugin, types.ModuleType):
            sys.modules.setdefault(plugin.__name__, plugin)
            plugin = plugin.__name__
        self._distributions.append(
            _Distribution(distribution or f"lamella-{name}", _GROUPS[kind], name, plugin)
        )
        self._host = None

    def adopt(self, *, kind: str, name: str) -> str:
        """Make a plugin that is installed known, with the other plugins of its distribution.

        :param kind: as for :meth:`install`.
        :param name: the entry point's name.
        :returns: what the entry point names: the plugin's module.
        :raises ValueError: there is no such kind, or no such plugin is installed.
        """
        if kind not in _GROUPS:
            raise ValueError(f"kind must be one of {', '.join(_GROUPS)}, got {kind!r}")
        found = importlib_metadata.entry_points(group=_GROUPS[kind], name=name)
        entries = [entry for entry in found if entry.dist is not None]
        if not entries:
            raise ValueError(
                f"no installed distribution has the entry point {name!r} in the group {_GROUPS[kind]!r}; "
                "install yours: pip install -e ."
            )
        self._distributions.extend(entry.dist for entry in entries)
        self._host = None
        return str(entries[0].module)

    @property
    def host(self) -> PluginHost:
        """The host; made anew after an ``install``."""
        if self._host is None:
            self._host = PluginHost(strict=True, distributions=self._distributions)
        return self._host

    @contextmanager
    def project(self, overrides: Mapping[str, Any] | None = None) -> Iterator[Project]:
        """A project with this host as the current one, inside the ``with`` block.

        :param overrides: its configuration, such as ``{"provider.acme.timeout": 3}``.
        """
        project = Project.bare(overrides=overrides)
        # The project keeps its host in its __dict__ once it is made; this one is made already.
        project.__dict__["_host"] = self.host
        with use_project(project):
            yield project
