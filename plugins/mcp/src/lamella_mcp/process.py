"""A server process: started in a group of its own, spoken to over its standard streams, gone at the end.

The SDK's ``stdio_client`` does the same but tells neither the exit code nor what the server last said, reads lines
of any length, and leaves children of a server behind that exits by itself.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import shutil
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import anyio
import attrs
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.client.stdio import get_default_environment
from mcp.shared.message import SessionMessage
from mcp.types import jsonrpc_message_adapter

from lamella.errors import ConfigError
from lamella_mcp.tolerance import name_unknown

__all__ = ["Command", "ServerProcess"]

_STDIN_GRACE: Final = 2.0
"""Seconds that a server has to end by itself once its standard input is closed."""

_TERM_GRACE: Final = 1.0
_KILL_GRACE: Final = 10.0
"""A killed process is gone at once, but a busy system tells so late."""

_POLL: Final = 0.01
_CHUNK: Final = 1 << 16
_TAIL_LINES: Final = 20
_LINE_SHOWN: Final = 500

_living: set[tuple[int, int]] = set()
"""The process that started a server, and the server's id: those of ours are killed when the interpreter ends."""


@attrs.frozen(kw_only=True)
class Command:
    """What to start. ``env`` comes on top of what the SDK passes to any server."""

    command: str
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    cwd: str | None = None

    def environment(self) -> dict[str, str]:
        """The whole environment of the server: nothing of ours but ``PATH``, ``HOME`` and the like, and ``env``."""
        return {**get_default_environment(), **self.env}

    def program(self, server: str) -> str:
        """The path of the program.

        :raises ConfigError: there is none, or no such folder; says how to get it.
        """
        if self.cwd is not None and not Path(self.cwd).is_dir():
            raise ConfigError(f"MCP server {server}: cwd is no folder: {self.cwd}")
        if os.path.dirname(self.command):
            place = Path(self.cwd or ".", self.command)
            found = str(place.absolute()) if place.is_file() and os.access(place, os.X_OK) else None
        else:
            # Servers that were installed beside Lamella are found whether or not its environment is activated.
            beside = os.path.dirname(sys.executable)
            places = os.pathsep.join(filter(None, (beside, self.environment().get("PATH"))))
            found = shutil.which(self.command, path=places)
        if found is None:
            raise ConfigError(
                f"MCP server {server}: there is no command {self.command!r} that can be run; "
                f"{_how_to_get(self.command)}",
                context={"server": server, "command": self.command},
            )
        return found


def _how_to_get(command: str) -> str:
    base = Path(command).name
    if base in ("uv", "uvx"):
        return "it comes with uv: pip install uv"
    if base in ("npx", "npm", "node"):
        return "it comes with Node.js: https://nodejs.org, or your system's package nodejs"
    return "install it, or set command to its full path"


