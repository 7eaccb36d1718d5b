"""F-X20: middleware of a whole project, by the hook ``lamella_wrap_tool``, in the settings of that project."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import importlib_metadata
import pytest
from distributions import Site

from lamella import Agent, PluginError, Project, Tool, tool
from lamella.plugins import forget_discovered

from fakes import ScriptedModel, calls, says

PLUGIN = """
from lamella.tools import Answer, Deny, MemoryToolCache, cached, middleware

STORE = MemoryToolCache()


@lamella.hookimpl
def lamella_wrap_tool(tool):
    word = current_project().plugin_settings("plugin", "audit").get("word", "")

    def before(call):
        if word in str(call.arguments):
            return Deny(f"nobody says {word}")

    return middleware(cached(tool, ttl=60, tenant="tenant", store=STORE), before=before)
"""

ran: list[str] = []


@tool
def echo(text: str) -> str:
    """Say it back."""
    ran.append(text)
    return text


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    ran.clear()
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    made = Site(folder)
    monkeypatch.setattr(importlib_metadata, "distributions", made.distributions)
    forget_discovered()
    yield made
    forget_discovered()
    made.forget()


def project(folder: Path) -> Project:
    (folder / "lamella.toml").write_text('[plugins]\naudit = true\n[plugin.audit]\nword = "secret"\n')
    return Project.load(folder)


def agent(where: Project, made: Tool = echo) -> Agent:
    asked = calls(("1", "echo", '{"text": "fine"}'), ("2", "echo", '{"text": "secret"}'))
    return Agent(ScriptedModel(asked, says("done")), tools=[made], project=where)


async def test_f_x20_a_project_wraps_every_tool(site: Site, tmp_path: Path) -> None:
    site.add_plugin("audit", PLUGIN)
    where = project(tmp_path)
    for tenant, times in (("a", 1), ("a", 1), ("b", 2)):
        result = await agent(where).arun("go", {"tenant": tenant})
        assert [block.output for block in result.messages[1].tool_outputs] == [
            "fine",
            "the call of echo was refused: nobody says secret",
        ]
        assert ran == ["fine"] * times, "the store of the plugin outlives the run, and keeps tenants apart"
    assert echo.wrappers == ()


async def test_f_n31_middleware_that_cannot_be_put_on_stops_the_run(site: Site, tmp_path: Path) -> None:
    site.add_plugin("audit", "@lamella.hookimpl\ndef lamella_wrap_tool(tool):\n    raise ValueError('no')\n")
    with pytest.raises(PluginError, match="audit"):
        await agent(project(tmp_path)).arun("go")
    assert ran == []
