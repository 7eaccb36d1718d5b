"""Checks by name, as files have them: ``"equals"``, ``{ contains = "Paris" }``, ``{ python = "my_checks.py:polite" }``."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from lamella.errors import ConfigError, LamellaError
from lamella.plugins.names import did_you_mean
from lamella_evals.answers import contains, equals, is_json, is_value, matches
from lamella_evals.behaviour import calls, no_tool_errors
from lamella_evals.checks import Check, CheckFunction
from lamella_evals.judging import judged_by
from lamella_evals.limits import costs_at_most, faster_than, tokens_at_most

__all__ = ["CHECKS", "checks_of", "python_object"]

CHECKS: Final[Mapping[str, Callable[..., Check]]] = {
    "calls": calls,
    "contains": contains,
    "costs_at_most": costs_at_most,
    "equals": equals,
    "faster_than": faster_than,
    "is_json": is_json,
    "is_value": is_value,
    "judged_by": judged_by,
    "matches": matches,
    "no_tool_errors": no_tool_errors,
    "tokens_at_most": tokens_at_most,
}
"""By name; what stands behind the name in a file is the first argument, the rest of the table are the others."""

_PYTHON: Final = "python"
_MISSING: Final = object()


def checks_of(given: Any, where: str, folder: Path) -> list[CheckFunction]:
    """The checks that a file lists.

    :param folder: where the Python files lie that it names.
    :raises ConfigError: one that does not exist, or does not fit.
    """
    if not isinstance(given, list):
        raise ConfigError(f'{where}: must be a list, such as ["equals", {{ calls = "search" }}]')
    return [_check(each, f"{where}, {number}", folder) for number, each in enumerate(given, 1)]


def _check(given: Any, where: str, folder: Path) -> CheckFunction:
    table = {given: True} if isinstance(given, str) else given
    if not isinstance(table, Mapping) or not table:
        raise ConfigError(f"{where}: a check is a name, or a table that begins with one")
    name, *_ = table
    options = {key: value for key, value in table.items() if key != name}
    if name == _PYTHON:
        return _function(table[name], options, where, folder)
    if name not in CHECKS:
        known = ", ".join((*CHECKS, _PYTHON))
        raise ConfigError(
            f"{where}: there is no check {name!r}{did_you_mean(name, CHECKS)} (there are: {known})"
        )
    return _made(name, table[name], options, where, folder)


def _made(name: str, main: Any, options: dict[str, Any], where: str, folder: Path) -> Check:
    if name == "is_value":
        main = python_object(main, folder) if isinstance(main, str) else main
    arguments = [] if main is True else [main]
    try:
        inspect.signature(CHECKS[name]).bind(*arguments, **options)
    except TypeError as error:
        raise ConfigError(f"{where}: {name}: {error}", cause=error) from error
    try:
        return CHECKS[name](*arguments, **options)
    except (LamellaError, TypeError) as error:
        raise ConfigError(f"{where}: {error}", cause=error) from error


def _function(place: Any, options: dict[str, Any], where: str, folder: Path) -> CheckFunction:
    """A function that is a check; with options, one that makes it of them."""
    if not isinstance(place, str):
        raise ConfigError(
            f'{where}: python names a function: "module:function" or "path/to/file.py:function"'
        )
    found: Any = python_object(place, folder)
    if not callable(found):
        raise ConfigError(f"{where}: {place} is no function, but {type(found).__name__}")
    made: CheckFunction = found(**options) if options else found
    return made


def python_object(place: str, folder: Path, *, default: Any = _MISSING) -> Any:
    """What ``module:name`` or ``path/to/file.py:name`` means; a path is relative to ``folder``.

    :raises ConfigError: it cannot be imported, or has no such name and there is no ``default``.
    """
    source, _, name = place.rpartition(":")
    if not source or not name.isidentifier():
        raise ConfigError(f"{place!r} is no place in Python: write module:name or path/to/file.py:name")
    module = _file(folder / source) if source.endswith(".py") else _module(source)
    found = getattr(module, name, default)
    if found is _MISSING:
        raise ConfigError(f"{source} has no {name!r}{did_you_mean(name, vars(module))}")
    return found


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except Exception as error:  # the user's code
        raise ConfigError(
            f"{name} cannot be imported: {type(error).__name__}: {error}", cause=error
        ) from error


def _file(path: Path) -> Any:
    """The module of a file, loaded once. Its folder is where it finds its neighbours."""
    path = path.resolve()
    loaded = sys.modules.get(path.stem)
    if loaded is not None and getattr(loaded, "__file__", None) == str(path):
        return loaded
    if not path.is_file():
        raise ConfigError(f"there is no file {path}")
    if loaded is not None:
        raise ConfigError(f"{path}: a module named {path.stem!r} is already loaded; rename the file")
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path} cannot be loaded as Python")
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # the user's code
        del sys.modules[path.stem]
        raise ConfigError(f"{path} failed: {type(error).__name__}: {error}", cause=error) from error
    return module
