"""``lamella prices``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lamella_cli.main import run


class Ended:
    """How a command ended, and what it wrote."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def lamella(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "lamella.toml").write_text("")

    def invoke(*arguments: str) -> Ended:
        code = run(arguments)
        return Ended(int(code), *capsys.readouterr())

    return invoke


def test_show_a_model(lamella: Any) -> None:
    """Usable when installed: the project's folder switches nothing on."""
    ended = lamella("prices", "show", "openai:gpt-4o-mini", "--at", "2026-11-01")
    assert ended.code == 0
    assert "openai/gpt-4o-mini on 2026-11-01" in ended.err
    assert [line.split() for line in ended.out.splitlines()][:3] == [
        ["PRICE", "USD"],
        ["input_mtok", "0.15"],
        ["cache_read_mtok", "0.075"],
    ]


def test_show_tiers_and_another_time(lamella: Any) -> None:
    ended = lamella("prices", "show", "claude-sonnet-4-5", "--at", "2026-11-01")
    assert "input_mtok" in ended.out
    assert "3, 6 above 200000 input tokens" in ended.out
    before = lamella("prices", "show", "openai:o3", "--at", "2025-05-01", "--json")
    after = lamella("prices", "show", "openai:o3", "--at", "2025-07-01", "--json")
    assert json.loads(before.out)["prices"]["input_mtok"] == "10"
    assert json.loads(after.out)["prices"]["input_mtok"] == "2"
    tiers = lamella("prices", "show", "anthropic:claude-sonnet-4-5", "--at", "2026-11-01", "--json")
    assert json.loads(tiers.out)["prices"]["input_mtok"] == {"base": "3", "above": {"200000": "6"}}


def test_show_what_is_free_and_what_nobody_wrote_down(lamella: Any) -> None:
    free = lamella("prices", "show", "openrouter:qwen/qwen3-coder:free")
    assert (free.code, free.out) == (0, "")
    assert "nothing is billed" in free.err
    assert "no price is written down" in lamella("prices", "show", "github-copilot:gpt-4o").err


def test_show_the_unknown(lamella: Any) -> None:
    ended = lamella("prices", "show", "ollama:gemma3")
    assert (ended.code, ended.out) == (2, "")
    assert "no price is known for 'ollama:gemma3'" in ended.err


def test_list_a_provider(lamella: Any) -> None:
    ended = lamella("prices", "list", "gemini", "--at", "2026-11-01")
    assert ended.code == 0
    rows = {line.split()[0]: line.split()[1:] for line in ended.out.splitlines()}
    assert rows["MODEL"] == ["INPUT", "OUTPUT", "CACHED", "READ"]
    assert rows["gemini-2.5-flash"] == ["0.3", "2.5", "0.03"]
    assert rows["gemini-2.5-pro"] == ["1.25+", "10+", "0.125+"]
    assert rows["gemini-2.5-flash-image"][2] == "-"
    models = json.loads(lamella("prices", "list", "gemini", "--json").out)
    assert "gemini-2.5-flash" in models
    unknown = lamella("prices", "list", "my-openai")
    assert unknown.code == 2
    assert "'my-openai'" in unknown.err
