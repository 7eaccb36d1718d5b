"""Tools from Python modules that the configuration names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lamella_python.settings import PythonToolSettings
    from lamella_python.source import PythonToolSource

__all__ = ["PythonToolSettings", "PythonToolSource"]


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: discovery imports only the plugin module."""
    if name == "PythonToolSettings":
        from lamella_python.settings import PythonToolSettings

        return PythonToolSettings
    if name == "PythonToolSource":
        from lamella_python.source import PythonToolSource

        return PythonToolSource
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
