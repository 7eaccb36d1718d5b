"""The parts of the command line that need no run."""

from __future__ import annotations

import asyncio
import io
import os
import sys
import threading
from typing import Any

import click
import pytest

import lamella_cli.main
from lamella.config import Project, current_project, use_project
from lamella.errors import AgentInputError, ConfigError, PluginError, RateLimitError
from lamella.events import ApprovalPending
from lamella.specs import CommandSpec
from lamella_cli.approving import ApprovalMode, Approver
from lamella_cli.exits import Exit, exit_of
from lamella_cli.group import plugin_command
from lamella_cli.output import make_streams_safe


@pytest.mark.parametrize(
    ("error", "running", "code"),
    [
        (ConfigError("x"), False, Exit.USAGE),
        (PluginError("x"), True, Exit.PLUGIN),
        (AgentInputError("x"), False, Exit.USAGE),
        (AgentInputError("x"), True, Exit.FAILED),
        (RateLimitError("x"), False, Exit.FAILED),
    ],
)
def test_exit_codes(error: Any, running: bool, code: Exit) -> None:
    assert exit_of(error, running=running) is code


def test_the_version_names_core_and_command_line(lamella: Any) -> None:
    ended = lamella("--version")
    assert (ended.code, ended.out) == (0, "lamella 0.1.0 (lamella-cli 0.1.0)\n")


def test_a_mistyped_command_gets_a_suggestion(lamella: Any) -> None:
    ended = lamella("plugin", "list")
    assert ended.code == 2
    assert "Did you mean 'plugins'?" in ended.err
    assert "Did you mean 'list'?" in lamella("plugins", "lst").err
    assert "Did you mean" not in lamella("zzz").err


def test_a_command_leaves_the_current_project_alone(lamella: Any) -> None:
    with use_project(Project.bare()) as project:
        for arguments in (("--help",), ("plugins", "list")):
            assert lamella(*arguments).code == 0
            assert current_project() is project


def test_every_command_has_a_help_text(lamella: Any) -> None:
    for path in ((), ("run",), ("runs",), ("runs", "list"), ("runs", "show"), ("plugins",), ("plugins", "list"),
                 ("plugins", "show"), ("plugins", "why"), ("plugins", "lock"), ("plugins", "verify")):  # fmt: skip
        ended = lamella(*path, "-h")
        assert ended.code == 0
        assert len(ended.out.splitlines()) > 5, path


def test_an_unknown_project_folder_is_wrong_usage(lamella: Any) -> None:
    assert lamella("--project", "no/such", "plugins", "list").code == 2


def test_ctrl_c_outside_of_a_run_is_an_interruption(lamella: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*args: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lamella.plugins.PluginHost.records", interrupt)
    ended = lamella("plugins", "list")
    assert ended.code == 130
    assert "interrupted" in ended.err


def test_an_error_of_the_system_is_no_traceback(lamella: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lamella.plugins.PluginHost.records", full)
    ended = lamella("plugins", "list")
    assert ended.code == 1
    assert "error: [Errno 28] No space left on device [system]" in ended.err


def test_warnings_are_words_to_the_user(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    lamella_cli.main._show_warning(UserWarning("model 'x' is not in the list"), UserWarning, "f.py", 3)
    assert capsys.readouterr().err == "warning: model 'x' is not in the list\n"


def test_a_closed_stream_swallows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    make_streams_safe()
    with sys.stdout as stream:
        assert stream.name == os.devnull


@pytest.mark.parametrize("command", [42, "no_such_module:command", "os:sep"])
def test_a_plugins_command_must_be_a_click_command(command: object) -> None:
    with pytest.raises(PluginError):
        plugin_command(CommandSpec(name="x", command=command))


def test_a_plugins_command_may_be_the_command_itself() -> None:
    command = click.Command("x")
    assert plugin_command(CommandSpec(name="x", command=command)) is command


# -- approvals ------------------------------------------------------------------------------------


class Run:
    """Records the decisions."""

    def __init__(self) -> None:
        self.decided: list[tuple[str, bool, str | None]] = []

    def approve(self, call_id: str) -> None:
        self.decided.append((call_id, True, None))

    def deny(self, call_id: str, reason: str | None = None) -> None:
        self.decided.append((call_id, False, reason))


def pending(number: int) -> ApprovalPending:
    return ApprovalPending(call_id=f"c{number}", name="remove", arguments={"path": "ü.txt"})


@pytest.mark.parametrize(("mode", "approved"), [("always", True), ("never", False)])
async def test_approval_beforehand(mode: ApprovalMode, approved: bool) -> None:
    run = Run()
    Approver(mode).answer(run, pending(1))
    assert run.decided[0][:2] == ("c1", approved)


async def test_without_a_terminal_the_answer_is_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    run = Run()
    Approver("ask").answer(run, pending(1))
    assert run.decided == [
        ("c1", False, "there is no terminal to ask at; say yes beforehand with --approve always")
    ]


async def test_questions_are_asked_one_after_the_other_off_the_loop() -> None:
    asked: list[str] = []
    threads: set[threading.Thread] = set()

    def ask(question: str) -> bool:
        asked.append(question)
        threads.add(threading.current_thread())
        return len(asked) == 1

    run, approver = Run(), Approver("ask", ask)
    approver.answer(run, pending(1))
    approver.answer(run, pending(2))
    while len(run.decided) < 2:
        await asyncio.sleep(0)
    assert asked == ['Run remove({"path": "ü.txt"})?'] * 2
    assert run.decided == [("c1", True, None), ("c2", False, "the user said no")]
    assert all(thread.daemon for thread in threads)


async def test_a_run_that_ends_does_not_wait_for_an_answer() -> None:
    release = threading.Event()
    run, approver = Run(), Approver("ask", lambda question: release.wait(10))
    approver.answer(run, pending(1))
    await asyncio.sleep(0.01)
    approver.close()
    await asyncio.sleep(0)
    assert run.decided == []
    release.set()
