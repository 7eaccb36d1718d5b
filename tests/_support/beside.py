"""Resolves all distributions of this repository together, and beside other frameworks, without installing anything.

``python beside.py PATH… -- PEER…``: each peer must get the version beside us that it gets alone; ours must not
hold it back.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

SDKS = ("openai", "anthropic", "mistralai", "google-genai", "ollama")


def resolve(*wanted: str) -> dict[str, str]:
    """The versions that pip would install, by name."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed"),
                *("--disable-pip-version-check", "--no-build-isolation", "--report", str(report), *wanted),
            ],
            check=True,
        )
        found = json.loads(report.read_text(encoding="utf-8"))["install"]
    return {item["metadata"]["name"].lower(): item["metadata"]["version"] for item in found}


def main(*arguments: str) -> int:
    """Resolve, print, and compare."""
    cut = arguments.index("--")
    ours, peers = arguments[:cut], arguments[cut + 1 :]
    together = resolve(*ours)
    print("all plugins:", ", ".join(f"{name} {together[name]}" for name in SDKS))
    held_back = 0
    for peer in peers:
        alone, beside = resolve(peer)[peer], resolve(*ours, peer)[peer]
        print(f"{peer}: {alone} alone, {beside} beside Lamella")
        held_back += alone != beside
    return 1 if held_back else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
