"""Measures what each peer does with vendor A's private state when a conversation goes on at vendor B.

    python run.py --environments FOLDER [--keep FOLDER] [PEER ...]

FOLDER holds one virtual environment for each peer, called as the peer (``python -m venv FOLDER/pydantic_ai``
and ``pip install`` of the line ``requires`` in ``peers/pydantic_ai.py``). Every pair of vendors that the peer
offers is run in a process of its own against one loopback server. Prints one row for each peer and pair;
``--keep`` stores the requests and findings as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import judge
from server import Recorder

HERE = Path(__file__).parent
PAIRS = [
    ("anthropic", "openai-chat"),
    ("anthropic", "openai-responses"),
    ("anthropic", "gemini"),
    ("anthropic", "mistral"),
    ("openai-responses", "anthropic"),
    ("openai-responses", "gemini"),
    ("openai-responses", "mistral"),
    ("gemini", "anthropic"),
    ("gemini", "openai-chat"),
]
_SECONDS = 120


_LESS: tuple[tuple[str, ...], ...] = ((), ("search",), ("reasoning",), ("search", "reasoning"))


def measure(peer: Path, python: Path, source: str, target: str, recorder: Recorder) -> list[dict[str, Any]]:
    """Run one peer on one pair; when it fails, again with less in A's answer."""
    findings: list[dict[str, Any]] = []
    for without in _LESS:
        recorder.begin(source, without)
        findings.append({"without": without, **_measured(peer, python, source, target, recorder)})
        if findings[-1]["outcome"] != "failed":
            break
    return findings


def _measured(peer: Path, python: Path, source: str, target: str, recorder: Recorder) -> dict[str, Any]:
    """One process of the peer: what it did, and what the judge reads in B's requests."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.json"
        done = subprocess.run(
            [str(python), "-P", "-B", str(peer), source, target, recorder.url, str(out)],
            env={"PATH": os.environ["PATH"], "HOME": folder, "PYTHONPATH": str(HERE)},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
        said = json.loads(out.read_text()) if out.exists() else {"outcome": "failed", "stage": "import"}
    said["printed"] = (done.stdout + done.stderr)[-4000:]
    at_a, at_b = ([body for wire, body in recorder.requests if wire == side] for side in (source, target))
    found = {"peer": peer.stem, "source": source, "target": target, **said, "at_a": at_a, "at_b": at_b}
    if at_a[1:]:
        found |= {
            "returned": judge.foreign(at_a[1], source)[0],
            "missing_at_a": judge.missing(at_a[1], source),
        }
    if at_b:
        opaque, ids = judge.foreign(at_b[0], source)
        found |= {"opaque": opaque, "ids": ids, "missing": judge.missing(at_b[0], target)}
        found["broken"] = judge.broken_rules(at_b[0], target)
    return found


def row(found: dict[str, Any]) -> str:
    """One line of the table of findings; a star marks what was not in the second request to A either."""
    cells = [found["peer"], f"{found['source']} → {found['target']}", found["outcome"]]
    if found["without"]:
        cells[1] += f", without {' and '.join(found['without'])}"
    if found["outcome"] == "failed":
        cells[-1] += f" ({found['stage']}): {found.get('error') or found['printed'][-300:]}"[:300]
    for key in ("returned", "opaque", "ids", "missing", "broken"):
        kept = found.get("missing_at_a", ()) if key == "missing" else ()
        cells.append(", ".join(f"{each}*" if each in kept else each for each in found.get(key, ())) or "-")
    notes = [note for note in found.get("notes", ()) if not note.startswith("INFO")]
    cells.append(" / ".join([*notes, *([found["report"]] if found.get("report") else [])])[:400] or "-")
    return "| " + " | ".join(cell.replace("\n", " ") for cell in cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--environments", type=Path, required=True)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("peers", nargs="*", help="names of scripts in peers/; all when left out")
    given = parser.parse_args()
    peers = [HERE / "peers" / f"{name}.py" for name in given.peers] or sorted((HERE / "peers").glob("*.py"))
    recorder = Recorder()
    print(
        "| peer | pair | outcome | returned to A | opaque bytes at B | item ids | not sent | rules broken | said |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for peer in peers:
        python = given.environments.absolute() / peer.stem / "bin" / "python"
        for source, target in PAIRS:
            findings = measure(peer, python, source, target, recorder)
            for found in findings:
                if found["outcome"] != "not offered":
                    print(row(found), flush=True)
            if given.keep:
                given.keep.mkdir(parents=True, exist_ok=True)
                kept = given.keep / f"{peer.stem}.{source}.{target}.json"
                kept.write_text(json.dumps(findings, indent=1))
    recorder.close()


if __name__ == "__main__":
    main()
