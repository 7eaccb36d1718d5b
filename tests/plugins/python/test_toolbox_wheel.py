"""A toolbox: a distribution whose tools need no configuration; built, installed, found, called."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "use-python-tools.md"


def block(language: str, marker: str) -> str:
    """The block of the page that contains ``marker``."""
    blocks = re.findall(
        rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    (found,) = [text for text in blocks if marker in text]
    return str(found)


def test_f_plg02_a_toolbox_works_by_its_name_alone(tmp_path: Path) -> None:
    source, site, project = tmp_path / "source", tmp_path / "site", tmp_path / "project"
    source.mkdir()
    project.mkdir()
    (source / "lamella_dice.py").write_text(block("python", "# lamella_dice.py"))
    build = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n\n'
    only = '\n[tool.hatch.build.targets.wheel]\ninclude = ["lamella_dice.py"]\n'
    (source / "pyproject.toml").write_text(build + block("toml", "lamella-dice") + only)
    flags = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *flags, "--target", str(site), str(source)],
        env={**os.environ, "PIP_CONFIG_FILE": os.devnull},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr

    def lamella(*arguments: str) -> str:
        ended = subprocess.run(
            [sys.executable, "-m", "lamella_cli", *arguments],
            cwd=project,
            env={**os.environ, "PYTHONPATH": str(site), "HOME": str(tmp_path)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    listed = {each["name"]: each for each in json.loads(lamella("tools", "list", "--json"))}
    assert (listed["dice"]["state"], listed["dice"]["from"]) == ("available", "lamella-dice 0.1.0")
    assert lamella("tools", "call", "dice", "roll", "sides=20") == "20\n"
    assert "12" in lamella("run", "-m", "sim:demo", "--no-store", "-t", "dice", "roll with sides 12")
