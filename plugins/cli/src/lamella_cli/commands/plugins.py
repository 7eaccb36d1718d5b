"""``lamella plugins``: what is installed, in which state, and why."""

from __future__ import annotations

import click

from lamella_cli.group import LazyGroup

__all__ = ["plugins"]


@click.group(
    cls=LazyGroup,
    lazy={
        "list": ("lamella_cli.commands.plugins_list:list_plugins", "Every installed plugin and its state."),
        "show": ("lamella_cli.commands.plugins_show:show_plugin", "One plugin in detail."),
        "why": ("lamella_cli.commands.plugins_why:why_plugin", "Which settings decide about a plugin."),
        "lock": ("lamella_cli.commands.plugins_lock:lock_plugins", "Write down what the project uses."),
        "verify": (
            "lamella_cli.commands.plugins_lock:verify_plugins",
            "Compare what is installed with the lock.",
        ),
    },
)
def plugins() -> None:
    """List, explain, lock and verify plugins.

    list, show and why import no plugin, so they work when one is broken.
    """
