"""The store as a plugin: found, configured and driven by a project and an agent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lamella import Agent, Project, fold, to_json, use_project
from lamella.errors import ConfigError
from lamella_sql import SQLStore


def project_of(folder: Path, toml: str, **environ: str) -> Project:
    (folder / "lamella.toml").write_text(toml, encoding="utf-8")
    return Project.load(folder, environ=environ)


def built(project: Project) -> SQLStore:
    store = project.build_sink("sql")
    assert isinstance(store, SQLStore)
    return store


def test_a_relative_path_is_below_the_projects_root(tmp_path: Path) -> None:
    project = project_of(tmp_path, '[sink.sql]\nurl = "kept/runs.db"\ndeltas = false\n')
    assert built(project).url == f"sqlite:///{tmp_path / 'kept' / 'runs.db'}"
    assert built(project).deltas is False
    with use_project(project):
        assert SQLStore().url == f"sqlite:///{tmp_path / '.lamella' / 'runs.db'}"
        assert SQLStore("sqlite:///here.db").url == f"sqlite:///{tmp_path / 'here.db'}"
    assert SQLStore(tmp_path / "there.db").url == f"sqlite:///{tmp_path / 'there.db'}"


async def test_a_fresh_state_folder_is_not_for_git(tmp_path: Path) -> None:
    store = built(project_of(tmp_path, "[sink.sql]\n"))
    assert list(await store.list()) == []
    assert not (tmp_path / ".lamella").exists()
    await store.open()
    await store.close()
    assert (tmp_path / ".lamella" / ".gitignore").read_text(encoding="utf-8") == "*\n"


SECRET = "s3cret-pass"


@pytest.mark.parametrize(
    ("toml", "environ"),
    [
        ('url = { env = "DATABASE_URL" }', {"DATABASE_URL": f"postgresql://agent:{SECRET}@host/runs"}),
        ('url = "postgresql://agent@host/runs"\npassword = { env = "PASS" }', {"PASS": SECRET}),
    ],
)
def test_a_password_comes_from_a_reference_and_is_never_shown(
    tmp_path: Path, toml: str, environ: dict[str, str]
) -> None:
    store = built(project_of(tmp_path, f"[sink.sql]\n{toml}\n", **environ))
    assert store.url == "postgresql://agent:***@host/runs"
    assert SECRET not in repr(store)
    assert store._place.url.password == SECRET
    assert SECRET not in repr(store._place)


@pytest.mark.parametrize("toml", [f'url = "postgresql://agent:{SECRET}@host/runs"', f'password = "{SECRET}"'])
def test_a_password_in_a_file_is_refused_and_not_repeated(tmp_path: Path, toml: str) -> None:
    with pytest.raises(ConfigError, match=r"env = ") as caught:
        built(project_of(tmp_path, f"[sink.sql]\n{toml}\n"))
    assert SECRET not in f"{caught.value} {caught.value.cause!r} {caught.value.context}"


def test_a_reference_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="NOTHING is not set"):
        built(project_of(tmp_path, '[sink.sql]\nurl = { env = "NOTHING" }\n'))
    with pytest.raises(ConfigError, match="or a reference"):
        SQLStore({"environment": "X"})


def test_an_unknown_setting_is_refused_with_file_and_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"lamella\.toml.*ulr"):
        built(project_of(tmp_path, "[sink.sql]\nulr = 'x'\n"))


def test_sslmode_is_passed_on_under_the_name_of_the_driver() -> None:
    store = SQLStore("postgres://agent@host/runs?sslmode=require")
    assert dict(store._place.url.query) == {"ssl": "require"}


async def test_f_sto01_a_live_run_and_its_stored_form_are_equal(tmp_path: Path) -> None:
    """F-STO01, with an agent: reading back gives an equal run."""
    pytest.importorskip("lamella_sim")

    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    project = project_of(tmp_path, "[sink.sql]\n")
    live = await Agent("sim:demo", tools=[add], project=project).arun(
        "Please add 2 and 3", {"token": "hidden"}
    )
    store = built(project)
    loaded = await store.load(live.run_id)
    assert fold(loaded) == live
    assert "hidden" not in "".join(map(to_json, loaded))
    (summary,) = await store.list()
    assert (summary.run_id, summary.status, summary.provider) == (live.run_id, "completed", "sim")


def test_the_synchronous_facade_stores_too(tmp_path: Path) -> None:
    pytest.importorskip("lamella_sim")
    store = SQLStore(tmp_path / "runs.db")
    agent = Agent("sim:echo", sinks=[store], project=project_of(tmp_path, ""))
    results = [agent.run("hi") for _ in range(3)]
    from lamella.sync import run

    assert [fold(run(store.load(result.run_id))) for result in results] == results


def test_the_plugin_module_is_light() -> None:
    code = "import sys, lamella_sql.plugin; print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for heavy in (
        "'cattrs'",
        "'lamella_sql.store'",
        "'lamella.serial'",
        "'asyncio'",
        "'sqlalchemy'",
        "'alembic'",
    ):
        assert heavy not in loaded


def test_alembic_and_asyncpg_are_not_imported_for_a_file_that_is_there(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys\nfrom lamella_sql import SQLStore\nstore = SQLStore(sys.argv[1])\n"
        "async def go():\n    await store.open()\n    await store.close()\n"
        "asyncio.run(go())\nprint(sorted(sys.modules))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "runs.db")]
    first, second = (
        subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2)
    )
    assert "'alembic'" in first
    for heavy in ("'alembic'", "'asyncpg'", "'greenlet'"):
        assert heavy not in second


def test_the_package_names_what_it_exports() -> None:
    import lamella_sql

    assert {name for name in dir(lamella_sql) if getattr(lamella_sql, name) is not None} == {
        "SQLSettings",
        "SQLStore",
    }
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = lamella_sql.nothing
