"""``PythonToolSource``: imports modules and makes tools of what they define."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from lamella import ConfigError, Tool, current_project
from lamella.tools import as_tools
from lamella_python.paths import on_path
from lamella_python.place import read_places
from lamella_python.shelf import Opening, Shelf

__all__ = ["PythonToolSource"]


class PythonToolSource:
    """The tools of modules, functions, classes and objects.

    What ``module`` may name:

    - ``shop.tools``: the module's ``Tool`` objects and public functions,
    - ``shop.tools:price``: a function, a ``Tool``, an agent, or a list of these,
    - ``shop.tools:Shop``: a class; an object of it is made for each run, and its public methods are the tools,
    - ``shop.tools:shop``: an object; its public methods are the tools,
    - ``shop.tools:make_shop()``: what the function returns, any of the above.

    An object with ``open`` and ``close``, or one for ``async with`` or ``with``, is opened and closed with this source;
    if that gives a list of tools, or another object, then this is what is looked at.

    :param module: where the tools are.
    :param modules: several such places instead of one.
    :param recursive: take the modules below a package, too.
    :param arguments: what a class or ``function()`` is called with, by name.
    :param secrets: more of them, which are never shown.
    :param path: the folder that is first on ``sys.path`` while the source is open; a relative one is
        below the root of the current project.
    :raises ConfigError: ``module`` and ``modules`` are both given, or neither, or malformed.
    """

    def __init__(
        self,
        *,
        module: str | None = None,
        modules: Iterable[str] = (),
        recursive: bool = False,
        arguments: Mapping[str, Any] | None = None,
        secrets: Mapping[str, str] | None = None,
        path: str | Path = ".",
    ) -> None:
        self._places = read_places(module, modules)
        self._recursive = recursive
        self._arguments = {**(arguments or {}), **(secrets or {})}
        if self._arguments and len(self._places) > 1:
            raise ConfigError(
                "the tool source python: arguments are for one class or function(); "
                "give it a table of its own, with module instead of modules"
            )
        self._path = str(_below_project(Path(path)))
        self._shelves: list[Shelf] = []
        self._stack: AsyncExitStack | None = None

    async def open(self) -> Sequence[Tool]:
        """Import the modules, make and open the objects, and return the tools in the order of their definition.

        :raises ConfigError: there is no such module, name or folder, or it is nothing to make tools of.
        :raises PluginError: a module raises when it is imported, an object when it is made or opened.
        """
        async with AsyncExitStack() as stack:
            self._enter_path(stack)
            opening = Opening(stack, self._path, self._recursive, self._arguments)
            self._shelves = [await opening.shelf(place) for place in self._places]
            tools = self._tools()
            self._stack = stack.pop_all()
        return tools

    async def refresh(self) -> Sequence[Tool] | None:
        """The tools, if an object that is a tool source itself has others than before."""
        changed = [await shelf.refresh() for shelf in self._shelves]
        return self._tools() if any(changed) else None

    async def close(self) -> None:
        """Close the objects, and take the folder off ``sys.path`` again; imported modules stay imported."""
        stack, self._stack, self._shelves = self._stack, None, []
        if stack is not None:
            await stack.aclose()

    def _tools(self) -> tuple[Tool, ...]:
        found = {id(tool): tool for shelf in self._shelves for tool in shelf.tools}
        return as_tools(found.values())

    def _enter_path(self, stack: AsyncExitStack) -> None:
        folder = Path(self._path).resolve()
        if not folder.is_dir():
            raise ConfigError(f"the tool source python: path {self._path!r} is no folder ({folder})")
        stack.enter_context(on_path(str(folder)))


def _below_project(path: Path) -> Path:
    path = path.expanduser()
    return path if path.is_absolute() else (current_project().root or Path.cwd()) / path
