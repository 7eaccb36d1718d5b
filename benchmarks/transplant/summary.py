"""Makes the table of the documentation from the findings that ``run.py --keep`` stored.

python summary.py FINDINGS
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

Finding = dict[str, Any]

RECORDS = {
    "reasoning": r"reasoning|thinking",
    "search query": r"search|server.tool|citation",
    "search source": r"search|server.tool|citation",
    "answer": r"citationsContent",
    "tool error flag": r"mark of an error|is_error|error flag",
}
"""How a record names each thing (Gemini's query is in its citations); no peer named what is not here."""
_LEFT_OUT = r"drop|skip|ignor|remov|strip|omit|without|not (yet )?supported|unsupported"
_PARTS = {"search query": "search", "search source": "search", "call Rome": "call", "call Oslo": "call"}


def unrecorded(finding: Finding) -> set[str]:
    """What a reader saw at A, B never got, and no log, warning or return value mentions."""
    lines = [*finding.get("notes", ()), *(finding.get("report") or "").split(";")]
    told = [line for line in lines if re.search(_LEFT_OUT, line, re.IGNORECASE)]
    gone = set(finding.get("missing", ()))
    if "search" in finding["without"]:
        gone -= {"search query", "search source"}
    if "reasoning" in finding["without"]:
        gone -= {"reasoning"}
    return {what for what in gone if not any(re.search(RECORDS.get(what, r"(?!)"), line) for line in told)}


def row(peer: str, pairs: list[list[Finding]]) -> str:
    """One peer: each pair is the findings of its attempts, the whole conversation first."""
    lost = [unrecorded(attempts[-1]) for attempts in pairs]
    parts = Counter(part for each in lost for part in {_PARTS.get(what, what) for what in each})
    broken = [{rule for one in attempts for rule in one.get("broken", ())} for attempts in pairs]
    cells = [
        f"{peer} {next(iter(pairs[0][0]['versions'].values()))}",
        len(pairs),
        sum(attempts[0]["outcome"] == "failed" for attempts in pairs),
        sum(any(one.get("opaque") for one in attempts) for attempts in pairs),
        sum(any(one.get("ids") for one in attempts) for attempts in pairs),
        sum(any(" field " not in rule for rule in rules) for rules in broken),
        f"{sum(map(bool, lost))}: " + ", ".join(f"{part} {count}" for part, count in sorted(parts.items())),
    ]
    return "| " + " | ".join(map(str, cells)) + " |"


def main() -> None:
    peers: dict[str, list[list[Finding]]] = {}
    for path in sorted(Path(sys.argv[1]).glob("*.json")):
        attempts = json.loads(path.read_text(encoding="utf-8"))
        if attempts[-1]["outcome"] != "not offered":
            peers.setdefault(attempts[0]["peer"], []).append(attempts)
    print("| | pairs | fails whole | opaque bytes | item ids | rules broken | dropped without a record |")
    print("|---|---|---|---|---|---|---|")
    for peer, pairs in peers.items():
        print(row(peer, pairs))


if __name__ == "__main__":
    main()
