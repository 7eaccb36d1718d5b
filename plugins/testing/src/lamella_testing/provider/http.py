"""HTTP: statuses, broken connections, silence and leaving early, against a server on loopback."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Final

import pytest

from lamella.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    InvalidRequestError,
    LamellaError,
    RateLimitError,
    ServerError,
)
from lamella.models import Completion, Model, ModelRequest, NDJSONFrames, RequestOptions
from lamella_testing.provider.base import ConformanceBase
from lamella_testing.provider.exchange import Exchange, ask, difference, says, stream_of
from lamella_testing.provider.requests import asking
from lamella_testing.provider.samples import Sample
from lamella_testing.server import Answer, LoopbackServer, Then
from lamella_testing.verdict import fail, require, run, skip

__all__ = ["HttpContract"]

_STATUSES: Final[dict[int, tuple[type[APIStatusError], bool]]] = {
    400: (InvalidRequestError, False),
    401: (AuthenticationError, False),
    404: (APIStatusError, False),
    429: (RateLimitError, True),
    500: (ServerError, True),
    503: (ServerError, True),
}
_PATIENCE: Final = 0.1
"""Seconds that a model is told to wait for a server that is silent."""


class HttpContract(ConformanceBase):
    """What holds of the transport of a model over HTTP."""

    def test_answers_come_over_http(self, sample: Sample) -> None:
        """The real transport gives what the bytes say, streamed and whole."""
        for streaming, body in ((True, sample.streamed), (False, sample.whole)):
            if body is None or (good := self.exchange(sample, streaming=streaming).completion) is None:
                continue
            answer = self._stream(body) if streaming else Answer.whole(body)
            request = ModelRequest.of(self.request_of(sample), streaming=streaming)
            found = self._served(answer, request)
            if (done := found.completion) is None:
                fail(f"{sample.name}: over HTTP it raises {type(found.error).__name__}: {found.error}")
            differs = difference(says(good), says(done))
            require(not differs, f"{sample.name}: over HTTP the answer differs in {differs}")

    @pytest.mark.parametrize("status", sorted(_STATUSES))
    def test_error_statuses_have_their_class(self, status: int) -> None:
        """An error status is the error of the tree, with status, retryability and the server's advice."""
        kind, retryable = _STATUSES[status]
        headers = {"retry-after": "7"} if status == 429 else {}
        body = self.error_body(status, "conformance says no")
        for streaming in (True, False):
            error = self._error(
                Answer.whole(body, status, **headers), ModelRequest.of(self._request(), streaming=streaming)
            )
            require(
                isinstance(error, kind),
                f"status {status} is {type(error).__name__}: {error}; raise {kind.__name__} (lamella.models.status_error)",
            )
            status_code = getattr(error, "status_code", None)
            require(status_code == status, f"status {status}: status_code is {status_code}; give it")
            require(
                getattr(error, "retryable", None) is retryable,
                f"status {status}: retryable is {getattr(error, 'retryable', None)}, and should be {retryable}",
            )
            require(
                "conformance says no" in str(error),
                f"status {status}: the message {str(error)!r:.200} leaves out what the server said; "
                "read the error's body (override error_body where the provider's form is another one)",
            )

    def test_retry_after_is_kept(self) -> None:
        """What the server asks to wait is on the error, in seconds."""
        body = self.error_body(429, "slow down")
        error = self._error(Answer.whole(body, 429, retry_after="7"), self._request())
        require(
            getattr(error, "retry_after", None) == 7.0,
            f"Retry-After: 7 became retry_after={getattr(error, 'retry_after', None)}; pass the headers to "
            "lamella.models.status_error(…, headers=headers)",
        )

    def test_a_refused_connection_is_a_connection_error(self) -> None:
        """No server is an ``APIConnectionError``, and may be tried again."""
        self.wire_model()
        error = run(
            _ask_once(self.make_model(f"http://127.0.0.1:{_closed_port()}"), self._request(), self.patience)
        ).error
        require(
            isinstance(error, APIConnectionError) and error.retryable,
            f"a refused connection is {type(error).__name__}: {error}; raise APIConnectionError",
        )

    @pytest.mark.parametrize("then", ["drop", "reset"])
    def test_a_broken_stream_is_a_connection_error(self, then: Then) -> None:
        """A connection that breaks in mid-stream is an error with what had come."""
        sample = self._streamed()
        found = self._served(self._stream(*_halves(sample)[:1], then=then), self.request_of(sample))
        require(
            isinstance(found.error, APIConnectionError),
            f"a connection that breaks in mid-stream ({then}) ends in {type(found.error).__name__}: {found.error}; "
            "raise StreamInterruptedError or APIConnectionError from Transport.error()",
        )
        require(
            not found.content or isinstance(getattr(found.error, "partial", None), Completion),
            "the error of a broken stream has no partial; let it leave through WireModel, which adds it",
        )

    @pytest.mark.parametrize("when", ["before the answer", "in mid-stream"])
    def test_silence_is_a_timeout(self, when: str) -> None:
        """A server that says nothing more is an ``APITimeoutError`` after the request's timeout."""
        sample = self._streamed()
        answer = (
            Answer(then="hang")
            if when == "before the answer"
            else self._stream(*_halves(sample)[:1], then="hold")
        )
        options = RequestOptions(max_retries=0, timeout=_PATIENCE)
        found = self._served(answer, ModelRequest.of(self.request_of(sample), options=options))
        require(
            isinstance(found.error, APITimeoutError),
            f"a server that is silent {when} ends in {type(found.error).__name__}: {found.error}; honour "
            "options.timeout in Transport.open(), and raise APITimeoutError from Transport.error()",
        )

    @pytest.mark.parametrize("how", ["aclose", "cancel"])
    def test_leaving_early_closes_the_connection(self, how: str) -> None:
        """Who closes the stream, or cancels its task, leaves no connection open."""
        sample = self._streamed()
        self.wire_model()
        with LoopbackServer() as server:
            server.answers = [self._stream(*_halves(sample)[:1], then="hold")]
            left = run(self._left(self.make_model(server.origin), self.request_of(sample), how, server))
        require(
            left,
            f"after {how} the connection is still open; close the response in Transport.open(), in `finally`",
        )

    def test_a_model_may_be_used_again_after_aclose(self) -> None:
        """``aclose`` closes what is open; the next request opens it again. Each event loop may use the model."""
        sample = self._streamed()
        self.wire_model()
        with LoopbackServer() as server:
            server.answers = [self._stream(sample.streamed or b"")]
            model = self.make_model(server.origin)
            for turn in ("first", "second"):
                error = run(_twice(model, self.request_of(sample), self.patience))
                require(
                    error is None,
                    f"in the {turn} event loop a model that was closed raises {type(error).__name__}: {error}; "
                    "make the client again when it is needed",
                )

    # -- how -------------------------------------------------------------------------------------------

    def _request(self) -> ModelRequest:
        return asking(self.prompt("text"))

    def _streamed(self) -> Sample:
        found = [each for each in self.samples if each.streamed is not None and each.error is None]
        if not found:
            skip("no sample: give samples with a streamed body (models over HTTP)")
        return found[0]

    def _stream(self, *pieces: bytes, then: Then = "end") -> Answer:
        ndjson = issubclass(self.wire_model().frames, NDJSONFrames)
        return Answer.stream(
            *pieces, media_type="application/x-ndjson" if ndjson else "text/event-stream", then=then
        )

    def _served(self, answer: Answer, request: ModelRequest) -> Exchange:
        self.wire_model()
        with LoopbackServer() as server:
            server.answers = [answer]
            found = run(_ask_once(self.make_model(server.origin), request, self.patience))
            require(
                server.requests,
                f"make_model(base_url) gave a model that sends nothing to base_url ({_failure(found)}); use base_url",
            )
        return found

    async def _left(self, model: Model, request: ModelRequest, how: str, server: LoopbackServer) -> bool:
        """Leave after the first piece of the answer; whether the server saw the connection close."""
        arrived = asyncio.Event()
        reading = asyncio.create_task(_read_some(model, request, how, arrived))
        waiting = asyncio.create_task(arrived.wait())
        try:
            await asyncio.wait((waiting, reading), timeout=self.patience, return_when=asyncio.FIRST_COMPLETED)
            if how == "cancel":
                reading.cancel()
            await asyncio.wait((reading,), timeout=self.patience)
            return await asyncio.to_thread(server.disconnected.wait, min(self.patience, 5.0))
        finally:
            for task in (waiting, reading):
                task.cancel()
            await asyncio.gather(waiting, reading, return_exceptions=True)
            await model.aclose()

    def _error(self, answer: Answer, request: ModelRequest) -> LamellaError | None:
        error = self._served(answer, request).error
        if error is not None and not isinstance(error, LamellaError):
            fail(
                f"an error status ends in {type(error).__name__}: {error}; raise lamella.models.status_error(…)"
            )
        return error


def _failure(found: Exchange) -> str:
    return "no error" if found.error is None else f"{type(found.error).__name__}: {found.error}"


async def _ask_once(model: Model, request: ModelRequest, patience: float) -> Exchange:
    try:
        async with asyncio.timeout(patience):
            return await ask(model, request)
    finally:
        await model.aclose()


async def _twice(model: Model, request: ModelRequest, patience: float) -> Exception | None:
    for _ in range(2):
        if (error := (await _ask_once(model, request, patience)).error) is not None:
            return error
    return None


async def _read_some(model: Model, request: ModelRequest, how: str, arrived: asyncio.Event) -> None:
    """Read until the answer begins; then leave, or go on until cancelled."""
    stream: Any = stream_of(model, request)
    try:
        async for event in stream:
            if event.type != "attempt.start":
                arrived.set()
                if how == "aclose":
                    return
    finally:
        await stream.aclose()


def _halves(sample: Sample) -> tuple[bytes, bytes]:
    body = sample.streamed or b""
    return body[: len(body) // 2], body[len(body) // 2 :]


def _closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port
