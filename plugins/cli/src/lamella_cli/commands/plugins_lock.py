"""``lamella plugins lock`` and ``lamella plugins verify``."""

from __future__ import annotations

from pathlib import Path

import click

from lamella_cli.exits import Exit
from lamella_cli.output import notice, write_json
from lamella_cli.session import Session, pass_session

__all__ = ["lock_plugins", "verify_plugins"]


@click.command("lock")
@click.option("--json", "as_json", is_flag=True, help="Print what was locked as JSON.")
@pass_session
def lock_plugins(session: Session, as_json: bool) -> None:
    """Write plugins, versions and the hashes of their files to lamella.lock below the project.

    With locked = true in the configuration, a plugin that differs from it is refused before it is imported.
    The lock says that plugins are what they were; it is no sandbox.
    """
    from lamella.plugins import lock_plugins as make_lock
    from lamella.plugins import write_lock

    path = _path(session)
    locked = make_lock(session.unlocked.host)
    write_lock(locked, path)
    if as_json:
        click.echo(locked.to_json(), nl=False)
    else:
        notice(f"locked {len(locked.plugins)} plugins in {path}")


@click.command("verify")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@pass_session
def verify_plugins(session: Session, as_json: bool) -> int:
    """Hash the files of the plugins again and compare them with lamella.lock; exit code 3 when they differ."""
    from lamella.plugins import read_lock, verify_lock

    differences = verify_lock(read_lock(_path(session)), session.unlocked.host)
    if as_json:
        write_json(
            [
                {"kind": kind, "name": name, "differences": found}
                for (kind, name), found in differences.items()
            ]
        )
    elif not differences:
        click.echo("all plugins are as they were locked")
    for (kind, name), found in () if as_json else differences.items():
        for difference in found:
            click.echo(f"{kind} {name}: {difference}")
    return Exit.PLUGIN if differences else Exit.OK


def _path(session: Session) -> Path:
    from lamella.plugins import LOCK_NAME

    return (session.unlocked.root or Path.cwd()) / LOCK_NAME
