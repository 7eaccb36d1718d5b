"""F-X26: ``lamella eval``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lamella_cli.main import run
from lamella_evals import Report


class Ended:
    """How a command ended, and what it wrote."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def lamella(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "lamella.toml").write_text('[agents.helper]\nmodel = "sim:echo"\n')
    (tmp_path / "cases.toml").write_text(
        'model = "sim:echo"\nchecks = ["contains"]\n'
        '[[cases]]\nname = "good"\ninput = "say a"\nexpected = "a"\n'
        '[[cases]]\nname = "bad"\ninput = "say b"\nexpected = "c"\n'
    )
    (tmp_path / "fine.jsonl").write_text('{"input": "say a", "expected": "a", "checks": ["contains"]}\n')

    def invoke(*arguments: str) -> Ended:
        code = run(arguments)
        return Ended(int(code), *capsys.readouterr())

    return invoke


def test_f_x26_it_says_what_passed_and_exits_with_1_when_not_all_did(lamella: Any) -> None:
    ended = lamella("eval", "cases.toml")
    assert ended.code == 1
    assert "PASS  good" in ended.out
    assert "contains: 'c' is not in 'say b'" in ended.out
    assert "1 of 2 runs passed (50%)" in ended.out
    assert "[2/2]" in ended.err
    assert lamella("eval", "cases.toml", "--fail-under", "0.5").code == 0
    assert lamella("eval", "fine.jsonl", "--agent", "helper").code == 0


def test_f_x26_json_alone_on_standard_output(lamella: Any) -> None:
    ended = lamella("eval", "cases.toml", "--json", "--repeat", "2", "-m", "sim:echo")
    assert ended.code == 1
    report = Report.from_json(ended.out)
    assert [result.attempt for result in report.results] == [1, 2, 1, 2]
    assert report.name == "cases.toml"


def test_f_x26_a_baseline_decides_what_may_fail(lamella: Any, tmp_path: Path) -> None:
    assert lamella("eval", "cases.toml", "--save", "before.json").code == 1
    same = lamella("eval", "cases.toml", "--baseline", "before.json")
    assert same.code == 0, "what failed before may go on failing"
    assert "2 the same" in same.out
    good = (tmp_path / "cases.toml").read_text()
    (tmp_path / "cases.toml").write_text(good.replace('"say a"', '"say nothing"').replace('"a"', '"b"'))
    worse = lamella("eval", "cases.toml", "--baseline", "before.json")
    assert worse.code == 1
    assert "worse   good" in worse.out
    (tmp_path / "cases.toml").write_text(good)
    assert lamella("eval", "cases.toml", "--baseline", "before.json", "--fail-under", "1").code == 1
    document = json.loads(lamella("eval", "cases.toml", "--baseline", "before.json", "--json").out)
    assert document["comparison"]["same"] == 2
    (tmp_path / "odd.json").write_text("{}")
    odd = lamella("eval", "cases.toml", "--baseline", "odd.json")
    assert odd.code == 2
    assert "odd.json: this is no report" in odd.err


def test_runs_are_stored_unless_told_otherwise(lamella: Any) -> None:
    report = Report.from_json(lamella("eval", "fine.jsonl", "--agent", "helper", "--json").out)
    shown = lamella("runs", "show", str(report.results[0].run_id))
    assert shown.code == 0
    assert "say a" in shown.out
    silent = Report.from_json(lamella("eval", "fine.jsonl", "--agent", "helper", "--json", "--no-store").out)
    assert lamella("runs", "show", str(silent.results[0].run_id)).code != 0


def test_tools_of_the_file_and_of_the_command_line(lamella: Any, tmp_path: Path) -> None:
    (tmp_path / "adding_up.py").write_text(
        'def add(a: int, b: int) -> int:\n    """Add."""\n    return a + b\n'
    )
    (tmp_path / "sum.toml").write_text(
        'model = "sim:demo"\nchecks = ["contains", { calls = "add" }]\n[[cases]]\ninput = "What is 2 + 3?"\nexpected = "5"\n'
    )
    assert lamella("eval", "sum.toml").code == 1
    assert lamella("eval", "sum.toml", "-t", "adding_up.py").code == 0


def test_f_x26_agents_of_a_python_file(lamella: Any, tmp_path: Path) -> None:
    (tmp_path / "layered_cases.py").write_text(
        "from lamella import Agent, chain\nfrom lamella_evals import Case, equals\n"
        "agent = chain(Agent('sim:echo'), Agent())\nchecks = [equals()]\ncases = [Case('a', 'a')]\nprint('loaded')\n"
    )
    assert lamella("eval", "layered_cases.py:cases", "-m", "sim:echo").code == 0
    assert lamella("eval", "layered_cases.py:cases", "--agent", "helper", "--json").code == 0
    refused = lamella("eval", "layered_cases.py:cases", "-t", "python")
    assert refused.code == 2


@pytest.mark.parametrize(
    "arguments", [["none.toml"], ["cases.toml", "--agent", "nobody"], ["cases.toml", "--fail-under", "3"]]
)
def test_wrong_usage_is_exit_code_2(lamella: Any, arguments: list[str]) -> None:
    assert lamella("eval", *arguments).code == 2


def test_the_console_of_the_project_does_not_show_the_runs(lamella: Any, tmp_path: Path) -> None:
    (tmp_path / "lamella.toml").write_text("[plugins.sink]\nconsole = true\n")
    ended = lamella("eval", "cases.toml", "--fail-under", "0")
    assert ended.code == 0
    assert ended.err.splitlines()[-2:] == [line for line in ended.err.splitlines() if line.startswith("[")]


def test_a_judge_is_not_kept_by_the_journal_of_the_project(lamella: Any, tmp_path: Path) -> None:
    """Where the runs go is the command's affair: it switches the store off as a sink, and judges cannot use it."""
    (tmp_path / "lamella.toml").write_text('journal = "jsonl"\n[plugins.sink]\njsonl = true\n')
    (tmp_path / "script.toml").write_text('[[turns]]\ntext = \'{"reason": "r", "score": 1}\'\n')
    (tmp_path / "judged_cases.py").write_text(
        "from lamella import Agent\nfrom lamella_evals import Case, judged_by\n"
        "from lamella_sim import ChatSim, load_script\n"
        "judge = ChatSim(script=load_script('script.toml'))\nagent = Agent('sim:echo')\ncases = [Case('a')]\n"
        "checks = [judged_by(judge, 'good'), judged_by(Agent(judge), 'good')]\n"
    )
    ended = lamella("eval", "judged_cases.py:cases")
    assert ended.code == 0, ended.out
    assert "judged with" in ended.out


def test_the_plugin_is_light() -> None:
    """Listing commands imports the plugin, and no more of it."""
    code = (
        "import sys, lamella_evals.plugin as p; p.lamella_cli(); "
        "found = [m for m in sys.modules if m.startswith('lamella_evals') or m in ('click', 'cattrs', 'lamella_cli')]; "
        "assert sorted(found) == ['lamella_evals', 'lamella_evals.plugin'], found; "
        "import lamella_evals; [getattr(lamella_evals, n) for n in lamella_evals.__all__]; "
        "assert 'click' not in sys.modules and 'lamella_cli' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
