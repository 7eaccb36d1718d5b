"""F-X20: middleware before, after and on errors; for every way a tool can be made, and fail."""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
import pytest

from lamella import AgentInputError, AgentToolExecutionError, Tool, ToolRuntime, tool
from lamella.events import ApprovalPending, ApprovalResolved, ToolOutputDone
from lamella.tools import Answer, Approvals, Deny, ToolInvocation, middleware, wrapped

from turn import done, failed, outputs, turn

ran: list[Any] = []


@pytest.fixture(autouse=True)
def _nothing_ran() -> None:
    ran.clear()


def sync(n: int) -> Any:
    """Double."""
    ran.append(n)
    if n < 0:
        raise ValueError("negative")
    return n * 2


async def later(n: int) -> Any:
    """Double."""
    return sync(n)


KINDS = [Tool(sync, name="f"), Tool(coroutine=later, name="f")]


def asynchronous(hook: Any) -> Any:
    async def hooked(*args: Any) -> Any:
        await asyncio.sleep(0)
        return hook(*args)

    return hooked


@pytest.fixture(params=KINDS, ids=["func", "coroutine"])
def made(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(params=[lambda hook: hook, asynchronous], ids=["plain", "async"])
def hook(request: pytest.FixtureRequest) -> Any:
    return request.param


# -- before ---------------------------------------------------------------------------------------


async def test_f_x20_before_sees_the_checked_call_and_lets_it_run(made: Tool, hook: Any) -> None:
    seen: list[ToolInvocation] = []

    def before(call: ToolInvocation) -> None:
        seen.append(call)

    assert await outputs(middleware(made, before=hook(before)), {"n": "4"}) == [8]
    (call,) = seen
    assert (call.tool.name, call.call_id, call.arguments) == ("f", "c0", {"n": 4})


async def test_f_x20_before_modifies_the_arguments(made: Tool, hook: Any) -> None:
    changed = middleware(made, before=hook(lambda call: {**call.arguments, "n": 10}))
    assert await outputs(changed, {"n": 1}) == [20]
    assert ran == [10]


async def test_f_x20_before_replaces_the_output(made: Tool, hook: Any) -> None:
    assert await outputs(middleware(made, before=hook(lambda call: Answer({"a": 1}))), {"n": 1}) == [{"a": 1}]
    assert await outputs(middleware(made, before=hook(lambda call: Answer(None))), {"n": 1}) == [None]
    assert ran == []


async def test_f_x20_before_denies(made: Tool, hook: Any) -> None:
    def raising(call: ToolInvocation) -> None:
        raise Deny("not on Sundays")

    for before in (lambda call: Deny("not on Sundays"), raising):
        said = await failed(middleware(made, before=hook(before)), {"n": 1})
        assert said == "the call of f was refused: not on Sundays"
    assert await failed(middleware(made, before=hook(lambda call: Deny())), {"n": 1}) == (
        "the call of f was refused"
    )
    assert ran == []


@pytest.mark.parametrize("on_error", ["return", "raise"])
async def test_f_n31_before_that_crashes_denies(made: Tool, hook: Any, on_error: Any) -> None:
    """F-N31, F-X20: whatever it raises or returns by mistake, the function is not called, and the run goes on."""

    def crash(call: ToolInvocation) -> None:
        raise RuntimeError("the secret is 7")

    stubborn = attrs.evolve(made, on_error=on_error)
    said = await failed(middleware(stubborn, before=hook(crash)), {"n": 1})
    assert said == "the call of f was refused: its middleware failed (RuntimeError)"
    for wrong in (True, "go", 1, ["n"]):
        said = await failed(middleware(stubborn, before=hook(lambda call, wrong=wrong: wrong)), {"n": 1})
        assert said == "the call of f was refused: its middleware failed (AgentInputError)"
    assert ran == []


async def test_f_x20_before_runs_after_the_check_and_the_approval() -> None:
    seen: list[Any] = []
    asking = Tool(
        sync, name="f", requires_approval=lambda arguments: bool(seen.append("asked")) or arguments["n"] > 5
    )
    watched = middleware(asking, before=lambda call: seen.append(call.arguments["n"]))
    await failed(watched, {"n": "x"})
    assert seen == [], "bad arguments reach neither"
    events = await turn(watched, {"n": 9}, approvals=Approvals(lambda pending: False))
    assert [type(event) for event in events] == [ApprovalPending, ApprovalResolved, ToolOutputDone]
    assert (seen, ran) == (["asked"], [])
    await outputs(watched, {"n": 9}, approvals=Approvals(lambda pending: True))
    assert (seen, ran) == (["asked", "asked", 9], [9])


# -- after ----------------------------------------------------------------------------------------


async def test_f_x20_after_sees_replaces_and_leaves(made: Tool, hook: Any) -> None:
    seen: list[Any] = []
    left = middleware(made, after=hook(lambda call, output: seen.append((call.arguments, output))))
    assert await outputs(left, {"n": 2}) == [4]
    assert seen == [({"n": 2}, 4)]
    assert await outputs(middleware(made, after=hook(lambda call, output: [output])), {"n": 2}) == [[4]]
    assert await outputs(middleware(made, after=hook(lambda call, output: Answer(None))), {"n": 2}) == [None]


async def test_f_x20_after_sees_what_before_put_in_place() -> None:
    both = middleware(KINDS[0], before=lambda call: Answer(1), after=lambda call, output: output + 1)
    assert await outputs(both, {"n": 5}) == [2]


async def test_f_n31_after_that_crashes_withholds_the_output(made: Tool, hook: Any) -> None:
    def crash(call: ToolInvocation, output: Any) -> None:
        raise RuntimeError("no")

    assert await failed(middleware(made, after=hook(crash)), {"n": 2}) == "RuntimeError: no"


async def test_f_x20_what_is_put_in_place_is_checked() -> None:
    checked = Tool(lambda: 1, name="f", output_schema={"type": "integer"})
    said = await failed(middleware(checked, after=lambda call, output: "x"))
    assert said.startswith("AgentToolExecutionError: the result of tool f breaks its output_schema")
    said = await failed(middleware(KINDS[0], after=lambda call, output: object()), {"n": 1})
    assert "returned a object" in said


# -- error ----------------------------------------------------------------------------------------


async def test_f_x20_error_suppresses_modifies_and_leaves(made: Tool, hook: Any) -> None:
    def mended(error: Any) -> Tool:
        return middleware(made, error=hook(error))

    def raising(call: ToolInvocation, error: Exception) -> None:
        raise KeyError("mine")

    assert await outputs(mended(lambda call, error: f"sorry: {error}"), {"n": -1}) == ["sorry: negative"]
    assert await outputs(mended(lambda call, error: Answer(None)), {"n": -1}) == [None]
    assert await failed(mended(lambda call, error: None), {"n": -1}) == "ValueError: negative"
    assert await failed(mended(lambda call, error: LookupError("other")), {"n": -1}) == "LookupError: other"
    assert await failed(mended(raising), {"n": -1}) == "KeyError: 'mine'"
    assert await outputs(mended(lambda call, error: "unused"), {"n": 1}) == [2]


async def test_f_x20_error_sees_a_timeout_and_no_denial() -> None:
    seen: list[str] = []

    @tool(timeout=0.01)
    async def hang() -> None:
        await asyncio.sleep(30)

    def note(call: ToolInvocation, error: Exception) -> str:
        seen.append(type(error).__name__)
        return "in time"

    assert await outputs(middleware(hang, error=note)) == ["in time"]
    denied = middleware(middleware(hang, before=lambda call: Deny("no")), error=note)
    assert await failed(denied) == "the call of hang was refused: no"
    assert seen == ["ToolTimeoutError"]


async def test_f_x20_what_error_leaves_ends_the_run_of_a_tool_that_raises() -> None:
    made = Tool(sync, name="f", on_error="raise")
    with pytest.raises(AgentToolExecutionError, match="negative") as caught:
        await turn(middleware(made, error=lambda call, error: None), {"n": -1})
    assert isinstance(caught.value.cause, ValueError)
    assert await outputs(middleware(made, error=lambda call, error: "fine"), {"n": -1}) == ["fine"]


async def test_f_x20_a_cancelled_run_is_not_an_error() -> None:
    seen: list[Exception] = []
    started = asyncio.Event()

    @tool
    async def hang() -> None:
        started.set()
        await asyncio.sleep(30)

    running = asyncio.ensure_future(turn(middleware(hang, error=lambda call, error: seen.append(error))))
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert seen == []


# -- around all -----------------------------------------------------------------------------------


async def test_f_x20_the_later_is_outside_and_the_tool_stays_what_it_was() -> None:
    log: list[str] = []

    def named(name: str) -> dict[str, Any]:
        return {
            "before": lambda call: log.append(f"+{name}"),
            "after": lambda call, output: log.append(f"-{name}"),
        }

    base = Tool(sync, later, name="f", timeout=9, sequential=True, strict=True)
    twice = middleware(middleware(base, **named("in")), **named("out"))
    assert await outputs(twice, {"n": 1}) == [2]
    assert log == ["+out", "+in", "-in", "-out"]
    assert twice == base, "the wrappers are no part of what a tool is"
    assert twice.input_schema == base.input_schema
    assert base.wrappers == ()
    assert twice(3) == 6, "called by hand it is the function"
    renamed = attrs.evolve(twice, name="other")
    assert await outputs(renamed, {"n": 1}) == [2]
    assert len(log) == 8


async def test_f_x20_several_tools_at_once_and_hidden_values() -> None:
    @tool
    def who(runtime: ToolRuntime) -> str:
        return str(runtime.tenant)

    seen: list[Any] = []

    def before(call: ToolInvocation) -> Any:
        seen.append(call.runtime.tenant)
        return {"runtime": ToolRuntime({"tenant": "another"})}

    first, second = middleware([who, sync], before=before)
    assert await outputs(first, runtime_context={"tenant": "acme"}) == ["acme"], "the run fills it in"
    assert seen == ["acme"]
    assert second.name == "sync"
    assert "acme" not in repr(
        ToolInvocation(tool=who, call_id="1", arguments={"a": "acme"}, runtime=ToolRuntime({"t": "acme"}))
    )


async def test_f_x20_any_wrapper_may_try_again() -> None:
    tries: list[int] = []

    @tool
    async def flaky() -> Any:
        tries.append(1)
        yield "piece "
        if len(tries) < 3:
            raise ConnectionError("again")
        yield "done"

    async def stubborn(call: ToolInvocation, proceed: Any) -> Any:
        for _ in range(5):
            try:
                return await proceed(call)
            except ConnectionError:
                continue
        raise ConnectionError("given up")

    assert await outputs(wrapped(flaky, stubborn)) == ["piece done"]


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(AgentInputError, match="at least one of before, after and error"):
        middleware(sync)
    with pytest.raises(AgentInputError, match="must be a Tool"):
        middleware([5], before=lambda call: None)  # type: ignore[list-item]
    with pytest.raises(AgentInputError, match="wrappers must be callables"):
        wrapped(sync, 5)  # type: ignore[call-overload]


async def test_f_x20_events_of_the_call_are_those_of_a_call_without() -> None:
    (event,) = await done(middleware(KINDS[0], before=lambda call: None), {"n": 1})
    assert event == ToolOutputDone(id="c0", call_id="c0", name="f", output=2)
