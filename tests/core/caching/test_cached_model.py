"""A model whose answers are kept: the same events again, at no cost, for nobody else."""

from __future__ import annotations

import asyncio
import multiprocessing
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lamella import (
    Agent,
    AgentInputError,
    AttemptRollback,
    AttemptStart,
    Event,
    MessageOutputDelta,
    MessageOutputDone,
    Model,
    ModelRequest,
    ResponseDone,
    ServerError,
    ToolCallDone,
    tool,
)
from lamella.budgets import Budget
from lamella.caching import CacheStore, DirectoryCache, MemoryCache, cached
from lamella.content import MediaContent
from lamella.events import MediaOutputDone
from lamella.usage import TokenUsage

from fakes import bare, calls, says, usage

NOTHING = TokenUsage(input_tokens=0, output_tokens=0, total_tokens=0)


class Counting(Model):
    """Answers as told, and counts how often it was asked."""

    provider = "fake"
    model = "counting"

    def __init__(self, *events: Event | Exception | float) -> None:
        self.events = events or tuple(says("the answer", usage(3, 2)))
        self.asked = 0
        self.closed = 0

    async def stream(self, request: ModelRequest) -> AsyncIterator[Event]:
        self.asked += 1
        try:
            for event in self.events:
                if isinstance(event, Exception):
                    raise event
                if isinstance(event, float):
                    await asyncio.sleep(event)
                else:
                    yield event
        finally:
            self.closed += 1


async def events_of(model: Model, text: str = "hi") -> list[Event]:
    return [event async for event in model.stream(ModelRequest.of(text))]


async def test_f_n30_a_hit_has_the_events_of_the_answer_and_costs_nothing() -> None:
    inner = Counting()
    model = cached(inner, MemoryCache())
    first, second = await events_of(model), await events_of(model)
    assert first == list(inner.events)
    assert second[:-1] == first[:-1]
    done = second[-1]
    assert isinstance(done, ResponseDone)
    assert (done.cached, done.token_usage) == (True, NOTHING)
    assert not first[-1].cached  # type: ignore[attr-defined]
    assert inner.asked == 1
    await events_of(model, "hello")
    assert inner.asked == 2


async def test_f_n30_tenants_never_share() -> None:
    inner, store = Counting(), MemoryCache()
    for tenant in ("a", "b", None, "a", "b", None):
        await events_of(cached(inner, store, tenant=tenant))
    assert inner.asked == 3
    name: list[str | None] = ["a"]
    asking = cached(inner, store, tenant=lambda: name[0])
    await events_of(asking)
    assert inner.asked == 3
    name[0] = None
    await events_of(asking)
    await events_of(asking)
    assert inner.asked == 5
    name[0] = ""
    with pytest.raises(AgentInputError, match="tenant"):
        await events_of(asking)


async def test_in_a_run_the_sums_are_right_and_a_budget_is_charged_nothing() -> None:
    @tool
    def look() -> str:
        """Look."""
        return "a tree"

    class Looking(Counting):
        async def stream(self, request: ModelRequest) -> AsyncIterator[Event]:
            self.asked += 1
            looked = any(message.tool_outputs for message in request.messages)
            for event in (
                says("A tree.", usage(5, 5)) if looked else calls(("c1", "look", "{}"), tokens=usage(5, 5))
            ):
                yield event

    inner = Looking()
    account = Budget(tokens=1000).open()
    agent = Agent(cached(inner, MemoryCache()), tools=[look], budget=account, project=bare())
    first, second = await agent.arun("Look."), await agent.arun("Look.")
    assert (first.output, second.output) == ("A tree.", "A tree.")
    assert first.token_usage is not None
    assert first.token_usage.resolved_total_tokens == 20
    assert second.token_usage is not None
    assert second.token_usage.resolved_total_tokens == 0
    assert account.spent.tokens == 20
    assert inner.asked == 2


@pytest.mark.parametrize(
    "events",
    [
        [MessageOutputDone(output="I won't."), ResponseDone(stop_reason="refusal")],
        [MessageOutputDone(output="cut"), ResponseDone(stop_reason="max_tokens")],
        [MessageOutputDone(output="cut"), ResponseDone(stop_reason="content_filter")],
        [MessageOutputDone(output="wait"), ResponseDone(stop_reason="pause")],
        [ResponseDone()],
        [MessageOutputDone(output="no end")],
        [
            ToolCallDone(call_id="c", name="t", arguments_json="{no json"),
            ResponseDone(stop_reason="tool_use"),
        ],
    ],
)
async def test_what_is_no_whole_answer_is_not_kept(events: list[Event]) -> None:
    inner, store = Counting(*events), MemoryCache()
    model = cached(inner, store)
    assert await events_of(model) == events
    assert await events_of(model) == events
    assert (inner.asked, len(store)) == (2, 0)


