"""The HTTP base: one retry layer, visible attempts, typed errors, connections closed on every path."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from lamella import (
    AgentParsingError,
    AgentSerializationError,
    APIConnectionError,
    AuthenticationError,
    Completion,
    Event,
    LamellaError,
    Message,
    MessageOutputDelta,
    MessageOutputDone,
    ModelRequest,
    RateLimitError,
    ReasoningBlock,
    ResponseDone,
    RetryPolicy,
    ServerError,
    StreamInterruptedError,
    TokenUsage,
    WireModel,
)
from lamella.models import EncodeReport, parse_retry_after, status_error


class Decoder:
    """``{"t": text}`` chunks, ended by ``{"end": true}``."""

    def __init__(self) -> None:
        self.complete = False
        self.text: list[str] = []

    def feed(self, chunk: Any) -> list[Event]:
        if chunk.get("end"):
            self.complete = True
            return []
        self.text.append(chunk["t"])
        return [MessageOutputDelta(delta=chunk["t"])]

    def finish(self) -> list[Event]:
        if not self.complete:
            raise StreamInterruptedError("no end")
        return [
            MessageOutputDone(output="".join(self.text)),
            ResponseDone(token_usage=TokenUsage(output_tokens=2)),
        ]

    def whole(self, body: Any) -> Iterable[Event]:
        return [MessageOutputDone(output=body["t"]), ResponseDone(token_usage=TokenUsage(output_tokens=2))]


class Transport:
    """Plays scripted answers: bytes, or exceptions at the place where they happen."""

    def __init__(self, *answers: list[bytes | Exception]) -> None:
        self.answers = list(answers)
        self.sent: list[Mapping[str, Any]] = []
        self.opened = self.closed = 0

    @asynccontextmanager
    async def open(
        self, payload: Mapping[str, Any], *, streaming: bool, options: Any = None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        self.sent.append(payload)
        self.opened += 1
        answer = self.answers.pop(0)

        async def pieces() -> AsyncIterator[bytes]:
            for piece in answer:
                if isinstance(piece, Exception):
                    raise piece
                yield piece

        if answer and isinstance(answer[0], LamellaError):
            self.closed += 1
            raise answer[0]
        try:
            yield pieces()
        finally:
            self.closed += 1

    def error(self, error: Exception) -> LamellaError:
        return APIConnectionError(f"mapped {type(error).__name__}", cause=error)

    async def aclose(self) -> None:
        self.closed = -1


class Wire(WireModel):
    provider, model, dialect = "wire", "w-1", "wire.test"

    def __init__(self, *answers: list[bytes | Exception], retries: int = 2) -> None:
        self.retry = RetryPolicy(max_retries=retries, base=0.0)
        self._transport = Transport(*answers)

    def encode(self, request: ModelRequest, report: EncodeReport | None = None) -> dict[str, Any]:
        report = report or self.report(request)
        for i, message in enumerate(request.messages):
            for j, block in enumerate(message.content):
                with report.at(i, j, block, message.role):
                    if isinstance(block, ReasoningBlock) and not block.issued_to(self.issuer):
                        report.drop("signed by another provider")
        return {"q": request.messages[-1].text}

    def decoder(self) -> Decoder:
        return Decoder()

    @property
    def transport(self) -> Transport:
        return self._transport


def sse(*chunks: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)


WHOLE = sse({"t": "he"}, {"t": "llo"}, {"end": True})


async def events(model: Wire) -> list[str]:
    return [event.type async for event in model.stream(ModelRequest.of("hi"))]


async def test_attempts_are_visible_and_the_response_comes_last() -> None:
    model = Wire([WHOLE])
    assert await events(model) == [
        "attempt.start",
        "message.output.delta",
        "message.output.delta",
        "message.output.done",
        "attempt.commit",
        "response.done",
    ]
    assert (model.transport.opened, model.transport.closed) == (1, 1)


@pytest.mark.parametrize("failure", [ServerError("x", status_code=503), RateLimitError("x", status_code=429)])
async def test_f_prv02_what_is_retryable_is_tried_again(failure: LamellaError) -> None:
    model = Wire([failure], [failure], [WHOLE])
    assert (await events(model)).count("attempt.rollback") == 2
    assert model.transport.opened == model.transport.closed == 3


async def test_f_prv02_after_max_retries_the_error_leaves_with_the_facts() -> None:
    model = Wire(*[[ServerError("x", status_code=503)]] * 3)
    with pytest.raises(ServerError) as caught:
        await model.complete("hi")
    assert caught.value.context == {"provider": "wire", "model": "w-1", "attempts": 3}
    assert model.transport.opened == 3


async def test_what_is_not_retryable_is_not_tried_again() -> None:
    model = Wire([AuthenticationError("no key", status_code=401)])
    with pytest.raises(AuthenticationError):
        await model.complete("hi")
    assert model.transport.opened == 1


async def test_f_n10_a_retry_after_visible_text_is_announced_and_the_text_taken_back() -> None:
    model = Wire([sse({"t": "wro"}), OSError("reset")], [WHOLE])
    seen = [event async for event in model.stream(ModelRequest.of("hi"))]
    rollback = next(event for event in seen if event.type == "attempt.rollback")
    assert rollback.visible
    assert rollback.code == "api.connection.failed"
    assert (await Wire([sse({"t": "wro"}), OSError("reset")], [WHOLE]).complete("hi")).content == "hello"


async def test_f_n06_the_last_failure_carries_the_text_so_far() -> None:
    model = Wire([sse({"t": "hel"}), OSError("reset")], retries=0)
    with pytest.raises(APIConnectionError) as caught:
        await model.complete("hi")
    assert isinstance(caught.value.partial, Completion)
    assert caught.value.partial.content == "hel"


async def test_a_decoder_may_know_what_a_broken_stream_has_cost() -> None:
    class Metered(Decoder):
        usage = TokenUsage(output_tokens=7)

    model = Wire([sse({"t": "hel"})], retries=0)
    model.decoder = Metered  # type: ignore[method-assign]
    with pytest.raises(StreamInterruptedError) as caught:
        await model.complete("hi")
    assert caught.value.partial.usage == TokenUsage(output_tokens=7)


async def test_a_stream_without_its_marker_is_interrupted() -> None:
    with pytest.raises(StreamInterruptedError):
        await Wire([sse({"t": "hel"})], retries=0).complete("hi")


async def test_a_frame_that_the_end_cuts_is_an_interruption_not_a_parsing_error() -> None:
    with pytest.raises(StreamInterruptedError):
        await Wire([WHOLE[:-7]], retries=0).complete("hi")


async def test_malformed_json_in_mid_stream_is_a_parsing_error() -> None:
    with pytest.raises(AgentParsingError, match="not JSON"):
        await Wire([b"data: {oops}\n\n" + WHOLE]).complete("hi")


async def test_f_n06_json_nested_beyond_reason_is_a_parsing_error() -> None:
    with pytest.raises(AgentParsingError, match="not JSON"):
        await Wire([b"data: " + b"[" * 200_000 + b"\n\n"], retries=0).complete("hi")


async def test_a_decoder_that_stumbles_is_a_parsing_error() -> None:
    with pytest.raises(AgentParsingError, match="KeyError"):
        await Wire([sse({"unexpected": 1}) + WHOLE]).complete("hi")


async def test_lone_surrogates_in_escapes_survive() -> None:
    completion = await Wire([b'data: {"t": "\\ud83d"}\n\n' + sse({"end": True})]).complete("hi")
    assert completion.content == "\ud83d"


async def test_unstreamed_is_the_same_without_deltas() -> None:
    streamed = await Wire([WHOLE]).complete("hi")
    whole = await Wire([b'{"t": "hello"}']).complete("hi", streaming=False)
    assert (whole.content, whole.usage) == (streamed.content, streamed.usage)


async def test_leaving_early_closes_the_connection() -> None:
    model = Wire([WHOLE])
    stream = model.stream(ModelRequest.of("hi"))
    async for event in stream:
        if event.type == "message.output.delta":
            break
    await stream.aclose()
    assert model.transport.closed == 1


async def test_f_msg07_foreign_reasoning_is_left_out_with_a_report_or_refused() -> None:
    history = [
        Message.user("a"),
        Message.assistant([ReasoningBlock(text="hm", signature="s", provider="other"), "b"]),
        Message.user("c"),
    ]
    completion = await Wire([WHOLE]).complete(history)
    (loss,) = completion.losses
    assert (loss.kind, loss.what, loss.message, loss.block) == ("dropped", "reasoning", 1, 0)
    with pytest.raises(LamellaError, match="strict mode"):
        await Wire([WHOLE]).complete(history, transplant="strict")


def test_plan_says_it_beforehand() -> None:
    history = [Message.assistant([ReasoningBlock(text="hm", provider="other")]), Message.user("c")]
    model = Wire()
    plan = model.plan(history)
    assert plan.possible
    assert [(entry.what, entry.status) for entry in plan.entries] == [
        ("reasoning", "lost"),
        ("text", "native"),
    ]
    assert plan.payload_bytes == len('{"q":"c"}')
    strict = model.plan(ModelRequest.of(history, transplant="strict"))
    assert not strict.possible
    assert strict.entries[0].status == "impossible"
    assert model.check(history) == ()
    assert model.transport.opened == 0


def test_f_n40_status_and_retry_after_are_on_the_error() -> None:
    error = status_error(429, "slow down", headers={"Retry-After": "7"})
    assert isinstance(error, RateLimitError)
    assert (error.status_code, error.retry_after, error.retryable) == (429, 7.0, True)
    assert status_error(503, "x").retryable
    assert not status_error(404, "x").retryable
    assert status_error(409, "x").retryable


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"RETRY-AFTER-MS": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
    ],
)
def test_f_x05_retry_after_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    assert parse_retry_after(headers) == seconds


def test_f_x05_waits_grow_with_jitter_and_obey_retry_after() -> None:
    policy = RetryPolicy(max_retries=9)
    error = ServerError("x")
    for attempt, ceiling in enumerate([2, 4, 8, 16, 32, 60, 60], start=1):
        wait = policy.wait(attempt, error)
        assert wait is not None
        assert ceiling / 2 <= wait <= ceiling
    assert policy.wait(10, error) is None
    assert policy.wait(1, ServerError("x", retry_after=5)) == 5
    assert policy.wait(1, ServerError("x", retry_after=500)) is None


async def test_an_encoder_that_stumbles_is_a_typed_error() -> None:
    """Stored vendor state may be of any shape: whatever an encoder makes of it, only typed errors leave."""

    class Stumbling(Wire):
        def encode(self, request: ModelRequest, report: EncodeReport | None = None) -> dict[str, Any]:
            raise TypeError("'str' object is not a mapping")

    with pytest.raises(AgentSerializationError, match=r"wire\.test: TypeError: 'str' object"):
        await Stumbling(WHOLE).complete("hi")
    plan = Stumbling(WHOLE).plan("hi")
    assert not plan.possible
    assert "'str' object" in plan.problems[0].message
