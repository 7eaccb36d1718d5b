"""A project folder with a scrubbed environment, and the command line in this process and in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

from lamella_cli.main import run

ToDo = Callable[..., "Ended"]


@attrs.frozen
class Ended:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project folder, which is the working directory; nothing of the user's reaches it."""
    for name in list(os.environ):
        if (
            name.startswith("LAMELLA")
            or name.endswith(("_API_KEY", "_TOKEN"))
            or name in ("NO_COLOR", "FORCE_COLOR")
        ):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    project = tmp_path / "project"
    home.mkdir()
    project.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.chdir(project)
    (project / "lamella.toml").write_text("")
    return project


@pytest.fixture
def lamella(folder: Path, capsys: pytest.CaptureFixture[str]) -> ToDo:
    """Runs a command in this process."""

    def invoke(*arguments: str) -> Ended:
        capsys.readouterr()
        code = run(arguments)
        out, err = capsys.readouterr()
        return Ended(int(code), out, err)

    return invoke


@pytest.fixture
def process(folder: Path) -> ToDo:
    """Runs a command in a process of its own."""

    def invoke(*arguments: str, env: Mapping[str, str] | None = None, **options: Any) -> Ended:
        options.setdefault("stdin", subprocess.DEVNULL if "input" not in options else None)
        if "input" in options:
            del options["stdin"]
        ended = subprocess.run(
            [sys.executable, "-m", "lamella_cli", *arguments],
            capture_output=True, timeout=60, check=False, env={**os.environ, **(env or {})}, **options,
        )  # fmt: skip
        return Ended(
            ended.returncode, ended.stdout.decode(errors="replace"), ended.stderr.decode(errors="replace")
        )

    return invoke


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Installs fake distributions into a folder that is on the path of processes started by a test."""
    place = tmp_path / "site"
    place.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(place))

    def install(name: str, entry_points: str, **modules: str) -> Path:
        info = place / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(entry_points)
        (info / "RECORD").write_text("")
        for module, source in modules.items():
            (place / f"{module}.py").write_text(source)
        return place

    return install
