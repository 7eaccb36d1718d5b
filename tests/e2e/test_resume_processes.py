"""Runs of the command line that are killed, looked at, gone on with, verified and forked by other processes. F-X18."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="signals of POSIX"),
]

SCRIPT = """
[[turns]]
steps = [ "Let me work on it.", { tool_call = "work", arguments = { key = "a" } } ]
[[turns]]
steps = [ "That was one long way to go, and now it is done." ]
"""
ANSWER = "That was one long way to go, and now it is done."

TOOLS = '''
import time
from pathlib import Path
from lamella import tool

HERE = Path(__file__).parent

@tool
def work(key: str) -> str:
    """Work."""
    with (HERE / "effects").open("a") as file:
        file.write(f"begin {key}\\n")
    if (HERE / "slow").exists():
        time.sleep(60)
    return "worked"
'''

CONFIG = {
    "jsonl": "",
    "sql": 'journal = "sql"\n',
}


@attrs.frozen
class Ended:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it wrote, as one document."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """What it wrote, a document on each line."""
        return [json.loads(line) for line in self.out.splitlines()]


@attrs.define
class Commands:
    """The command line in processes of its own, in a project folder."""

    folder: Path
    env: dict[str, str]

    def __call__(self, *arguments: str) -> Ended:
        ended = subprocess.run(
            [sys.executable, "-m", "lamella_cli", *arguments],
            cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())

    @contextmanager
    def run(self, until: Callable[[dict[str, Any]], bool]) -> Iterator[Running]:
        """``lamella run`` with a tool from a file, up to the first event of which ``until`` is true."""
        command = (
            sys.executable,
            "-m",
            "lamella_cli",
            "run",
            "--json",
            "-m",
            "sim:demo",
            "-t",
            "tools.py",
            "go",
        )
        process = subprocess.Popen(
            command, cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )  # fmt: skip
        try:
            assert process.stdout is not None
            shown = []
            for line in process.stdout:
                shown.append(json.loads(line))
                if until(shown[-1]):
                    break
            yield Running(process, shown)
        finally:
            process.kill()
            process.communicate()

    def killed(self, until: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """A run that is killed there; what it has shown."""
        with self.run(until) as running:
            running.process.kill()
            assert running.process.stdout is not None
            last = [line for line in running.process.stdout if line.endswith(b"\n")]
            assert running.process.wait(30) == -signal.SIGKILL
        return running.shown + [json.loads(line) for line in last]

    def status(self) -> str:
        """What the list says of the one run there is."""
        (run,) = self("runs", "list", "--json").json
        return str(run["status"])

    @property
    def effects(self) -> list[str]:
        """What the tool has done."""
        path = self.folder / "effects"
        return path.read_text().splitlines() if path.exists() else []


@attrs.frozen
class Running:
    """A run in its process, and the events it has shown."""

    process: subprocess.Popen[bytes]
    shown: list[dict[str, Any]]

    @property
    def run_id(self) -> str:
        """The run's id."""
        return str(self.shown[0]["run_id"])


@pytest.fixture
def store() -> str:
    """The name of the sink that keeps the runs."""
    return "jsonl"


@pytest.fixture
def lamella(store: str, tmp_path: Path) -> Commands:
    """A project with a slow simulator and a tool."""
    if store == "sql":
        pytest.importorskip("lamella_sql")
    folder, home = tmp_path / "project", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    sim = '[provider.sim]\ndelay = 0.03\nscript = "script.toml"\n'
    (folder / "lamella.toml").write_text(CONFIG[store] + sim)
    (folder / "script.toml").write_text(SCRIPT)
    (folder / "tools.py").write_text(TOOLS)
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("LAMELLA") and not name.endswith(("_API_KEY", "_TOKEN"))
    }
    return Commands(folder, {**env, "HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config")})


def in_the_answer(event: dict[str, Any]) -> bool:
    """Some words of the second response are there."""
    return event["event"]["type"] == "message.output.delta" and "way" in event["event"]["delta"]


def in_the_tool(event: dict[str, Any]) -> bool:
    """The tool begins."""
    return bool(event["event"]["type"] == "tool.start")


def types(events: list[dict[str, Any]]) -> list[str]:
    return [event["event"]["type"] for event in events]


