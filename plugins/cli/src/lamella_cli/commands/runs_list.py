"""``lamella runs list``."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING

import click

from lamella_cli.output import notice, write_json, write_table
from lamella_cli.session import Session, pass_session
from lamella_cli.store_options import store_option

if TYPE_CHECKING:
    from lamella.specs import RunSummary

__all__ = ["list_runs"]

_PROMPT_WIDTH = 60


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the newest N.")
@store_option
@pass_session
def list_runs(session: Session, as_json: bool, limit: int | None, store: str | None) -> None:
    """The stored runs, newest first."""
    import attrs

    from lamella_cli.storing import open_store

    summaries = asyncio.run(open_store(session.project, store).list(limit=limit))
    if as_json:
        write_json([attrs.asdict(summary) for summary in summaries])
    elif summaries:
        write_table(
            ["RUN", "STARTED", "STATUS", "MODEL", "TOKENS", "PROMPT"], [_row(run) for run in summaries]
        )
    else:
        notice("no runs are stored yet; lamella run stores each")


def _row(run: RunSummary) -> list[str]:
    from lamella_console.plain import printable

    prompt = " ".join(printable(run.prompt or "").split())
    return [
        run.run_id,
        "-" if run.started_at is None else f"{datetime.fromtimestamp(run.started_at):%Y-%m-%d %H:%M:%S}",
        run.status,
        ":".join(filter(None, (run.provider, run.model))) or "-",
        "-" if run.total_tokens is None else str(run.total_tokens),
        prompt if len(prompt) <= _PROMPT_WIDTH else f"{prompt[: _PROMPT_WIDTH - 1]}…",
    ]
