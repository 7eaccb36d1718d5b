"""``WireModel``: a model over HTTP, made of an encoder, a decoder and a transport.

The retry layer is here and nowhere else: ``attempt.start`` before each try, ``attempt.commit`` when
its response is complete, ``attempt.rollback`` before another try.
"""

from __future__ import annotations

import abc
import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import aclosing
from typing import Any, ClassVar

import attrs

from lamella._frozen import Wire
from lamella.errors import AgentParsingError, AgentSerializationError, LamellaError, UnsupportedContentError
from lamella.events import (
    AttemptCommit,
    AttemptRollback,
    AttemptStart,
    Event,
    ResponseDone,
)
from lamella.losses import Loss
from lamella.models.body import Body, body_of
from lamella.models.completion import fold_response
from lamella.models.frames import DONE, Frames, SSEFrames
from lamella.models.inputs import Input
from lamella.models.model import Model
from lamella.models.plan import STATUSES, Plan, PlanEntry, PlanStatus, Problem
from lamella.models.report import EncodeReport
from lamella.models.request import ModelRequest
from lamella.models.retry import RetryPolicy
from lamella.models.wire import Decoder, Transport
from lamella.usage import TokenUsage

__all__ = ["WireModel"]

_DRAIN_SECONDS = 0.1
"""How long to wait for the end of a response that is already complete, so that its connection is reused."""


class WireModel(Model):
    """Base of the providers over HTTP. Give ``encode``, ``decoder`` and ``transport``; get ``stream``."""

    dialect: ClassVar[str]
    frames: ClassVar[type[Frames]] = SSEFrames
    retry: RetryPolicy

    @abc.abstractmethod
    def encode(self, request: ModelRequest, report: EncodeReport | None = None) -> dict[str, Wire]:
        """The payload of a request. Pure, and safe to call without a key."""

    @abc.abstractmethod
    def decoder(self) -> Decoder:
        """A decoder for one response."""

    @property
    @abc.abstractmethod
    def transport(self) -> Transport:
        """The transport; made on first use."""

    def report(self, request: ModelRequest, *, collect: bool = False) -> EncodeReport:
        """A report for encoding ``request``."""
        return EncodeReport(
            provider=self.issuer, dialect=self.dialect, mode=request.transplant, collect=collect
        )

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event, None]:
        """Encode, send, decode; retry what is retryable."""
        report = self.report(request)
        payload = self._encoded(request, report)
        options = request.options
        retry = self.retry
        if options.max_retries is not None:
            retry = attrs.evolve(retry, max_retries=options.max_retries)
        attempt = 1
        while True:
            yield AttemptStart(attempt=attempt, provider=self.provider, model=self.model)
            decoder = self.decoder()
            seen: list[Event] = []
            try:
                async with aclosing(self._attempt(decoder, payload, request)) as events:
                    async for event in events:
                        seen.append(event)
                        if type(event) is ResponseDone:
                            yield AttemptCommit(attempt=attempt)
                            event = self._signed(event, report)
                        yield event
                return
            except LamellaError as error:
                wait = retry.wait(attempt, error)
                if wait is None:
                    raise self._explained(error, attempt, seen, decoder) from error.cause
                yield _rollback(error, attempt, wait, seen, decoder)
            await asyncio.sleep(wait)
            attempt += 1

    def _encoded(self, request: ModelRequest, report: EncodeReport) -> dict[str, Wire]:
        try:
            return self.encode(request, report)
        except LamellaError:
            raise
        except Exception as error:  # vendor state that nobody's decoder wrote may be of any shape
            raise AgentSerializationError(
                f"the request cannot be written for {self.dialect}: {type(error).__name__}: {error}",
                cause=error,
            ) from error

    def _signed(self, done: ResponseDone, report: EncodeReport) -> ResponseDone:
        return attrs.evolve(
            done,
            provider=self.provider,
            model=done.model or self.model,
            losses=(*report.losses, *done.losses),
        )

    def _explained(
        self, error: LamellaError, attempt: int, seen: list[Event], decoder: Decoder
    ) -> LamellaError:
        error.context = {
            "provider": self.provider,
            "model": self.model,
            **({"attempts": attempt} if attempt > 1 else {}),
            **error.context,
        }
        if error.partial is None and seen:
            error.partial = attrs.evolve(fold_response(seen), usage=_spent(seen, decoder))
        return error

    async def _attempt(
        self, decoder: Decoder, payload: Mapping[str, Any], request: ModelRequest
    ) -> AsyncGenerator[Event, None]:
        sending = self.transport.open(payload, streaming=request.streaming, options=request.options)
        try:
            async with sending as chunks:
                if not request.streaming:
                    body = b"".join([chunk async for chunk in chunks])
                    for event in _decoded(decoder.whole, _parse(body)):
                        yield event
                    return
                async for chunk in self._chunks(decoder, chunks):
                    for event in _decoded(decoder.feed, chunk):
                        yield event
                for event in _finished(decoder):
                    yield event
                await _drain(chunks)
        except LamellaError:
            raise
        except Exception as error:
            raise self.transport.error(error) from error

    async def _chunks(self, decoder: Decoder, chunks: AsyncIterator[bytes]) -> AsyncIterator[Wire]:
        """The parsed chunks of a stream, up to its terminal marker or its end."""
        frames = self.frames()
        async for data in chunks:
            for frame in frames.feed(data):
                if frame == DONE:
                    return
                yield _parse(frame)
                if decoder.complete:
                    return
        for frame in frames.end():
            if (chunk := _parse_last(frame)) is not None:
                yield chunk

    def _unseen(self, request: ModelRequest) -> Iterator[UnsupportedContentError]:
        """None: the encoder says, and the content plugins that it asks."""
        return iter(())

    def plan(self, request: Input | ModelRequest) -> Plan:
        """Encode without sending: what is native, lost or impossible, and the size of the payload."""
        asked = ModelRequest.of(request)
        outlook = super().plan(asked)
        report = self.report(asked, collect=True)
        problems = list(outlook.problems)
        size: int | None = None
        try:
            body = body_of(self._encoded(asked, report))
            size = body.length if isinstance(body, Body) else len(body)
        except LamellaError as error:
            problems.append(Problem.of(error))
        problems.extend(Problem.of(error) for error in report.problems)
        return attrs.evolve(
            outlook,
            entries=(*outlook.entries, *_entries(asked, report)),
            losses=tuple(report.losses),
            problems=tuple(problems),
            payload_bytes=None if problems else size,
        )


