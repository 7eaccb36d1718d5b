"""``lamella plugins list``."""

from __future__ import annotations

import click

from lamella_cli.output import notice, write_json, write_table
from lamella_cli.plugin_facts import record_facts, state_words
from lamella_cli.session import Session, pass_session

__all__ = ["list_plugins"]


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@pass_session
def list_plugins(session: Session, as_json: bool) -> None:
    """Every installed plugin and its state; none is imported."""
    host = session.unlocked.host
    records, faults = host.records(), host.faults()
    if as_json:
        write_json(
            {
                "plugins": [record_facts(record) for record in records],
                "faults": [{"distribution": fault.distribution, "reason": fault.reason} for fault in faults],
            }
        )
        return
    if records:
        rows = [[record.kind, record.name, record.origin, state_words(record)] for record in records]
        write_table(["KIND", "NAME", "FROM", "STATE"], rows)
    else:
        notice("no plugins are installed; for example: pip install lamella-openai")
