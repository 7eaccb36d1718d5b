"""``lamella tools``: which tools there are, what they take, and calling one."""

from __future__ import annotations

import click

from lamella_cli.group import LazyGroup

__all__ = ["tools"]


@click.group(
    cls=LazyGroup,
    lazy={
        "list": (
            "lamella_cli.commands.tools_list:list_tools",
            "The configured and the installed tool sources.",
        ),
        "show": ("lamella_cli.commands.tools_show:show_tools", "What the tools of a source take."),
        "call": ("lamella_cli.commands.tools_call:call_tool", "Call a tool, without a model."),
    },
)
def tools() -> None:
    """List, show and call tools, whatever they come from.

    A tool source is a table of [tool.lamella.tools], an installed source that needs no settings, a module,
    module:function, or path/to/file.py[:function], as for lamella run -t.
    """
