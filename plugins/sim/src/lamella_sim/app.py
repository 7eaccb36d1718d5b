"""The ASGI application behind ``SimServer``: request in, behaviour, reply out, faults in between.

This is the only module that needs the ``server`` extra (starlette and uvicorn).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from lamella._json import dumps
from lamella.errors import APIStatusError, LamellaError
from lamella.messages import Message
from lamella_sim.behaviours import MODEL_NAMES
from lamella_sim.faults import RESET, Action, ErrorEventFault, Fault, SlowFault, StatusFault
from lamella_sim.record import RecordedRequest, redact, redact_query
from lamella_sim.reply import Reply, make_reply, new_id, sim_name
from lamella_sim.script import Behaviour
from lamella_sim.settings import ChunkBy
from lamella_sim.steps import Error
from lamella_sim.wires import WIRES, Asked, BadRequest, Pause, Piece, Wire
from lamella_sim.wires.made import check_made
from lamella_sim.wires.wire import ChecksHeaders, LimitsMedia, pauses

__all__ = ["SimHost", "build_app"]

_HEADERS: Final = {"x-lamella-sim": "1"}
_NO_KEY: Final = (
    "You didn't provide an API key. Send it as 'Authorization: Bearer KEY'; any key will do here."
)


class SimHost(Protocol):
    """What the application asks of the server it runs in."""

    require_key: bool
    limits: bool
    delay: float
    chunk: ChunkBy

    def behaviour_for(self, model: str) -> Behaviour:
        """What answers a request for ``model``."""

    def next_fault(self, path: str) -> Fault | None:
        """The fault for this request, used up by asking."""

    def record(self, request: RecordedRequest) -> None:
        """Keep a request for assertions."""

    def reset(self, client: Any) -> None:
        """Break the connection of a client (host and port)."""

    async def stopping(self) -> None:
        """Returns when the server is about to stop."""


def build_app(host: SimHost) -> Starlette:
    """All wires, the model list, and a 404 for everything else, in the words of the wire whose base it has."""
    routes = [Route(wire.path, _Endpoint(host, wire).answer, methods=["POST"]) for wire in WIRES]
    routes.append(Route("/v1/models", _models(host), methods=["GET"]))
    missing = _missing(host)
    return Starlette(routes=routes, exception_handlers={404: missing, 405: missing})


def _models(host: SimHost) -> Callable[[Request], Any]:
    async def models(request: Request) -> Response:
        host.record(_recorded(request, None))
        entries = [
            {"id": sim_name(name), "object": "model", "created": 0, "owned_by": "lamella-sim"}
            for name in MODEL_NAMES
        ]
        return _json(200, {"object": "list", "data": entries})

    return models


def _missing(host: SimHost) -> Callable[[Request, Exception], Any]:
    async def missing(request: Request, error: Exception) -> Response:
        status = getattr(error, "status_code", 404)
        host.record(_recorded(request, None, status=status))
        message = f"Invalid URL ({request.method} {request.url.path})"
        wire = next((wire for wire in WIRES if request.url.path.startswith(f"{wire.base_path}/")), None)
        if wire is not None:
            return _json(status, wire.error_body(Error(status, message)))
        fault = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
        return _json(status, {"error": fault})

    return missing


def _json(status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    # Where a body names its request, the header that does so names the same one.
    named = {"request-id": body["request_id"]} if "request_id" in body else {}
    sent = {**_HEADERS, "x-request-id": new_id("req"), **(headers or {}), **named}
    return JSONResponse(dict(body), status, sent)


def _recorded(
    request: Request,
    body: Any,
    status: int = 200,
    fault: Fault | None = None,
    messages: tuple[Message, ...] = (),
) -> RecordedRequest:
    return RecordedRequest(
        method=request.method,
        path=request.url.path,
        query=redact_query(request.url.query),
        headers=redact(request.headers.items()),
        json=body,
        messages=messages,
        status=status,
        fault=fault,
    )


class _Seen:
    """A body, and the history that was read from it."""

    def __init__(self, body: Any, size: int) -> None:
        self.body, self.size = body, size
        self.messages: tuple[Message, ...] = ()


class _Endpoint:
    """One wire's endpoint."""

    def __init__(self, host: SimHost, wire: Wire) -> None:
        self.host, self.wire = host, wire

    async def answer(self, request: Request) -> Response:
        """Answer a request, and record it."""
        raw = await request.body()
        body, size = _parsed(raw), len(raw)
        fault = self.host.next_fault(request.url.path)
        seen = _Seen(body, size)
        response = await self._respond(request, seen, fault)
        self.host.record(_recorded(request, body, response.status_code, fault, seen.messages))
        return response

    async def _respond(self, request: Request, seen: _Seen, fault: Fault | None) -> Response:
        if isinstance(fault, StatusFault):
            return _faulty(fault, self.wire)
        try:
            if self.host.require_key and self.wire.key({**request.query_params, **request.headers}) is None:
                return self._error(Error(401, _NO_KEY))
            asked = self._read(request, seen)
            seen.messages = asked.request.messages
            reply = await self._reply(asked)
            check_made(reply, self.wire)
        except BadRequest as problem:
            return _json(problem.status, self.wire.refused(problem), self.wire.headers)
        except LamellaError as error:
            return self._failed(error)
        return self._played(reply, asked, request, fault)

    def _read(self, request: Request, seen: _Seen) -> Asked:
        payload = _object(seen.body, self.wire)
        if isinstance(self.wire, ChecksHeaders):
            self.wire.check_headers(request.headers, payload)
        asked = self.wire.read(payload, f"{request.url.path}?{request.url.query}")
        if self.host.limits and isinstance(self.wire, LimitsMedia):
            self.wire.check_limits(asked, seen.size)
        return asked

    async def _reply(self, asked: Asked) -> Reply:
        name = asked.model.removeprefix("sim-")
        # In a thread: a behaviour is the user's function and may take its time.
        turn = await asyncio.to_thread(self.host.behaviour_for(name), asked.request)
        return make_reply(asked.request, turn, asked.model, chunk=self.host.chunk)

    def _failed(self, error: LamellaError) -> Response:
        """The behaviour refuses or fails: told as an error that no client tries again."""
        status = error.status_code if isinstance(error, APIStatusError) and error.status_code else 400
        told = Error(status, error.message, code=error.error_code.value, retry_after=error.retry_after)
        return self._error(told, {"x-should-retry": "false"})

    def _error(self, error: Error, headers: Mapping[str, str] | None = None) -> Response:
        wait = {} if error.retry_after is None else {"retry-after": f"{error.retry_after:g}"}
        body = self.wire.error_body(error)
        return _json(error.status, body, {**self.wire.headers, **wait, **(headers or {})})

    def _played(self, reply: Reply, asked: Asked, request: Request, fault: Fault | None) -> Response:
        if reply.error is not None and not (asked.streaming and reply.steps):
            return self._error(reply.error)
        if isinstance(fault, ErrorEventFault) and not asked.streaming:
            return self._error(fault.error())
        pieces = self._pieces(reply, asked)
        spoiled = pieces if fault is None else fault.apply(pieces, self.wire)
        media_type = self.wire.media_type if asked.streaming else "application/json"
        headers = {**_HEADERS, **self.wire.headers, "x-request-id": new_id("req")}
        return _Played(spoiled, self.host, request.client, media_type, headers)

    def _pieces(self, reply: Reply, asked: Asked) -> Iterable[Piece]:
        if asked.streaming:
            pieces = self.wire.stream(reply, asked)
            return SlowFault(self.host.delay).apply(pieces, self.wire) if self.host.delay else pieces  # type: ignore[return-value]  # no reset in it
        return self._halves(reply, asked)

    def _halves(self, reply: Reply, asked: Asked) -> Iterator[Piece]:
        yield from pauses(reply)
        body = dumps(dict(self.wire.whole(reply, asked))).encode("utf-8", "surrogatepass")
        middle = len(body) // 2
        yield body[:middle]
        yield body[middle:]


