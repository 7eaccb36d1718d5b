"""From the settings of a source to the server they lead to."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamella import ConfigError, current_project
from lamella_mcp.process import Command
from lamella_mcp.settings import MCPToolSettings
from lamella_mcp.targets import Address, HTTPTarget, InProcessTarget, ProcessTarget, Target

if TYPE_CHECKING:
    import httpx2

__all__ = ["below_project", "default_name", "target_factory"]


def target_factory(
    settings: MCPToolSettings, server: Any, auth: httpx2.Auth | None, name: str
) -> Callable[[], Target]:
    """A function that makes a target for each attempt to connect.

    :raises ConfigError: a reference that leads nowhere, or a URL that is none.
    """
    # Base64 takes a third more, JSON escapes some, and a structured result comes twice.
    largest = 4 * settings.max_result_bytes + 1_000_000
    if server is not None:
        return lambda: InProcessTarget(server)
    if settings.url is not None:
        address = _address(settings, settings.url, auth)
        return lambda: HTTPTarget(address, largest)
    command = _command(settings, name)
    return lambda: ProcessTarget(command, name, largest)


def default_name(command: str | None, url: str | None, server: Any) -> str:
    """What a server is called that was given no name."""
    if command is not None:
        return Path(command).name or command
    if url is not None:
        return re.sub(r"^[a-z]+://", "", url).partition("/")[0].rpartition("@")[2] or url
    return str(getattr(server, "name", None) or getattr(server, "__name__", None) or type(server).__name__)


def below_project(path: str | Path) -> Path:
    """The path, a relative one below the project's folder."""
    path = Path(path).expanduser()
    return path if path.is_absolute() else (current_project().root or Path.cwd()) / path


def _command(settings: MCPToolSettings, server: str) -> Command:
    from lamella.plugins.secrets import is_reference, resolve_secret

    project = current_project()
    env = {}
    for name, value in settings.env.items():
        where = f"MCP server {server}: env.{name}"
        if is_reference(value):
            value = resolve_secret(value, where=where, env=project.env, root=project.root)
        if not isinstance(value, str):
            raise ConfigError(
                f"{where} must be a text or a reference to a secret, got {type(value).__name__}"
            )
        env[name] = value
    assert settings.command is not None
    return Command(
        command=settings.command, args=settings.args, env=env, cwd=str(below_project(settings.cwd or "."))
    )


def _address(settings: MCPToolSettings, url: str, auth: httpx2.Auth | None) -> Address:
    if not re.match(r"https?://", url):
        raise ConfigError(f"the tool source mcp: url must begin with http:// or https://, got {url[:80]!r}")
    headers = dict(settings.headers)
    if settings.token is not None:
        headers["Authorization"] = f"Bearer {settings.token}"
    if settings.oauth_client_id and settings.oauth_client_secret and settings.oauth_issuer:
        from lamella_mcp.oauth import client_credentials

        auth = client_credentials(
            url,
            client_id=settings.oauth_client_id,
            client_secret=settings.oauth_client_secret,
            issuer=settings.oauth_issuer,
            scope=settings.oauth_scope,
        )
    return Address(url=url, headers=headers, auth=auth, connect_timeout=settings.start_timeout)