async def test_a_failure_is_not_kept_and_says_what_it_is() -> None:
    inner, store = Counting(MessageOutputDelta(delta="ha"), ServerError("down")), MemoryCache()
    model = cached(inner, store)
    for _ in range(2):
        with pytest.raises(ServerError, match="down"):
            await events_of(model)
    assert (inner.asked, inner.closed, len(store)) == (2, 2, 0)


async def test_attempts_that_failed_are_not_played_again() -> None:
    inner = Counting(
        AttemptStart(attempt=1),
        MessageOutputDelta(delta="wro"),
        AttemptRollback(attempt=1, token_usage=usage(9, 9)),
        AttemptStart(attempt=2),
        *says("right", usage(1, 1)),
    )
    model = cached(inner, MemoryCache())
    assert len(await events_of(model)) == 8
    again = await events_of(model)
    assert [event.type for event in again] == [event.type for event in says("right")]


async def test_the_same_asked_at_the_same_time_is_asked_once() -> None:
    inner = Counting(0.02, *says("the answer", usage(3, 2)))
    model = cached(inner, MemoryCache())
    completions = await asyncio.gather(*(model.complete("hi") for _ in range(50)))
    assert inner.asked == 1
    assert {completion.content for completion in completions} == {"the answer"}
    assert sum(completion.usage == usage(3, 2) for completion in completions) == 1
    assert sum(completion.usage == NOTHING for completion in completions) == 49