@pytest.mark.parametrize("store", CONFIG)
def test_f_x18_a_killed_run_is_shown_resumed_verified_and_forked(lamella: Commands, store: str) -> None:
    """F-X18: kill -9 in an answer; the tool that has answered is not called again."""
    shown = lamella.killed(in_the_answer)
    run_id = shown[0]["run_id"]
    assert lamella.status() == "interrupted"
    looked = lamella("runs", "show", run_id)
    assert looked.code == 0, looked.err
    assert "interrupted" in looked.out
    assert "That was one long way" in looked.out
    assert "Let me work on it." in looked.out

    resumed = lamella("runs", "resume", run_id, "--json")
    assert resumed.code == 0, resumed.err
    events = resumed.lines
    stored = lamella("runs", "show", run_id, "--events", "--json").json
    assert [event["seq"] for event in stored] == list(range(len(stored)))
    assert stored[-len(events) :] == events
    assert stored[: len(shown)] == shown
    assert types(events)[:2] == ["stream.resumed", "attempt.rollback"]
    assert "tool.start" not in types(events)
    assert events[-1]["event"]["type"] == "stream.end"
    assert events[-1]["event"]["output"] == ANSWER
    assert lamella.effects == ["begin a"]
    assert lamella.status() == "completed"

    again = lamella("runs", "resume", run_id)
    assert again.code != 0
    assert "has ended" in again.err
    assert lamella("runs", "show", run_id, "--events", "--json").json == stored

    verified = lamella("runs", "replay", run_id, "--verify")
    assert verified.code == 0, verified.out + verified.err
    assert "is the same again: 2 requests" in verified.out

    at = next(event["seq"] for event in stored if event["event"]["type"] == "tool.output.done") + 1
    forked = lamella("runs", "fork", run_id, "--at", str(at), "--json")
    assert forked.code == 0, forked.err
    first, last = forked.lines[0]["event"], forked.lines[-1]["event"]
    assert (first["forked_from"], first["forked_at"]) == (run_id, at)
    assert last["output"] == ANSWER
    assert lamella.effects == ["begin a"]
    before_the_call = next(event["seq"] for event in stored if event["event"]["type"] == "tool.start")
    assert lamella("runs", "fork", run_id, "--at", str(before_the_call)).code == 0
    assert lamella.effects == ["begin a", "begin a"]
    assert [run["status"] for run in lamella("runs", "list", "--json").json] == ["completed"] * 3


def test_f_x18_a_call_that_was_cut_off_is_unknown(lamella: Commands) -> None:
    """F-X18: kill -9 in a tool; it is not called again, and the model is told."""
    (lamella.folder / "slow").touch()
    with lamella.run(in_the_tool) as running:
        while not lamella.effects:
            assert running.process.poll() is None
        running.process.kill()
        running.process.wait(30)
    (lamella.folder / "slow").unlink()
    assert lamella.status() == "interrupted"
    resumed = lamella("runs", "resume", "--json")  # the newest run
    assert resumed.code == 0, resumed.err
    assert lamella.effects == ["begin a"]
    (output,) = [event["event"] for event in resumed.lines if event["event"]["type"] == "tool.output.done"]
    assert output["is_error"]
    assert output["output"].startswith("unknown: the process was interrupted while work was running")
    assert resumed.lines[0]["event"]["unknown"] == [output["call_id"]]
    assert resumed.lines[-1]["event"]["output"] == ANSWER
    assert lamella("runs", "replay", "--verify").code == 0


@pytest.mark.parametrize("store", CONFIG)
def test_a_run_in_another_process_is_not_resumed(lamella: Commands, store: str) -> None:
    (lamella.folder / "slow").touch()
    with lamella.run(in_the_tool) as running:
        assert lamella.status() == "running"
        refused = lamella("runs", "resume", running.run_id)
        assert refused.code == 1
        assert "store.conflict" in refused.err
        assert running.run_id in refused.err
        assert "Traceback" not in refused.err
        assert "stored as" not in refused.err
        assert lamella.status() == "running"
        assert running.process.poll() is None
    stored = lamella("runs", "show", running.run_id, "--events", "--json").json
    assert "stream.resumed" not in types(stored)
    assert stored[: len(running.shown)] == running.shown


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_was_stopped_is_cancelled_and_not_resumed(
    lamella: Commands, number: signal.Signals, code: int
) -> None:
    with lamella.run(in_the_answer) as running:
        running.process.send_signal(number)
        out, err = running.process.communicate(timeout=30)
    assert running.process.returncode == code, err
    assert json.loads(out.splitlines()[-1])["event"]["type"] == "stream.error"
    assert lamella.status() == "cancelled"
    refused = lamella("runs", "resume", running.run_id)
    assert refused.code != 0
    assert "Only an interrupted run is resumed" in refused.err
    forked = lamella("runs", "fork", running.run_id, "--json")  # that is how to go on with it
    assert forked.code == 0, forked.err
    assert forked.lines[-1]["event"]["output"] == ANSWER
    assert lamella.effects == ["begin a"]
