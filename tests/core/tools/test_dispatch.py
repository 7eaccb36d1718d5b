"""``run_calls``: concurrent and bounded, events live, outputs in call order, failures typed."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import attrs
import pytest

from lamella import (
    AgentInputError,
    AgentToolCallError,
    AgentToolExecutionError,
    MediaContent,
    TextBlock,
    Tool,
    ToolCallBlock,
    ToolRuntime,
    ToolTimeoutError,
    tool,
)
from lamella.events import (
    AgentStart,
    ApprovalPending,
    ApprovalResolved,
    Event,
    ProgressEnd,
    ProgressStart,
    ProgressUpdate,
    ToolEnd,
    ToolOutputDone,
    ToolStart,
)
from lamella.tools import Approvals, Emitted, aemit, areport_progress, emit, report_progress, run_calls

MODES: list[Any] = ["run_sync", "run_async", "stream_sync", "stream_async"]


def call(name: str, call_id: str = "c1", **arguments: Any) -> ToolCallBlock:
    return ToolCallBlock(call_id=call_id, name=name, arguments=arguments)


def start(calls: Sequence[ToolCallBlock], tools: Sequence[Tool], **options: Any) -> Any:
    settings: dict[str, Any] = {
        "runtime_context": {},
        "mode": "run_async",
        "approvals": Approvals(),
        **options,
    }
    return run_calls(calls, {made.name: made for made in tools}, **settings)


async def gather(calls: Sequence[ToolCallBlock], tools: Sequence[Tool], **options: Any) -> list[Event]:
    """What the calls show, but for their beginnings."""
    running = start(calls, tools, **options)
    return [item.event async for item in running if not isinstance(item.event, ToolStart | ToolEnd)]


async def outputs(calls: Sequence[ToolCallBlock], tools: Sequence[Tool], **options: Any) -> list[Any]:
    events = await gather(calls, tools, **options)
    return [event.output for event in events if isinstance(event, ToolOutputDone)]


async def failed(made: Tool, block: ToolCallBlock, **options: Any) -> str:
    (event,) = await gather([block], [made], **options)
    assert isinstance(event, ToolOutputDone)
    assert event.is_error
    assert event.id == event.call_id == (block.call_id or "unknown")
    return str(event.output)


@tool
def tool_a(first, second, third=5):  # type: ignore[no-untyped-def]
    """Use this tool.

    :param: first: str: first
    :param: second: int: second
    :param: third: int: (optional) third
    """
    return f"{first} {second} {third}"


@tool
async def tool_b(x: float) -> float:
    """Use this tool.

    :param: x: float: a number
    """
    return x * 2


async def test_f_tool09_goldens() -> None:
    """F-TOOL09: the texts a model reads, to the letter."""
    for block, said in (
        (call("tool_d"), "KeyError: 'tool_d'"),
        (call("tool_b"), "TypeError: tool_b() missing 1 required argument: 'x'"),
        (call("tool_a"), "TypeError: tool_a() missing 2 required arguments: 'first', 'second'"),
        (call("tool_b", x=1, y=2), "TypeError: tool_b() got 1 unexpected argument: 'y'"),
        (
            call("tool_b", x="hi"),
            "TypeError: tool_b() got invalid value for argument `x`: 'hi' (could not convert string to float: 'hi')",
        ),
    ):
        (event,) = await gather([block], [tool_a, tool_b])
        assert event == ToolOutputDone(id="c1", call_id="c1", name=block.name, output=said, is_error=True)
    assert await outputs([call("tool_a", first="1", second=2), call("tool_b", x=8)], [tool_a, tool_b]) == [
        "1 2 5",
        16.0,
    ]


async def test_f_tool09_an_unreadable_id_is_unknown() -> None:
    (event,) = await gather([call("tool_b", "", x=1)], [tool_b])
    assert isinstance(event, ToolOutputDone)
    assert (event.id, event.call_id, event.output) == ("unknown", "unknown", 2.0)


@pytest.mark.parametrize("mode", MODES)
async def test_f_tool03_f_tool11_sync_and_async_tools_in_every_mode(mode: Any) -> None:
    loop_thread = threading.get_ident()

    @tool
    def sync(runtime: ToolRuntime) -> Any:
        return [runtime.tenant, threading.get_ident() != loop_thread]

    @tool
    async def later(runtime: ToolRuntime) -> Any:
        return [runtime.tenant, threading.get_ident() == loop_thread]

    async def two_async() -> str:
        return "async"

    both = Tool(lambda: "sync", two_async, name="both")
    calls = [call("sync"), call("later"), call("both")]
    made = await outputs(calls, [sync, later, both], mode=mode, runtime_context={"tenant": "acme"})
    assert made == [["acme", True], ["acme", True], "async" if mode.endswith("_async") else "sync"]


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_f_tool08_four_calls_of_a_fifth_of_a_second(kind: str) -> None:
    """F-TOOL08: 4 calls of 0.2 s take less than 0.4 s, results in call order."""

    def slow(n: int) -> int:
        time.sleep(0.2)
        return n

    async def aslow(n: int) -> int:
        await asyncio.sleep(0.2)
        return n

    made = Tool(slow, name="slow") if kind == "sync" else Tool(coroutine=aslow, name="slow")
    started = time.perf_counter()
    assert await outputs([call("slow", str(n), n=n) for n in range(4)], [made]) == [0, 1, 2, 3]
    assert time.perf_counter() - started < 0.4


async def test_f_evt06_outputs_come_in_call_order_whatever_finishes_first() -> None:
    gates = [asyncio.Event() for _ in range(3)]
    finished: list[int] = []

    @tool
    async def wait(n: int) -> int:
        if n < 2:
            await gates[n + 1].wait()
        finished.append(n)
        gates[n].set()
        return n

    events = await gather([call("wait", f"c{n}", n=n) for n in range(3)], [wait])
    assert finished == [2, 1, 0]
    assert [(e.id, e.output) for e in events if isinstance(e, ToolOutputDone)] == [
        ("c0", 0),
        ("c1", 1),
        ("c2", 2),
    ]


async def test_f_tool08_concurrency_is_bounded() -> None:
    running = peak = 0

    @tool
    async def work(n: int) -> int:
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        await asyncio.sleep(0)
        running -= 1
        return n

    calls = [call("work", str(n), n=n) for n in range(20)]
    assert await outputs(calls, [work], limit=3) == list(range(20))
    assert peak == 3
    with pytest.raises(AgentInputError, match="at least 1"):
        await outputs(calls, [work], limit=0)


async def test_f_tool08_sequential_tools_run_one_at_a_time_in_order() -> None:
    log: list[str] = []

    def made(name: str, sequential: bool) -> Tool:
        async def work(n: int) -> int:
            log.append(f"+{name}{n}")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            log.append(f"-{name}{n}")
            return n

        return Tool(coroutine=work, name=name, sequential=sequential)

    tools = [made("s", True), made("t", True), made("free", False)]
    calls = [call("s", n=0), call("free", n=1), call("t", n=2), call("s", n=3)]
    assert await outputs(calls, tools) == [0, 1, 2, 3]
    assert [entry for entry in log if "free" not in entry] == ["+s0", "-s0", "+t2", "-t2", "+s3", "-s3"]
    assert log.index("+free1") < log.index("-s0")


async def test_no_calls() -> None:
    assert await gather([], [tool_a]) == []


VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("VARIABLE")


async def test_f_n18_context_variables_reach_tools() -> None:
    VARIABLE.set("here")

    @tool
    def sync() -> str:
        return VARIABLE.get()

    @tool
    async def later() -> str:
        return VARIABLE.get()

    assert await outputs([call("sync"), call("later")], [sync, later]) == ["here", "here"]


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_f_n18_tools_time_out(kind: str) -> None:
    release = threading.Event()

    def stuck() -> None:
        release.wait(30)

    async def astuck() -> None:
        await asyncio.sleep(30)

    def made(on_error: Any) -> Tool:
        options: dict[str, Any] = {"name": "stuck", "timeout": 0.01, "on_error": on_error}
        return Tool(stuck, **options) if kind == "sync" else Tool(coroutine=astuck, **options)

    try:
        said = await failed(made("return"), call("stuck"))
        assert said == "ToolTimeoutError: tool stuck did not finish within 0.01 s"
        with pytest.raises(ToolTimeoutError) as caught:
            await gather([call("stuck")], [made("raise")])
        assert caught.value.context == {"tool_name": "stuck", "call_id": "c1", "execution_mode": kind}
    finally:
        release.set()


async def test_a_timeout_error_of_the_tool_itself_is_an_ordinary_failure() -> None:
    @tool(timeout=30)
    async def f() -> None:
        raise TimeoutError("upstream")

    assert await failed(f, call("f")) == "TimeoutError: upstream"


async def test_f_n18_many_slow_tools_do_not_block_the_loop() -> None:
    release = threading.Event()

    @tool
    def slow(n: int) -> int:
        release.wait(30)
        return n

    running = asyncio.ensure_future(outputs([call("slow", str(n), n=n) for n in range(64)], [slow], limit=32))
    for _ in range(50):
        await asyncio.sleep(0)
    assert not running.done()
    assert (
        await asyncio.to_thread(lambda: "the loop's own executor is free")
        == "the loop's own executor is free"
    )
    release.set()
    assert await running == list(range(64))


async def test_f_tool09_f_tool12_failures_become_outputs_and_end_no_run() -> None:
    @tool
    def boom() -> None:
        raise ValueError("no")

    @tool
    def silent() -> None:
        raise RuntimeError

    @tool
    def stop() -> None:
        raise StopIteration

    @tool
    def odd() -> object:
        return object()

    @tool
    def lazy() -> Any:
        return tool_b(1.0)

    events = await gather(
        [call(n) for n in ("boom", "silent", "stop", "odd", "lazy")], [boom, silent, stop, odd, lazy]
    )
    assert [event.output for event in events if isinstance(event, ToolOutputDone) and event.is_error] == [
        "ValueError: no",
        "RuntimeError",
        "RuntimeError: the function raised StopIteration",
        "AgentToolExecutionError: tool odd returned a object, which is no text, JSON value, attrs or dataclass "
        "object, or media; convert it in the tool",
        "AgentToolExecutionError: tool lazy returned a coroutine; make the function async and pass it as coroutine=…",
    ]


async def test_f_n11_bad_json_never_runs_the_tool() -> None:
    ran: list[float] = []

    @tool
    def f(x: float = 0) -> None:
        ran.append(x)

    block = ToolCallBlock(call_id="c1", name="f", arguments_json='{"x": 1')
    assert (await failed(f, block)).startswith(
        "AgentToolCallError: the arguments of f must be one JSON object: "
    )
    assert block.arguments_json == '{"x": 1'
    assert ran == []


@pytest.mark.parametrize(
    ("kind", "execution"),
    [("run_sync", "sync"), ("stream_sync", "sync"), ("run_async", "async"), ("stream_async", "async")],
)
async def test_f_log03_f_tool10_raise_leaves_with_its_context(kind: Any, execution: str) -> None:
    def boom(x: int) -> None:
        raise ValueError("no")

    async def aboom(x: int) -> None:
        raise ValueError("no")

    made = Tool(boom, aboom, on_error="raise")
    with pytest.raises(AgentToolExecutionError, match="tool boom failed: ValueError: no") as caught:
        await gather([call("boom", x=1)], [made], mode=kind)
    assert isinstance(caught.value.cause, ValueError)
    assert caught.value.__cause__ is caught.value.cause
    assert caught.value.context == {"tool_name": "boom", "call_id": "c1", "execution_mode": execution}
    with pytest.raises(AgentToolCallError, match="missing 1 required argument") as bad:
        await gather([call("boom")], [made], mode=kind)
    assert bad.value.context["execution_mode"] == execution


async def test_f_log03_a_returned_failure_is_logged_without_arguments(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", logger="lamella.tools")
    await failed(tool_b, call("tool_b", x="private"))
    (record,) = caplog.records
    assert record.getMessage() == "[tool.call.invalid] tool tool_b failed"
    payload = record.lamella_error  # type: ignore[attr-defined]
    assert payload["context"] == {"tool_name": "tool_b", "call_id": "c1", "execution_mode": "async"}
    assert payload["cause_type"] == "TypeError"
    assert "private" not in str(record.__dict__)


async def test_f_tool10_output_schema() -> None:
    made = Tool(lambda: "x", name="f", output_schema={"type": "integer"})
    assert (await failed(made, call("f"))).startswith("AgentToolExecutionError: the result of tool f breaks")


async def test_f_n32_hidden_values_never_reach_the_model() -> None:
    hidden = {
        "token": "tok-12345",
        "deep": {"pin": [987654]},
        "short": "abc",
        "flag": True,
        "quoted": "a\"b\n'c",
    }

    @tool
    def leak(runtime: ToolRuntime) -> None:
        raise ValueError(f"{runtime.token} {runtime.deep} {runtime.short} {runtime.flag} {runtime.quoted!r}")

    said = await failed(leak, call("leak"), runtime_context=hidden)
    assert said == "ValueError: [hidden] {'pin': [[hidden]]} abc True '[hidden]'"
    assert await failed(leak, call("leak"), runtime_context=hidden, error_detail="class") == "ValueError"
    raising = attrs.evolve(leak, on_error="raise")
    with pytest.raises(AgentToolExecutionError) as caught:
        await gather([call("leak")], [raising], runtime_context=hidden)
    assert "tok-12345" not in str(caught.value)

    @tool(on_error="raise")
    def own(runtime: ToolRuntime) -> None:
        raise AgentToolExecutionError(f"with {runtime.token}")

    with pytest.raises(AgentToolExecutionError, match=r"with \[hidden\]"):
        await gather([call("own")], [own], runtime_context=hidden)


async def test_f_n32_values_that_cannot_be_shown_do_not_disturb() -> None:
    class Shy:
        def __repr__(self) -> str:
            raise RuntimeError

    @tool
    def boom() -> None:
        raise ValueError("binary token")

    context = {"shy": Shy(), "raw": b"token", "deep": [[[Shy()]]]}
    assert await failed(boom, call("boom"), runtime_context=context) == "ValueError: binary [hidden]"


async def test_f_tool12_media_results() -> None:
    picture = MediaContent(data=b"x", mime_type="image/png")

    @tool
    def draw() -> Any:
        return ["see", picture]

    (event,) = await gather([call("draw")], [draw])
    assert isinstance(event, ToolOutputDone)
    assert event.block().parts == (TextBlock(text="see"), picture)


# -- cancelling -----------------------------------------------------------------------------------


async def test_closing_cancels_and_awaits_every_task() -> None:
    cleaned: list[int] = []

    @tool
    async def wait(n: int) -> int:
        if n == 0:
            return 0
        try:
            await asyncio.sleep(30)
        finally:
            await asyncio.sleep(0)
            cleaned.append(n)
        return n

    stream = start([call("wait", str(n), n=n) for n in range(3)], [wait])
    shown = [(await anext(stream)).event for _ in range(4)]
    assert [event.output for event in shown if isinstance(event, ToolOutputDone)] == [0]
    await stream.aclose()
    assert sorted(cleaned) == [1, 2]
    assert [task for task in asyncio.all_tasks() if task.get_name().startswith("tool ")] == []


async def test_a_raise_cancels_the_others() -> None:
    cleaned: list[str] = []

    @tool
    async def wait() -> None:
        try:
            await asyncio.sleep(30)
        finally:
            cleaned.append("wait")

    @tool(on_error="raise")
    async def boom() -> None:
        raise ValueError("no")

    with pytest.raises(AgentToolExecutionError):
        await gather([call("wait"), call("boom")], [wait, boom])
    assert cleaned == ["wait"]


async def test_a_run_that_is_cancelled_before_its_calls_start_leaves_nothing_unawaited() -> None:
    stream = start([call("tool_b", x=1)], [tool_b])
    first = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert [task for task in asyncio.all_tasks() if task.get_name().startswith("tool ")] == []


async def test_cancellation_of_the_run_propagates() -> None:
    started = asyncio.Event()
    cleaned: list[str] = []

    @tool
    async def wait() -> None:
        started.set()
        try:
            await asyncio.sleep(30)
        finally:
            cleaned.append("wait")

    running = asyncio.ensure_future(gather([call("wait")], [wait]))
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert cleaned == ["wait"]


@pytest.mark.parametrize("raised", [asyncio.CancelledError, SystemExit, GeneratorExit, StopIteration])
async def test_f_tool09_what_a_function_raises_to_end_something_else_fails_only_its_call(
    raised: type[BaseException],
) -> None:
    @tool
    def f() -> None:
        raise raised

    said = await failed(f, call("f"))
    assert said == f"RuntimeError: the function raised {raised.__name__}"


async def test_f_tool09_a_cancelled_error_without_a_cancellation_fails_only_its_call() -> None:
    shared = asyncio.ensure_future(asyncio.sleep(30))
    shared.cancel()

    @tool
    async def f() -> None:
        await shared

    assert "although nobody cancelled it" in await failed(f, call("f"))


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_keyboard_interrupt_propagates(kind: str) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    async def astop() -> None:
        raise KeyboardInterrupt

    made = Tool(stop, name="stop") if kind == "sync" else Tool(coroutine=astop, name="stop")
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(gather([call("stop")], [made]))


# -- events of tools ------------------------------------------------------------------------------


async def test_f_evt10_progress_is_live_and_carries_the_call_id() -> None:
    seen = threading.Event()

    @tool
    def load() -> str:
        report_progress("load", details="reading")
        assert seen.wait(30), "the event must be shown while the tool runs"
        report_progress("load", 0.5)
        report_progress("load", 1)
        return "done"

    events: list[Event] = []
    async for item in start([call("load", "c9")], [load]):
        events.append(item.event)
        if len(events) > 1:
            seen.set()
    assert events == [
        ToolStart(id="c9", call_id="c9", name="load"),
        ProgressStart(key="load", details="reading", call_id="c9"),
        ProgressUpdate(key="load", fraction=0.5, call_id="c9"),
        ProgressUpdate(key="load", fraction=1.0, call_id="c9"),
        ProgressEnd(key="load", call_id="c9"),
        ToolOutputDone(id="c9", call_id="c9", name="load", output="done"),
    ]


async def test_f_evt10_async_tools_emit_too_and_nested_paths_are_kept() -> None:
    @tool
    async def nest() -> str:
        await areport_progress("a")
        await aemit(AgentStart(agent="inner"), path=("inner",))
        emit(ProgressEnd(key="a", call_id="other"))
        return "done"

    items = [item async for item in start([call("nest")], [nest])]
    assert items[:4] == [
        Emitted((), ToolStart(id="c1", call_id="c1", name="nest")),
        Emitted((), ProgressStart(key="a", call_id="c1")),
        Emitted(("inner",), AgentStart(agent="inner")),
        Emitted((), ProgressEnd(key="a", call_id="other")),
    ]


async def test_emitting_waits_for_the_consumer() -> None:
    sent = 0

    @tool
    async def many() -> None:
        nonlocal sent
        for _ in range(500):
            await aemit(ProgressUpdate(key="k", fraction=0.5))
            sent += 1

    @tool
    def many_sync() -> None:
        nonlocal sent
        for _ in range(500):
            emit(ProgressUpdate(key="k", fraction=0.5))
            sent += 1

    for made in (many, many_sync):
        sent = 0
        stream = start([call(made.name)], [made])
        await anext(stream)
        await asyncio.sleep(0.02)
        assert sent <= 66
        assert len([item async for item in stream]) == 501


async def test_closing_frees_a_thread_that_waits_for_room() -> None:
    ended = threading.Event()
    errors: list[str] = []

    @tool
    def flood() -> None:
        try:
            while True:
                emit(ProgressUpdate(key="k", fraction=0.5))
        except AgentInputError as error:
            errors.append(str(error))
            ended.set()

    stream = start([call("flood")], [flood])
    await anext(stream)
    await stream.aclose()
    assert await asyncio.to_thread(ended.wait, 30)
    assert "the tool call is over" in errors[0]


async def test_a_call_that_timed_out_emits_no_more() -> None:
    release, ended = threading.Event(), threading.Event()
    errors: list[str] = []

    @tool(timeout=0.01)
    def late() -> None:
        release.wait(30)
        try:
            report_progress("late")
        except AgentInputError as error:
            errors.append(str(error))
        ended.set()

    @tool
    async def after() -> None:
        await asyncio.sleep(0.05)
        release.set()
        await asyncio.to_thread(ended.wait, 30)

    events = await gather([call("late"), call("after")], [late, after])
    assert [type(event) for event in events] == [ToolOutputDone, ToolOutputDone]
    assert "timed out" in errors[0]


async def test_outside_a_run_emitting_is_an_input_error() -> None:
    with pytest.raises(AgentInputError, match="there is no run here"):
        emit(ProgressStart(key="k"))
    with pytest.raises(AgentInputError, match="there is no run here"):
        report_progress("k")
    with pytest.raises(AgentInputError, match="there is no run here"):
        await aemit(ProgressStart(key="k"))


async def test_only_events_and_fractions_are_emitted() -> None:
    @tool
    async def wrong() -> None:
        await aemit("text")  # type: ignore[arg-type]

    @tool
    async def too_much() -> None:
        await areport_progress("k", 1.5)

    assert await failed(wrong, call("wrong")) == "AgentInputError: only events can be emitted, got str"
    assert "must be from 0 to 1" in await failed(too_much, call("too_much"))


# -- approvals ------------------------------------------------------------------------------------


@tool(requires_approval=True)
def drop(table: str) -> str:
    return f"dropped {table}"


async def test_f_evt16_pending_then_resolved_then_the_tool_runs() -> None:
    approvals = Approvals()
    events: list[Event] = []
    async for item in start([call("drop", table="t")], [drop], approvals=approvals):
        events.append(item.event)
        if isinstance(item.event, ApprovalPending):
            assert approvals.approve("c1")
    assert events == [
        ApprovalPending(call_id="c1", name="drop", arguments={"table": "t"}),
        ApprovalResolved(call_id="c1", name="drop", approved=True),
        ToolStart(id="c1", call_id="c1", name="drop"),
        ToolOutputDone(id="c1", call_id="c1", name="drop", output="dropped t"),
    ]


async def test_f_evt16_a_refusal_is_an_error_output_and_the_run_goes_on() -> None:
    approvals = Approvals(lambda pending: pending.arguments["table"] == "a")
    calls = [call("drop", "1", table="a"), call("drop", "2", table="b"), call("tool_b", "3", x=1)]
    events = await gather(calls, [drop, tool_b], approvals=approvals)
    done = [event for event in events if isinstance(event, ToolOutputDone)]
    assert [(event.output, event.is_error) for event in done] == [
        ("dropped a", False),
        ("the call of drop was not approved: the approval policy said no", True),
        (2.0, False),
    ]


async def test_f_evt16_approval_by_rule_of_the_arguments_and_a_rule_that_raises() -> None:
    def made(rule: Any) -> Tool:
        return Tool(lambda n: n, name="f", input_schema={"type": "object"}, requires_approval=rule)

    def broken(arguments: Mapping[str, Any]) -> bool:
        raise RuntimeError

    for rule, asked in ((lambda arguments: arguments["n"] > 5, [9]), (broken, [1, 9])):
        events = await gather(
            [call("f", "1", n=1), call("f", "2", n=9)],
            [made(rule)],
            approvals=Approvals(lambda pending: True),
        )
        assert [e.arguments["n"] for e in events if isinstance(e, ApprovalPending)] == asked


async def test_bad_arguments_ask_for_no_approval() -> None:
    events = await gather([call("drop")], [drop])
    assert [type(event) for event in events] == [ToolOutputDone]


async def test_waiting_for_approval_takes_no_slot() -> None:
    approvals = Approvals()
    ran = asyncio.Event()

    @tool
    async def free() -> None:
        ran.set()

    async def decide() -> None:
        await ran.wait()
        approvals.deny("c1", "not today")

    deciding = asyncio.ensure_future(decide())
    made = await outputs(
        [call("drop", "c1", table="t"), call("free", "c2")], [drop, free], limit=1, approvals=approvals
    )
    await deciding
    assert made == ["the call of drop was not approved: not today", None]


# -- executor -------------------------------------------------------------------------------------


async def test_the_executor_runs_effects_once_per_key() -> None:
    keys: list[str] = []
    stored = ToolOutputDone(id="c2", call_id="c2", name="tool_b", output="recorded")

    async def executor(key: str, step: Callable[[], Awaitable[Any]]) -> Any:
        keys.append(key)
        return stored if key.endswith("c2") else await step()

    calls = [
        call("tool_b", "c1", x=1),
        call("tool_b", "c2", x=2),
        call("tool_b", "c3"),
        call("drop", "c4", table="t"),
    ]
    made = await outputs(
        calls,
        [tool_b, drop],
        executor=executor,
        key_prefix="run/",
        approvals=Approvals(lambda pending: False),
    )
    assert made[:2] == [2.0, "recorded"]
    assert keys == ["run/c1", "run/c2"]


async def test_f_n33_concurrent_turns_share_nothing() -> None:
    @tool
    async def who(runtime: ToolRuntime) -> Any:
        await areport_progress(runtime.tenant)
        await asyncio.sleep(0)
        return runtime.tenant

    async def turn(tenant: str) -> list[Event]:
        return await gather([call("who")], [who], runtime_context={"tenant": tenant})

    first, second = await asyncio.gather(turn("a"), turn("b"))
    assert [event.key for event in (first[0], second[0]) if isinstance(event, ProgressStart)] == ["a", "b"]
    assert [event.output for event in (first[1], second[1]) if isinstance(event, ToolOutputDone)] == [
        "a",
        "b",
    ]


async def test_f_msg02_the_outputs_are_blocks_of_one_message() -> None:
    """F-MSG02, F-N20: each output is a block with its call's id; errors are marked."""
    calls = [call("tool_b", "1", x=1), call("nope", "2")]
    events = await gather(calls, [tool_b])
    blocks = [event.block() for event in events if isinstance(event, ToolOutputDone)]
    assert [(block.call_id, block.name, block.output, block.is_error) for block in blocks] == [
        ("1", "tool_b", 2.0, False),
        ("2", "nope", "KeyError: 'nope'", True),
    ]


async def test_a_tool_says_that_it_begins_and_one_that_is_early_that_it_ended() -> None:
    @tool
    async def wait(seconds: float) -> float:
        """Wait."""
        await asyncio.sleep(seconds)
        return seconds

    calls = [
        call("wait", "slow", seconds=0.05),
        call("wait", "quick", seconds=0),
        call("wait", "bad", seconds="x"),
    ]
    events = [item.event async for item in start([*calls, call("none", "unknown")], [wait])]
    begun = [event.call_id for event in events if isinstance(event, ToolStart)]
    assert begun == ["slow", "quick"]  # what is refused does not begin
    assert [(e.call_id, e.output, e.is_error) for e in events if isinstance(e, ToolEnd)] == [
        ("quick", 0.0, False)
    ]
    done = [event.call_id for event in events if isinstance(event, ToolOutputDone)]
    assert done == ["slow", "quick", "bad", "unknown"]


async def test_a_call_that_is_denied_does_not_begin() -> None:
    approvals = Approvals(lambda _: False)
    events = [item.event async for item in start([call("drop", table="t")], [drop], approvals=approvals)]
    assert [event.type for event in events] == ["approval.pending", "approval.resolved", "tool.output.done"]