async def test_who_waits_asks_when_the_first_fails_or_leaves() -> None:
    class Failing(Counting):
        async def stream(self, request: ModelRequest) -> AsyncIterator[Event]:
            self.asked += 1
            await asyncio.sleep(0.01)
            if self.asked == 1:
                raise ServerError("down")
            for event in says("the answer"):
                yield event

    inner = Failing()
    model = cached(inner, MemoryCache())
    results = await asyncio.gather(*(model.complete("hi") for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(result, ServerError) for result in results) == 1
    assert inner.asked == 2

    slow = Counting(*says("a")[:1], 0.02, *says("a")[1:])
    model = cached(slow, MemoryCache())
    leaving = model.stream(ModelRequest.of("hi"))
    await anext(leaving)
    waiting = asyncio.create_task(model.complete("hi"))
    await asyncio.sleep(0)
    await leaving.aclose()
    assert (await waiting).content == "a"
    assert (slow.asked, slow.closed) == (2, 2)


async def test_two_streams_of_one_reader_do_not_wait_for_each_other() -> None:
    model = cached(Counting(), MemoryCache())
    one, two = model.stream(ModelRequest.of("hi")), model.stream(ModelRequest.of("hi"))
    pairs = [(await anext(one), await anext(two)) for _ in range(4)]
    assert all(left.type == right.type for left, right in pairs)
    await one.aclose()
    await two.aclose()


async def test_a_hit_is_played_at_once_or_at_its_own_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    inner, store = Counting(MessageOutputDelta(delta="a"), 0.2, *says("a")), MemoryCache()
    await events_of(cached(inner, store))
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    await events_of(cached(inner, store))
    assert waits == []
    await events_of(cached(inner, store, replay="timed"))
    assert max(waits) > 0.1, "the second event came 0.2 s after the first"


async def test_media_and_opaque_state_come_back_whole() -> None:
    media = MediaContent(data=b"\x00\xff" * 50, mime_type="image/png", opaque={"fake": {"sig": "s"}})
    inner = Counting(MediaOutputDone(media=media), ResponseDone(raw={"a": [1]}, response_id="r"))
    model = cached(inner, MemoryCache())
    first, second = await model.complete("hi"), await model.complete("hi")
    assert second.message is not None
    assert first.message is not None
    assert second.message.content[0].data == media.data  # type: ignore[attr-defined]
    assert (second.id, second.raw) == ("r", {"a": [1]})


class Faulty:
    """A store that always fails."""

    async def get(self, key: str) -> bytes | None:
        raise OSError("disk")

    async def put(self, key: str, value: bytes, ttl: float | None) -> None:
        raise OSError("disk")


class Full(MemoryCache):
    """A store with nonsense in it."""

    async def get(self, key: str) -> bytes | None:
        return b'{"v": 1, "events": [[0]]}'


@pytest.mark.parametrize("store", [Faulty(), Full()])
async def test_a_store_that_fails_takes_no_answer_down(
    store: CacheStore, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await cached(Counting(), store).complete("hi")).content == "the answer"
    assert "the cache failed" in caplog.text


async def test_a_named_identity_stands_for_the_model() -> None:
    store = MemoryCache()
    one, two = Counting(), Counting()
    await cached(one, store, identity="counting-1").complete("hi")
    await cached(two, store, identity="counting-1").complete("hi")
    await cached(two, store, identity="counting-2").complete("hi")
    assert (one.asked, two.asked) == (1, 1)


async def test_what_does_not_fit_is_refused() -> None:
    for wrong in ({"ttl": 0}, {"ttl": True}, {"replay": "slow"}, {"tenant": ""}, {"tenant": 3}):
        with pytest.raises(AgentInputError):
            cached(Counting(), MemoryCache(), **wrong)
    with pytest.raises(AgentInputError, match="needs a store"):
        cached(Counting(), {})  # type: ignore[arg-type]


# -- stores -------------------------------------------------------------------------------------------


def a_key(number: int) -> str:
    return f"{number:064x}"


async def test_memory_is_bounded_in_bytes_and_forgets_what_was_used_least_recently() -> None:
    store = MemoryCache(1000)
    for number in range(4):
        await store.put(a_key(number), b"x" * 150, None)
    await store.get(a_key(0))
    await store.put(a_key(9), b"x" * 180, None)
    assert store.size <= 1000
    assert await store.get(a_key(0)) is not None
    assert await store.get(a_key(1)) is None
    await store.put(a_key(5), b"x" * 500, None)
    assert await store.get(a_key(5)) is None, "larger than a quarter"
    for number in range(1000):
        await store.put(a_key(number % 7), b"y" * (number % 186), None)
        assert store.size == sum(len(key) + len(value) for key, (_, value) in store._kept.items()) <= 1000
    store.clear()
    assert (len(store), store.size) == (0, 0)
    with pytest.raises(AgentInputError):
        MemoryCache(0)


async def test_an_answer_has_its_time() -> None:
    now = [0.0]
    inner = Counting()
    model = cached(inner, MemoryCache(clock=lambda: now[0]), ttl=10)
    await events_of(model)
    now[0] = 9.9
    await events_of(model)
    assert inner.asked == 1
    now[0] = 10
    await events_of(model)
    assert inner.asked == 2


async def test_a_directory_keeps_answers_for_another_process(tmp_path: Path) -> None:
    inner = Counting()
    await cached(inner, DirectoryCache(tmp_path / "cache"), identity="m").complete("hi")
    (file,) = (path for path in (tmp_path / "cache").rglob("*") if path.is_file())
    assert file.stat().st_mode & 0o077 == 0
    other = Counting()
    completion = await cached(other, DirectoryCache(tmp_path / "cache"), identity="m").complete("hi")
    assert (other.asked, completion.content) == (0, "the answer")
    DirectoryCache(tmp_path / "cache").clear()
    await cached(other, DirectoryCache(tmp_path / "cache"), identity="m").complete("hi")
    assert other.asked == 1


async def test_a_directory_forgets_what_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = DirectoryCache(tmp_path)
    await store.put(a_key(1), b"a", 100)
    await store.put(a_key(2), b"b\n\x00", None)
    await store.put(a_key(3), b"c", 100)
    assert await store.get(a_key(2)) == b"b\n\x00"
    assert await store.get(a_key(4)) is None
    import time

    later = time.time() + 101
    monkeypatch.setattr(time, "time", lambda: later)
    assert await store.get(a_key(1)) is None
    assert store.prune() == 1
    assert await store.get(a_key(2)) == b"b\n\x00"
    for wrong in ("../../etc/passwd", "", "A" * 64):
        with pytest.raises(AgentInputError, match="64 hexadecimal"):
            await store.get(wrong)


def test_many_threads_write_one_key_and_nobody_reads_half(tmp_path: Path) -> None:
    store = DirectoryCache(tmp_path)
    wholes = {bytes([65 + number]) * 100_000 for number in range(4)}
    read: list[bytes | None] = []

    def work(value: bytes) -> None:
        for _ in range(20):
            asyncio.run(store.put(a_key(1), value, None))
            read.append(asyncio.run(store.get(a_key(1))))

    threads = [threading.Thread(target=work, args=(value,)) for value in wholes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(read) <= wholes
    assert not list(tmp_path.rglob("*.part"))


def _write(path: str, letter: int, times: int) -> None:
    store = DirectoryCache(path)
    for _ in range(times):
        asyncio.run(store.put(a_key(1), bytes([letter]) * 100_000, None))


def test_several_processes_share_a_directory(tmp_path: Path) -> None:
    context: Any = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_write, args=(str(tmp_path), 65 + number, 20)) for number in range(2)]
    for worker in workers:
        worker.start()
    store = DirectoryCache(tmp_path)
    while any(worker.is_alive() for worker in workers):
        value = asyncio.run(store.get(a_key(1)))
        assert value is None or (len(value) == 100_000 and len(set(value)) == 1)
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
