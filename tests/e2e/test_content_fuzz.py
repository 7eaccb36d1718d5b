"""Ten thousand damaged files: only typed errors come out, in bounded time and memory, and the process lives.

The cases run in processes of their own, for the libraries below are written in C. A case is repeated with
``python tests/_support/content/fuzz.py SEED NUMBER 1``.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from content import fuzz, samples

from lamella.config import forget_projects
from lamella.plugins.facade import Hooks

CASES = 10_000
SEED = 4
PROCESSES = 2
SECONDS = 20.0
"""Of the processor, for one case with its thirty steps."""
MEGABYTES = 1500
"""Of a process with all the SDKs and libraries in it."""

NOTES = re.compile(r"(Note|Warning): |\[\S*libmpg123/|More samples per pixel than can be decoded")
"""What libmpg123, inside libsndfile, writes for itself, and what Pillow logs of a TIFF before it raises."""


def test_f_med06_ten_thousand_damaged_files_give_only_typed_errors(tmp_path: Path) -> None:
    """F-MED06, F-N39: through every constructor, probe, change and encoder, and JSON and back."""
    (tmp_path / "lamella.toml").write_text("")
    share = CASES // PROCESSES
    running = []
    for place in range(PROCESSES):
        arguments = [str(SEED), str(place * share), str(share), str(tmp_path / f"case{place}")]
        command = [sys.executable, "-W", "error", fuzz.__file__, *arguments]
        running.append(
            subprocess.Popen(
                command,
                cwd=tmp_path,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
            )
        )
    seen: Counter[str] = Counter()
    ended = [process.communicate() for process in running]  # all, before anything is looked at
    for place, (process, (said, complained)) in enumerate(zip(running, ended, strict=True)):
        at = (tmp_path / f"case{place}").read_text()
        ours = [line for line in complained.splitlines() if not NOTES.match(line)]
        assert (process.returncode, ours) == (0, []), f"seed {SEED}, case {at}"
        *faults, summary = map(json.loads, said.splitlines())
        assert faults == []
        assert summary["cases"] == share
        assert summary["longest"] < SECONDS, summary
        assert summary["megabytes"] < MEGABYTES, summary
        seen.update(summary["seen"])
    # The damage is neither so light that nothing notices, nor so heavy that nothing gets through.
    assert seen["fine"] > 10 * CASES / 3
    assert seen["AgentInputError"] > CASES / 2
    assert seen["UnsupportedContentError"] > CASES / 2


FAST = """
import io, wave
from lamella.errors import AgentInputError
from lamella_audio import AudioContent

for rate, channels in ((384_000, 1), (800_000_000, 1), (48_000, 256)):
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        file.writeframes(bytes(2 * channels * 100))
    try:
        AudioContent.from_bytes(out.getvalue()).converted("audio/ogg")
    except AgentInputError:
        continue
    raise AssertionError((rate, channels))
"""


def test_f_med06_sound_that_ends_libsndfile_is_refused() -> None:
    """F-MED06: found by the fuzzer: at such rates, or with so many channels, its Vorbis encoder takes the process down."""
    done = subprocess.run([sys.executable, "-c", FAST], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_fuzzer_repeats_a_case_and_finds_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A fault that is put in is found, with its case, and no two seeds make the same file."""
    files = samples.files()
    assert fuzz.damaged(1, 5, files) == fuzz.damaged(1, 5, files)
    assert len({fuzz.damaged(seed, 5, files)[1] for seed in range(20)}) == 20

    def stumble(self: object, content: object, dialect: str) -> object:
        raise IndexError("out of range")

    (tmp_path / "lamella.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    forget_projects()
    monkeypatch.setattr(Hooks, "encode_content", stumble)
    fuzz.main(["1", "5", "1"])
    *faults, summary = map(json.loads, capsys.readouterr().out.splitlines())
    assert summary["cases"] == 1
    assert {(fault["number"], fault["error"]) for fault in faults} >= {(5, "IndexError")}
