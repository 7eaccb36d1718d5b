"""The plugin: contributes the tool source ``python``."""

from __future__ import annotations

import lamella

__all__ = ["lamella_api", "lamella_tool_source"]

lamella_api = "1.0"


@lamella.hookimpl
def lamella_tool_source() -> lamella.ToolSourceSpec:
    """The functions of a module as tools."""
    return lamella.ToolSourceSpec(
        id="python",
        summary="Functions of a Python module, named in the configuration.",
        settings="lamella_python.settings:PythonToolSettings",
        factory="lamella_python.source:PythonToolSource",
    )
