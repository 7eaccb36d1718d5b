"""Truncated and mutated files: the facts or a typed error, quickly, whatever the bytes."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from lamella.errors import AgentInputError
from lamella_audio import AudioContent

Files = Mapping[str, bytes]

NAMES = (
    "wav",
    "adpcm wav",
    "wavex",
    "rf64",
    "flac",
    "vorbis",
    "opus",
    "mp3",
    "tagged mp3",
    "aiff",
    "m4a",
    "aac",
)
CASES = 1200


def mutated(data: bytes, chance: random.Random) -> bytes:
    """The bytes, cut, with some of them changed, or with a piece put in or taken out."""
    way, held = chance.randrange(4), bytearray(data)
    if way == 0:
        return data[: chance.randrange(1, len(data))]
    if way == 1:
        for _ in range(chance.choice((1, 3, 10, 100))):
            held[chance.randrange(chance.choice((64, 300, len(held))) % len(held) or 1)] = chance.randrange(
                256
            )
    else:
        start = chance.randrange(len(held))
        piece = b"" if way == 2 else chance.randbytes(chance.randrange(200))
        held[start : start + chance.randrange(200)] = piece
    return bytes(held) or b"\0"


def look(data: bytes, kind: str) -> str:
    """Probe, then convert; says how it ended."""
    audio = AudioContent(data=data, mime_type=kind)
    assert audio.describe()
    AudioContent.sniff(data)
    try:
        info = audio.probe()
    except AgentInputError:
        ended = "refused"
    else:
        assert info.duration is None or 0 < info.duration < 10**7
        ended = "probed"
    try:
        audio.converted("audio/flac" if kind == "audio/wav" else "audio/wav", max_bytes=1 << 22)
    except AgentInputError:
        return ended
    assert ended == "probed", "what is damaged is not converted"
    return "converted"


def run(files: Files, seed: int, cases: int) -> Counter[str]:
    chance, ends = random.Random(seed), Counter[str]()
    for _ in range(cases):
        whole = files[chance.choice(NAMES)]
        kind = AudioContent.sniff(whole)
        assert kind is not None
        begun = time.perf_counter()
        ends[look(mutated(whole, chance), kind)] += 1
        assert time.perf_counter() - begun < 5.0
    return ends


def test_f_n39_damaged_files_give_facts_or_typed_errors(files: Files) -> None:
    """In a process of its own: a crash of libsndfile would be seen, and takes nothing else down."""
    assert set(NAMES) <= set(files)
    code = (
        "import importlib.util, sys\n"
        "def load(path):\n"
        "    spec = importlib.util.spec_from_file_location('m', path)\n"
        "    module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module); return module\n"
        "sound, fuzz = load(sys.argv[1]), load(sys.argv[2])\n"
        "print(dict(fuzz.run(sound.files.__wrapped__(), int(sys.argv[3]), int(sys.argv[4]))))\n"
    )
    here = Path(__file__)
    done = subprocess.run(
        [sys.executable, "-c", code, str(here.with_name("conftest.py")), str(here), "4", str(CASES)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Traceback" not in done.stderr, done.stderr[-2000:]
    for end in ("refused", "probed", "converted"):
        assert end in done.stdout


@pytest.mark.parametrize("seed", range(100))
def test_noise_is_no_audio(seed: int) -> None:
    noise = random.Random(seed).randbytes(500)
    for start in (b"", b"RIFF....WAVE", b"OggS", b"fLaC", b"ID3", b"\xff\xfb\x90\x00", b"FORM....AIFF"):
        audio = AudioContent.from_bytes(start + noise)
        with pytest.raises(AgentInputError):
            audio.probe()
