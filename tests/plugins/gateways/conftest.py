"""The loopback server, and an environment without keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback_server import LoopbackServer

from lamella.config import forget_projects
from lamella_gateways.rows import rows


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No key, no URL and no project but what a test gives."""
    ours = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY")
    for name in (*ours, *(name for row in rows().values() for name in row.env)):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "lamella.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    forget_projects()
    yield
    forget_projects()


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer() as running:
        yield running
