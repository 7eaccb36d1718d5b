"""The plugin ``evals``: light, and only a command. In code, ``lamella_evals`` is imported."""

from __future__ import annotations

from collections.abc import Sequence

import lamella
from lamella.specs import CommandSpec

__all__ = ["lamella_api", "lamella_cli"]

lamella_api = "1.0"


@lamella.hookimpl
def lamella_cli() -> Sequence[CommandSpec]:
    """``lamella eval``."""
    return [
        CommandSpec(
            name="eval",
            command="lamella_evals.command:evaluate_file",
            summary="Run an agent on cases and check its answers.",
        )
    ]
