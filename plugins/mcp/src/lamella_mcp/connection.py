"""A live session with a server. The SDK's client must be entered and left in one task: that task is here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any, Final

from mcp import Client, MCPError
from mcp.client.subscriptions import SubscriptionLost
from mcp.types import (
    LoggingMessageNotificationParams,
    ServerNotification,
    ToolListChangedNotification,
)
from mcp.types.version import MODERN_PROTOCOL_VERSIONS

from lamella_mcp.failures import hung_at_start, open_failure
from lamella_mcp.targets import Target

__all__ = ["Connection"]

_CLOSE_SECONDS: Final = 6.0
"""How long an orderly end may take: the graces of a process, and some."""

_ABORT_SECONDS: Final = 3.0
_LISTEN_SECONDS: Final = 5.0
_RELISTEN_SECONDS: Final = (1.0, 2.0, 4.0, 8.0, 16.0)

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "notice": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "alert": logging.CRITICAL,
    "emergency": logging.CRITICAL,
}


class Connection:
    """One session, from :meth:`start` to :meth:`stop`. ``changed`` says that the server's tools are not as they were.

    :param answers: the ``Client`` callbacks for what the server may ask: only what is given is declared.
    """

    def __init__(self, name: str, target: Target, answers: Mapping[str, Callable[..., Any]]) -> None:
        self.name = name
        self.target = target
        self.changed = False
        self._answers = answers
        self._log = logging.getLogger(f"lamella.mcp.{name}")
        self._client: Client | None = None
        self._ready = asyncio.Event()
        self._leave = asyncio.Event()
        self._listening = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def client(self) -> Client | None:
        """The SDK's client while the session lives."""
        return self._client

    async def start(self, seconds: float) -> Client:
        """Begin the session.

        :raises ConfigError: there is no such command.
        :raises AgentExecutionError: the server did not get ready; names it and says why.
        """
        self._task = asyncio.create_task(self._hold(), name=f"mcp {self.name}")
        try:
            await _first(self._task, self._ready, seconds)
            if self._client is not None:
                return self._client
            if self._task.done():
                raise self._why_not()
            raise hung_at_start(self.name, self.target, seconds)
        except BaseException:
            await self._abort()
            raise

    async def stop(self) -> None:
        """End the session, on every path: in order if the server follows, else by force."""
        task = self._task
        if task is None:
            return
        self._leave.set()
        try:
            await asyncio.wait({task}, timeout=_CLOSE_SECONDS)
        finally:
            if not task.done():  # it hangs, or who closes was cancelled
                await self._abort()
        self._settle(task)

    async def lost(self) -> str:
        """Wait until the end of a session whose connection is gone is known; how it came."""
        from lamella_mcp.failures import lost_text

        if self._task is not None:
            await asyncio.wait({self._task}, timeout=_ABORT_SECONDS)
        return lost_text(self.target)

    async def _abort(self) -> None:
        self.target.kill()
        if self._task is None or self._task.done():
            return
        self._task.cancel()
        await asyncio.wait({self._task}, timeout=_ABORT_SECONDS)
        if not self._task.done():
            self._log.warning("MCP server %s: its session does not end", self.name)

    def _why_not(self) -> Exception:
        assert self._task is not None
        if self._task.cancelled():
            error: BaseException = asyncio.CancelledError("the session was cancelled")
        else:
            error = self._task.exception() or ConnectionError("the server ended the session")
        return open_failure(self.name, self.target, error)

    def _settle(self, task: asyncio.Task[None]) -> None:
        if task.done() and not task.cancelled() and (error := task.exception()) is not None:
            self._log.debug("MCP server %s: its session ended with an error", self.name, exc_info=error)

    # -- the task -----------------------------------------------------------------------------------

    async def _hold(self) -> None:
        """Enter the client, keep it until the end, leave it."""
        try:
            async with AsyncExitStack() as stack:
                client = await stack.enter_async_context(self._made())
                follower = self._follow(client)
                if follower is not None:
                    stack.push_async_callback(_cancel, follower)
                    await _first(follower, self._listening, _LISTEN_SECONDS)
                self._client = client
                self._ready.set()
                await self._until_the_end()
                self._client = None
        finally:
            self._client = None

    def _made(self) -> Client:
        return Client(
            self.target.server(),
            cache=None,
            logging_callback=self._hear,
            log_level=self._wanted_level(),
            message_handler=self._notice,
            **self._answers,  # type: ignore[arg-type]  # each is a callback of the SDK's
        )

    async def _until_the_end(self) -> None:
        waits = [asyncio.create_task(event.wait()) for event in (self._leave, self.target.ended)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    # -- what the server says unasked -----------------------------------------------------------------

    def _follow(self, client: Client) -> asyncio.Task[None] | None:
        """Since 2026-07-28 a server tells of changes only who listens; before, it tells anyway."""
        tools = client.server_capabilities.tools
        if client.protocol_version not in MODERN_PROTOCOL_VERSIONS or not (tools and tools.list_changed):
            return None
        return asyncio.create_task(self._listen(client), name=f"mcp {self.name} changes")

    async def _listen(self, client: Client) -> None:
        for pause in _RELISTEN_SECONDS:
            try:
                async with client.listen(tools_list_changed=True) as changes:
                    if self._listening.is_set():
                        self.changed = True  # what came in between was not heard
                    self._listening.set()
                    async for _ in changes:
                        self.changed = True
            except SubscriptionLost:
                self._log.debug("MCP server %s: the stream of changes was lost", self.name)
            except (MCPError, TimeoutError) as error:
                self._log.info("MCP server %s does not tell of changes of its tools: %s", self.name, error)
                return
            await asyncio.sleep(pause)

    async def _notice(self, message: ServerNotification | Exception) -> None:
        if isinstance(message, ToolListChangedNotification):
            self.changed = True
        elif isinstance(message, Exception):
            self._log.warning("MCP server %s sent what cannot be read: %s", self.name, message)

    async def _hear(self, params: LoggingMessageNotificationParams) -> None:
        logger = self._log.getChild(params.logger) if params.logger else self._log
        data = params.data
        logger.log(_LEVELS.get(params.level, logging.INFO), "%s", data)

    def _wanted_level(self) -> Any:
        """What to ask the server to log: what somebody here would see."""
        for level in ("debug", "info", "warning"):
            if self._log.isEnabledFor(_LEVELS[level]):
                return level
        return "error"


async def _first(task: asyncio.Task[None], event: asyncio.Event, seconds: float) -> None:
    """Wait until the event is set, the task is done, or the time is over."""
    waiting = asyncio.create_task(event.wait())
    try:
        await asyncio.wait({task, waiting}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled() and (error := task.exception()) is not None:
        logging.getLogger(__name__).debug("the follower of changes failed", exc_info=error)
