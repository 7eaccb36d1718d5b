"""An empty project folder, and an environment in which nothing from outside is set."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

__all__ = ["empty_project"]

_FOREIGN: Final = re.compile(
    r"LAMELLA_?.*|.*_API_KEY|.*_API_TOKEN|.*_AUTH_TOKEN|.*_BASE_URL|.*_HOST|OPENAI_.*|(?:HTTPS?|ALL|NO)_PROXY",
    re.IGNORECASE,
)
_HOMES: Final = ("HOME", "USERPROFILE", "XDG_CONFIG_HOME", "APPDATA")


@contextmanager
def empty_project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make ``folder / "project"`` the current folder and project, with a scrubbed environment.

    What Lamella had read of the configuration is forgotten before and after.
    """
    from lamella.config import forget_projects

    project, home = folder / "project", folder / "home"
    project.mkdir()
    home.mkdir()
    (project / "lamella.toml").write_text("", encoding="utf-8")
    with monkeypatch.context() as patch:
        for name in [name for name in os.environ if _FOREIGN.fullmatch(name)]:
            patch.delenv(name)
        for name in _HOMES:
            patch.setenv(name, str(home))
        patch.chdir(project)
        forget_projects()
        yield project
    forget_projects()
