"""``SimServer``: the simulator on loopback, as the vendors' wires, in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, Self

from lamella.errors import ConfigError, LamellaError
from lamella_sim.behaviours import MODEL_NAMES, ScriptSource, as_behaviour, behaviour_of
from lamella_sim.faults import Fault
from lamella_sim.record import RecordedRequest
from lamella_sim.script import Behaviour
from lamella_sim.settings import ChunkBy
from lamella_sim.wires import WIRES

if TYPE_CHECKING:
    import uvicorn

__all__ = ["SimServer"]

_START_SECONDS: Final = 10.0


class SimServer:
    """Serves simulated models over HTTP. Use it as ``with`` or ``async with``, or ``start()`` and ``stop()``.

    :param script: what to play, as in :class:`~lamella_sim.ChatSim`; without one the rules answer.
        A request for the model ``echo`` or ``sim-echo`` is echoed, any other name is taken.
    :param port: 0 takes a free one.
    :param faults: what goes wrong, see :mod:`lamella_sim.faults`.
    :param require_key: answer 401 without a key; any key will do.
    :param limits: refuse requests and media that the vendor finds too large.
    :param delay: seconds before each chunk of a stream.
    :param chunk: what a streamed piece is: ``word``, ``char`` or ``whole``.
    :param reasoning: replies by rule begin with a reasoning summary.
    """

    def __init__(
        self,
        script: ScriptSource | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        faults: Iterable[Fault] = (),
        require_key: bool = False,
        limits: bool = True,
        delay: float = 0.0,
        chunk: ChunkBy = "word",
        reasoning: bool = False,
    ) -> None:
        self.host, self.port = host, port
        self.require_key, self.limits = require_key, limits
        self.delay, self.chunk = delay, chunk
        self._rules = (
            behaviour_of("demo", None, reasoning=reasoning) if script is None else as_behaviour(script)
        )
        self._lock = threading.Lock()
        self._faults: list[tuple[Fault, int | None]] = []
        self._requests: list[RecordedRequest] = []
        self._transports: dict[Any, asyncio.Transport] = {}
        self._running: _Running | None = None
        self.inject(*faults)

    # -- where it is, what it was asked -----------------------------------------------------------

    @property
    def url(self) -> str:
        """``http://host:port``."""
        return f"http://{self.host}:{self.port}"

    @property
    def base_url(self) -> str:
        """The base URL for OpenAI's SDK, both of its wires: ``…/v1``; others: :meth:`base_url_of`."""
        return self.base_url_of("openai.responses")

    def base_url_of(self, wire: str) -> str:
        """The base URL for the SDK of a wire, such as ``openai.chat``.

        :raises ConfigError: no such wire.
        """
        paths = {each.name: each.base_path for each in WIRES}
        if wire not in paths:
            raise ConfigError(f"there is no wire {wire!r}; there are {', '.join(paths)}")
        return self.url + paths[wire]

    @property
    def requests(self) -> tuple[RecordedRequest, ...]:
        """All requests in the order they came, without secrets."""
        with self._lock:
            return tuple(self._requests)

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        return len(self._transports)

    def clear(self) -> None:
        """Forget the requests and the faults that are left."""
        with self._lock:
            self._requests.clear()
            self._faults.clear()

    def inject(self, *faults: Fault) -> None:
        """Add faults behind those that are left."""
        with self._lock:
            self._faults.extend((fault, fault.times) for fault in faults)

    # -- what the application asks ----------------------------------------------------------------

    def behaviour_for(self, model: str) -> Behaviour:
        """``echo`` echoes; every other name gets the script or the rules."""
        return behaviour_of("echo", None) if model == MODEL_NAMES[1] else self._rules

    def next_fault(self, path: str) -> Fault | None:
        """The first fault that is left for a path; asking uses it up once."""
        with self._lock:
            for index, (fault, left) in enumerate(self._faults):
                if left == 0 or not path.endswith(fault.path):
                    continue
                if left is not None:
                    self._faults[index] = (fault, left - 1)
                return fault
        return None

    def record(self, request: RecordedRequest) -> None:
        """Keep a request."""
        with self._lock:
            self._requests.append(request)

    def reset(self, client: Any) -> None:
        """Break a client's connection: TCP RST, not a clean end."""
        transport = self._transports.get(client)
        if transport is None:
            return
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()

    async def stopping(self) -> None:
        """Returns when the server is about to stop."""
        running = self._running
        if running is not None:
            await running.ending.wait()

    # -- life -------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Bind and serve; returns when requests are answered.

        :raises ConfigError: the ``server`` extra is missing, or the port is taken.
        """
        if self._running is not None:
            raise ConfigError(f"the server already runs at {self.url}")
        application = _application(self)
        listener = self._bind()
        self._running = _Running(application, listener, self._transports)
        self._running.start()
        return self

    def _bind(self) -> socket.socket:
        listener = socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self.host, self.port))
        except OSError as error:
            listener.close()
            raise ConfigError(f"cannot listen on {self.host}:{self.port}: {error}", cause=error) from error
        self.port = listener.getsockname()[1]
        return listener

    def stop(self) -> None:
        """Stop serving, and wait until it has."""
        running, self._running = self._running, None
        if running is not None:
            running.stop()
            self._transports.clear()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.start)

    async def __aexit__(self, *exc_info: object) -> None:
        await asyncio.to_thread(self.stop)


def _application(server: SimServer) -> Any:
    try:
        import uvicorn  # noqa: F401

        from lamella_sim.app import build_app
    except ImportError as error:
        raise ConfigError(
            f"the server needs {error.name}; install it: pip install 'lamella-sim[server]'", cause=error
        ) from error
    return build_app(server)


class _Running:
    """One run of the server: its thread, its loop, and how to end them."""

    def __init__(
        self, application: Any, listener: socket.socket, transports: dict[Any, asyncio.Transport]
    ) -> None:
        self._application, self._listener, self._transports = application, listener, transports
        self._thread = threading.Thread(target=self._run, name="lamella-sim", daemon=True)
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: uvicorn.Server | None = None
        self.ending = asyncio.Event()

    def start(self) -> None:
        self._thread.start()
        self._ready.wait(_START_SECONDS)
        if self._failure is not None or not self._ready.is_set():
            self.stop()
            raise LamellaError(f"the simulator did not start: {self._failure!r}", cause=self._failure)

    def stop(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._end)
        self._thread.join(_START_SECONDS)

    def _end(self) -> None:
        self.ending.set()
        if self._server is not None:
            self._server.should_exit = True

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        import uvicorn

        self._loop = asyncio.get_running_loop()
        config = uvicorn.Config(
            self._application,
            http=_protocol(self._transports),
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._listener.listen()  # from here on connections are taken, and answered once uvicorn is up
        self._ready.set()
        await self._server.serve(sockets=[self._listener])


def _protocol(transports: dict[Any, asyncio.Transport]) -> Any:
    """uvicorn's HTTP protocol, which also lets the server reach the connection of a request."""
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class SimProtocol(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if self.client is not None:
                transports[tuple(self.client)] = transport

        def connection_lost(self, exc: Exception | None) -> None:
            if self.client is not None:
                transports.pop(tuple(self.client), None)
            super().connection_lost(exc)

    return SimProtocol