def _entries(request: ModelRequest, report: EncodeReport) -> Iterable[PlanEntry]:
    fates = _fates(report)
    for index, message in enumerate(request.messages):
        for place, block in enumerate(message.content):
            status, reasons = fates.pop((index, place), ("native", []))
            what = getattr(block, "type", type(block).__name__)
            yield PlanEntry(what=what, status=status, reason="; ".join(reasons), message=index, block=place)
    for loss in report.losses:
        if loss.message is None:
            yield PlanEntry(what=loss.what, status=_status_of(loss), reason=loss.reason)


def _fates(report: EncodeReport) -> dict[tuple[int | None, int | None], tuple[PlanStatus, list[str]]]:
    """The worst that happens to each block, and why."""
    happened: list[tuple[int | None, int | None, PlanStatus, str]] = [
        (loss.message, loss.block, _status_of(loss), loss.reason) for loss in report.losses
    ]
    happened += [
        (error.context.get("message"), error.context.get("block"), "impossible", error.message)
        for error in report.problems
    ]
    fates: dict[tuple[int | None, int | None], tuple[PlanStatus, list[str]]] = {}
    for message, block, status, reason in happened:
        before, reasons = fates.get((message, block), ("native", []))
        fates[message, block] = (max(before, status, key=STATUSES.index), [*reasons, reason])
    return fates


def _status_of(loss: Loss) -> PlanStatus:
    if loss.kind == "dropped":
        return "lost"
    return "emulated" if loss.lossless else "degraded"


def _decoded(step: Callable[[Wire], Iterable[Event]], chunk: Wire) -> Iterable[Event]:
    try:
        return step(chunk)
    except LamellaError:
        raise
    except Exception as error:
        raise AgentParsingError(
            f"a chunk does not follow the provider's protocol: {type(error).__name__}: {error}", cause=error
        ) from error


def _finished(decoder: Decoder) -> Iterable[Event]:
    return _decoded(lambda _: decoder.finish(), None)


def _parse(text: bytes) -> Wire:
    import msgspec

    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _parse_leniently(text)


def _parse_leniently(text: bytes) -> Wire:
    """What msgspec refuses and stdlib reads: lone surrogates in escapes."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        shown = text[:200].decode("utf-8", "replace")
        raise AgentParsingError(f"the provider sent what is not JSON: {shown!r}", cause=error) from error


def _parse_last(text: bytes) -> Wire | None:
    """A frame that the end of the stream may have cut: ``None`` when it is not whole."""
    if text == DONE:
        return None
    try:
        return _parse(text)
    except AgentParsingError:
        return None


async def _drain(chunks: AsyncIterator[bytes]) -> None:
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            async for _ in chunks:
                continue
    except Exception:
        return  # the answer is complete; what becomes of its connection is no failure of it


def _spent(seen: list[Event], decoder: Decoder) -> TokenUsage | None:
    """What a response that broke off has cost, as far as the provider said."""
    known: TokenUsage | None = getattr(decoder, "usage", None)
    if known is not None:
        return known
    return next((event.token_usage for event in reversed(seen) if event.token_usage is not None), None)


def _rollback(
    error: LamellaError, attempt: int, wait: float, seen: list[Event], decoder: Decoder
) -> AttemptRollback:
    return AttemptRollback(
        attempt=attempt,
        error=error.message,
        code=error.error_code.value,
        wait=wait,
        visible=any(not event.durable for event in seen),
        token_usage=_spent(seen, decoder),
    )
