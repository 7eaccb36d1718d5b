"""Servers that others wrote, each as a process of its own: listed, called, and gone afterwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from mcp_servers import calling, node_server, python_server

from lamella import Agent, TextBlock
from lamella_mcp import MCPToolError, MCPToolSource

pytestmark = pytest.mark.slow


async def test_the_time_server() -> None:
    """F-X25: mcp-server-time, called by an agent."""
    source = MCPToolSource(command=sys.executable, args=python_server("mcp_server_time"), name="time")
    agent = Agent(calling("get_current_time", timezone="Asia/Tokyo"), tools=[source])
    pid = None
    async for envelope in agent.astream("What time is it in Tokyo?"):
        pid = source.pid or pid
        if envelope.event.type == "tool.output.done":
            assert envelope.event.output["timezone"] == "Asia/Tokyo"
            assert envelope.event.output["datetime"].endswith("+09:00")
    assert pid is not None
    assert not psutil.pid_exists(pid)


async def test_errors_of_the_time_server() -> None:
    source = MCPToolSource(command=sys.executable, args=python_server("mcp_server_time"))
    async with source:
        tools = {tool.name: tool for tool in await source._listed()}
        assert list(tools) == ["get_current_time", "convert_time"]
        with pytest.raises(MCPToolError, match="Invalid timezone"):
            await tools["get_current_time"].coroutine(timezone="Mars/Olympus")


def commit_once(folder: Path) -> None:
    me = ["-c", "user.name=A", "-c", "user.email=a@b.c"]
    for command in (["init", "-q"], [*me, "commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run(["git", "-C", str(folder), *command], check=True)


async def test_the_git_server(tmp_path: Path) -> None:
    arguments = python_server("mcp_server_git")
    commit_once(tmp_path)
    source = MCPToolSource(
        command=sys.executable, args=[*arguments, "--repository", str(tmp_path)], name="git"
    )
    async with source:
        tools = {tool.name: tool for tool in await source._listed()}
        assert {"git_status", "git_log", "git_diff_unstaged"} <= tools.keys()
        assert "first" in str(await tools["git_log"].coroutine(repo_path=str(tmp_path)))
        with pytest.raises(MCPToolError):
            await tools["git_log"].coroutine(repo_path="/nowhere")


async def test_the_everything_server() -> None:
    """F-X25: text, structured content, images, resources, links, progress, prompts."""
    source = MCPToolSource(command=node_server("mcp-server-everything"), args=["stdio"], name="everything")
    async with source:
        tools = {tool.name: tool.coroutine for tool in await source._listed()}
        assert await tools["echo"](message="hi") == "Echo: hi"
        assert await tools["get-structured-content"](location="Chicago") == {
            "temperature": 36, "conditions": "Light rain / drizzle", "humidity": 82,
        }  # fmt: skip
        image = (await tools["get-tiny-image"]())[1]
        assert (image.type, image.mime_type) == ("image", "image/png")
        assert "demo://resource/dynamic/" in await tools["get-resource-links"](count=2)
        uris = [item.uri for item in await source.resources()]
        assert (await source.read_resource(uris[0]))[0].text
        assert "simple-prompt" in [item.name for item in await source.prompts()]
        (message,) = await source.get_prompt("args-prompt", {"city": "Oslo", "state": "NO"})
        assert message.role == "user"
        assert "Oslo" in message.text


async def test_progress_of_the_everything_server() -> None:
    source = MCPToolSource(command=node_server("mcp-server-everything"), args=["stdio"])
    model = calling("trigger-long-running-operation", duration=0.3, steps=3)
    fractions = []
    async for envelope in Agent(model, tools=[source]).astream("go"):
        if envelope.event.type == "progress.update":
            fractions.append(envelope.event.fraction)
    assert fractions
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


async def test_the_filesystem_server(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("inside", encoding="utf-8")
    source = MCPToolSource(command=node_server("mcp-server-filesystem"), args=[str(tmp_path)], name="files")
    async with source:
        tools = {tool.name: tool.coroutine for tool in await source._listed()}
        read = await tools["read_text_file"](path=str(tmp_path / "a.txt"))
        assert read in ("inside", {"content": "inside"}) or read == TextBlock(text="inside")
        with pytest.raises(MCPToolError, match="Access denied"):
            await tools["read_text_file"](path="/etc/hostname")
