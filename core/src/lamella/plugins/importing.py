"""Import strings: ``"module:object"`` names that plugins give instead of the object, to stay light."""

from __future__ import annotations

import importlib
from typing import Any

from lamella.errors import LamellaError, PluginError
from lamella.plugins.discovery import distribution_of

__all__ = ["missing_dependency", "resolve_import_string"]


def resolve_import_string(value: str, *, distribution: str | None = None) -> Any:
    """Import what ``"module:object"`` or ``"module:object.attribute"`` names.

    :param distribution: whose import string it is, for the message; guessed from the module if not given.
    :raises PluginError: it is malformed, or cannot be imported; a missing package is the ``cause``, and
        the message has the command that installs it.
    """
    module_name, _, attribute = value.partition(":")
    if not module_name or not attribute:
        raise PluginError(f"import string {value!r} must be 'module:object'")
    owner = distribution or distribution_of(module_name)
    try:
        found: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            found = getattr(found, part)
    except ImportError as error:
        raise missing_dependency(value, owner, error) from error
    except AttributeError as error:
        raise PluginError(f"{value!r} of {owner} does not exist: {error}", cause=error) from error
    except (KeyboardInterrupt, LamellaError):
        raise
    except BaseException as error:  # SystemExit of a module included
        raise PluginError(
            f"{value!r} of {owner} cannot be imported: {type(error).__name__}: {error}", cause=error
        ) from error
    return found


def missing_dependency(what: str, distribution: str, error: ImportError) -> PluginError:
    """The error of a plugin whose SDK is not installed."""
    return PluginError(
        f"{what!r} of {distribution} cannot be imported: {error}; "
        f"install what is missing: pip install {distribution}",
        cause=error,
        context={"distribution": distribution, "missing": error.name},
    )
