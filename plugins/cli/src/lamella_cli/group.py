"""The root command: global options, and commands that are imported when they run."""

from __future__ import annotations

import difflib
import importlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from lamella.errors import LamellaError, PluginError
from lamella_cli.exits import PipeClosedError
from lamella_cli.output import notice
from lamella_cli.session import Session

if TYPE_CHECKING:
    from lamella.specs import CommandSpec

__all__ = ["LazyGroup", "RootGroup", "root"]


class LazyGroup(click.Group):
    """A group that knows its commands by name and summary, and imports one when it is looked up."""

    def __init__(self, *args: Any, lazy: dict[str, tuple[str, str]] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *self._lazy]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self._lazy:
            return _own_command(self._lazy[cmd_name][0])
        return super().get_command(ctx, cmd_name)

    def summaries(self, ctx: click.Context) -> list[tuple[str, str]]:
        """The commands with their summaries; none is imported for it."""
        return [(name, summary) for name, (_, summary) in self._lazy.items()]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            if not near:
                raise
            raise click.UsageError(f"{error.format_message()} Did you mean {near[0]!r}?", ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(self.summaries(ctx))


class RootGroup(LazyGroup):
    """The root: its own commands first, then those of the project's plugins."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *_plugin_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        spec = _plugin_commands(ctx).get(cmd_name)
        return None if spec is None else plugin_command(spec)

    def summaries(self, ctx: click.Context) -> list[tuple[str, str]]:
        others = [(name, spec.summary) for name, spec in _plugin_commands(ctx).items()]
        return super().summaries(ctx) + others

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _closed_pipe():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        with _closed_pipe():
            return super().invoke(ctx)


@contextmanager
def _closed_pipe() -> Iterator[None]:
    """Before click sees that nobody reads, and ends the process in its own way."""
    try:
        yield
    except BrokenPipeError as error:
        raise PipeClosedError from error


def _own_command(place: str) -> click.Command:
    module, _, name = place.partition(":")
    command: click.Command = getattr(importlib.import_module(module), name)
    return command


def plugin_command(spec: CommandSpec) -> click.Command:
    """The click command that a plugin contributes.

    :raises PluginError: it cannot be imported, or is no click command.
    """
    from lamella.plugins import resolve_import_string

    command = resolve_import_string(spec.command) if isinstance(spec.command, str) else spec.command
    if not isinstance(command, click.Command):
        raise PluginError(
            f"the command {spec.name!r} of a plugin must be a click command, got {type(command).__name__}"
        )
    return command


def _plugin_commands(ctx: click.Context) -> dict[str, CommandSpec]:
    """The commands of the project's plugins; a project that cannot be read has none, and says why."""
    session = ctx.ensure_object(Session)
    try:
        return {spec.name: spec for spec in session.project.host.commands()}
    except LamellaError as error:
        notice(f"commands of plugins are left out: {error}")
        return {}


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from importlib.metadata import version

    click.echo(f"lamella {version('lamella')} (lamella-cli {version('lamella-cli')})")
    ctx.exit()


def _set_up_logging(verbose: int) -> None:
    level = {0: logging.WARNING, 1: logging.INFO}.get(verbose, logging.DEBUG)
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s")


_COMMANDS: Final = {
    "run": ("lamella_cli.commands.run:run", "Ask a model, with tools, and show the run while it happens."),
    "runs": ("lamella_cli.commands.runs:runs", "List, show, replay, compare and move stored runs."),
    "tools": ("lamella_cli.commands.tools:tools", "List, show and call tools."),
    "plugins": ("lamella_cli.commands.plugins:plugins", "List, explain, lock and verify plugins."),
}


@click.group(
    cls=RootGroup,
    lazy=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=(
        "Exit codes: 0 ok, 1 the run failed, 2 wrong usage or configuration, 3 a plugin cannot be used, "
        "130 interrupted (Ctrl-C), 141 the reader of the output left, 143 terminated."
    ),
)
@click.option(
    "--project",
    "directory",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where the project is looked for, upwards.  [default: the working directory]",
)
@click.option("--strict-plugins", is_flag=True, help="Any plugin that cannot be used is an error.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.option("-v", "--verbose", count=True, help="Log what happens to standard error; twice for more.")
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version,
    help="Show the version.",
)  # fmt: skip
@click.pass_context
def root(ctx: click.Context, directory: Path | None, strict_plugins: bool, debug: bool, verbose: int) -> None:
    """Run language-model agents, look at their runs, and manage the plugins they are made of."""
    _set_up_logging(verbose)
    ctx.obj = Session(directory=directory, strict_plugins=strict_plugins, debug=debug)
