"""F-X20, F-N30: cached results; for a time, for each tenant, behind the approval, and never for another call."""

from __future__ import annotations

import asyncio
import datetime
import enum
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamella import AgentInputError, MediaContent, Tool, ToolRuntime, tool
from lamella.events import ToolOutputDone
from lamella.tools import Approvals, CachedOutput, MemoryToolCache, cached, middleware
from lamella.tools.canonical import NoCanonicalForm, canonical

from turn import done, failed, outputs, turn


class Counting:
    """A tool that counts how often its function runs."""

    def __init__(self, **options: Any) -> None:
        self.ran = 0

        def count(n: int = 0, runtime: ToolRuntime | None = None) -> Any:
            self.ran += 1
            return {"run": self.ran, "n": n}

        self.tool = Tool(count, **options)


RUN: dict[str, Any] = {"key_prefix": "run1/"}
ACME: dict[str, Any] = {"runtime_context": {"tenant": "acme"}}


async def test_f_x20_an_equal_call_of_the_run_gets_the_same_output() -> None:
    counting = Counting()
    made = cached(counting.tool, ttl=60)
    assert await outputs(made, {"n": 1}, **RUN) == [{"run": 1, "n": 1}]
    assert await outputs(made, {"n": 1}, **RUN) == [{"run": 1, "n": 1}]
    assert await outputs(made, {"n": 2}, **RUN) == [{"run": 2, "n": 2}]
    assert counting.ran == 2


async def test_f_n30_without_a_tenant_no_other_run_shares_it() -> None:
    counting = Counting()
    made = cached(counting.tool, ttl=60)
    for prefix in ("run1/", "run2/", "", ""):
        await outputs(made, {"n": 1}, key_prefix=prefix)
    assert counting.ran == 4


async def test_f_n30_f_x20_tenants_never_share() -> None:
    counting = Counting()
    made = cached(counting.tool, ttl=60, tenant="tenant")
    # 1, "1" and True are three tenants; who has none keeps nothing.
    for tenant in ("acme", "other", 1, "1", True, ("a", "b"), ["a", "b"], '["a", "b"]'):
        before = counting.ran
        for run in ("run1/", "run2/"):
            await outputs(made, {"n": 1}, runtime_context={"tenant": tenant}, key_prefix=run)
        assert counting.ran == before + 1, tenant
    before = counting.ran
    for context in ({}, {"tenant": None}, {"tenant": object()}):
        await outputs(made, {"n": 1}, runtime_context=context, key_prefix="run1/")
    assert counting.ran == before + 3


async def test_f_x20_the_tenant_by_a_function_that_fails_closed() -> None:
    counting = Counting()
    made = cached(counting.tool, ttl=60, tenant=lambda runtime: [runtime.tenant, runtime.role])
    context = {"tenant": "acme", "role": "admin"}
    await outputs(made, {"n": 1}, runtime_context=context)
    await outputs(made, {"n": 1}, runtime_context=context)
    await outputs(made, {"n": 1}, runtime_context={**context, "role": "guest"})
    assert counting.ran == 2
    assert (await failed(made, {"n": 1})).startswith("AttributeError: the runtime context has no 'tenant'")
    assert counting.ran == 2


async def test_f_x20_an_output_has_its_time() -> None:
    now = [100.0]
    counting = Counting()
    made = cached(counting.tool, ttl=10, store=MemoryToolCache(clock=lambda: now[0]))
    for moment, ran in ((100.0, 1), (109.9, 1), (110.0, 2), (119.0, 2)):
        now[0] = moment
        await outputs(made, {"n": 1}, **RUN)
        assert counting.ran == ran, moment


async def test_f_x20_every_call_is_approved_although_the_output_is_there() -> None:
    counting = Counting(requires_approval=True)
    made = cached(counting.tool, ttl=60)
    for approved, error in ((True, False), (True, False), (False, True)):
        events = await turn(
            made, {"n": 1}, approvals=Approvals(lambda pending, approved=approved: approved), **RUN
        )
        assert [event.type for event in events] == [
            "approval.pending",
            "approval.resolved",
            "tool.output.done",
        ]
        assert isinstance(events[-1], ToolOutputDone)
        assert events[-1].is_error is error
    assert counting.ran == 1


