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
        "replay": ("lamella_cli.commands.runs_replay:replay_run", "Show a run once more, as it went."),
        "resume": ("lamella_cli.commands.runs_resume:resume_run", "Go on with a run that was interrupted."),
        "fork": ("lamella_cli.commands.runs_fork:fork_run", "An alternative from any event of a run."),
        "diff": ("lamella_cli.commands.runs_diff:diff_runs", "Where two runs differ."),
        "reprice": ("lamella_cli.commands.runs_reprice:reprice_runs", "What runs cost at today's prices."),
        "export": ("lamella_cli.commands.runs_export:export_runs", "Runs as lines of JSON."),
        "import": ("lamella_cli.commands.runs_import:import_runs", "Store exported runs."),
        "copy": ("lamella_cli.commands.runs_copy:copy_stored_runs", "Copy runs to another store."),
    },
)
def runs() -> None:
    """List stored runs, show them, go on with them, compare them, and take them elsewhere.

    They are read from the run store that the project enables, else from .lamella/runs below the project.
    """
