"""The command line as a process: signals, pipes, locales, what is imported, and plugins that are broken."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lamella.fold import fold
from lamella.serial import restore

SLOW = "[provider.sim]\ndelay = 0.05\n"
LONG = " ".join(f"word{number}" for number in range(2000))


@contextmanager
def started(*arguments: str, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "lamella_cli", *arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def stored(folder: Path) -> Any:
    (path,) = (folder / ".lamella" / "runs").glob("*.jsonl")
    return fold(restore(json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()))


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_signal_cancels_the_run_cleanly(
    folder: Path, number: signal.Signals, code: int, form: tuple[str, ...]
) -> None:
    (folder / "lamella.toml").write_text(SLOW)
    with started("run", "-m", "sim:echo", *form, LONG) as process:
        assert process.stdout is not None
        begin = process.stdout.read(1)
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert process.returncode == code
    text = err.decode()
    assert "interrupted" in text
    assert "Traceback" not in text
    result = stored(folder)
    assert result.status == "cancelled"
    assert result.run_id in text
    if form:
        last = json.loads((begin + out).decode().splitlines()[-1])
        assert last["event"]["type"] == "stream.error"


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_closes_the_connection_to_the_provider(folder: Path) -> None:
    """A run over a socket: the server sees the client go."""
    import socket

    pytest.importorskip("lamella_openai")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (folder / "lamella.toml").write_text(f'[provider.openai]\nbase_url = "http://127.0.0.1:{port}/v1"\n')
        server.settimeout(30)
        with started(
            "run", "-m", "openai:gpt-5-nano", "hi", env={**os.environ, "OPENAI_API_KEY": "sk-x"}
        ) as process:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(20)
                assert connection.recv(65536)
                process.send_signal(signal.SIGINT)
                while connection.recv(65536):
                    pass
            process.communicate(timeout=20)
    assert process.returncode == 130
    assert stored(folder).status == "cancelled"


def test_a_reader_that_leaves_ends_the_run_quietly(folder: Path) -> None:
    (folder / "lamella.toml").write_text(SLOW)
    with started("run", "-m", "sim:echo", LONG) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        err = process.stderr.read().decode()
        process.wait(timeout=20)
    assert process.returncode == 141
    assert "Traceback" not in err
    assert "rror" not in err
    assert stored(folder).status == "cancelled"


@pytest.mark.parametrize("arguments", [("plugins", "list"), ("plugins", "list", "--json"), ("--help",)])
def test_a_closed_pipe_is_quiet_for_every_command(folder: Path, arguments: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [sys.executable, "-m", "lamella_cli", *arguments],
        stdout=writer, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=60, check=False,
    )  # fmt: skip
    os.close(writer)
    assert ended.returncode == 141
    assert ended.stderr == b""


def test_text_is_piped_in(process: Any, folder: Path) -> None:
    ended = process("run", "-m", "sim:echo", "repeat:", input=b"piped text \xff\n")
    assert ended.code == 0
    assert stored(folder).input[0].text == "repeat:\n\npiped text \ufffd"


@pytest.mark.skipif(os.name == "nt", reason="pipes cannot be waited for there")
def test_a_pipe_that_nobody_ends_does_not_hang_a_prompt(folder: Path) -> None:
    reader, writer = os.pipe()
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "lamella_cli", "run", "-m", "sim:echo", "hi"],
            stdin=reader, capture_output=True, timeout=60, check=False,
        )  # fmt: skip
    finally:
        os.close(writer)
        os.close(reader)
    assert (ended.returncode, ended.stdout) == (0, b"hi\n")
    assert b"add - to wait for it" in ended.stderr


@pytest.mark.parametrize("locale", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}])
def test_no_locale_breaks_the_output(process: Any, folder: Path, locale: dict[str, str]) -> None:
    ended = process("run", "-m", "sim:echo", "naïve 世界 🎉", env=locale)
    assert ended.code == 0, ended.err
    assert "na" in ended.out
    assert process("runs", "list", env=locale).code == 0
    assert process("runs", "show", stored(folder).run_id, env=locale).code == 0


# -- what is imported -----------------------------------------------------------------------------

_PROBE = """
import json, sys
from lamella_cli.main import run
code = run(sys.argv[1:])
print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""
_FORBIDDEN = (
    "cattrs", "httpcore2", "httpx", "httpx2", "lamella_audio", "lamella_console", "lamella_document", "lamella_image", "lamella_jsonl",
    "lamella_logging", "lamella_openai", "lamella_otel", "lamella_python", "lamella_sim", "lamella_sql", "msgspec",
    "openai", "opentelemetry", "PIL", "pydantic", "rich", "sqlalchemy",
)  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [("--version",), ("--help",), ("plugins", "list"), ("plugins", "list", "--json"), ("plugins", "show", "sim"),
     ("plugins", "why", "sim")],
)  # fmt: skip
def test_f_plg02_listing_imports_no_plugin(folder: Path, arguments: Sequence[str]) -> None:
    """F-PLG02: listing plugins imports none; nor do the version and the help."""
    ended = subprocess.run(
        [sys.executable, "-c", _PROBE, *arguments], capture_output=True, timeout=60, check=True, text=True
    )
    code, modules = json.loads(ended.stderr.splitlines()[-1])
    assert code == 0
    roots = {name.partition(".")[0] for name in modules}
    assert roots.isdisjoint(_FORBIDDEN), roots & set(_FORBIDDEN)


