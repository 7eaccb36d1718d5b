"""The settings of the tool source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import attrs

from lamella import ConfigError, secret

__all__ = ["MCPToolSettings"]


def _texts(values: Iterable[str]) -> tuple[str, ...]:
    if isinstance(values, str):
        raise ConfigError(f"args and roots are lists of texts, got the text {values!r}")
    return tuple(values)


def _positive(instance: object, attribute: attrs.Attribute[Any], value: float | None) -> None:
    if value is not None and not value > 0:
        raise ConfigError(f"{attribute.name} must be more than 0, got {value!r}")


@attrs.frozen(kw_only=True)
class MCPToolSettings:
    """A table ``[tools.NAME]`` with ``source = "mcp"``: exactly one of ``command`` and ``url``.

    :param command: the program that is the server, looked for beside Lamella's own Python, then in ``PATH``; it is
        spoken to over its standard input and output.
    :param args: its arguments.
    :param env: variables that it gets besides ``PATH``, ``HOME`` and the like; a value is a text or a
        reference to a secret, ``{ env = "NAME" }``.
    :param cwd: the folder that it runs in, the project's by default; a relative one is below that.
    :param url: the address of a server that speaks streamable HTTP.
    :param headers: sent with each request; in files, references to secrets.
    :param token: a bearer token.
    :param oauth_client_id: with ``oauth_client_secret`` and ``oauth_issuer``: OAuth client credentials.
    :param start_timeout: seconds until the server must be ready.
    :param call_timeout: seconds for one call, where the table sets no ``timeout``.
    :param restart: ``on-crash`` starts a server anew that died, at the next call.
    :param max_restarts: how often, in one run.
    :param restart_delay: seconds before the first restart; doubled for each further one.
    :param resources: give the model the tools ``list_resources`` and ``read_resource``.
    :param roots: folders that the server may ask for; relative ones are below the project's.
    :param max_result_bytes: longer text is cut, with a mark; larger media is an error.
    """

    command: str | None = None
    args: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    env: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    cwd: str | None = None
    url: str | None = None
    headers: Mapping[str, str] = secret(factory=dict)
    token: str | None = secret(default=None)
    oauth_client_id: str | None = None
    oauth_client_secret: str | None = secret(default=None)
    oauth_issuer: str | None = None
    oauth_scope: str | None = None
    start_timeout: float = attrs.field(default=30.0, validator=_positive)
    call_timeout: float | None = attrs.field(default=300.0, validator=_positive)
    restart: Literal["never", "on-crash"] = "never"
    max_restarts: int = 3
    restart_delay: float = 0.5
    resources: bool = False
    roots: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    max_result_bytes: int = attrs.field(default=10_000_000, validator=_positive)

    def __attrs_post_init__(self) -> None:
        if (self.command is None) == (self.url is None):
            raise ConfigError("set exactly one of command (a server to start) and url (a server that runs)")
        http_only = ("headers", "token", "oauth_client_id", "oauth_client_secret", "oauth_issuer")
        wrong = [name for name in http_only if getattr(self, name)] if self.url is None else []
        if self.url is not None:
            wrong = [name for name in ("args", "env", "cwd") if getattr(self, name)]
        if wrong:
            kind = "command" if self.url is None else "url"
            raise ConfigError(f"{', '.join(wrong)} means nothing for a server that is set up by its {kind}")
        oauth = (self.oauth_client_id, self.oauth_client_secret, self.oauth_issuer)
        if any(oauth) and not all(oauth):
            raise ConfigError("oauth_client_id, oauth_client_secret and oauth_issuer belong together")
