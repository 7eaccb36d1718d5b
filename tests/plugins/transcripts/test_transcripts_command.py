"""``lamella transcripts``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lamella.serial import messages_from_json
from lamella_cli.main import run

SOURCE: list[dict[str, Any]] = [
    {"role": "human", "text": "hi"},
    {"role": "ai", "text": "yes", "cost": {"input_tokens": 3}},
]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "lamella.toml").write_text("")
    made = tmp_path / "history.json"
    made.write_text(json.dumps(SOURCE))
    return made


def test_f_x28_convert_writes_the_form_and_tells_the_losses(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """F-X28: from the command line."""
    assert run(["transcripts", "convert", "--from", "lasagna", "--to", "openai.chat", str(file)]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes"}]
    assert "openai.chat: message 1" in err
    assert "usage" in err


def test_convert_to_and_from_lamella(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["transcripts", "convert", "--from", "lasagna", str(file)]) == 0
    out, _ = capsys.readouterr()
    assert [message.text for message in messages_from_json(out)] == ["hi", "yes"]
    file.write_text(out)
    assert run(["transcripts", "convert", "--from", "lamella", "--to", "lasagna", "--strict", str(file)]) == 0
    assert json.loads(capsys.readouterr()[0]) == SOURCE


def test_a_malformed_file_is_an_error(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text('[{"role": "king"}]')
    assert run(["transcripts", "convert", "--from", "lasagna", str(file)]) != 0
    assert "[0].role" in capsys.readouterr()[1]
