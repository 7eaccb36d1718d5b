"""Who writes a run: this process and this store; and whether another process is still there."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Final

import attrs

__all__ = ["HEARTBEAT_SECONDS", "SILENT_SECONDS", "Owner", "is_alive", "this_owner"]

HEARTBEAT_SECONDS: Final = 15.0
"""How often a store says that it is still there."""

SILENT_SECONDS: Final = 60.0
"""A writer on another host that has said nothing for so long is gone."""


@attrs.frozen(kw_only=True)
class Owner:
    """A writer: its random token, host, process id, and when the process started (a text to compare)."""

    token: str
    host: str | None
    pid: int | None
    started: str | None


def this_owner() -> Owner:
    """An owner of its own in this process."""
    pid = os.getpid()
    return Owner(token=secrets.token_hex(8), host=_host(), pid=pid, started=_started(pid))


def is_alive(owner: Owner, silent: float | None) -> bool:
    """Whether a writer still runs; ``silent`` are the seconds since it last said so.

    On this host its process is looked for; on another one silence decides.
    """
    if owner.host == _host() and owner.pid is not None:
        found = _process_lives(owner.pid, owner.started)
        if found is not None:
            return found
    return silent is not None and silent < SILENT_SECONDS


@cache
def _host() -> str:
    """This host's name; containers of one name have processes of their own, so their space is named too."""
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        return socket.gethostname()
    return f"{socket.gethostname()} {space}"


def _process_lives(pid: int, started: str | None) -> bool | None:
    """``None``: there is no way to know here."""
    if sys.platform == "win32":  # os.kill would end the process there
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is there, and another user's
        pass
    now = _started(pid)
    return now is not None if started is None else now == started


def _started(pid: int) -> str | None:
    """When a process started, as a text that no later process with its id has; ``None`` for one that is gone."""
    if sys.platform == "win32":
        return None
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None if Path("/proc/self/stat").exists() else _started_by_ps(pid)
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    if fields[0] in "ZX":  # dead, and nobody has asked for its exit status yet
        return None
    return f"{_boot()} {fields[19]}"


@cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _started_by_ps(pid: int) -> str | None:
    try:
        told = subprocess.run(
            ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return told.stdout.strip() or None
