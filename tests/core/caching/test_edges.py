"""The rarer forms of keys and stores."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import enum
import os
import time
from decimal import Decimal
from pathlib import Path
from types import FunctionType
from typing import Any

import attrs
import pytest

from lamella import Agent, AgentInputError, Message, ModelRequest
from lamella.caching import DirectoryCache, MemoryCache, cached, cached_run
from lamella.caching.identity import stand_for
from lamella.caching.recording import read, written
from lamella.errors import AgentSerializationError
from lamella.events import MessageOutputDone
from lamella.layers import static
from lamella.models.canonical import encoded, hashed

from fakes import ScriptedModel, bare, says


class Color(enum.Enum):
    RED = 1


@dataclasses.dataclass
class Point:
    x: int


@attrs.frozen
class Place:
    x: int


@attrs.define(eq=False)
class Own:
    x: int


class Slotted:
    __slots__ = ()


def plain(value: int) -> int:
    return value + 1


def outer() -> Any:
    count = 1

    def inner(value: int) -> int:
        return value + count

    return inner


def test_each_kind_has_a_form_of_its_own() -> None:
    moment = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
    values: list[Any] = [
        *(1, 1.0, True, "1", b"1", None, Decimal(1), Color.RED, Point(1), Place(1), {1}, frozenset({2})),
        *([1], (1,), {"x": 1}, moment, moment.isoformat(), moment.date(), Path("1"), range(1)),
    ]
    assert len({encoded(value) for value in values}) == len(values)
    assert encoded({1, 2, 3}) == encoded({3, 2, 1})


def test_functions_are_their_code_where_that_is_all() -> None:
    again = FunctionType(plain.__code__, {}, "plain")
    again.__module__, again.__qualname__ = plain.__module__, plain.__qualname__
    assert hashed(plain, stand_for) == hashed(again, stand_for)
    one, two = outer(), outer()
    assert hashed(one, stand_for) != hashed(two, stand_for)
    assert hashed(lambda: 1, stand_for) != hashed(lambda: 1, stand_for)


def test_objects_stand_for_themselves() -> None:
    one, two = Own(1), Own(1)
    assert hashed(one, stand_for) == hashed(one, stand_for) != hashed(two, stand_for)
    bare_one, bare_two = Slotted(), Slotted()
    assert hashed([bare_one], stand_for) != hashed([bare_two], stand_for)
    assert hashed(Own, stand_for) != hashed(Place, stand_for)


async def test_a_request_that_nothing_can_stand_for_is_asked_each_time() -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    model = ScriptedModel(says("hi"))
    keeping = cached(model, MemoryCache())
    request = ModelRequest(messages=[Message.user("hi")], native=({"deep": deep},))
    for _ in range(2):
        assert [event.type async for event in keeping.stream(request)]
    assert len(model.requests) == 2


def test_what_was_half_written_is_pruned(tmp_path: Path) -> None:
    folder = tmp_path / "ab"
    folder.mkdir()
    old, new, foreign = folder / "old.part", folder / "new.part", folder / "foreign"
    for path in (old, new, foreign):
        path.write_bytes(b"x")
    os.utime(old, (time.time() - 7200,) * 2)
    assert DirectoryCache(tmp_path).prune() == 2
    assert [path.name for path in folder.iterdir()] == ["new.part"]


async def test_a_write_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        await DirectoryCache(tmp_path).put("a" * 64, b"x", None)
    assert await asyncio.to_thread(lambda: [path for path in tmp_path.rglob("*") if path.is_file()]) == []


async def test_an_answer_without_a_stored_form_is_not_kept() -> None:
    store = MemoryCache()
    odd = ScriptedModel(says("hi", raw={"when": object()}))
    assert (await cached(odd, store).complete("hi")).content == "hi"
    assert len(store) == 0


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"v": 2, "events": []}', b'{"v": 1, "events": [1]}'])
def test_what_is_no_recording_is_refused(data: bytes) -> None:
    with pytest.raises(AgentSerializationError):
        read(data)


def test_a_recording_comes_back() -> None:
    moments = [(0.5, ("a",), MessageOutputDone(output="hi"))]
    assert read(written(moments, output="x"))[0] == moments


async def test_runs_of_fixed_answers_and_what_is_no_agent() -> None:
    agent = cached_run(static("Hello."), MemoryCache())
    assert [(await agent.arun("hi")).output for _ in range(2)] == ["Hello.", "Hello."]
    assert agent.on(ScriptedModel()) is not agent
    with pytest.raises(AgentInputError, match="needs an agent"):
        cached_run("planner", MemoryCache())  # type: ignore[arg-type]
    twice = cached_run(
        cached_run(Agent(ScriptedModel(says("hi")), project=bare()), MemoryCache()), MemoryCache()
    )
    assert [(await twice.arun("hi")).output for _ in range(2)] == ["hi", "hi"]
