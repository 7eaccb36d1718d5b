"""Runs clients in turn against one server, each in its own process, and prints medians and ratios."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent


def measure(
    script: str,
    wires: Sequence[str],
    clients: Sequence[str],
    *,
    words: int,
    turns: int,
    unit: str,
    rounds: int = 5,
) -> None:
    server = subprocess.Popen(
        [sys.executable, str(HERE / "wire_server.py"), str(words), str(turns)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        for wire in wires:
            times: dict[str, list[float]] = {client: [] for client in clients}
            for _ in range(rounds):
                for client in clients:
                    times[client].append(one(script, client, wire, port))
            report(wire, times, unit)
    finally:
        server.kill()


def one(script: str, client: str, wire: str, port: str) -> float:
    done = subprocess.run(
        [sys.executable, str(HERE / script), client, wire, port], capture_output=True, text=True, check=True
    )
    return float(json.loads(done.stdout)["cpu"])


def report(wire: str, times: dict[str, list[float]], unit: str) -> None:
    medians = {client: statistics.median(values) for client, values in times.items()}
    first = next(iter(medians.values()))
    print(f"{wire}:")
    for client, value in medians.items():
        spread = f"{min(times[client]):.2f} to {max(times[client]):.2f}"
        print(f"  {client:12} {value:8.2f} {unit}   x{value / first:.2f}   ({spread})")
