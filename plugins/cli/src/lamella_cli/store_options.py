"""The options that name a run store, and say what is done with runs that it has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from lamella_cli.completing import complete_stores

__all__ = ["copy_options", "store_option"]

_F = TypeVar("_F", bound=Callable[..., Any])


def store_option(function: _F) -> _F:
    """``--store NAME``."""
    option = click.option(
        "--store", metavar="NAME", shell_complete=complete_stores,
        help="The run store, by the name of its sink.  [default: the first that the project enables, else jsonl]",
    )  # fmt: skip
    return option(function)


def copy_options(function: _F) -> _F:
    """``--on-exists`` and ``--lossy``."""
    lossy = click.option(
        "--lossy", is_flag=True,
        help="Even if the store does not keep all that there is: payloads of providers, deltas.",
    )  # fmt: skip
    on_exists = click.option(
        "--on-exists", type=click.Choice(["skip", "verify", "error"]), default="skip", show_default=True,
        help="Of a run that is there already: leave it, compare it, or copy none.",
    )  # fmt: skip
    return on_exists(lossy(function))
