"""The store as a plugin: found, configured and driven by a project and an agent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lamella import Agent, Project, fold, to_json, use_project
from lamella.errors import ConfigError
from lamella_jsonl import JSONLStore


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "lamella.toml").write_text('[sink.jsonl]\npath = "kept/runs"\ndeltas = false\n')
    return Project.load(tmp_path, environ={})


def test_a_relative_path_is_below_the_projects_root(project: Project, tmp_path: Path) -> None:
    store = project.build_sink("jsonl")
    assert isinstance(store, JSONLStore)
    assert store.path == tmp_path / "kept" / "runs"
    with use_project(project):
        assert JSONLStore("here").path == tmp_path / "here"
    assert JSONLStore(tmp_path / "there").path == tmp_path / "there"


def test_a_bare_project_has_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with use_project(Project.bare()):
        assert JSONLStore("here").path == tmp_path / "here"


def test_an_unknown_setting_is_refused_with_file_and_key(tmp_path: Path) -> None:
    (tmp_path / "lamella.toml").write_text("[sink.jsonl]\npaht = 'x'\n")
    with pytest.raises(ConfigError, match=r"lamella\.toml.*paht"):
        Project.load(tmp_path, environ={}).build_sink("jsonl")


async def test_f_sto01_a_live_run_and_its_stored_form_are_equal(project: Project) -> None:
    """F-STO01, with an agent: reading back gives an equal run."""
    pytest.importorskip("lamella_sim")

    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    live = await Agent("sim:demo", tools=[add], project=project).arun("Please add 2 and 3")
    store = project.build_sink("jsonl")
    assert isinstance(store, JSONLStore)
    assert fold(await store.load(live.run_id)) == live
    (summary,) = await store.list()
    assert (summary.run_id, summary.status, summary.provider) == (live.run_id, "completed", "sim")


async def test_no_secret_of_the_model_is_stored(tmp_path: Path) -> None:
    """Settings that are recorded hold no keys; hidden tool context is not recorded at all."""
    pytest.importorskip("lamella_sim")
    store = JSONLStore(tmp_path)
    agent = Agent(
        "sim:echo", sinks=[store], project=Project.load(tmp_path, environ={"OPENAI_API_KEY": "sk-1"})
    )
    result = await agent.arun("hi", {"token": "context-secret"})
    stored = "".join(map(to_json, await store.load(result.run_id)))
    assert "hi" in stored
    assert "sk-1" not in stored
    assert "context-secret" not in stored


def test_the_plugin_module_is_light() -> None:
    code = "import sys, lamella_jsonl.plugin; print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for heavy in ("'cattrs'", "'lamella_jsonl.store'", "'lamella.serial'", "'asyncio'"):
        assert heavy not in loaded


def test_the_package_names_what_it_exports() -> None:
    import lamella_jsonl

    assert {name for name in dir(lamella_jsonl) if getattr(lamella_jsonl, name) is not None} == {
        "JSONLSettings",
        "JSONLStore",
    }
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = lamella_jsonl.nothing
