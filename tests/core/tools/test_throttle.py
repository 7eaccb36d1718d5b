"""F-X11: throttled functions and tools, on a clock that stands still until somebody waits for it."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from lamella import AgentInputError, Tool, tool
from lamella.tools import async_throttle

from turn import outputs


class _Skipping(selectors.DefaultSelector):
    """Does not wait: the time is over at once."""

    skipped = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if found := super().select(0):
            return found
        if timeout is None:
            return super().select(0.005)  # something of another thread
        self.skipped += timeout
        return []


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    def time(self) -> float:
        return self._skipping.skipped


def on_fake_time(main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(main())


def now() -> float:
    return round(asyncio.get_running_loop().time(), 6)


class Work:
    """Takes a second, and notes when it began and how many ran at once."""

    def __init__(self) -> None:
        self.starts: list[float] = []
        self.running = self.peak = 0

    async def __call__(self, n: int = 0) -> int:
        self.starts.append(now())
        self.running += 1
        self.peak = max(self.peak, self.running)
        try:
            await asyncio.sleep(1)
        finally:
            self.running -= 1
        return n


def test_f_x11_no_more_at_once() -> None:
    work = Work()

    async def main() -> list[int]:
        slow = async_throttle(max_concurrent=3)(work.__call__)
        return await asyncio.gather(*(slow(n) for n in range(7)))

    assert on_fake_time(main) == list(range(7))
    assert work.peak == 3
    assert work.starts == [0, 0, 0, 1, 1, 1, 2]


@pytest.mark.parametrize(("rate", "apart"), [(2, 0.5), (0.25, 4.0), (1.0, 1.0)])
def test_f_x11_no_more_in_a_second_spread_evenly(rate: float, apart: float) -> None:
    work = Work()

    async def main() -> None:
        slow = async_throttle(max_per_second=rate)(work.__call__)
        await asyncio.gather(*(slow() for _ in range(4)))
        await asyncio.sleep(100)
        await asyncio.gather(slow(), slow())

    on_fake_time(main)
    first = [index * apart for index in range(4)]
    assert work.starts[:4] == first
    assert work.starts[5] - work.starts[4] == pytest.approx(apart), "time that went unused is not saved up"


def test_f_x11_both_limits() -> None:
    work = Work()

    async def main() -> None:
        slow = async_throttle(2, 10)(work.__call__)
        await asyncio.gather(*(slow() for _ in range(5)))

    on_fake_time(main)
    assert work.peak == 2
    assert work.starts == pytest.approx([0, 0.1, 1.0, 1.1, 2.0])


def test_f_x11_functions_of_one_throttle_share_it_and_failures_give_their_place_back() -> None:
    async def main() -> list[float]:
        polite = async_throttle(max_concurrent=1)
        ends = []

        @polite
        async def fails() -> None:
            await asyncio.sleep(1)
            raise ValueError

        @polite
        async def works() -> None:
            await asyncio.sleep(1)
            ends.append(now())

        hanging = asyncio.ensure_future(works())
        await asyncio.sleep(0.5)
        hanging.cancel()
        await asyncio.gather(fails(), works(), works(), return_exceptions=True)
        return ends

    assert on_fake_time(main) == [2.5, 3.5]


def test_f_x11_tools_wait_too_and_stay_tools() -> None:
    work = Work()

    async def twice(n: int) -> int:
        """Wait."""
        return await work(n)

    async def main() -> Any:
        made = async_throttle(max_per_second=1)(Tool(coroutine=twice, timeout=1.5))
        assert made.name == "twice"
        return await outputs(made, *({"n": n} for n in range(3)))

    assert on_fake_time(main) == [0, 1, 2], "waiting for one's turn is not in the timeout"
    assert work.starts == [0, 1, 2]


def test_f_x11_a_throttled_function_is_still_a_tool() -> None:
    @tool
    @async_throttle(max_concurrent=1)
    async def search(query: str, limit: int = 3) -> list[str]:
        """Search.

        :param query: what for
        """
        return [query] * limit

    assert list(search.input_schema["properties"]) == ["query", "limit"]
    assert search.input_schema["properties"]["query"]["description"] == "what for"
    assert on_fake_time(lambda: outputs(search, {"query": "a"})) == [["a"] * 3]


def test_f_x11_sync_tools_of_a_throttle_run_in_threads() -> None:
    made = async_throttle(max_concurrent=1)(Tool(lambda n: n, name="f", input_schema={"type": "object"}))
    assert on_fake_time(lambda: outputs(made, {"n": 1}, {"n": 2})) == [1, 2]
    assert on_fake_time(lambda: outputs(made, {"n": 3})) == [3], "on another event loop"


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({}, "needs max_concurrent"),
        ({"max_concurrent": 0}, "int >= 1"),
        ({"max_concurrent": True}, "int >= 1"),
        ({"max_concurrent": 1.5}, "int >= 1"),
        ({"max_per_second": 0}, "number > 0"),
        ({"max_per_second": float("nan")}, "number > 0"),
        ({"max_per_second": float("inf")}, "number > 0"),
    ],
)
def test_f_x11_what_does_not_fit_is_refused(limits: dict[str, Any], said: str) -> None:
    with pytest.raises(AgentInputError, match=said):
        async_throttle(**limits)


def test_f_x11_a_sync_function_is_refused() -> None:
    with pytest.raises(AgentInputError, match="make a tool of a sync function first"):
        async_throttle(1)(lambda: None)
