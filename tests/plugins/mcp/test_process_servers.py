"""Servers behind a command: what they say, how they fail, and that nothing of them is left."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from mcp_servers import RAW, calling, gone

from lamella import Agent, AgentExecutionError, ConfigError
from lamella_mcp import MCPToolError, MCPToolSource
from lamella_sim import ChatSim, Script, ToolCall

Raw = Callable[..., MCPToolSource]


async def call(source: MCPToolSource, name: str, **arguments: object) -> object:
    return await tool_of(await source._listed(), name)(**arguments)


def tool_of(tools, name: str):
    return next(tool for tool in tools if tool.name == name).coroutine


def notes(tmp_path: Path) -> str:
    path = tmp_path / "log"
    return path.read_text() if path.exists() else ""


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not happen"
        await asyncio.sleep(0.01)


# -- what they offer --------------------------------------------------------------------------------


async def test_all_pages_of_tools_and_a_call(raw: Raw) -> None:
    """F-X25: a server over stdio; its schemas are kept, each page of its tools is read."""
    source = raw()
    tools = await source.open()
    names = [tool.name for tool in tools]
    assert names[:2] == ["echo", "crash"]
    assert len(names) == 11
    assert await tool_of(tools, "echo")(self=1, **{"a b": [None, {"c": 1.5}]}) == (
        '{"a b": [null, {"c": 1.5}], "self": 1}'
    )
    pid = source.pid
    await source.close()
    assert pid is not None
    assert not psutil.pid_exists(pid)


async def test_a_tool_with_a_bad_schema_is_left_out_and_named(
    raw: Raw, caplog: pytest.LogCaptureFixture
) -> None:
    async with raw() as source:
        assert source.pid
    assert "its tool 'bad.schema' is left out: its input schema is no JSON schema" in caplog.text


async def test_two_tools_of_one_name_are_refused(raw: Raw) -> None:
    with pytest.raises(AgentExecutionError, match="MCP server raw has more than one tool called 'echo'"):
        await raw("twins").open()


async def test_the_environment_is_scrubbed(raw: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    """F-N27: keys of ours do not reach a server, but those it is given, by reference, do; none is in a repr."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-ours")
    monkeypatch.setenv("SHOP_TOKEN", "tok-123")
    source = raw(env={"TOKEN": {"env": "SHOP_TOKEN"}, "PLAIN": "yes"})
    async with source:
        seen = json.loads(str(await call(source, "environment")))
    assert (seen["TOKEN"], seen["PLAIN"]) == ("tok-123", "yes")
    assert "OPENAI_API_KEY" not in seen
    assert "PATH" in seen
    assert "tok-123" not in repr(source)
    assert "tok-123" not in repr(source._settings)


def test_a_reference_that_leads_nowhere(raw: Raw) -> None:
    with pytest.raises(ConfigError, match=r"env.TOKEN: the environment variable NOT_THERE_X is not set"):
        raw(env={"TOKEN": {"env": "NOT_THERE_X"}})


async def test_content_of_an_unknown_type_is_named(raw: Raw) -> None:
    async with raw() as source:
        said = await call(source, "odd")
    assert said == "[content of the unknown type 'hologram': {\"depth\": 3}]\nbeside it"


async def test_changes_of_the_tools_are_followed(raw: Raw) -> None:
    async with raw() as source:
        assert await source.refresh() is None
        await call(source, "grow")
        await until(lambda: source._session._connection.changed)
        fresh = await source.refresh()
        assert fresh is not None
        assert "grown_0" in [tool.name for tool in fresh]
        assert await source.refresh() is None


async def test_what_a_server_asks_without_a_handler_is_declined(raw: Raw, tmp_path: Path) -> None:
    async with raw() as source:
        said = await call(source, "ask")
    assert str(said).startswith("declined: ")
    assert json.loads(notes(tmp_path).splitlines()[0]) == {}


async def test_a_model_answers_what_a_server_asks(raw: Raw, tmp_path: Path) -> None:
    async with raw(sampling=ChatSim(script=lambda request: "from the model")) as source:
        said = await call(source, "ask")
    assert json.loads(notes(tmp_path).splitlines()[0]) == {"sampling": {}}
    assert said == "answered: from the model"


