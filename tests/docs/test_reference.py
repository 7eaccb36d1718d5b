"""The reference says what the code says."""

from __future__ import annotations

import re
import subprocess
import sys

from documents import ROOT

import lamella

REFERENCE = ROOT / "docs" / "reference"


def test_the_generated_parts_are_what_is_generated() -> None:
    """In a process of its own: other tests resolve the types of classes, which changes how they are shown."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, f"run python docs/generate.py; stale: {done.stdout}{done.stderr}"


def test_each_error_code_has_a_cause_and_a_fix() -> None:
    page = (REFERENCE / "errors.md").read_text(encoding="utf-8").partition("## Causes and fixes")[2]
    documented = re.findall(r"^\| `([a-z._]+)` \|", page, flags=re.MULTILINE)
    assert documented == [code.value for code in lamella.ErrorCode]


def test_each_stop_reason_is_documented() -> None:
    from typing import get_args

    from lamella.events import StopReason

    page = (REFERENCE / "models.md").read_text(encoding="utf-8").partition("| stop reason |")[2]
    assert re.findall(r"^\| `([a-z_]+)` \|", page, flags=re.MULTILINE)[: len(get_args(StopReason))] == list(
        get_args(StopReason)
    )


def test_each_configuration_key_is_documented() -> None:
    from lamella.config.schema import KEYS

    page = (REFERENCE / "configuration.md").read_text(encoding="utf-8")
    for key in KEYS:
        assert re.search(rf"^\| `\[?{key}\b", page, flags=re.MULTILINE), key


def test_each_plugin_state_is_documented() -> None:
    from lamella.plugins import PluginState

    page = (ROOT / "docs" / "explanation" / "plugin-states.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([a-z-]+)` \|", page, flags=re.MULTILINE) == [
        state.value for state in PluginState
    ]


def test_each_public_name_is_in_the_reference() -> None:
    pages = "\n".join(path.read_text(encoding="utf-8") for path in REFERENCE.glob("*.md"))
    missing = [name for name in lamella.__all__ if not re.search(rf"\b{re.escape(name)}\b", pages)]
    assert missing == []


def test_each_changelog_is_in_the_index() -> None:
    index = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for path in [ROOT / "core", *sorted((ROOT / "plugins").iterdir())]:
        if (path / "pyproject.toml").exists():
            assert f"({path.relative_to(ROOT).as_posix()}/CHANGELOG.md)" in index
