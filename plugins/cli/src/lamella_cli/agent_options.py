"""The options that name the agent of a stored run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from lamella_cli.completing import complete_agents, complete_sources

__all__ = ["agent_options"]

_F = TypeVar("_F", bound=Callable[..., Any])


def agent_options(function: _F) -> _F:
    """``--agent``, ``-t``, ``--system``: what goes over what is kept with the run."""
    for option in (
        click.option("--system", metavar="TEXT", help="The system instruction."),
        click.option(
            "-t", "--tools", multiple=True, metavar="TOOLS", shell_complete=complete_sources,
            help="Its tools, as in lamella run. May be repeated.",
        ),
        click.option(
            "--agent", metavar="NAME", shell_complete=complete_agents,
            help="The agent that made the run.  [default: as the run says]",
        ),
    ):  # fmt: skip
        function = option(function)
    return function
