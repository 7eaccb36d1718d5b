"""Agents and tools as an MCP server: over stdio, over HTTP, in one process, and from the command line."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from mcp_servers import calling

from lamella import Agent, AgentInputError, Tool, report_progress, tool
from lamella_image import ImageContent
from lamella_mcp import MCPToolError, MCPToolSource, agent_server, aserve_agent
from lamella_sim import ChatSim, Image, Script, ToolCall

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@tool
def stock(item: str) -> int:
    """How many are in stock."""
    return {"apple": 12}[item]


@tool
def pack(boxes: int) -> dict[str, int]:
    """Pack boxes."""
    report_progress("pack", details="packing")
    for done in range(boxes):
        report_progress("pack", (done + 1) / boxes)
    return {"packed": boxes}


@tool(requires_approval=True)
def burn() -> str:
    """Burn the shop."""
    raise AssertionError("it ran")


def clerk() -> Agent:
    model = ChatSim(script=Script.of(ToolCall("stock", {"item": "apple"}), "There are 12 apples."))
    return Agent(model, name="shop clerk", description="Knows the stock.", tools=[stock])


async def tools_of(source: MCPToolSource) -> dict[str, Tool]:
    return {made.name: made for made in await source._listed()}


async def test_an_agent_is_a_tool_of_the_server() -> None:
    """F-X25: name, description and prompt of the agent; its answer; its steps as progress."""
    source = MCPToolSource(server=agent_server(clerk()))
    seen = []
    async for envelope in Agent(calling("shop_clerk", prompt="How many apples?"), tools=[source]).astream(
        "?"
    ):
        seen.append(envelope.event)
    (output,) = [event for event in seen if event.type == "tool.output.done"]
    assert (output.output, output.is_error) == ("There are 12 apples.", False)
    said = [event.details for event in seen if event.type == "progress.start"]
    assert said
    assert set(said) <= {"calls stock", "stock is done"}

    async with source:
        (served,) = (await tools_of(source)).values()
    assert served.description == "Knows the stock."
    assert list(served.input_schema["properties"]) == ["prompt"]


async def test_media_of_an_agent() -> None:
    painter = Agent(ChatSim(script=Script.of([Image(data=PIXEL, mime_type="image/png")])), name="painter")
    async with MCPToolSource(server=agent_server(painter)) as source:
        (image,) = await (await tools_of(source))["painter"].coroutine(prompt="a pixel")
    assert isinstance(image, ImageContent)
    assert image.data == PIXEL


async def test_errors_of_an_agent() -> None:
    broken = Agent("nowhere:model", name="broken")
    async with MCPToolSource(server=agent_server(broken)) as source:
        ask = (await tools_of(source))["broken"].coroutine
        with pytest.raises(MCPToolError, match=r"ConfigError: .*nowhere"):
            await ask(prompt="hello")
        with pytest.raises(MCPToolError, match="takes one argument, prompt"):
            await ask(prompt=" ")


async def test_tools_are_served_as_they_are() -> None:
    async with MCPToolSource(server=agent_server([stock, pack, burn, clerk()])) as source:
        tools = await tools_of(source)
        assert list(tools) == ["stock", "pack", "burn", "shop_clerk"]
        assert await tools["stock"].coroutine(item="apple") == "12"
        assert await tools["pack"].coroutine(boxes=2) == {"packed": 2}
        with pytest.raises(MCPToolError, match="KeyError: 'pear'"):
            await tools["stock"].coroutine(item="pear")
        with pytest.raises(MCPToolError, match="missing 1 required argument: 'item'"):
            await tools["stock"].coroutine()
        with pytest.raises(MCPToolError, match="the call of burn was not approved"):
            await tools["burn"].coroutine()


async def test_progress_of_a_tool_is_passed_on() -> None:
    source = MCPToolSource(server=agent_server(pack))
    events = [e.event async for e in Agent(calling("pack", boxes=4), tools=[source]).astream("?")]
    assert [e.fraction for e in events if e.type == "progress.update"][-1] == 1.0


async def test_a_client_that_cancels_ends_the_run() -> None:
    ended = asyncio.Event()

    @tool
    async def wait() -> str:
        """Wait for ever."""
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)  # a clean-up that has to wait
            ended.set()
        return ""

    agent = Agent(calling("wait"), name="waiter", tools=[wait])
    async with MCPToolSource(server=agent_server(agent)) as source:
        call = asyncio.create_task((await tools_of(source))["waiter"].coroutine(prompt="go"))
        await asyncio.sleep(0.2)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.wait_for(ended.wait(), 5)


def test_two_agents_of_one_name() -> None:
    with pytest.raises(AgentInputError, match="each under a name of its own"):
        agent_server([clerk(), clerk()])


async def test_an_agent_over_http() -> None:
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(aserve_agent(clerk(), "http", port=0, on_ready=ready.set_result))
    source = MCPToolSource(url=await asyncio.wait_for(ready, 20))
    result = await Agent(calling("shop_clerk", prompt="How many?"), tools=[source]).arun("?")
    (output,) = [item for item in result.new_items if item.type == "tool.output.item"]
    assert output.result == "There are 12 apples."
    serving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving


SERVED = """
    import sys
    from lamella import Agent
    from lamella_sim import ChatSim, Script

    print("this is not the protocol")

    def talk(request):
        print("nor is this")
        return "Good day."

    greeter = Agent(ChatSim(script=talk), name="greeter")
"""


async def test_the_command(tmp_path: Path) -> None:
    """F-X25: ``lamella serve-mcp`` with module:attribute, and with an agent of the configuration."""
    (tmp_path / "own.py").write_text(textwrap.dedent(SERVED), encoding="utf-8")
    (tmp_path / "lamella.toml").write_text('[agents.echo]\nmodel = "sim:echo"\n', encoding="utf-8")
    for named, tool_name, said in (("own:greeter", "greeter", "Good day."), ("echo", "echo", "hello")):
        source = MCPToolSource(
            command=sys.executable, args=["-m", "lamella_cli", "serve-mcp", named], cwd=tmp_path, name="own"
        )
        async with source:
            tools = await tools_of(source)
            assert await tools[tool_name].coroutine(prompt="hello") == said
            noise = source._session._connection.target.process.noise
        assert noise is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nobody"], "there is no agent 'nobody'"),
        (["no_module_x:agent"], "there is no module 'no_module_x'"),
        (["json:agent"], "module json has no 'agent'"),
        (["json:dumps"], "only an Agent or a Tool can be served over MCP, got function"),
        (["nobody", "--http", "8000x"], "must be HOST:PORT|there is no agent"),
    ],
)
def test_the_command_refuses(arguments: list[str], words: str, tmp_path: Path) -> None:
    (tmp_path / "lamella.toml").write_text("", encoding="utf-8")
    from click.testing import CliRunner

    from lamella_cli.group import root

    done = CliRunner().invoke(root, ["--project", str(tmp_path), "serve-mcp", *arguments])
    assert done.exit_code != 0
    import re

    assert re.search(words, f"{done.exception} {done.output}")


def test_the_command_ends_with_ctrl_c(tmp_path: Path) -> None:
    import signal

    (tmp_path / "lamella.toml").write_text('[agents.echo]\nmodel = "sim:echo"\n', encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-m", "lamella_cli", "serve-mcp", "echo", "--http", "127.0.0.1:0"],
        cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        assert process.stdout is not None
        assert process.stderr.readline().startswith(b"serving at http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        process.wait(15)
        assert process.stdout.read() == b""
        assert b"Traceback" not in process.stderr.read()
