"""A folder of real distributions for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from distributions import Site


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    made = Site(folder)
    yield made
    made.forget()
