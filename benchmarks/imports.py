"""CPU of the imports a user waits for, each in a fresh interpreter, against an empty one; and what they bring."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys

CASES = {
    "nothing": "pass",
    "import lamella": "import lamella",
    "Agent and tool": "from lamella import Agent, tool",
    "ChatOpenAI": "from lamella_openai import ChatOpenAI",
    "import openai": "import openai",
    "lamella --version": "import sys; sys.argv = ['lamella', '--version']; from lamella_cli.main import main; main()",
    "lamella plugins list": "import sys; sys.argv = ['lamella', 'plugins', 'list']; from lamella_cli.main import main; main()",
}


def cpu(code: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


if __name__ == "__main__":
    base = 0.0
    for name, code in CASES.items():
        value = statistics.median(cpu(code) for _ in range(7))
        base = base or value
        print(f"{name:22} {value:7.1f} ms CPU   x{value / base:.2f} of an empty interpreter")
