"""How much memory this process has had at most."""

from __future__ import annotations

import resource
from pathlib import Path

__all__ = ["peak_kilobytes"]


def peak_kilobytes() -> int:
    """Resident kilobytes, of this program alone: ``ru_maxrss`` also knows what the process was before its ``exec``."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    line = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1])
