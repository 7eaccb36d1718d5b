"""What the global options say, and the project they lead to, loaded when a command first needs it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

if TYPE_CHECKING:
    from lamella.config import Project

__all__ = ["Session", "pass_session"]


@attrs.define(kw_only=True)
class Session:
    """One invocation of the command line."""

    directory: Path | None = None
    strict_plugins: bool = False
    debug: bool = False
    _project: Project | None = attrs.field(default=None, init=False)

    @property
    def project(self) -> Project:
        """The project of the directory, the current one from now on. To be asked for outside of a loop.

        :raises ConfigError: its configuration is wrong.
        """
        return self._load({}) if self._project is None else self._project

    @property
    def unlocked(self) -> Project:
        """The project without its lock: for looking at plugins, and for making the lock. It must import none.

        :raises ConfigError: its configuration is wrong.
        """
        return self._load({"locked": False})

    def without_sinks(self, names: Iterable[str]) -> Project:
        """The project with some of its sinks switched off for this command."""
        off = {f"plugins.sink.{name}": False for name in names}
        return self._load(off) if off else self.project

    def _load(self, overrides: dict[str, Any]) -> Project:
        from lamella.config import Project, use_project

        if self.strict_plugins:
            overrides = {**overrides, "strict_plugins": True}
        self._project = Project.load(start=self.directory, overrides=overrides)
        click.get_current_context().with_resource(use_project(self._project))
        return self._project


pass_session = click.make_pass_decorator(Session)
