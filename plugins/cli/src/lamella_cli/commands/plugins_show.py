"""``lamella plugins show``."""

from __future__ import annotations

from typing import Any

import click

from lamella_cli.output import write_json
from lamella_cli.plugin_facts import find_alias, find_records, record_facts
from lamella_cli.session import Session, pass_session

__all__ = ["show_plugin"]


@click.command("show")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--load", is_flag=True, help="Import the plugin, and show what it contributes.")
@pass_session
def show_plugin(session: Session, name: str, as_json: bool, load: bool) -> None:
    """One plugin in detail. NAME may be kind.name, such as sink.jsonl.

    Without --load nothing is imported.
    """
    project = session.project if load else session.unlocked
    alias, plugin = find_alias(project, name)
    host = project.host
    shown: list[dict[str, Any]] = []
    for record in find_records(host, plugin):
        if load and record.usable:
            record = host.activate(record.kind, record.name)
        facts = record_facts(record)
        if alias is not None:
            facts["alias"] = alias.name
        if load:
            from lamella_cli.contributions import contribution

            facts["contribution"] = contribution(host, record)
        shown.append(facts)
    if as_json:
        write_json(shown)
        return
    for facts in shown:
        for key, value in _lines(facts):
            click.echo(f"{key:<14} {value}".rstrip())


def _lines(facts: dict[str, Any]) -> list[tuple[str, str]]:
    contributed = facts.get("contribution") or {}
    lines = {**{key: value for key, value in facts.items() if key != "contribution"}, **contributed}
    return [(key, _words(value)) for key, value in lines.items() if value not in (None, [], "")]


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
