"""``python -m lamella_sim`` serves until it is interrupted."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from lamella_sim.__main__ import main


def test_it_serves_until_interrupted(tmp_path: Path) -> None:
    script = tmp_path / "script.toml"
    script.write_text("[[turns]]\ntext = 'from the script'")
    command = [sys.executable, "-m", "lamella_sim", "--port", "0", "--script", str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "offline simulator, no model behind it" in line
        found = re.search(r"http://127\.0\.0\.1:\d+/v1", line)
        assert found is not None
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x"}]}).encode()
        request = urllib.request.Request(f"{found.group()}/chat/completions", body)
        with urllib.request.urlopen(request, timeout=10) as response:
            assert json.loads(response.read())["choices"][0]["message"]["content"] == "from the script"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0


def test_what_cannot_start_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--script", "nowhere.toml"]) == 2
    assert "there is no script file 'nowhere.toml'" in capsys.readouterr().err