async def test_f_x20_failures_are_not_kept() -> None:
    tries: list[int] = []

    @tool
    async def flaky(n: int) -> str:
        tries.append(n)
        if len(tries) == 1:
            raise ConnectionError("down")
        return "up"

    made = cached(flaky, ttl=60)
    assert await failed(made, {"n": 1}, **RUN) == "ConnectionError: down"
    assert await outputs(made, {"n": 1}, **RUN) == ["up"]
    assert await outputs(made, {"n": 1}, **RUN) == ["up"]
    assert len(tries) == 2
    checked = cached(Tool(lambda: tries.append(1), name="f", output_schema={"type": "string"}), ttl=60)
    await failed(checked, **RUN)
    await failed(checked, **RUN)
    assert len(tries) == 4


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_f_x20_equal_calls_at_the_same_time_run_once(kind: str) -> None:
    counting = Counting()
    made = counting.tool
    if kind == "async":

        async def slow(n: int) -> Any:
            await asyncio.sleep(0.01)
            return made(n)

        made_async = Tool(coroutine=slow, name="count")
        one = cached(made_async, ttl=60)
    else:
        one = cached(made, ttl=60)
    assert await outputs(one, *[{"n": 1}] * 20, limit=20, **RUN) == [{"run": 1, "n": 1}] * 20
    assert counting.ran == 1


async def test_f_x20_who_waits_takes_over_when_the_first_fails_or_is_cancelled() -> None:
    started: list[int] = []
    go = asyncio.Event()

    @tool
    async def slow() -> str:
        started.append(1)
        if len(started) == 1:
            await asyncio.sleep(30)
        if len(started) == 2:
            raise ValueError("second")
        await go.wait()
        return "third"

    made = cached(slow, ttl=60)
    first = asyncio.ensure_future(done(made, **RUN))
    await asyncio.sleep(0.01)
    others = [asyncio.ensure_future(done(made, **RUN)) for _ in range(4)]
    cancelled = others.pop()
    await asyncio.sleep(0.01)
    cancelled.cancel()
    first.cancel()
    go.set()
    ended = [event.output for (event,) in await asyncio.gather(*others)]
    assert sorted(ended) == ["ValueError: second", "third", "third"]
    assert len(started) == 3


async def test_f_x20_what_is_kept_cannot_be_changed_and_may_be_media() -> None:
    picture = MediaContent(data=b"x", mime_type="image/png")
    drawing = cached(Tool(lambda: ["see", picture], name="draw"), ttl=60)
    first = await outputs(drawing, **RUN)
    assert await outputs(drawing, **RUN) == first
    counting = Counting()

    def spoil(call: Any, output: Any) -> Any:
        changed = dict(output)
        changed["n"] = "spoilt"
        return changed

    spoiling = middleware(cached(counting.tool, ttl=60), after=spoil)
    for _ in range(2):
        assert await outputs(spoiling, {"n": 1}, **RUN) == [{"run": 1, "n": "spoilt"}]
    with pytest.raises(TypeError, match="immutable"):
        CachedOutput({"a": []}).output["a"].append(1)


async def test_f_x20_the_memory_is_bounded() -> None:
    store = MemoryToolCache(max_entries=3, max_size=100)
    for key in "abcd":
        await store.put(key, CachedOutput(key), 60)
        await store.get("a")
    assert len(store) == 3
    assert await store.get("a") == CachedOutput("a"), "the one used last stays"
    assert await store.get("b") is None
    await store.put("big", CachedOutput("x" * 101), 60)
    assert await store.get("big") is None
    store.clear()
    assert len(store) == 0
    with pytest.raises(AgentInputError, match="at least 1"):
        MemoryToolCache(max_entries=0)


