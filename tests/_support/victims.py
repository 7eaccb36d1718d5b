"""Processes that run an agent and are killed at a chosen moment; others go on with what is left.

``Nursery`` is a clean process, with everything imported and without a loop or a thread, that forks one victim after
the other: a kill costs milliseconds. A victim tells on a pipe the id of its run, then the number of each event that it
was shown, and at the end its result.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import attrs

__all__ = ["Life", "Nursery"]

_LONGEST: Final = 60
"""Seconds after which a victim that hangs ends by SIGALRM."""


@attrs.frozen(kw_only=True)
class Life:
    """What became of a victim.

    ``shown`` are the numbers of the events that it was shown, ``result`` is that of a run that came to its end;
    ``same`` says that it was the fold of what its store had then. ``log`` is what it wrote on standard error.
    """

    run_id: str | None
    shown: tuple[int, ...]
    killed: bool
    status: int
    result: dict[str, Any] | None = None
    same: bool = False
    log: str = ""


class Nursery:
    """Forks victims. Use it as ``with``."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", str(Path(__file__))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def begin(
        self,
        *,
        shape: str,
        store: str,
        folder: Path,
        url: str | None = None,
        run_id: str | None = None,
        after: int | None = None,
    ) -> None:
        """Let one live until it was shown ``after`` events, or to its end. ``run_id`` is the run that it goes on with."""
        self._say(
            {
                "shape": shape, "store": store, "folder": str(folder), "url": url, "run_id": run_id,
                "after": after,
            }
        )  # fmt: skip
        self.run_id: str | None = self._hear()["run_id"]

    def end(self, wait: float = 0.0) -> Life:
        """Wait so many seconds, then kill it, where it was to be killed; what became of it."""
        self._say({"wait": wait})
        heard = self._hear()
        return Life(**{**heard, "shown": tuple(heard["shown"])})

    def _say(self, what: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the nursery is gone"
        heard: dict[str, Any] = json.loads(line)
        return heard


# -- the nursery ----------------------------------------------------------------------------------


def _main() -> None:
    import openai.resources.responses  # noqa: F401  # what an SDK imports late

    for store in _warm_stores():
        with tempfile.TemporaryDirectory() as folder:
            task = {
                "shape": "repeating",
                "store": store(folder),
                "folder": folder,
                "url": None,
                "run_id": None,
            }
            asyncio.run(_run(task, lambda what: None))
    assert threading.active_count() == 1, "a process that forks must have no other thread"
    for line in sys.stdin:
        _breed(json.loads(line))


def _warm_stores() -> list[Callable[[str], str]]:
    """A run in each kind of store imports everything, so that no victim has to."""
    found = [lambda folder: f"jsonl:{folder}/runs"]
    if find_spec("lamella_sql") is not None:
        found.append(lambda folder: f"sqlite:///{folder}/runs.db")
    if find_spec("asyncpg") is not None:
        import_module("asyncpg")
    return found


def _breed(task: dict[str, Any]) -> None:
    reader, writer = os.pipe()
    log = os.open(Path(task["folder"]) / "log", os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    victim = os.fork()
    if victim == 0:
        os.close(reader)
        _live(task, writer, log)
    os.close(writer)
    with os.fdopen(reader, "r", encoding="utf-8") as told:
        said = _listen(told, task["after"])
        _answer({"run_id": said[0]["run_id"] if said else None})
        wait = json.loads(sys.stdin.readline())["wait"]
        if task["after"] is not None:
            time.sleep(wait)
            os.kill(victim, signal.SIGKILL)
        said += _listen(told, None)
    _, status = os.waitpid(victim, 0)
    written = os.pread(log, 1 << 16, 0).decode(errors="replace")
    os.close(log)
    _answer(
        {
            "run_id": said[0]["run_id"] if said else None,
            "shown": [one["seq"] for one in said if "seq" in one],
            "killed": os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL,
            "status": os.waitstatus_to_exitcode(status),
            "log": written,
            **next(({"result": one["result"], "same": one["same"]} for one in said if "result" in one), {}),
        }
    )


def _listen(told: Any, events: int | None) -> list[dict[str, Any]]:
    """What the victim says until it was shown so many events; a last line that was cut is no line."""
    said: list[dict[str, Any]] = []
    while events is None or len(said) <= events:
        line = told.readline()
        if not line.endswith("\n"):
            break
        said.append(json.loads(line))
    return said


def _answer(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)


# -- a victim -------------------------------------------------------------------------------------


def _live(task: dict[str, Any], writer: int, log: int) -> None:
    signal.alarm(_LONGEST)
    os.dup2(log, 1)
    os.dup2(log, 2)
    code = 1

    def say(what: dict[str, Any]) -> None:
        os.write(writer, (json.dumps(what) + "\n").encode())

    try:
        asyncio.run(_run(task, say))
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


async def _run(task: dict[str, Any], say: Callable[[dict[str, Any]], None]) -> None:
    from victim_agents import INPUT, SHAPES, Scene

    from lamella import Journal, fold
    from lamella.recordings import Recording
    from lamella.serial import to_dict

    from killing import make_store

    store = make_store(task["store"])
    agent: Any = SHAPES[task["shape"]](Scene(Path(task["folder"]), task["url"]))
    agent = attrs.evolve(agent, journal=Journal(store))
    if task["run_id"] is None:
        stream = agent.astream(INPUT)
    else:
        stream = (await Recording.aload(store, task["run_id"])).resume_astream(agent)
    say({"run_id": stream.run_id})
    async for envelope in stream:
        say({"seq": envelope.seq})
    result = stream.result
    say({"result": to_dict(result), "same": fold(await store.load(stream.run_id)) == result})


if __name__ == "__main__":
    _main()