async def test_log_notifications_become_log_records(raw: Raw, caplog: pytest.LogCaptureFixture) -> None:
    async with raw() as source:
        await call(source, "steps")
        await until(lambda: "half way" in caplog.text)
    record = next(record for record in caplog.records if record.message == "half way")
    assert (record.name, record.levelno) == ("lamella.mcp.raw", logging.WARNING)


async def test_an_agent_gets_progress_and_results(raw: Raw) -> None:
    """F-X25, end to end: an agent calls a tool of a server; its progress is in the run, and the process is gone."""
    source = raw()
    events = []
    agent = Agent(calling("steps"), tools=[source])
    async for envelope in agent.astream("go"):
        events.append(envelope.event)
        if envelope.event.type == "stream.start":
            pid = source.pid
    kinds = [event.type for event in events if event.type.startswith("progress.")]
    assert kinds[0] == "progress.start"
    assert kinds[-1] == "progress.end"
    fractions = [event.fraction for event in events if event.type == "progress.update"]
    assert fractions[-1] == 1.0
    assert fractions == sorted(fractions)
    call_ids = {event.call_id for event in events if event.type.startswith("progress.")}
    (output,) = [event for event in events if event.type == "tool.output.done"]
    assert call_ids == {output.call_id}
    assert output.output == "stepped"
    assert pid is not None
    assert not psutil.pid_exists(pid)


# -- how they fail to start -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "hint"),
    [
        ("uvx-missing", "install it, or set command to its full path"),
        ("./no/such/file", "install it, or set command to its full path"),
    ],
)
async def test_a_missing_command(command: str, hint: str) -> None:
    with pytest.raises(
        ConfigError, match=re.escape(f"there is no command '{command}' that can be run; {hint}")
    ):
        await MCPToolSource(command=command, name="lost").open()


