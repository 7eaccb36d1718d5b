"""Tools by name: a configured table, an installed source, a module, a function of one, or a file."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from lamella.errors import ConfigError
from lamella.plugins.names import canonical
from lamella.specs import ToolSource

if TYPE_CHECKING:
    from lamella.config import Project

__all__ = ["find_tools", "is_source", "settled_name", "split_name", "tool_source"]


def find_tools(names: Iterable[str], project: Project) -> list[ToolSource]:
    """The tool sources that ``-t`` names; nothing is imported before the run opens them.

    :raises ConfigError: a name that is neither configured nor installed nor a module or file.
    :raises PluginError: the tool source cannot be used.
    """
    return [tool_source(name, project) for name in names]


def is_source(name: str, project: Project) -> bool:
    """Whether a name is that of a table of ``[tools]``, or of an installed tool source."""
    return canonical(name) in map(canonical, project.tools) or name in project.host.names("tool_source")


def split_name(name: str, project: Project) -> tuple[str, str | None]:
    """``NAME.TOOL``, where ``NAME`` is a table, an installed source or a file; else ``name`` and ``None``."""
    for place in range(len(name), 0, -1):
        source, tool = name[:place], name[place + 1 :]
        if (place == len(name) or name[place] == ".") and (is_source(source, project) or _is_file(source)):
            return source, tool or None
    return name, None


def settled_name(name: str) -> str:
    """The name of tools as it is from any folder: that of a file with its whole path."""
    if not _is_file(name):
        return name
    place, colon, function = name.rpartition(":") if ":" in name else (name, "", "")
    if not place.endswith(".py"):
        place, colon, function = name, "", ""
    return f"{Path(place).resolve()}{colon}{function}"


def _is_file(name: str) -> bool:
    return name.rpartition(":")[0].endswith(".py") or name.endswith(".py")


def tool_source(name: str, project: Project) -> ToolSource:
    """The tool source of that name; see :func:`find_tools`."""
    if is_source(name, project):
        return project.build_tool_source(name)
    place, colon, function = name.rpartition(":") if ":" in name else (name, "", "")
    if place.endswith(".py") or name.endswith(".py"):
        return _file(Path(place if place.endswith(".py") else name), f"{colon}{function}", project)
    if not _importable(place.partition(".")[0]):
        raise _unknown(name, project)
    return _python(name, Path.cwd(), project)


def _file(path: Path, member: str, project: Project) -> ToolSource:
    if not path.is_file():
        raise ConfigError(f"{path}{member}: there is no file {path}")
    loaded = getattr(sys.modules.get(path.stem), "__file__", None)
    if path.stem in sys.modules and (loaded is None or Path(loaded).resolve() != path.resolve()):
        raise ConfigError(
            f"{path}{member}: a module named {path.stem!r} is already loaded ({loaded or 'built in'}); "
            "rename the file"
        )
    return _python(f"{path.stem}{member if len(member) > 1 else ''}", path.resolve().parent, project)


def _python(module: str, folder: Path, project: Project) -> ToolSource:
    spec = project.host.tool_source("python")
    source: ToolSource = project.host.make(spec, module=module, path=str(folder))
    return source


def _importable(top: str) -> bool:
    if not top.isidentifier():
        return False
    return top in sys.modules or PathFinder.find_spec(top, [str(Path.cwd())]) is not None or _installed(top)


def _installed(top: str) -> bool:
    try:
        return find_spec(top) is not None
    except (ImportError, ValueError):
        return False


def _unknown(name: str, project: Project) -> ConfigError:
    tables = ", ".join(sorted(project.tools)) or "none"
    installed = ", ".join(project.host.names("tool_source")) or "none"
    return ConfigError(
        f"{name}: neither a table of [tool.lamella.tools] (there are: {tables}), nor an installed tool source "
        f"(there are: {installed}), nor a module that can be imported, nor a file (path/to/file.py)"
    )
