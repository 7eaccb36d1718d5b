"""``lamella runs show``."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lamella_cli.loading import load_run
from lamella_cli.output import write_json
from lamella_cli.session import Session, pass_session
from lamella_cli.store_options import store_option

if TYPE_CHECKING:
    from lamella.config import Project
    from lamella.content import Block
    from lamella.events import RunStreamEvent

__all__ = ["show_run"]


@click.command("show")
@click.argument("run_id", metavar="[ID]", required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON: the result, or with --events the events.")
@click.option("--events", "as_events", is_flag=True, help="The events one by one.")
@click.option(
    "--save-media", metavar="DIR", type=click.Path(file_okay=False, path_type=Path),
    help="Save the media that the model made in this folder.",
)  # fmt: skip
@click.option("--show-images/--no-show-images", default=None,
              help="Draw images in any terminal, or in none; unless given, in one that says that it can.")  # fmt: skip
@store_option
@pass_session
def show_run(
    session: Session,
    run_id: str | None,
    as_json: bool,
    as_events: bool,
    save_media: Path | None,
    show_images: bool | None,
    store: str | None,
) -> None:
    """One run: what was asked, said and done, usage, cost, and how it ended.

    ID is a run's id, or a beginning of one that only one run has; without it the newest run is shown.
    """
    from lamella.fold import fold
    from lamella.serial import to_dict
    from lamella_cli.reports import event_lines, report_lines
    from lamella_cli.storing import open_store

    events = asyncio.run(load_run(open_store(session.project, store), run_id))
    if as_json and as_events:
        write_json([to_dict(envelope) for envelope in events])
    elif as_json:
        write_json(to_dict(fold(events)))
    else:
        draw = _drawer(session.project, show_images)
        for line in event_lines(events) if as_events else report_lines(events, draw):
            click.echo(line)
    if save_media is not None:
        _save(events, save_media)


def _drawer(project: Project, show_images: bool | None) -> Callable[[Block], str]:
    from lamella_cli.display import console_settings
    from lamella_console.pictures import Pictures, require_pillow

    images = console_settings(project, show_images).get("images", "auto")
    require_pillow(images)
    pictures = Pictures(sys.stdout, images)
    return lambda block: pictures.of(block, shutil.get_terminal_size().columns - 1)


def _save(events: Sequence[RunStreamEvent], folder: Path) -> None:
    from lamella_cli.saving import MadeMedia, save_media

    made = MadeMedia()
    for envelope in events:
        made.feed(envelope)
    failure = save_media(made, folder, "give another folder")
    if failure is not None:
        raise failure
