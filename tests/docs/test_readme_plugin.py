"""The plugin of the README: built, installed, found, run; then broken on purpose, and only it stops working."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from documents import ROOT, scrub_environment

pytestmark = pytest.mark.slow

README = ROOT / "README.md"


def block(language: str, marker: str) -> str:
    """The README's block of a language that contains ``marker``."""
    blocks = re.findall(
        rf"^```{language}\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    (found,) = [text for text in blocks if marker in text]
    return str(found)


class Installed:
    """A folder that ``pip install --target`` made, in front of the path of the processes that are started."""

    def __init__(self, folder: Path) -> None:
        self.site, self.project = folder / "site", folder / "project"
        self.project.mkdir()
        self._env = {
            **scrub_environment(folder),
            "PYTHONPATH": str(self.site),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def lamella(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line."""
        return subprocess.run(
            [sys.executable, "-m", "lamella_cli", *arguments],
            cwd=self.project,
            env=self._env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
        )

    def plugin(self, name: str = "shouting") -> dict[str, Any]:
        """What ``lamella plugins list --json`` says of a plugin."""
        done = self.lamella("plugins", "list", "--json")
        assert done.returncode == 0, done.stderr
        (found,) = [each for each in json.loads(done.stdout)["plugins"] if each["name"] == name]
        return dict(found)

    def loaded(self) -> dict[str, Any]:
        """What ``lamella plugins show --load`` says of it."""
        done = self.lamella("plugins", "show", "shouting", "--load", "--json")
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout)[0])

    def rewrite(self, text: str) -> None:
        """Replace the plugin's module."""
        (self.site / "shouting.py").write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def wheel_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plugin as the README has it, built and installed by pip."""
    folder = tmp_path_factory.mktemp("shouting")
    source = folder / "source"
    source.mkdir()
    (source / "shouting.py").write_text(block("python", "class Shouting"), encoding="utf-8")
    (source / "pyproject.toml").write_text(block("toml", 'name = "lamella-shouting"'), encoding="utf-8")
    site = folder / "site"
    flags = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *flags, "--target", str(site), str(source)],
        env={**os.environ, "PIP_CONFIG_FILE": os.devnull},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return site


@pytest.fixture
def installed(wheel_site: Path, tmp_path: Path) -> Installed:
    import shutil

    found = Installed(tmp_path)
    shutil.copytree(wheel_site, found.site)
    return found


def assert_the_rest_works(installed: Installed) -> None:
    others = [installed.plugin(name)["state"] for name in ("sim", "jsonl", "console")]
    assert others == ["available", "available", "available"]
    done = installed.lamella("run", "-m", "sim:echo", "--no-store", "still here")
    assert (done.returncode, done.stdout.strip()) == (0, "still here"), done.stderr
    for command in (
        ["plugins", "list"],
        ["plugins", "why", "shouting"],
        ["plugins", "show", "shouting"],
        ["runs", "list"],
    ):
        assert installed.lamella(*command).returncode == 0, command


def test_f_plg02_the_readme_plugin_is_found_and_answers(installed: Installed) -> None:
    found = installed.plugin()
    assert (found["state"], found["distribution"], found["kind"]) == (
        "available",
        "lamella-shouting",
        "provider",
    )
    done = installed.lamella("run", "-m", "shouting:loud", "hello")
    assert (done.returncode, done.stdout.strip()) == (0, "HELLO!"), done.stderr
    assert "shouting:loud" in installed.lamella("runs", "list").stdout


def test_listing_plugins_imports_none(installed: Installed) -> None:
    installed.rewrite("raise SystemExit('imported')\n")
    assert installed.plugin()["state"] == "available"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(
            ("import lamella\n", "import lamella_no_such_module\n"), "ModuleNotFoundError", id="import-error"
        ),
        pytest.param(("import lamella\n", "raise SystemExit(3)\n"), "SystemExit", id="system-exit"),
        pytest.param(
            ("def lamella_provider", "def lamella_providers"),
            "did you mean 'lamella_provider'",
            id="hook-name",
        ),
        pytest.param(('id="shouting"', 'id="whispering"'), "whispering", id="wrong-id"),
    ],
)
def test_f_plg02_a_broken_plugin_is_named_and_nothing_else_stops(
    installed: Installed, change: tuple[str, str], reason: str
) -> None:
    whole = (installed.site / "shouting.py").read_text(encoding="utf-8")
    broken = whole.replace(*change)
    assert broken != whole
    installed.rewrite(broken)

    loaded = installed.loaded()
    assert loaded["state"] == "broken"
    assert reason in loaded["reason"]

    done = installed.lamella("run", "-m", "shouting:loud", "hello")
    assert done.returncode == 3
    assert "lamella-shouting 0.1.0" in done.stderr
    assert reason in done.stderr
    assert "Traceback" not in done.stderr

    assert_the_rest_works(installed)


def test_a_plugin_for_a_newer_api_is_incompatible(installed: Installed) -> None:
    whole = (installed.site / "shouting.py").read_text(encoding="utf-8")
    installed.rewrite(whole.replace('lamella_api = "1.0"', 'lamella_api = "2.0"'))
    assert installed.loaded()["state"] == "incompatible"
    done = installed.lamella("run", "-m", "shouting:loud", "hello")
    assert done.returncode == 3
    assert "pip install --upgrade lamella" in done.stderr
