"""``lamella transcripts``: imported when the command runs, by the command line, which brings click."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from lamella.serial import messages_from_json, messages_to_json
from lamella_cli.output import notice, write_json
from lamella_transcripts.facade import read, write
from lamella_transcripts.formats import formats

__all__ = ["transcripts"]

_OWN = "lamella"
_FORMS = click.Choice([_OWN, *formats()])


@click.group()
def transcripts() -> None:
    """Convert conversations of other systems; losses are told on standard error."""


@transcripts.command()
@click.option("--from", "source", type=_FORMS, required=True, help="The form of the file.")
@click.option("--to", "target", type=_FORMS, default=_OWN, show_default=True, help="The form to write.")
@click.option("--strict", is_flag=True, help="Fail where anything that a model reads would be lost.")
@click.argument("file", type=click.Path(allow_dash=True, path_type=Path))
def convert(source: str, target: str, strict: bool, file: Path) -> None:
    """Convert FILE (- is standard input), JSON, and write JSON to standard output."""
    text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    if source == _OWN:
        messages = tuple(messages_from_json(text, unknown="keep"))
    else:
        found = read(source, text)
        messages = found.messages
        for loss in found.losses:
            notice(f"{source}: {loss}")
    if target == _OWN:
        click.echo(messages_to_json(messages, indent=2))
        return
    written = write(target, messages, mode="strict" if strict else "degrade")
    for loss in written.losses:
        notice(f"{target}: {loss}")
    write_json(written.data)
