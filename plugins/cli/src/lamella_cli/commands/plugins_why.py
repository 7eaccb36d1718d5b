"""``lamella plugins why``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import click

from lamella_cli.output import write_json
from lamella_cli.plugin_facts import find_alias, find_records, record_facts, state_words
from lamella_cli.session import Session, pass_session

if TYPE_CHECKING:
    from lamella.config import Mention, Project

__all__ = ["why_plugin"]


@click.command("why")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@pass_session
def why_plugin(session: Session, name: str, as_json: bool) -> None:
    """Why a plugin is in its state: what each layer of the configuration says of it; the last word decides.

    NAME may be kind.name, such as sink.jsonl.
    """
    project = session.unlocked
    alias, plugin = find_alias(project, name)
    records = find_records(project.host, plugin)
    if as_json:
        write_json(
            [
                {
                    **record_facts(record),
                    "alias": None if alias is None else attrs.asdict(alias),
                    "autoload": _autoload(project),
                    "mentions": [
                        attrs.asdict(mention) for mention in project.why(f"{record.kind}.{record.name}")
                    ],
                }
                for record in records
            ]
        )
        return
    if alias is not None:
        click.echo(f"provider {alias.name} is no plugin: {alias.where} makes it like {alias.like}")
    for record in records:
        click.echo(f"{record.title}: {state_words(record)}")
        for line in _lines(project, project.why(f"{record.kind}.{record.name}")):
            click.echo(f"  {line}")
        if record.mend:
            click.echo(f"  to mend it, {record.mend[0].lower()}{record.mend[1:]}")


def _autoload(project: Project) -> dict[str, Any]:
    found = project.provenance("autoload")
    return {"value": project.host.catalog.autoload, "where": None if found is None else found.where}


def _lines(project: Project, mentions: tuple[Mention, ...]) -> list[str]:
    autoload = _autoload(project)
    first = f'autoload = "{autoload["value"]}" ({autoload["where"]})'
    words = [
        f"{mention.layer}: {mention.where}: {mention.key} = {str(mention.value).lower()}"
        for mention in mentions
    ]
    return [first, *words[:-1], f"{words[-1]}  <- decides"] if words else [first, "no layer mentions it"]
