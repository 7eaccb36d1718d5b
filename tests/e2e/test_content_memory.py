"""A large file costs at most three copies of its bytes in memory, from the file to the last byte on the socket.

Each dialect sends them through its vendor's SDK from a process of its own, whose peak is measured; this process reads
the body and answers. One of the copies is the file itself.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from content import weigh
from content.weigh import DrainServer

COPIES = 3
LARGE = 40_000_000
SENT = {
    "openai.responses": {".png": LARGE, ".pdf": LARGE},
    "openai.chat": {".png": LARGE, ".pdf": LARGE},
    "anthropic.messages": {".png": 7_500_000, ".pdf": 24_000_000},
    "mistral.chat": {".png": 10_000_000, ".pdf": LARGE},
    "gemini": {".png": LARGE, ".pdf": LARGE},
    "gemini.interactions": {".png": LARGE, ".pdf": LARGE},
    "ollama": {".png": LARGE},
}
"""How large a file is sent on each wire: 40 MB, or as large as the vendor takes."""


@pytest.fixture(scope="module")
def server() -> Iterator[DrainServer]:
    with weigh.draining() as running:
        yield running


@pytest.mark.parametrize("dialect", SENT)
def test_f_med05_a_large_file_costs_three_copies(dialect: str, server: DrainServer, tmp_path: Path) -> None:
    """F-MED05: by ``complete`` and by ``Agent.run``, as Python counts and as the system does."""
    (tmp_path / "lamella.toml").write_text("")
    files = []
    for suffix, size in SENT[dialect].items():
        files.append(tmp_path / f"big{suffix}")
        files[-1].write_bytes(weigh.MAKE[suffix](size))
    server.bodies.clear()
    command = [sys.executable, weigh.__file__, dialect, server.url_of(dialect), "complete,agent"]
    done = subprocess.run(
        [*command, *map(str, files)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    weighed = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(each["file"], each["way"]) for each in weighed] == [
        (file.name, way) for file in files for way in ("complete", "agent")
    ]
    for each in weighed:
        assert 1 < each["traced"] <= COPIES, each
        assert each["resident"] is None or each["resident"] <= COPIES, each
    large = [length for length in server.bodies if length > 1_000_000]
    expected = [-(-file.stat().st_size // 3) * 4 for file in files for _ in range(2)]
    assert [length - text in range(2000) for length, text in zip(large, expected, strict=True)] == [
        True
    ] * len(large)
