"""Every code block of the documentation runs, in a folder of its own, offline."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from documents import ROOT, documents, run_document, scrub_environment

_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty project: the working directory, no keys in the environment, no user configuration."""
    from lamella.config import forget_projects

    project = tmp_path / "project"
    project.mkdir()
    (project / "lamella.toml").write_text("", encoding="utf-8")
    kept = scrub_environment(tmp_path)
    with monkeypatch.context() as patch:
        for name in set(os.environ) - set(kept):
            patch.delenv(name)
        for name, value in kept.items():
            patch.setenv(name, value)
        patch.chdir(project)
        patch.setattr(tempfile, "tempdir", str(tmp_path))
        patch.syspath_prepend(str(project))
        forget_projects()
        yield project
    forget_projects()


@pytest.mark.parametrize("path", documents(), ids=_name)
def test_the_blocks_of_a_document_run(path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """F-PKG04: the examples are run, among them: agents with tools and models alone, sync and async."""
    for example, skipped in run_document(path, folder):
        assert skipped != "", f"{example.path}:{example.line}: a skip needs a reason"


@pytest.mark.parametrize("path", documents(), ids=_name)
def test_relative_links_lead_somewhere(path: Path) -> None:
    for match in _LINK.finditer(path.read_text(encoding="utf-8")):
        target = match["target"].partition("#")[0]
        if target and "://" not in target and not target.startswith("mailto:"):
            assert (path.parent / target).exists(), f"{_name(path)}: {match['target']} leads nowhere"
