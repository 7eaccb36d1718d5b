"""``lamella serve-mcp``."""

from __future__ import annotations

import contextlib
import importlib
import sys
from typing import TYPE_CHECKING, Any

import click

from lamella.errors import ConfigError
from lamella_cli.session import Session, pass_session

if TYPE_CHECKING:
    from lamella.config import Project

__all__ = ["serve_mcp"]


@click.command("serve-mcp")
@click.argument("agent")
@click.option(
    "--http", "address", metavar="HOST:PORT", help="Over HTTP instead of standard input and output."
)
@click.option("--name", help="What the server calls itself.  [default: the agent's name]")
@pass_session
def serve_mcp(session: Session, agent: str, address: str | None, name: str | None) -> None:
    """Serve AGENT as an MCP server, for any program that takes MCP tools.

    AGENT is an agent of the configuration, or module:attribute of an Agent or a Tool. Over standard input and
    output (the default) standard output belongs to the protocol. Over HTTP the endpoint is http://HOST:PORT/mcp.
    """
    project = session.project
    # Nothing that the project's modules print may get in between the messages.
    with contextlib.redirect_stdout(sys.stderr):
        served = _found(agent, project)
    from lamella_mcp.serving import serve_agent

    if address is None:
        serve_agent(served, name=name)
        return
    host, port = _host_and_port(address)
    serve_agent(served, "http", host, port, name=name, on_ready=_say)


def _say(url: str) -> None:
    click.echo(f"serving at {url}", err=True)


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise click.BadParameter(f"must be HOST:PORT, got {address!r}", param_hint="--http")
    return host.strip("[]") or "127.0.0.1", int(port)


def _found(name: str, project: Project) -> Any:
    if ":" not in name:
        from lamella.agent import get_agent

        return get_agent(name, project=project)
    module_name, _, attribute = name.partition(":")
    folder = str(project.root or ".")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise ConfigError(f"there is no module {module_name!r} (looked in {folder} and sys.path)") from error
    if not hasattr(module, attribute):
        raise ConfigError(f"module {module_name} has no {attribute!r}")
    return getattr(module, attribute)
