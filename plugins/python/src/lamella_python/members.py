"""What of a module, a package or an object is a tool."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from lamella import Tool
from lamella_python.lookup import import_module

__all__ = ["method_tools", "module_members", "submodules"]


def module_members(module: ModuleType) -> list[Any]:
    """The tools of a module: ``Tool`` objects, and the public functions defined in it; each once."""
    declared = getattr(module, "__all__", None)
    found: dict[int, Any] = {}
    for name, value in vars(module).items():
        public = not name.startswith("_") if declared is None else name in declared
        own = inspect.isfunction(value) and (declared is not None or value.__module__ == module.__name__)
        if public and (own or isinstance(value, Tool)):
            found.setdefault(id(value), value)
    return list(found.values())


def submodules(package: ModuleType, path: str) -> Iterator[ModuleType]:
    """The modules below a package, imported, those of packages below it too; names with ``_`` in front are left out."""
    for found in sorted(pkgutil.iter_modules(getattr(package, "__path__", ())), key=lambda each: each.name):
        if found.name.startswith("_"):
            continue
        module = import_module(f"{package.__name__}.{found.name}", path)
        yield module
        yield from submodules(module, path)


def method_tools(target: object, left_out: frozenset[str]) -> list[Tool]:
    """The public methods of an object as tools, and the ``Tool`` objects it has, in the order of their definition.

    Those of base classes come first. A method without a docstring is described by its class's first line.
    """
    names = [name for cls in reversed(type(target).__mro__[:-1]) for name in vars(cls)]
    own = getattr(target, "__dict__", {})
    names += (name for name, value in own.items() if isinstance(value, Tool))
    found: list[Tool] = []
    for name in dict.fromkeys(names):
        if name.startswith("_") or name in left_out:
            continue
        # Statically first: looking a property up would run it.
        static = inspect.getattr_static(target, name)
        if isinstance(static, Tool):
            found.append(static)
        elif isinstance(static, staticmethod | classmethod) or inspect.isfunction(static):
            found.append(_method_tool(getattr(target, name), type(target)))
    return found


def _method_tool(method: Callable[..., Any], cls: type[Any]) -> Tool:
    if inspect.getdoc(method):
        return Tool.from_callable(method)
    summary = (inspect.getdoc(cls) or "").partition("\n")[0]
    return Tool.from_callable(method, description=summary)
