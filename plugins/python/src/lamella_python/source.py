"""``PythonToolSource``: imports a module and makes tools of what it defines."""

from __future__ import annotations

import fnmatch
import inspect
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from lamella import ConfigError, Tool, current_project
from lamella.tools import as_tools
from lamella_python.lookup import import_module, nearest


class PythonToolSource:
    """The tools of one module.

    :param module: a module (``shop.tools``), or one function or ``Tool`` of it (``shop.tools:price``).
    :param include: patterns of tool names to take; a name without wildcards must exist.
    :param exclude: patterns of tool names to leave out.
    :param path: the folder that is first on ``sys.path`` while the source is open; a relative one is
        below the root of the current project.
    """

    def __init__(
        self,
        *,
        module: str,
        include: Iterable[str] = ("*",),
        exclude: Iterable[str] = (),
        path: str | Path = ".",
    ) -> None:
        self._module, colon, self._member = module.partition(":")
        if not self._module or (colon and not self._member):
            raise ConfigError(
                f"the tool source python: module must be 'module' or 'module:function', got {module!r}"
            )
        self._include = _patterns("include", include)
        self._exclude = _patterns("exclude", exclude)
        self._path = str(_below_project(Path(path)))
        self._added: str | None = None

    async def open(self) -> Sequence[Tool]:
        """Import the module and return its tools, in the order of their definition.

        :raises ConfigError: there is no such module, function or folder, or an ``include`` names nothing.
        :raises PluginError: the module raises when it is imported.
        """
        self._enter_path()
        try:
            module = import_module(self._module, self._path)
            tools = as_tools([self._named(module)] if self._member else _members(module))
            return self._chosen(tools)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Take the folder off ``sys.path`` again; imported modules stay imported."""
        if self._added is not None and self._added in sys.path:
            sys.path.remove(self._added)
        self._added = None

    def _enter_path(self) -> None:
        folder = Path(self._path).resolve()
        if not folder.is_dir():
            raise ConfigError(f"the tool source python: path {self._path!r} is no folder ({folder})")
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
            self._added = str(folder)

    def _named(self, module: ModuleType) -> Any:
        found = vars(module).get(self._member)
        if isinstance(found, Tool) or callable(found):
            return found
        names = [
            name for name, value in vars(module).items() if callable(value) and not name.startswith("__")
        ]
        raise ConfigError(
            f"the tool source python: module {module.__name__} has no function or Tool {self._member!r}"
            f"{nearest(self._member, names)}"
        )

    def _chosen(self, tools: Sequence[Tool]) -> tuple[Tool, ...]:
        names = [tool.name for tool in tools]
        for pattern in self._include:
            if not set(pattern) & set("*?[") and pattern not in names:
                raise ConfigError(
                    f"the tool source python: module {self._module} has no tool {pattern!r}, "
                    f"which include names{nearest(pattern, names)}"
                )
        return tuple(
            tool
            for tool in tools
            if _matches(tool.name, self._include) and not _matches(tool.name, self._exclude)
        )


def _below_project(path: Path) -> Path:
    path = path.expanduser()
    return path if path.is_absolute() else (current_project().root or Path.cwd()) / path


def _patterns(setting: str, patterns: Iterable[str]) -> tuple[str, ...]:
    if isinstance(patterns, str):
        raise ConfigError(
            f"the tool source python: {setting} must be a list of patterns, got the text {patterns!r}"
        )
    return tuple(patterns)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _members(module: ModuleType) -> list[Any]:
    """The tools of a module: ``Tool`` objects, and the public functions defined in it; each once."""
    declared = getattr(module, "__all__", None)
    found: dict[int, Any] = {}
    for name, value in vars(module).items():
        public = not name.startswith("_") if declared is None else name in declared
        own = inspect.isfunction(value) and (declared is not None or value.__module__ == module.__name__)
        if public and (own or isinstance(value, Tool)):
            found.setdefault(id(value), value)
    return list(found.values())
