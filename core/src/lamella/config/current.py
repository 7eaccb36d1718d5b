"""The project in force: the one of the current folder, or the one that a block of code uses."""

from __future__ import annotations

import contextvars
import os
import threading
from typing import TYPE_CHECKING

from lamella.config.project import Project
from lamella.errors import ConfigError

if TYPE_CHECKING:
    from lamella.content import MediaContent

__all__ = ["content_class", "current_project", "forget_projects", "use_project"]

_used: contextvars.ContextVar[Project | None] = contextvars.ContextVar("lamella_project", default=None)
_lock = threading.Lock()
_loaded: dict[str, Project] = {}


def current_project() -> Project:
    """The project of the innermost :func:`use_project`, else that of the current folder, loaded once.

    :raises ConfigError: its configuration is malformed.
    """
    used = _used.get()
    if used is not None:
        return used
    try:
        folder = os.getcwd()
    except OSError as error:
        raise ConfigError(
            f"the current folder cannot be read ({error}); go to one that exists, or use_project(Project.bare())",
            cause=error,
        ) from error
    with _lock:
        if folder not in _loaded:
            _loaded[folder] = Project.load()
        return _loaded[folder]


class use_project:  # noqa: N801  # used as a function, like contextlib.suppress
    """Make ``project`` the current one inside a ``with`` block, in this context only."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._tokens: list[contextvars.Token[Project | None]] = []

    def __enter__(self) -> Project:
        self._tokens.append(_used.set(self._project))
        return self._project

    def __exit__(self, *exc_info: object) -> None:
        _used.reset(self._tokens.pop())


def forget_projects() -> None:
    """Read the configuration again at the next :func:`current_project`: a file was changed."""
    with _lock:
        _loaded.clear()


def content_class(tag: str) -> type[MediaContent] | None:
    """The class of a content type by its JSON tag, from the current project's plugins, else ``None``."""
    return current_project().host.content_class(tag)