async def test_f_n30_tools_that_share_a_store_are_told_apart() -> None:
    store = MemoryToolCache()

    def made(answer: str, **options: Any) -> Tool:
        def look(n: int) -> str:
            return answer

        return cached(
            Tool(look, name=options.pop("name", "look"), description=options.pop("about", "Look.")),
            ttl=60,
            store=store,
            tenant=lambda runtime: "everybody",
            **options,
        )

    assert await outputs(made("first"), {"n": 1}) == ["first"]
    assert await outputs(made("second"), {"n": 1}) == ["first"], "the same tool of another run"
    assert await outputs(made("second", name="other"), {"n": 1}) == ["second"]
    assert await outputs(made("third", about="Look elsewhere."), {"n": 1}) == ["third"]
    assert await outputs(made("fourth", namespace="4"), {"n": 1}) == ["fourth"]


async def test_f_x20_a_store_that_fails_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    class Down:
        async def get(self, key: str) -> CachedOutput | None:
            raise ConnectionError("down")

        async def put(self, key: str, value: CachedOutput, ttl: float) -> None:
            raise ConnectionError("down")

    counting = Counting()
    made = cached(counting.tool, ttl=60, store=Down())
    assert await outputs(made, {"n": 1}, **RUN) == [{"run": 1, "n": 1}]
    assert [record.getMessage() for record in caplog.records] == [
        "the tool cache failed, and the tool runs: ConnectionError",
        "the tool cache failed to keep an output: ConnectionError",
    ]


async def test_f_x20_the_order_of_arguments_does_not_count_and_defaults_do() -> None:
    ran: list[Any] = []

    @tool
    def f(a: int, b: Any = None) -> None:
        ran.append((a, b))

    made = cached(f, ttl=60)
    await outputs(made, {"a": 1, "b": {"x": 1, "y": 2}}, {"b": {"y": 2, "x": 1}, "a": 1}, **RUN)
    assert len(ran) == 1
    await outputs(made, {"a": 1}, {"a": 1, "b": None}, **RUN)
    assert len(ran) == 3


async def test_f_x20_what_cannot_be_compared_is_not_kept() -> None:
    ran: list[Any] = []

    @tool
    def f(a: Any = None) -> None:
        ran.append(a)

    made = middleware(cached(f, ttl=60), before=lambda call: {"a": object()})
    await outputs(made, {}, {}, **RUN)
    assert len(ran) == 2


@pytest.mark.parametrize("ttl", [0, -1, True, "9", float("nan")])
def test_a_time_is_a_positive_number(ttl: Any) -> None:
    with pytest.raises(AgentInputError, match="ttl must be"):
        cached(Counting().tool, ttl=ttl)


def test_a_tenant_is_a_key_or_a_function() -> None:
    with pytest.raises(AgentInputError, match="tenant must be"):
        cached(Counting().tool, ttl=1, tenant=5)  # type: ignore[call-overload]


# -- the canonical form ---------------------------------------------------------------------------


class Colour(enum.Enum):
    RED = "red"


@attrs.frozen
class Point:
    x: Any
    y: Any = 0


TELLING = [
    None, True, 1, 1.0, "1", "true", "null", b"1", [1], (1,), {1}, frozenset({1}), {"a": 1}, {"1": 1}, {1: 1},
    [[1], 2], [1, [2]], ["1,2"], ["1", "2"], "[1]", Colour.RED, "red", "RED", Point(1), Point("1"), Point(1, 1),
    datetime.date(2024, 1, 1), "2024-01-01", datetime.datetime(2024, 1, 1), [], {}, "", float("inf"), "inf",
    {"x": 1, "y": 0}, {"a": "b:1"}, {"a:b": 1},
]  # fmt: skip


def test_f_n30_values_that_differ_have_different_forms() -> None:
    forms = [canonical(value) for value in TELLING]
    assert len(set(forms)) == len(TELLING)
    for unknown in (object(), [object()], {"a": object()}, lambda: 0):
        with pytest.raises(NoCanonicalForm):
            canonical(unknown)


_json: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def _typed(value: Any) -> Any:
    """A value that is equal only where types are, too."""
    if isinstance(value, dict):
        return ("dict", frozenset((key, _typed(item)) for key, item in value.items()))
    if isinstance(value, list):
        return ("list", tuple(map(_typed, value)))
    return (type(value).__name__, str(value))


@given(_json, _json)
def test_f_n30_the_form_is_injective(first: Any, second: Any) -> None:
    assert (canonical(first) == canonical(second)) == (_typed(first) == _typed(second))
