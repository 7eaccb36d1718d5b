"""``lamella runs diff``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from lamella_cli.output import write_json
from lamella_cli.session import Session, pass_session
from lamella_cli.store_options import store_option

if TYPE_CHECKING:
    from lamella.recordings import RunDiff
    from lamella.specs import RunStore

__all__ = ["diff_runs"]


@click.command("diff", epilog="Exit codes: 0 the runs are the same, 1 they are not.")
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option("--strict", is_flag=True, help="Compare ids, times and the state of vendors too.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@store_option
@pass_session
def diff_runs(session: Session, a: str, b: str, strict: bool, as_json: bool, store: str | None) -> int:
    """Where run B differs from run A: what was asked, said, called, given back, used.

    Agents are compared by their names, the responses of each by their number. A and B are ids of runs, or beginnings
    of ids.
    """
    from lamella_cli.exits import Exit
    from lamella_cli.storing import open_store

    found = asyncio.run(_compare(open_store(session.project, store), a, b, strict))
    if as_json:
        write_json(_document(found))
    else:
        _print(found)
    return Exit.OK if found.same else Exit.FAILED


async def _compare(store: RunStore, a: str, b: str, strict: bool) -> RunDiff:
    from lamella.recordings import diff
    from lamella_cli.loading import load_run

    return diff(await load_run(store, a), await load_run(store, b), strict=strict)


def _document(found: RunDiff) -> dict[str, object]:
    import attrs

    return {"same": found.same, **attrs.asdict(found)}


def _print(found: RunDiff) -> None:
    from lamella_console.plain import printable

    colors = {"-": "red", "+": "green", "@": "cyan"}
    for line in found.lines():
        click.echo(click.style(printable(line), fg=colors.get(line.lstrip()[:1])))
