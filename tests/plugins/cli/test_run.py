"""``lamella run``: what is asked of which model, what is printed where, and what is stored."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lamella.errors import RateLimitError
from lamella.fold import fold
from lamella.serial import restore

TOOLS = '''
from lamella import tool

def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b

@tool(requires_approval=True)
def remove(name: str) -> str:
    """Remove a file."""
    return f"{name} is gone"
'''


@pytest.fixture
def tools(folder: Path) -> Iterator[Path]:
    path = folder / "calc.py"
    path.write_text(TOOLS)
    sys.modules.pop("calc", None)
    yield path
    sys.modules.pop("calc", None)


@pytest.fixture(autouse=True)
def no_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def stored(folder: Path) -> list[dict[str, Any]]:
    (path,) = (folder / ".lamella" / "runs").glob("*.jsonl")
    return lines(path.read_text(encoding="utf-8"))


def test_the_answer_alone_reaches_a_pipe(lamella: Any) -> None:
    ended = lamella("run", "-m", "sim:echo", "hello world")
    assert ended.code == 0
    assert ended.out.strip().endswith("hello world")
    assert "tokens" not in ended.out
    assert "simulated" in ended.err


def test_the_run_is_stored_and_can_be_shown(lamella: Any, folder: Path) -> None:
    ended = lamella("run", "-m", "sim:echo", "hello")
    run_id = fold(restore(stored(folder))).run_id
    assert f"stored as {run_id} (lamella runs show {run_id})" in ended.err
    shown = lamella("runs", "show", run_id[:6])
    assert shown.code == 0
    assert "user:      hello" in shown.out


def test_no_store_stores_nothing(lamella: Any, folder: Path) -> None:
    ended = lamella("run", "-m", "sim:echo", "--no-store", "hello")
    assert ended.code == 0
    assert not (folder / ".lamella").exists()
    assert "stored as" not in ended.err


def test_json_prints_the_events_and_nothing_else(lamella: Any, folder: Path) -> None:
    ended = lamella("run", "-m", "sim:echo", "--json", "hello")
    envelopes = restore(lines(ended.out))
    assert [envelope.seq for envelope in envelopes] == list(range(len(envelopes)))
    assert (envelopes[0].type, envelopes[-1].type) == ("stream.start", "stream.end")
    assert fold(envelopes) == fold(restore(stored(folder)))
    assert "simulator" in ended.err


@pytest.mark.parametrize("name", ["calc.py:add", "calc.py", "calc:add", "calc", "./calc.py:add"])
def test_tools_come_from_files_and_modules(
    lamella: Any, tools: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = lamella("run", "-m", "sim:demo", "-t", name, "Please add 2 and 3")
    assert ended.code == 0, ended.err
    assert 'add({"a": 2, "b": 3})' in ended.err
    assert "add -> 5" in ended.err
    assert "5" in ended.out


def test_tools_come_from_the_configuration(
    lamella: Any, tools: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "lamella.toml").write_text(
        f'[tools.my_numbers]\nsource = "python"\nmodule = "calc:add"\npath = "{folder.as_posix()}"\n'
    )
    for name in ("my_numbers", "my-numbers"):  # dashes and underscores are equal
        ended = lamella("run", "-m", "sim:demo", "-t", name, "Please add 2 and 3")
        assert ended.code == 0, ended.err
        assert "add -> 5" in ended.err


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "nonsense",
            "neither a table of [tool.lamella.tools] (there are: none), nor an installed tool source",
        ),
        ("no/such.py", "there is no file no/such.py"),
        ("json.py", "a module named 'json' is already loaded"),
        ("calc.py:ad", "did you mean 'add'?"),
    ],
)
def test_tools_that_do_not_exist_are_refused(lamella: Any, tools: Path, name: str, words: str) -> None:
    if name == "json.py":
        Path("json.py").write_text("")
    ended = lamella("run", "-m", "sim:demo", "-t", name, "hi")
    assert ended.code == 2
    assert words in ended.err
    assert "Traceback" not in ended.err


def test_the_system_instruction_and_the_limit_reach_the_agent(lamella: Any, folder: Path) -> None:
    lamella("run", "-m", "sim:echo", "--system", "Be brief.", "--max-iterations", "3", "hi")
    assert stored(folder)[0]["event"]["system_instruction"] == "Be brief."
    assert lamella("run", "-m", "sim:echo", "--max-iterations", "0", "hi").code == 2


# -- the prompt -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "piped", "prompt"),
    [
        (("what", "now"), "", "what now"),
        (("-",), "from the pipe\n", "from the pipe"),
        ((), "from the pipe\n", "from the pipe"),
        (("review this:",), "line 1\nline 2\n", "review this:\n\nline 1\nline 2"),
    ],
)
def test_the_prompt_is_words_piped_text_or_both(
    lamella: Any,
    folder: Path,
    words: tuple[str, ...],
    piped: str,
    prompt: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(piped))
    assert lamella("run", "-m", "sim:echo", *words).code == 0
    assert fold(restore(stored(folder))).input[0].text == prompt


def test_no_prompt_at_all_is_wrong_usage(lamella: Any) -> None:
    ended = lamella("run", "-m", "sim:echo")
    assert ended.code == 2
    assert "no prompt" in ended.err


def test_images_go_with_the_prompt(lamella: Any, folder: Path) -> None:
    pytest.importorskip("lamella_image")
    pytest.importorskip("PIL")
    from PIL import Image

    Image.new("RGB", (2, 2)).save(folder / "dot.png")
    ended = lamella("run", "-m", "sim:demo", "--image", "dot.png", "what is this?")
    assert ended.code == 0, ended.err
    blocks = stored(folder)[0]["event"]["input"][0]["content"]
    assert [block["type"] for block in blocks] == ["text", "image"]


def test_images_without_their_plugin_name_the_command(
    lamella: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lamella.plugins import PluginHost
    from lamella.plugins.refusals import not_installed

    def content(self: PluginHost, name: str) -> Any:
        raise not_installed("content", name, [])

    monkeypatch.setattr(PluginHost, "content", content)
    (folder / "dot.png").write_bytes(b"x")
    ended = lamella("run", "-m", "sim:demo", "--image", "dot.png", "what is this?")
    assert ended.code == 3
    assert "pip install lamella-image" in ended.err


# -- the model ------------------------------------------------------------------------------------


def test_without_a_key_the_simulator_answers_and_says_so(lamella: Any) -> None:
    ended = lamella("run", "hello")
    assert ended.code == 0
    assert "offline simulator" in ended.err
    assert "pip install lamella-openai" in ended.err


def test_the_simulator_says_so_also_when_it_was_chosen(lamella: Any) -> None:
    assert "offline simulator" in lamella("run", "-m", "sim:echo", "hello").err


def test_the_project_chooses_the_model(lamella: Any, folder: Path) -> None:
    (folder / "lamella.toml").write_text('model = "sim:echo"\n')
    assert "hello there" in lamella("run", "hello there").out


def test_a_key_in_the_environment_chooses_its_provider(process: Any, site: Any, folder: Path) -> None:
    site("lamella-acme", "[lamella.providers]\nacme = acme_plugin\n", acme_plugin=ACME)
    ended = process("run", "hello", env={"ACME_API_KEY": "sk-acme-secret"})
    assert ended.code == 0, ended.err
    assert ended.out.strip() == "acme says hello"
    assert "using acme:one, because ACME_API_KEY is set; choose with -m" in ended.err
    assert "sk-acme-secret" not in ended.out + ended.err + json.dumps(stored(folder))


ACME = """
import lamella
from lamella import Model, ProviderSpec
from lamella.events import MessageOutputDelta, ResponseDone

