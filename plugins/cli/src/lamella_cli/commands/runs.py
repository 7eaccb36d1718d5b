"""``lamella runs``: what is stored."""

from __future__ import annotations

import click

from lamella_cli.group import LazyGroup

__all__ = ["runs"]


@click.group(
    cls=LazyGroup,
    lazy={
        "list": ("lamella_cli.commands.runs_list:list_runs", "The stored runs, newest first."),
        "show": (
            "lamella_cli.commands.runs_show:show_run",
            "One run: messages, tools, usage, cost, outcome.",
        ),
    },
)
def runs() -> None:
    """List stored runs, and show one.

    They are read from the run store that the project enables, else from .lamella/runs below the project.
    """