async def test_a_missing_npx_says_where_it_comes_from(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(ConfigError, match=r"no command 'npx' that can be run; it comes with Node.js"):
        await MCPToolSource(command="npx").open()
    with pytest.raises(ConfigError, match="it comes with uv: pip install uv"):
        await MCPToolSource(command="uvx").open()


async def test_a_crash_at_the_start(raw: Raw) -> None:
    with pytest.raises(AgentExecutionError) as caught:
        await raw("crash").open()
    said = str(caught.value)
    assert "MCP server raw could not be opened" in said
    assert "ended with exit code 4" in said
    assert "no database at this address" in said
    assert caught.value.context == {"server": "raw", "exit_code": 4}


async def test_silence_at_the_start(raw: Raw) -> None:
    began = time.monotonic()
    with pytest.raises(AgentExecutionError, match=r"was not ready within 0.3 s; raise start_timeout"):
        await raw("silent", start_timeout=0.3).open()
    assert time.monotonic() - began < 3


async def test_a_program_that_is_no_server() -> None:
    source = MCPToolSource(
        command=sys.executable, args=["-c", "print('Hello, I am a web server')"], name="web"
    )
    with pytest.raises(AgentExecutionError, match="standard output is no MCP: 'Hello, I am a web server'"):
        await source.open()


async def test_a_version_that_nobody_speaks(raw: Raw) -> None:
    with pytest.raises(
        AgentExecutionError, match=r"raw could not be opened: it speaks no version .* 1999-01-01"
    ):
        await raw("old").open()


async def test_output_beside_the_protocol_does_no_harm(raw: Raw, caplog: pytest.LogCaptureFixture) -> None:
    async with raw("chatty") as source:
        assert await call(source, "echo", a=1) == '{"a": 1}'
    warned = [record.message for record in caplog.records if "is no MCP message" in record.message]
    assert len(warned) == 1
    assert "Welcome to the raw server!" in warned[0]


# -- how they fail in a call ------------------------------------------------------------------------


async def test_a_crash_in_a_call(raw: Raw) -> None:
    async with raw() as source:
        tools = await source._listed()
        with pytest.raises(MCPToolError) as caught:
            await tool_of(tools, "crash")()
        said = str(caught.value)
        assert "MCP server raw, tool crash: the server is gone, it died with exit code 3" in said
        assert "out of cheese" in said
        assert 'restart = "on-crash"' in said
        with pytest.raises(MCPToolError, match="the server is gone, it died with exit code 3"):
            await tool_of(tools, "echo")()


async def test_a_killed_server(raw: Raw) -> None:
    async with raw() as source:
        tools = await source._listed()
        hanging = asyncio.create_task(tool_of(tools, "hang")())
        await asyncio.sleep(0.05)
        os.kill(source.pid, signal.SIGKILL)
        with pytest.raises(MCPToolError, match="it died with signal SIGKILL"):
            await hanging


async def test_restart_after_a_crash(raw: Raw, caplog: pytest.LogCaptureFixture) -> None:
    async with raw(restart="on-crash", max_restarts=2) as source:
        tools = await source._listed()
        first = await tool_of(tools, "pid")()
        for _ in range(2):
            with pytest.raises(MCPToolError, match="the next call starts it anew"):
                await tool_of(tools, "crash")()
            assert await tool_of(tools, "pid")() != first
            assert await source.refresh() is not None
        with pytest.raises(MCPToolError, match="started anew 2 times, which is max_restarts"):
            await tool_of(tools, "crash")()
        with pytest.raises(MCPToolError, match="max_restarts"):
            await tool_of(tools, "echo")()
    assert "it is started anew (1 of 2)" in caplog.text


async def test_calls_at_once_restart_a_server_once(raw: Raw) -> None:
    async with raw(restart="on-crash") as source:
        tools = await source._listed()
        with pytest.raises(MCPToolError):
            await tool_of(tools, "crash")()
        pids = await asyncio.gather(*(tool_of(tools, "pid")() for _ in range(8)))
        assert len(set(pids)) == 1


async def test_a_hanging_call_times_out_and_is_cancelled(raw: Raw, tmp_path: Path) -> None:
    model = ChatSim(script=Script.of([ToolCall("hang", {}), ToolCall("echo", {})], "done"))
    outputs = []
    async for envelope in Agent(model, tools=[raw(call_timeout=0.3)]).astream("go"):
        if envelope.event.type == "tool.output.done":
            outputs.append((envelope.event.is_error, envelope.event.output))
            await until(lambda: "cancelled" in notes(tmp_path))
    assert outputs == [
        (True, "ToolTimeoutError: tool hang did not finish within 0.3 s"),
        (False, "{}"),
    ]


async def test_a_cancelled_call_is_cancelled_at_the_server(raw: Raw, tmp_path: Path) -> None:
    async with raw() as source:
        tools = await source._listed()
        hanging = asyncio.create_task(tool_of(tools, "hang")())
        await until(lambda: "hanging" in notes(tmp_path))
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging
        await until(lambda: "cancelled" in notes(tmp_path))


async def test_a_large_result_is_cut_with_a_mark(raw: Raw) -> None:
    async with raw() as source:
        said = str(await call(source, "big", size=12_000_000))
    assert len(said) < 10_000_200
    assert said.endswith("[cut: 12,000,000 bytes of text, of which the first 10,000,000 are shown]")


async def test_a_message_without_an_end(raw: Raw) -> None:
    before = psutil.Process().memory_info().rss
    async with raw(max_result_bytes=1_000_000) as source:
        with pytest.raises(
            MCPToolError, match="it was stopped: it sent a message of more than 5,000,000 bytes"
        ):
            await call(source, "flood")
    assert psutil.Process().memory_info().rss - before < 100_000_000


async def test_a_call_on_a_closed_source(raw: Raw) -> None:
    source = raw()
    tools = await source.open()
    await source.close()
    await source.close()
    with pytest.raises(AgentExecutionError, match="MCP server raw is not open"):
        await tool_of(tools, "echo")()


async def test_a_source_serves_one_run_after_the_other(raw: Raw) -> None:
    source = raw()
    pids = set()
    for _ in range(2):
        tools = await source.open()
        pids.add(await tool_of(tools, "pid")())
        await source.close()
    assert len(pids) == 2


async def test_runs_at_the_same_time_share_a_server(raw: Raw) -> None:
    """F-N33: none of them ends it for the others, and all learn of a change."""
    source = raw()
    agent = Agent(calling("pid"), tools=[source])
    results = await asyncio.gather(*(agent.arun("go") for _ in range(5)))
    outputs = [
        item.result for result in results for item in result.new_items if item.type == "tool.output.item"
    ]
    assert len({pid for pid in outputs if pid.isdigit()}) == 1
    assert source.pid is None

    first, second = await asyncio.gather(source.open(), source.open())
    assert first is second
    await tool_of(first, "grow")()
    await until(lambda: source._session._connection.changed)
    for _ in range(2):
        fresh = await source.refresh()
        assert fresh is not None
        assert "grown_0" in [tool.name for tool in fresh]
    await source.close()
    assert await tool_of(first, "echo")() == "{}"
    await source.close()
    assert source.pid is None


async def test_a_server_is_of_one_loop(raw: Raw) -> None:
    async with raw() as source:
        with pytest.raises(AgentExecutionError, match=r"raw is in use in another event loop"):
            await asyncio.to_thread(Agent(calling("pid"), tools=[source]).run, "go")
        assert source.pid is not None


# -- nothing is left --------------------------------------------------------------------------------


async def test_a_server_that_does_not_end_is_killed(raw: Raw) -> None:
    source = raw("deaf")
    await source.open()
    pid = source.pid
    began = time.monotonic()
    await source.close()
    assert time.monotonic() - began < 6
    assert pid is not None
    assert not psutil.pid_exists(pid)


async def test_what_a_server_started_goes_with_it(raw: Raw, tmp_path: Path) -> None:
    async with raw("parent"):
        child = int(notes(tmp_path).splitlines()[0])
        assert psutil.pid_exists(child)
    assert gone(child)


async def test_close_that_is_cancelled_kills(raw: Raw) -> None:
    source = raw("deaf")
    await source.open()
    pid = source.pid
    closing = asyncio.create_task(source.close())
    await asyncio.sleep(0.1)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert pid is not None
    assert gone(pid, 1)


async def test_open_that_is_cancelled_leaves_nothing(raw: Raw) -> None:
    source = raw("silent")
    opening = asyncio.create_task(source.open())
    await asyncio.sleep(0.3)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert source.pid is None


@pytest.mark.parametrize("how", ["cancel", "break", "error"])
async def test_no_server_is_left_after_a_run(raw: Raw, how: str) -> None:
    """However a run ends, its server ends with it."""
    source = raw()
    agent = Agent(calling("hang"), tools=[source])
    pid = None

    async def run() -> None:
        nonlocal pid
        async with agent.astream("go") as stream:
            async for envelope in stream:
                pid = source.pid
                if envelope.event.type == "tool.call.done":
                    if how == "break":
                        break
                    if how == "error":
                        raise LookupError("in the consumer")

    task = asyncio.create_task(run())
    if how == "cancel":
        await until(lambda: pid is not None)
        await asyncio.sleep(0.1)
        task.cancel()
    await asyncio.wait({task}, timeout=10)
    assert task.done()
    assert pid is not None
    assert gone(pid, 1)
    if not task.cancelled():
        assert (task.exception() is None) == (how == "break")


PROGRAM = """
import sys
from lamella import Agent
from lamella_mcp import MCPToolSource
from lamella_sim import ChatSim, Script, ToolCall

class Telling(MCPToolSource):
    async def open(self):
        tools = await super().open()
        print(self.pid, flush=True)
        return tools

source = Telling(command=sys.executable, args=[{raw!r}, "fine"])
agent = Agent(ChatSim(script=Script.of(ToolCall("hang", {{}}), "done")), tools=[source])
{run}
"""


@pytest.mark.parametrize(
    ("run", "number"),
    [
        ('agent.run("go")', signal.SIGINT),
        ('import asyncio; asyncio.run(agent.arun("go"))', signal.SIGINT),
        ('agent.run("go")', signal.SIGKILL),
    ],
    ids=["Ctrl-C sync", "Ctrl-C async", "kill -9"],
)
def test_no_server_outlives_the_program(run: str, number: int, tmp_path: Path) -> None:
    program = textwrap.dedent(PROGRAM).format(raw=str(RAW), run=run)
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        time.sleep(0.2)
        process.send_signal(number)
        process.wait(15)
    assert gone(pid)


def test_a_run_that_is_never_closed_leaves_no_server(tmp_path: Path) -> None:
    run = 'stream = agent.stream("go"); next(stream); import os'
    program = textwrap.dedent(PROGRAM).format(raw=str(RAW), run=run)
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, timeout=30)
    assert gone(int(done.stdout))
