"""Runs clients in turn against a server, each in its own process, and prints medians and ratios.

The command line takes names of wires, none for all; ``--rounds 9`` for more rounds than five.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import wires

HERE = Path(__file__).parent
CLIENTS = ("bare", "lamella", "sdk")


def measure(script: str, *, words: int, turns: int, unit: str) -> None:
    options = argparse.ArgumentParser()
    options.add_argument("wires", nargs="*", metavar="wire", help=f"of {', '.join(wires.NAMES)}")
    options.add_argument("--rounds", type=int, default=5)
    asked = options.parse_args()
    for name in asked.wires or wires.NAMES:
        report(name, times(script, name, str(words), str(turns), asked.rounds), unit)


def times(script: str, name: str, words: str, turns: str, rounds: int) -> dict[str, list[float]]:
    """The CPU time of each client in each round."""
    server = subprocess.Popen(
        [sys.executable, str(HERE / "wire_server.py"), name, words, turns], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        origin = f"http://127.0.0.1:{server.stdout.readline().strip()}"
        found: dict[str, list[float]] = {client: [] for client in CLIENTS}
        for _ in range(rounds):
            for client in CLIENTS:
                found[client].append(one(script, client, name, origin))
        return found
    finally:
        server.kill()
        server.wait()


def one(script: str, *arguments: str) -> float:
    done = subprocess.run(
        [sys.executable, str(HERE / script), "--client", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(json.loads(done.stdout)["cpu"])


def report(name: str, found: dict[str, Sequence[float]] | dict[str, list[float]], unit: str) -> None:
    print(f"{name}:")
    for client, values in found.items():
        ratio = statistics.median(value / bare for value, bare in zip(values, found["bare"], strict=True))
        spread = f"{min(values):.2f} to {max(values):.2f}"
        print(f"  {client:8} {statistics.median(values):8.2f} {unit}   x{ratio:.2f}   ({spread})", flush=True)