def _faulty(fault: StatusFault, wire: Wire) -> Response:
    body, media_type = fault.content(wire)
    headers = {**_HEADERS, **wire.headers, "x-request-id": new_id("req"), **fault.headers}
    return Response(body, fault.status, headers, media_type=media_type)


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None


def _object(body: Any, wire: Wire) -> Mapping[str, Any]:
    if not isinstance(body, dict):
        raise BadRequest(wire.unparsable)
    return body


class _Played(Response):
    """A response that is played piece by piece, silences and breaks included."""

    def __init__(
        self,
        actions: Iterable[Action],
        host: SimHost,
        client: Any,
        media_type: str,
        headers: Mapping[str, str],
    ) -> None:
        self.actions, self.host, self.client = actions, host, client
        self.status_code, self.media_type, self.background = 200, media_type, None
        self.init_headers(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Play it; stop early when the client leaves."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        for action in self.actions:
            if action is RESET:
                await asyncio.sleep(_FLUSH_SECONDS)
                self.host.reset(self.client)
                await asyncio.sleep(_FLUSH_SECONDS)
                return
            if isinstance(action, Pause):
                if not await _pause(action.seconds, receive, self.host):
                    return
            elif isinstance(action, bytes):
                await send({"type": "http.response.body", "body": action, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


_FLUSH_SECONDS: Final = 0.02
"""A reset destroys what the client has not read yet, so it gets the time to read."""


async def _pause(seconds: float | None, receive: Receive, host: SimHost) -> bool:
    """Wait; ``False`` when the client left."""
    ends = None if seconds is None else time.monotonic() + seconds
    leaving = asyncio.ensure_future(_gone(receive))
    stopping = asyncio.ensure_future(host.stopping())
    try:
        timeout = None if ends is None else max(0.0, ends - time.monotonic())
        await asyncio.wait((leaving, stopping), timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        return not leaving.done()
    finally:
        leaving.cancel()
        stopping.cancel()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