lamella_api = "1.0"

class Acme(Model):
    provider = "acme"
    def __init__(self, model): self.model = model
    async def stream(self, request):
        yield MessageOutputDelta(delta="acme says hello")
        yield ResponseDone()

@lamella.hookimpl
def lamella_provider():
    return ProviderSpec(id="acme", factory=Acme, env=("ACME_API_KEY",), default_model="one")
"""


def test_an_unknown_provider_is_a_usage_error_with_the_command(lamella: Any) -> None:
    ended = lamella("run", "-m", "acme:x", "hi")
    assert ended.code == 2
    assert "pip install lamella-acme" in ended.err


# -- how it ends ----------------------------------------------------------------------------------


def test_a_failed_run_has_code_1_and_names_the_error_once(
    lamella: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_with(monkeypatch, RateLimitError("too many requests; try later"))
    ended = lamella("run", "-m", "sim:echo", "hi")
    assert ended.code == 1
    assert ended.err.count("error: too many requests; try later [api.rate_limited]") == 1
    assert "Traceback" not in ended.err
    assert stored(folder)[-1]["event"]["code"] == "api.rate_limited"
    assert "stored as" in ended.err


def test_a_failed_run_in_json_says_so_on_both_streams(lamella: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, RateLimitError("too many requests"))
    ended = lamella("run", "-m", "sim:echo", "--json", "hi")
    assert ended.code == 1
    assert lines(ended.out)[-1]["event"]["type"] == "stream.error"
    assert "too many requests [api.rate_limited]" in ended.err


def test_debug_shows_the_traceback(lamella: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, RateLimitError("too many requests"))
    ended = lamella("--debug", "run", "-m", "sim:echo", "hi")
    assert ended.code == 1
    assert "Traceback" in ended.err


def fail_with(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    from lamella_sim.model import ChatSim

    async def stream(self: ChatSim, request: object) -> Any:
        raise error
        yield

    monkeypatch.setattr(ChatSim, "stream", stream)


# -- approvals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("always", "remove -> notes.txt is gone"),
        ("never", "told never to approve"),
        ("ask", "there is no terminal to ask at"),
    ],
)
def test_approvals_follow_the_option(
    lamella: Any, tools: Path, mode: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = lamella(
        "run", "-m", "sim:demo", "-t", "calc.py:remove", "--approve", mode, "remove name='notes.txt'"
    )
    assert ended.code == 0, ended.err
    assert "waiting for approval: remove(" in ended.err
    assert words in ended.err


# -- the store ------------------------------------------------------------------------------------


def test_the_store_that_the_project_enables_is_used_alone(lamella: Any, folder: Path) -> None:
    (folder / "lamella.toml").write_text('[sink.jsonl]\npath = "kept"\n')
    ended = lamella("run", "-m", "sim:echo", "hi")
    assert len(list((folder / "kept").glob("*.jsonl"))) == 1
    assert not (folder / ".lamella").exists()
    assert "stored as" in ended.err
    assert "sim:echo" in lamella("runs", "list").out


def test_no_store_leaves_out_the_projects_store_too(lamella: Any, folder: Path) -> None:
    (folder / "lamella.toml").write_text('[sink.jsonl]\npath = "kept"\n')
    assert lamella("run", "-m", "sim:echo", "--no-store", "hi").code == 0
    assert not (folder / "kept").exists()


def test_an_enabled_console_sink_does_not_show_the_run_twice(lamella: Any, folder: Path) -> None:
    (folder / "lamella.toml").write_text("[sink.console]\n")
    ended = lamella("run", "-m", "sim:echo", "say it once")
    assert (ended.out + ended.err).count("say it once") == 1


def test_a_disabled_store_is_a_notice(lamella: Any, folder: Path) -> None:
    (folder / "lamella.toml").write_text("[plugins]\njsonl = false\n")
    ended = lamella("run", "-m", "sim:echo", "hi")
    assert ended.code == 0
    assert "the run is not stored: sink 'jsonl'" in ended.err


def test_another_folder_is_the_project(lamella: Any, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "lamella.toml").write_text('model = "sim:echo"\n')
    assert lamella("--project", str(other), "run", "hi").code == 0
    assert len(list((other / ".lamella" / "runs").glob("*.jsonl"))) == 1
    assert not (folder / ".lamella").exists()


def test_the_settings_of_the_console_sink_hold_for_the_command_line(
    lamella: Any, tools: Path, folder: Path
) -> None:
    (folder / "lamella.toml").write_text("[sink.console]\ntool_result_width = 1\n")
    ended = lamella("run", "-m", "sim:demo", "-t", "calc.py:add", "Please add 20 and 3")
    assert "add -> 2… (1 more)\n" in ended.err
