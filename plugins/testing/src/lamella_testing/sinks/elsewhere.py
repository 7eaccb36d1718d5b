"""The storage in another process: one that reads, writes, holds a run, and dies when it is told to."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from lamella.specs import RunStore

__all__ = ["Elsewhere", "Recipe"]

Recipe: TypeAlias = "Callable[[], RunStore]"

_PATIENCE: Final = 60.0
"""Seconds for a process to start and answer: machines are busy."""

_PROGRAM: Final = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from lamella_testing.sinks.elsewhere import serve
serve(sys.argv[2])
"""


class Elsewhere:
    """A process with a store in it, which is asked line by line.

    :param recipe: what makes the store there; it must be possible to pickle it.
    """

    def __init__(self, recipe: Recipe) -> None:
        from lamella_testing.verdict import fail

        try:
            packed = base64.b64encode(pickle.dumps(recipe)).decode("ascii")
        except Exception as error:
            fail(
                f"recipe() gives what cannot be pickled: {type(error).__name__}: {error}; give a function of a module, or "
                "functools.partial(YourStore, …)"
            )
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, json.dumps(sys.path), packed],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="ascii",
        )
        self._answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, name="lamella_testing elsewhere", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put(None)

    def tell(self, question: str, **given: Any) -> None:
        """Ask for something; :meth:`answer` has what comes of it."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps([question, given]) + "\n")
            self._process.stdin.flush()
        except OSError:
            return  # it ended: there will be no answer, which answer() says

    def answer(self) -> Any:
        """The next answer.

        Fails the test where the process ends without one, or says that something went wrong.
        """
        from lamella_testing.verdict import fail

        try:
            line = self._answers.get(timeout=_PATIENCE)
        except queue.Empty:
            fail(
                f"another process with the store did not answer within {_PATIENCE:g} s; bound what it waits for"
            )
        if line is None:
            self._answers.put(None)
            fail(
                "another process cannot make the store: see its standard error; recipe() must name what can be imported "
                "there"
            )
        return json.loads(line)

    def ask(self, question: str, **given: Any) -> Any:
        """Ask, and wait for the answer."""
        self.tell(question, **given)
        return self.answer()

    def kill(self) -> list[Any]:
        """End it at once (``kill -9``); the answers that it had given and nobody had read."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(OSError):  # what was still to be said to it
            self._process.stdin.close()
        self._process.stdout.close()
        left = []
        while (line := self._answers.get()) is not None:
            if line.endswith("\n"):
                left.append(json.loads(line))
        self._answers.put(None)
        return left


# -- there ----------------------------------------------------------------------------------------


def serve(packed: str) -> None:
    """What the other process does: answer until the questions end. Its own standard output is for answers alone."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    store: RunStore = pickle.loads(base64.b64decode(packed))()  # made by the process that started this one

    def say(answer: Any) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    for line in sys.stdin:
        question, given = json.loads(line)
        asyncio.run(_answer(store, say, question, given))


async def _answer(store: Any, say: Callable[[Any], None], question: str, given: dict[str, Any]) -> None:
    from lamella.errors import LamellaError
    from lamella.serial import to_dict

    try:
        if question == "load":
            say([to_dict(envelope) for envelope in await store.load(given["run_id"])])
        elif question == "claim":
            await store.claim(given["run_id"], force=given.get("force", False))
            say("done")
        else:
            await _write(store, say, given["batches"], closes=given.get("closes", True))
    except LamellaError as error:
        say({"error": type(error).__name__, "code": error.error_code.value, "said": str(error)})


async def _write(store: Any, say: Callable[[Any], None], batches: Iterable[Any], *, closes: bool) -> None:
    """Write batches, and say after each what is now acknowledged: its place, counted from 0."""
    from lamella.serial import restore

    made = [restore(batch) for batch in batches]
    await store.open()
    say("open")
    for place, batch in enumerate(made):
        await store.write(batch)
        say(place)
    if closes:
        await store.close()
    say("done")
