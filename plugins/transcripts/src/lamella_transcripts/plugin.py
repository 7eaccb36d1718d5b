"""The plugin ``transcripts``: a command, and nothing imported before it runs."""

from __future__ import annotations

from collections.abc import Sequence

import lamella
from lamella.specs import CommandSpec

__all__ = ["lamella_api", "lamella_cli"]

lamella_api = "1.0"


@lamella.hookimpl
def lamella_cli() -> Sequence[CommandSpec]:
    """``lamella transcripts``."""
    return [
        CommandSpec(
            name="transcripts",
            command="lamella_transcripts.command:transcripts",
            summary="Convert conversations of other systems.",
        )
    ]
