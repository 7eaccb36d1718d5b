"""Finding modules and names, and saying which one was meant when there is none."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import sys
from collections.abc import Iterable
from types import ModuleType

from lamella import ConfigError, PluginError


def nearest(wanted: str, names: Iterable[str]) -> str:
    """``"; did you mean 'x'?"``, or the names there are, or nothing."""
    known = sorted(names)
    if close := difflib.get_close_matches(wanted, known, n=1):
        return f"; did you mean {close[0]!r}?"
    return f"; it has {', '.join(known[:10])}" if known else ""


def import_module(name: str, path: str) -> ModuleType:
    """Import a module by name.

    :raises ConfigError: there is none of this name; ``path`` is where the user said to look.
    :raises PluginError: it is there, and raises.
    """
    importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise _broken(name, error) from error
        raise ConfigError(
            f"the tool source python: there is no module {name!r} (looked in {path!r} and sys.path)"
            f"{_nearest_module(error.name)}",
            cause=error,
        ) from error
    except (Exception, SystemExit) as error:
        raise _broken(name, error) from error


def _broken(name: str, error: BaseException) -> PluginError:
    return PluginError(
        f"the tool source python: module {name!r} raises when it is imported: {type(error).__name__}: {error}",
        context={"module": name},
        cause=error,
    )


def _nearest_module(missing: str) -> str:
    """A suggestion from the modules beside the missing one."""
    parent, _, wanted = missing.rpartition(".")
    folders = list(getattr(sys.modules.get(parent), "__path__", ())) if parent else sys.path[:1]
    names = [f"{parent}.{found.name}" if parent else found.name for found in pkgutil.iter_modules(folders)]
    return nearest(missing if parent else wanted, names)
