"""Who says yes to tools that require approval: the user at the terminal, everybody, or nobody."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from collections.abc import Callable
from typing import Literal, Protocol, TypeAlias

import click

from lamella.events import ApprovalPending

__all__ = ["ApprovalMode", "Approver", "Deciding"]

ApprovalMode: TypeAlias = Literal["ask", "always", "never"]
"""What the command line may say."""


class Deciding(Protocol):
    """What waits for decisions: a run, or a single call."""

    def approve(self, call_id: str) -> object:
        """Let the call run."""

    def deny(self, call_id: str, reason: str | None = None) -> object:
        """Refuse the call."""


class Approver:
    """Answers the approvals of a run. Questions are asked one after the other, beside the run.

    ``itself``: the run has somebody else to decide.
    """

    def __init__(
        self,
        mode: ApprovalMode | Literal["itself"],
        ask: Callable[[str], bool] | None = None,
        *,
        yes: str = "--approve always",
    ) -> None:
        """``yes`` is the option that approves beforehand."""
        self._mode = mode
        self._yes = yes
        self._ask = ask or (_ask_terminal if _at_terminal() else None)
        self._questions: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()

    def answer(self, run: Deciding, pending: ApprovalPending) -> None:
        """Decide a call that the run has shown as pending, now or when the user has answered."""
        if self._mode == "itself":
            return
        if self._mode == "always":
            run.approve(pending.call_id)
        elif self._mode == "never":
            run.deny(pending.call_id, "the command line was told never to approve (--approve never)")
        elif self._ask is None:
            run.deny(pending.call_id, f"there is no terminal to ask at; say yes beforehand with {self._yes}")
        else:
            task = asyncio.create_task(self._question(run, pending, self._ask))
            self._questions.add(task)
            task.add_done_callback(self._questions.discard)

    async def _question(self, run: Deciding, pending: ApprovalPending, ask: Callable[[str], bool]) -> None:
        arguments = json.dumps(pending.arguments, ensure_ascii=False)
        async with self._turn:
            if await _in_daemon_thread(ask, f"Run {pending.name}({arguments})?"):
                run.approve(pending.call_id)
            else:
                run.deny(pending.call_id, "the user said no")

    def close(self) -> None:
        """The run is over: nobody waits for an answer any more."""
        for task in self._questions:
            task.cancel()


def _at_terminal() -> bool:
    """Whether somebody can read a question and answer it; a stream that the shell closed is ``None``."""
    streams = (sys.stdin, sys.stderr)
    return all(stream is not None and not stream.closed and stream.isatty() for stream in streams)


def _ask_terminal(question: str) -> bool:
    """Read past ``sys.stdin``: a thread that holds its lock would break the interpreter's exit."""
    click.echo(f"{question} [y/N]: ", nl=False, err=True)
    answer = os.read(sys.stdin.fileno(), 1024).decode(errors="replace")
    return answer.strip().lower() in ("y", "yes")


async def _in_daemon_thread(ask: Callable[[str], bool], question: str) -> bool:
    """Wait for an answer in a thread that does not keep the process: a cancelled run must not wait for Enter."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[bool] = loop.create_future()

    def settle(value: bool) -> None:
        if not answer.done():
            answer.set_result(value)

    def work() -> None:
        value = ask(question)
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, value)

    threading.Thread(target=work, name="lamella approval", daemon=True).start()
    return await answer