class ServerProcess:
    """One life of a server. Enter :meth:`streams` once.

    ``exit_code`` is negative for a signal, ``None`` while the process lives. ``ended`` is set when nothing more can
    come from the server. ``noise`` is the first line on its standard output that is no message, ``fault`` says what
    it did that ended the conversation.
    """

    def __init__(self, command: Command, server: str, max_message_bytes: int) -> None:
        self._command = command
        self._server = server
        self._max = max_message_bytes
        self._process: asyncio.subprocess.Process | None = None
        self._killed = False
        self._said: deque[str] = deque(maxlen=_TAIL_LINES)
        self._log = logging.getLogger(f"lamella.mcp.{server}")
        self.ended = asyncio.Event()
        self.noise: str | None = None
        self.fault: str | None = None

    @property
    def pid(self) -> int | None:
        """The process id once it is started; also the id of its group."""
        return None if self._process is None else self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How the process ended by itself, ``None`` when it lives or was ended by us."""
        return None if self._process is None or self._killed else self._process.returncode

    @property
    def last_words(self) -> str:
        """The last lines of its standard error."""
        return "\n".join(self._said)

    @asynccontextmanager
    async def streams(self) -> AsyncIterator[tuple[Any, Any]]:
        """Start the process and speak with it; at the end it is gone, with all that it started.

        :raises ConfigError: there is no such command.
        :raises OSError: it cannot be started.
        """
        process = await self._start()
        into, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        outgoing, out_of = anyio.create_memory_object_stream[SessionMessage](0)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._read, process, into)
            tasks.start_soon(self._write, process, out_of)
            tasks.start_soon(self._overhear, process)
            try:
                yield incoming, outgoing
            finally:
                with anyio.CancelScope(shield=True):
                    for stream in (incoming, outgoing):
                        stream.close()
                    await self._stop(process)
                    for end in (into, out_of):
                        end.close()
                tasks.cancel_scope.cancel()

    def kill(self) -> None:
        """End the process and all that it started, now."""
        if self._process is not None:
            self._killed = self._killed or self._process.returncode is None
            _kill_group(self._process.pid)

    # -- start and stop -----------------------------------------------------------------------------

    async def _start(self) -> asyncio.subprocess.Process:
        program = self._command.program(self._server)
        process = await asyncio.create_subprocess_exec(
            program,
            *self._command.args,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._command.environment(),
            cwd=self._command.cwd,
            limit=_CHUNK * 4,
            start_new_session=True,
        )
        self._process = process
        _living.add((os.getpid(), process.pid))
        return process

    async def _stop(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        process.stdin.close()
        if not await _exited(process, _STDIN_GRACE):
            self._killed = True
            _signal_group(process.pid, signal.SIGTERM)
            await _exited(process, _TERM_GRACE)
        _kill_group(process.pid)  # also what a server leaves behind that ended by itself
        if not await _exited(process, _KILL_GRACE):
            self._log.warning("MCP server %s: process %d does not end", self._server, process.pid)
        _living.discard((os.getpid(), process.pid))
        # A descendant that left the group may hold a pipe: without this the loop would watch it for ever.
        transport = getattr(process, "_transport", None)
        if transport is not None:
            transport.close()

    # -- the three streams --------------------------------------------------------------------------

    async def _read(
        self,
        process: asyncio.subprocess.Process,
        into: MemoryObjectSendStream[SessionMessage | Exception],
    ) -> None:
        assert process.stdout is not None
        try:
            async with into:
                async for line in self._lines(process.stdout):
                    message = self._parsed(line)
                    if message is not None:
                        await into.send(message)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            # Nobody listens any more; a server that is stuck in writing must get on to see the end of its input.
            while await process.stdout.read(_CHUNK):
                continue
        finally:
            self.ended.set()

    async def _lines(self, stdout: asyncio.StreamReader) -> AsyncIterator[bytes]:
        pending = bytearray()
        while chunk := await stdout.read(_CHUNK):
            pending += chunk
            if b"\n" in chunk:
                *lines, rest = pending.split(b"\n")
                pending = bytearray(rest)
                for line in lines:
                    yield bytes(line)
            if len(pending) > self._max:
                self.fault = f"it sent a message of more than {self._max:,} bytes"
                self.kill()
                return

    def _parsed(self, line: bytes) -> SessionMessage | Exception | None:
        if not line.strip():
            return None
        try:
            return name_unknown(SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False)))
        except ValueError:
            shown = line[:_LINE_SHOWN].decode("utf-8", "replace").strip()
            if self.noise is None:
                self.noise = shown
                self._log.warning(
                    "MCP server %s wrote to its standard output what is no MCP message: %.200r",
                    self._server,
                    shown,
                )
            self._log.debug("no message: %r", shown)
            return None

    async def _write(
        self, process: asyncio.subprocess.Process, out_of: MemoryObjectReceiveStream[SessionMessage]
    ) -> None:
        assert process.stdin is not None
        try:
            async with out_of:
                async for item in out_of:
                    text = item.message.model_dump_json(by_alias=True, exclude_unset=True)
                    process.stdin.write(text.encode() + b"\n")
                    await process.stdin.drain()
        except (ConnectionError, RuntimeError, anyio.BrokenResourceError, anyio.ClosedResourceError):
            self.ended.set()  # it does not listen any more

    async def _overhear(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        pending = b""
        while chunk := await process.stderr.read(_CHUNK):
            *lines, pending = (pending + chunk)[-_CHUNK:].split(b"\n")
            for line in lines:
                self._hear(line)
        self._hear(pending)

    def _hear(self, line: bytes) -> None:
        text = line[:_LINE_SHOWN].decode("utf-8", "replace").rstrip()
        if text:
            self._said.append(text)
            self._log.debug("stderr: %s", text)


async def _exited(process: asyncio.subprocess.Process, seconds: float) -> bool:
    """Whether the process ends in time. Polled: ``wait()`` also waits for pipes that descendants may hold."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while process.returncode is None:
        if loop.time() >= deadline:
            return False
        await asyncio.sleep(_POLL)
    return True


def _signal_group(pid: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(pid, number)
        else:  # Windows has no groups: the server itself
            os.kill(pid, signal.SIGTERM)


def _kill_group(pid: int) -> None:
    _signal_group(pid, getattr(signal, "SIGKILL", signal.SIGTERM))


def _kill_living() -> None:
    """The interpreter ends and runs were not closed: their servers must not outlive it."""
    for starter, pid in list(_living):
        if starter == os.getpid():
            _kill_group(pid)


atexit.register(_kill_living)