# -- faults ---------------------------------------------------------------------------------------

BROKEN = "raise SystemExit('this plugin is broken')"


@pytest.fixture
def faulty(site: Any) -> Path:
    """A site with a plugin that cannot be imported and an unrelated distribution with malformed metadata."""
    site("lamella-acme", "[lamella.providers]\nacme = acme_plugin\n", acme_plugin=BROKEN)
    place: Path = site("unrelated", "[lamella.providers]\nno equals sign\n")
    return place


def test_f_plg02_the_list_works_with_broken_plugins(process: Any, faulty: Path) -> None:
    """F-PLG02: a broken plugin is named and isolated."""
    ended = process("plugins", "list")
    assert ended.code == 0
    assert "sim" in ended.out
    assert "acme" in ended.out
    assert "unrelated" in ended.err
    assert "Traceback" not in ended.err
    listed = json.loads(process("plugins", "list", "--json").out)
    assert [fault["distribution"] for fault in listed["faults"]] == ["unrelated"]
    assert {plugin["name"]: plugin["state"] for plugin in listed["plugins"]}["acme"] == "available"


def test_show_and_why_work_with_broken_plugins(process: Any, faulty: Path) -> None:
    for command in ("show", "why"):
        ended = process("plugins", command, "acme")
        assert ended.code == 0, ended.err
        assert "this plugin is broken" not in ended.out
    loaded = process("plugins", "show", "acme", "--load")
    assert loaded.code == 0
    assert "broken" in loaded.out
    assert "this plugin is broken" in loaded.out


def test_a_run_works_beside_a_broken_plugin(process: Any, faulty: Path) -> None:
    ended = process("run", "hello")
    assert ended.code == 0
    assert "hello" in ended.out


def test_using_a_broken_plugin_is_a_plugin_error(process: Any, faulty: Path) -> None:
    ended = process("run", "-m", "acme:one", "hello")
    assert ended.code == 3
    assert "lamella-acme 1.0" in ended.err
    assert "this plugin is broken" in ended.err


def test_strict_plugins_makes_every_fault_an_error(process: Any, faulty: Path) -> None:
    assert process("--strict-plugins", "plugins", "list").code == 3
    assert process("plugins", "list", env={"LAMELLA_STRICT_PLUGINS": "1"}).code == 3


def test_a_run_under_strict_plugins_does_not_pass_by_a_broken_provider(process: Any, faulty: Path) -> None:
    ended = process("--strict-plugins", "run", "hello")
    assert (ended.code, ended.out) == (3, "")


def test_a_locked_project_without_its_lock_can_be_looked_at_and_locked(process: Any, folder: Path) -> None:
    (folder / "lamella.toml").write_text("locked = true\n")
    refused = process("run", "hello")
    assert refused.code == 2
    assert "lamella plugins lock" in refused.err
    for command in (("list",), ("show", "sim"), ("why", "sim"), ("lock",), ("verify",)):
        assert process("plugins", *command).code == 0, command
    (folder / "lamella.lock").write_text("torn")
    assert process("plugins", "show", "sim", "--load").code == 2
    assert process("plugins", "lock").code == 0


NOISY = """
import lamella
from lamella import MessageOutputDelta, Model, ProviderSpec, ResponseDone
print("imported")
lamella_api = "1.0"
class Noisy(Model):
    provider = "noisy"
    def __init__(self, model):
        print("made")
        self.model = model
        if model == "exit":
            raise SystemExit(0)
    async def stream(self, request):
        print("asked")
        yield MessageOutputDelta(delta="hello")
        yield ResponseDone()
@lamella.hookimpl
def lamella_provider():
    return ProviderSpec(id="noisy", factory=Noisy)
"""


@pytest.fixture
def noisy(site: Any) -> None:
    site("lamella-noisy", "[lamella.providers]\nnoisy = noisy_plugin\n", noisy_plugin=NOISY)


