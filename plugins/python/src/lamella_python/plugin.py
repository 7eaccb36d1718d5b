"""The plugin: contributes the tool source ``python``."""

from __future__ import annotations

import lamella

__all__ = ["lamella_api", "lamella_tool_source"]

lamella_api = "1.0"


@lamella.hookimpl
def lamella_tool_source() -> lamella.ToolSourceSpec:
    """The functions, classes and objects of modules as tools."""
    return lamella.ToolSourceSpec(
        id="python",
        summary="Functions, classes and objects of Python modules, named in the configuration.",
        settings="lamella_python.settings:PythonToolSettings",
        factory="lamella_python.source:PythonToolSource",
    )
