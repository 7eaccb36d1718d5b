"""Says what a resolver chose, and fails when a wanted distribution is not among it."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main(report: str, *wanted: str) -> int:
    """Read pip's installation report and print the versions of the ``wanted`` distributions."""
    chosen = {
        item["metadata"]["name"].lower(): item["metadata"]["version"]
        for item in json.loads(Path(report).read_text(encoding="utf-8"))["install"]
    }
    for name in wanted:
        print(f"{name} {chosen.get(name, 'IS MISSING')}")
    return 0 if all(name in chosen for name in wanted) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
