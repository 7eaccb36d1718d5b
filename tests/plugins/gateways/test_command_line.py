"""Gateways and configured providers on the command line."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from lamella.config import forget_projects
from lamella_cli.main import run
from lamella_sim import SimServer

MYLAB = """
[provider.mylab]
like = "openai-chat"
base_url = "{url}"
api_key = {{ env = "MYLAB_API_KEY" }}
"""


@pytest.fixture
def lamella(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / ".config"))

    def invoke(*arguments: str) -> tuple[int, str, str]:
        forget_projects()
        capsys.readouterr()
        code = run(arguments)
        out, err = capsys.readouterr()
        return int(code), out, err

    return invoke


def test_f_prv03_a_model_of_three_lines_runs(
    lamella: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F-PRV03: `lamella run -m mylab:some-model`, the real SDK's client, a server on loopback."""
    monkeypatch.setenv("MYLAB_API_KEY", "sk-mylab-secret")
    with SimServer() as server:
        (tmp_path / "lamella.toml").write_text(MYLAB.format(url=server.base_url_of("openai.chat")))
        code, out, err = lamella("run", "-m", "mylab:some-model", "--json", "Say hello.")
    assert code == 0, err
    events = [json.loads(line) for line in out.splitlines()]
    assert '"mylab"' in out
    assert "sk-mylab-secret" not in out + err
    assert events


def test_a_row_runs_by_its_name(lamella: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "sk-groq-secret")
    with SimServer() as server:
        url = server.base_url_of("openai.chat")
        (tmp_path / "lamella.toml").write_text(f'[provider.groq]\nbase_url = "{url}"\n')
        code, out, err = lamella("run", "-m", "groq:some-model", "Say hello.")
    assert code == 0, err
    assert out.strip()


def test_an_alias_is_no_plugin(lamella: Any, tmp_path: Path) -> None:
    file = tmp_path / "lamella.toml"
    file.write_text(MYLAB.format(url="https://llm.mylab.example/v1"))
    code, out, _ = lamella("plugins", "list", "--json")
    assert code == 0
    names = [plugin["name"] for plugin in json.loads(out)["plugins"]]
    assert "groq" in names
    assert "mylab" not in names
    for name in ("mylab", "provider.mylab"):
        code, out, _ = lamella("plugins", "why", name)
        assert code == 0
        assert f"provider mylab is no plugin: {file} makes it like openai-chat" in out
        assert "openai-chat" in out.splitlines()[1]
    code, out, _ = lamella("plugins", "why", "mylab", "--json")
    (facts,) = json.loads(out)
    assert facts["alias"] == {"name": "mylab", "like": "openai-chat", "where": str(file)}
    assert (facts["name"], facts["state"]) == ("openai-chat", "available")
    code, out, _ = lamella("plugins", "show", "mylab")
    assert code == 0
    assert "distribution   lamella-openai" in out
    assert "alias          mylab" in out


def test_a_wrong_alias_breaks_no_listing(lamella: Any, tmp_path: Path) -> None:
    (tmp_path / "lamella.toml").write_text(
        '[provider.mylab]\nlike = "no-such"\n[provider.groq]\nlike = "openai"\n'
    )
    assert lamella("plugins", "list")[0] == 0
    assert lamella("plugins", "show", "openai")[0] == 0
    assert lamella("plugins", "why", "openai")[0] == 0
    code, _, err = lamella("plugins", "why", "mylab")
    assert code != 0
    assert "provider.mylab.like: no provider 'no-such' is installed" in err
    code, _, err = lamella("plugins", "why", "groq")
    assert code != 0
    assert "a provider 'groq' is installed" in err
