"""What the global options say, and the project they lead to, loaded when a command first needs it."""

from __future__ import annotations

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
        """The project of the directory, which is the current one from now on.

        :raises ConfigError: its configuration is wrong.
        """
        if self._project is None:
            self._project = self.load()
        return self._project

    def load(self, **overrides: Any) -> Project:
        """Load the project anew with settings of this command, and make it the current one."""
        from lamella.config import Project

        if self.strict_plugins:
            overrides["strict_plugins"] = True
        self._project = Project.load(start=self.directory, overrides=overrides or None)
        return self._project


pass_session = click.make_pass_decorator(Session)
