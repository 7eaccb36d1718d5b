"""The plugin in a project: its table, its prefix, its command, and that it imports nothing before it is used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from mcp_servers import RAW

from lamella import ConfigError, Project, ToolSourceSpec
from lamella_mcp import MCPToolSettings, MCPToolSource


def project(tmp_path: Path, text: str) -> Project:
    (tmp_path / "lamella.toml").write_text(text, encoding="utf-8")
    return Project.load(start=tmp_path)


def test_the_plugins_import_no_sdk() -> None:
    """What is needed to list the plugins imports neither the SDK nor pydantic."""
    code = (
        "import sys, lamella_mcp, lamella_mcp.plugin, lamella_mcp.commands\n"
        "lamella_mcp.plugin.lamella_tool_source(); lamella_mcp.commands.lamella_cli()\n"
        "print([m for m in ('mcp', 'pydantic', 'httpx2', 'anyio', 'uvicorn', 'click') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_spec(tmp_path: Path) -> None:
    spec = project(tmp_path, "").host.tool_source("mcp")
    assert isinstance(spec, ToolSourceSpec)
    assert spec.prefixed
    commands = {command.name for command in project(tmp_path, "").host.commands()}
    assert "serve-mcp" in commands


async def test_two_servers_in_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """F-X25: names of two servers are kept apart; include, approve and timeout are the project's to say."""
    monkeypatch.setenv("SHOP_TOKEN", "tok-77")
    table = f'source = "mcp"\ncommand = "{sys.executable}"\nargs = ["{RAW}"]\n'
    loaded = project(
        tmp_path,
        f'[tools.one]\n{table}include = ["echo", "environment"]\nenv = {{ TOKEN = {{ env = "SHOP_TOKEN" }} }}\n'
        f'[tools.two]\n{table}include = ["echo"]\napprove = "always"\ntimeout = 3\n',
    )
    names, approvals = [], []
    for name in ("one", "two"):
        source = loaded.build_tool_source(name)
        tools = await source.open()
        names += [tool.name for tool in tools]
        approvals += [tool.needs_approval({}) for tool in tools]
        if name == "one":
            assert "tok-77" in await tools[1].coroutine()
        else:
            assert tools[0].timeout == 3
        await source.close()
    assert names == ["one_echo", "one_environment", "two_echo"]
    assert approvals == [False, False, True]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("", "exactly one of command"),
        ('url = "http://x"\ncommand = "y"', "exactly one of command"),
        ('url = "http://x"\ntoken = "literal"', "token is a secret and must not stand in a file"),
        ('url = "http://x"\nheaders = { X-Key = "literal" }', "is a secret and must not stand in a file"),
        ('command = "y"\nrestart = "always"', "restart"),
        ('command = "y"\nrestarts = 3', "has no setting 'restarts'"),
    ],
)
def test_wrong_tables(table: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=words):
        project(tmp_path, f'[tools.x]\nsource = "mcp"\n{table}\n').build_tool_source("x")


def test_a_relative_folder_is_below_the_project(tmp_path: Path) -> None:
    loaded = project(tmp_path, '[tools.x]\nsource = "mcp"\ncommand = "y"\ncwd = "sub"\n')
    source = loaded.build_tool_source("x")
    inner = getattr(source, "source", source)
    assert isinstance(inner, MCPToolSource)
    command = inner._new_target().process._command
    assert command.cwd == str(tmp_path / "sub")


def test_no_setting_is_taken_by_the_core() -> None:
    """What every table may say must not be a setting of the source."""
    import attrs

    from lamella.config.selection import Selection

    ours = {field.name for field in attrs.fields(MCPToolSettings)}
    assert ours.isdisjoint(field.name for field in attrs.fields(Selection))