def test_what_plugins_print_does_not_get_between_lines_of_json(process: Any, noisy: None) -> None:
    ended = process("run", "--json", "-m", "noisy:one", "hello")
    assert ended.code == 0
    events = [restore([json.loads(line)]) for line in ended.out.splitlines()]
    assert len(events) > 3
    assert [line for line in ended.err.split() if line in NOISY.split('"')] == ["imported", "made", "asked"]


def test_a_provider_that_exits_when_it_is_made_is_a_plugin_error(process: Any, noisy: None) -> None:
    ended = process("run", "-m", "noisy:exit", "hello")
    assert ended.code == 3
    assert "provider 'noisy' (lamella-noisy 1.0) could not be made: SystemExit: 0" in ended.err


@pytest.mark.skipif(os.name == "nt", reason="a shell of POSIX")
def test_streams_that_the_shell_closed_stop_nothing(folder: Path) -> None:
    command = f"{sys.executable} -m lamella_cli run -m sim:echo hello"
    ended = subprocess.run(f"{command} <&-", shell=True, capture_output=True, check=False, timeout=60)
    assert (ended.returncode, ended.stdout) == (0, b"hello\n")
    ended = subprocess.run(f"{command} <&- >&- 2>&-", shell=True, check=False, timeout=60)
    assert ended.returncode == 0


def test_plugins_add_commands(process: Any, site: Any) -> None:
    site(
        "lamella-greet",
        "[lamella.plugins]\ngreet = greet_plugin\n",
        greet_plugin=GREET,
        greet_command=COMMAND,
    )
    helped = process("--help")
    assert helped.out.index("plugins") < helped.out.index("greet")
    assert "Say hello." in helped.out
    ended = process("greet", "Ada")
    assert (ended.code, ended.out) == (0, "hello Ada\n")


def test_a_broken_command_does_not_stop_the_others(process: Any, site: Any) -> None:
    site(
        "lamella-greet",
        "[lamella.plugins]\ngreet = greet_plugin\n",
        greet_plugin=GREET,
        greet_command="1 / 0",
    )
    assert process("--help").code == 0
    assert process("plugins", "list").code == 0
    ended = process("greet", "Ada")
    assert ended.code == 3
    assert "ZeroDivisionError" in ended.err
    assert "Traceback" not in ended.err


GREET = """
import lamella
from lamella import CommandSpec

lamella_api = "1.0"

@lamella.hookimpl
def lamella_cli():
    return [CommandSpec(name="greet", command="greet_command:greet", summary="Say hello.")]
"""

COMMAND = """
import click

@click.command()
@click.argument("name")
def greet(name):
    click.echo(f"hello {name}")
"""


# -- at a terminal --------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="pseudo-terminals of POSIX")
@pytest.mark.parametrize(("answer", "words"), [("y\n", "remove -> x is gone"), ("\n", "the user said no")])
def test_f_evt16_approvals_are_asked_at_the_terminal(folder: Path, answer: str, words: str) -> None:
    """F-EVT16: the tool waits for the answer; a refusal is an error output and the run goes on."""
    (folder / "rm.py").write_text(REMOVE)
    text, code = at_terminal("run", "-m", "sim:demo", "-t", "rm.py", "remove name='x'", say=("[y/N]", answer))
    assert code == 0, text
    assert words in text
    assert "simulated" in text
    assert "\x1b[36mremove(" in text


@pytest.mark.skipif(os.name == "nt", reason="pseudo-terminals of POSIX")
def test_ctrl_c_at_a_question_ends_at_once(folder: Path) -> None:
    (folder / "rm.py").write_text(REMOVE)
    text, code = at_terminal("run", "-m", "sim:demo", "-t", "rm.py", "remove name='x'", say=("[y/N]", "\x03"))
    assert code == 130, text
    assert stored(folder).status == "cancelled"


REMOVE = '''
from lamella import tool

@tool(requires_approval=True)
def remove(name: str) -> str:
    """Remove a file."""
    return f"{name} is gone"
'''


def at_terminal(*arguments: str, say: tuple[str, str]) -> tuple[str, int]:
    """Run a command at a pseudo-terminal; answer when a text appears; return what was shown and the code."""
    import pty

    env = {**os.environ, "TERM": "xterm-256color"}
    child, leader = pty.fork()
    if child == 0:
        os.execve(sys.executable, [sys.executable, "-m", "lamella_cli", *arguments], env)
    shown, (wait_for, answer), said = b"", say, False
    while True:
        try:
            piece = os.read(leader, 4096)
        except OSError:  # Linux: the other side is gone
            piece = b""
        if not piece:
            break
        shown += piece
        if not said and wait_for.encode() in shown:
            said = True
            os.write(leader, answer.encode())
    os.close(leader)
    return shown.decode(), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
