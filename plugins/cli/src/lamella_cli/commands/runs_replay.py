"""``lamella runs replay``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

import click

from lamella_cli.agent_options import agent_options
from lamella_cli.exits import Exit
from lamella_cli.output import write_json
from lamella_cli.session import Session, pass_session
from lamella_cli.store_options import store_option

if TYPE_CHECKING:
    from lamella.events import RunStreamEvent
    from lamella.specs import RunStore
    from lamella_cli.display import Display

__all__ = ["replay_run"]


@click.command("replay")
@click.argument("run_id", metavar="[ID]", required=False)
@click.option("--speed", type=click.FloatRange(min=0, min_open=True), metavar="N", default=1.0, show_default=True,
              help="N times as fast; inf without any wait.")  # fmt: skip
@click.option("--max-wait", type=click.FloatRange(min=0), metavar="SECONDS",
              help="No wait is longer than this, as it is shown.")  # fmt: skip
@click.option(
    "--json", "as_json", is_flag=True, help="Print each event as one line of JSON, and nothing else."
)
@click.option(
    "--verify", is_flag=True,
    help="Do the whole run again from its own log instead, with the network blocked: the agent must ask for the same, "
    "and the same events must come of it.",
)  # fmt: skip
@agent_options
@store_option
@pass_session
def replay_run(
    session: Session,
    run_id: str | None,
    speed: float,
    max_wait: float | None,
    as_json: bool,
    verify: bool,
    agent: str | None,
    tools: tuple[str, ...],
    system: str | None,
    store: str | None,
) -> int:
    """Show a stored run once more, as lamella run showed it, with the times it had. Nothing is asked or run.

    ID is a run's id, or a beginning of one that only one run has; without it the newest run is shown.
    """
    from lamella_cli.display import JSONLines, People, console_settings
    from lamella_cli.storing import open_store

    if verify:
        return _verify(session, run_id, store, as_json, agent=agent, tools=tools, system=system)
    if agent or tools or system:
        raise click.UsageError("--agent, --tools and --system say who is verified: add --verify")
    project = session.project
    display: Display = JSONLines(sys.stdout) if as_json else People(console_settings(project, None))
    asyncio.run(_replay(open_store(project, store), run_id, display, speed, max_wait))
    return Exit.OK


def _verify(session: Session, run_id: str | None, store: str | None, as_json: bool, **said: Any) -> int:
    import attrs

    from lamella_cli.going_on import Again, read_recording, set_up

    with redirect_stdout(sys.stderr):  # of what the agent's tools print while they are made ready
        recording = asyncio.run(read_recording(session.project, run_id, store))
        planned, _ = set_up(session, recording, Again(**said), store, sys.stdout)
        found = asyncio.run(recording.averify(planned.agent))
    if as_json:
        write_json({**attrs.asdict(found), "ok": found.ok})
        return Exit.OK if found.ok else Exit.FAILED
    for problem in found.problems:
        click.echo(problem)
    how_far = "" if found.whole else ", as far as the log goes: the run did not end by itself"
    unchecked = f", {found.unchecked} without a digest" if found.unchecked else ""
    said_of_it = "is the same again" if found.ok else "is another"
    click.echo(
        f"run {found.run_id} {said_of_it}: {found.requests} requests{unchecked}, {found.events} events{how_far}"
    )
    return Exit.OK if found.ok else Exit.FAILED


async def _replay(
    store: RunStore, run_id: str | None, display: Display, speed: float, max_wait: float | None
) -> None:
    from lamella_cli.loading import load_run

    await _show(await load_run(store, run_id), display, speed, max_wait)


async def _show(
    events: Sequence[RunStreamEvent], display: Display, speed: float, max_wait: float | None
) -> None:
    from lamella.recordings import areplay

    await display.open()
    try:
        async for envelope in areplay(events, speed=speed, max_wait=max_wait):
            await display.show(envelope)
    finally:
        await display.close()
