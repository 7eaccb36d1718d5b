"""The session of a source: one connection after the other, as the restart policy says."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

from mcp import Client

from lamella import AgentExecutionError, ToolTimeoutError
from lamella_mcp.connection import Connection
from lamella_mcp.errors import MCPToolError
from lamella_mcp.failures import call_failure, is_lost, leaves
from lamella_mcp.settings import MCPToolSettings
from lamella_mcp.targets import ProcessTarget, Target

__all__ = ["Session"]

T = TypeVar("T")

_MAX_DELAY: Final = 30.0


class Session:
    """Open from the first connection until :meth:`close`; what is asked in between goes through :meth:`request`."""

    def __init__(
        self,
        name: str,
        new_target: Callable[[], Target],
        answers: Mapping[str, Callable[..., Any]],
        policy: MCPToolSettings,
    ) -> None:
        self._name = name
        self._new_target = new_target
        self._answers = answers
        self._policy = policy
        self._connection: Connection | None = None
        self._restarts = 0
        self._mending = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        """The process id of a server that was started, ``None`` for others."""
        target = None if self._connection is None else self._connection.target
        return target.process.pid if isinstance(target, ProcessTarget) else None

    async def open(self) -> None:
        """Connect.

        :raises ConfigError: there is no such command.
        :raises AgentExecutionError: the server cannot be started, reached or spoken to.
        """
        await self._connect()

    async def close(self) -> None:
        """End the connection there is."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.stop()

    def take_change(self) -> bool:
        """Whether the server's tools have changed since this was asked last, and the server can be asked for them."""
        connection = self._connection
        if connection is None or not connection.changed or connection.client is None:
            return False
        connection.changed = False
        return True

    async def _connect(self) -> Client:
        connection = Connection(self._name, self._new_target(), self._answers)
        client = await connection.start(self._policy.start_timeout)
        self._connection = connection
        return client

    async def request(self, what: str, send: Callable[[Client], Awaitable[T]], *, timed: bool = True) -> T:
        """Send a request over the session.

        :param timed: whether ``call_timeout`` holds; a tool is timed by who calls it.
        :raises MCPToolError: the server is gone, or answers with an error.
        :raises ToolTimeoutError: it does not answer in time.
        """
        client, connection = await self._live(what)
        try:
            async with asyncio.timeout(self._policy.call_timeout if timed else None) as deadline:
                return await send(client)
        except TimeoutError as error:
            if not deadline.expired():
                raise
            raise ToolTimeoutError(
                f"MCP server {self._name}, {what}: no answer within {self._policy.call_timeout:g} s",
                context={"server": self._name},
            ) from error
        except Exception as error:
            if connection.client is None or any(is_lost(leaf) for leaf in leaves(error)):
                raise await self._died(what, connection) from None
            raise call_failure(self._name, what, connection.target, error) from None

    async def _live(self, what: str) -> tuple[Client, Connection]:
        connection = self._connection
        if connection is None:
            raise AgentExecutionError(
                f"MCP server {self._name} is not open; open() it, or give it to an agent"
            )
        if connection.client is not None:
            return connection.client, connection
        async with self._mending:
            connection = self._connection
            if connection is not None and connection.client is None:
                await self._mend(what, connection)
                connection = self._connection
            if connection is None or connection.client is None:
                raise AgentExecutionError(f"MCP server {self._name} was closed")
            return connection.client, connection

    async def _mend(self, what: str, dead: Connection) -> None:
        """Start a server anew that died, if the policy says so."""
        if self._policy.restart != "on-crash" or self._restarts >= self._policy.max_restarts:
            raise await self._died(what, dead)
        delay = min(self._policy.restart_delay * 2**self._restarts, _MAX_DELAY)
        self._restarts += 1
        story = await dead.lost()
        await dead.stop()
        logging.getLogger(f"lamella.mcp.{self._name}").warning(
            "MCP server %s: %s; it is started anew (%d of %d)",
            self._name,
            story,
            self._restarts,
            self._policy.max_restarts,
        )
        await asyncio.sleep(delay)
        await self._connect()
        assert self._connection is not None
        self._connection.changed = True  # it may have other tools now

    async def _died(self, what: str, connection: Connection) -> MCPToolError:
        story = await connection.lost()
        policy = self._policy
        if policy.restart == "never":
            then = 'restart = "on-crash" would start it anew at the next call'
        elif self._restarts >= policy.max_restarts:
            then = f"it was started anew {self._restarts} times, which is max_restarts"
        else:
            then = "the next call starts it anew"
        return MCPToolError(
            f"MCP server {self._name}, {what}: the server is gone, {story}\n({then})",
            context={"server": self._name},
        )
