"""The entry point: runs a command and turns whatever happens into an exit code and words on standard error."""

from __future__ import annotations

import contextvars
import sys
import warnings
from collections.abc import Sequence
from typing import NoReturn, TextIO

import click

from lamella.errors import LamellaError
from lamella_cli.exits import Exit, PipeClosedError, exit_of
from lamella_cli.group import root
from lamella_cli.output import drop_stdout, error_line, make_streams_safe, notice

__all__ = ["main", "run"]


def main() -> NoReturn:
    """The console script ``lamella``."""
    warnings.showwarning = _show_warning
    sys.exit(run(sys.argv[1:]))


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """A warning is a word to the user; where in the code it was given does not help."""
    notice(f"warning: {message}")


def run(arguments: Sequence[str]) -> int:
    """Run a command; return its exit code (see ``Exit``). Only bugs leave as exceptions.

    In a context of its own: the project of the command is nobody else's current project.
    """
    make_streams_safe()
    return contextvars.copy_context().run(_run, arguments)


def _run(arguments: Sequence[str]) -> int:
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
    except OSError as error:  # a full disk, a file that may not be read
        error_line(str(error), "system")
        return Exit.FAILED
    return ended if isinstance(ended, int) else Exit.OK


def _interrupted() -> int:
    notice("interrupted")
    return Exit.INTERRUPTED


def _report(error: LamellaError, *, debug: bool) -> int:
    if debug:
        import traceback

        traceback.print_exception(error)
    error_line(error.message, error.error_code.value)
    return exit_of(error)
