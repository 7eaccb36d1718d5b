"""The entry point: runs a command and turns whatever happens into an exit code and words on standard error."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from lamella.errors import LamellaError
from lamella_cli.exits import Exit, PipeClosedError, exit_of
from lamella_cli.group import root
from lamella_cli.output import drop_stdout, error_line, make_streams_safe

__all__ = ["main", "run"]


def main() -> NoReturn:
    """The console script ``lamella``."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run a command; return its exit code (see ``Exit``). Only bugs leave as exceptions."""
    make_streams_safe()
    try:
        ended = root.main(list(arguments), prog_name="lamella", standalone_mode=False)
        sys.stdout.flush()
    except click.Abort:
        return _interrupted()
    except KeyboardInterrupt:
        return _interrupted()
    except click.ClickException as error:
        error.show()
        return Exit.USAGE
    except LamellaError as error:
        return _report(error, debug="--debug" in arguments)
    except (PipeClosedError, BrokenPipeError):
        drop_stdout()
        return Exit.PIPE_CLOSED
    return ended if isinstance(ended, int) else Exit.OK


def _interrupted() -> int:
    click.echo("interrupted", err=True)
    return Exit.INTERRUPTED


def _report(error: LamellaError, *, debug: bool) -> int:
    if debug:
        import traceback

        traceback.print_exception(error)
    error_line(error.message, error.error_code.value)
    return exit_of(error)
