"""Damaged files: cut, changed, hostile. What comes of them is a content or a typed error, and soon."""

from __future__ import annotations

import base64
import random
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from lamella.content import MediaContent
from lamella.errors import AgentError, LamellaError
from lamella_testing.content.base import ContentBase
from lamella_testing.verdict import fail, require, skip

__all__ = ["DamageContract"]

_CUTS = 24
_CHANGES = 24


class DamageContract(ContentBase):
    """What holds of bytes that are not what they should be."""

    def test_bad_files_are_refused(self) -> None:
        """Each of ``bad_files`` is refused by a constructor or by ``probe()``, with a typed error, in time."""
        if not self.bad_files:
            skip('no bad_files: give {"cut.ext": bytes, …} that must be refused')
        for name, data in self.bad_files.items():
            outcomes = self._outcomes(name, data)
            self._require_typed(name, outcomes)
            taken = [what for what, error in outcomes.items() if error is None]
            require(
                not taken,
                f"{name} of bad_files is taken by {' and '.join(taken)}; refuse it with AgentInputError in the "
                "constructors that look at bytes, or in probe()",
            )

    def test_damaged_files_are_typed_errors(self) -> None:
        """Files that are cut anywhere or have wrong bytes anywhere are taken, or refused with a typed error, in time."""
        good = {name: data for name, (data, _) in self.files.items()}
        if not good:
            good = {name: each.data or b"" for name, each in self.with_bytes().items()}
        for name, data in good.items():
            for what, damaged in _damaged(data):
                described = f"{name}, {what}"
                self._require_typed(described, self._outcomes(Path(name).name, damaged, reading=False))

    def test_empty_and_wrong_bytes_are_input_errors(self) -> None:
        """No bytes at all, text instead of bytes and no base64 are ``AgentInputError``."""
        cls: Any = self.cls
        wrong: dict[str, Callable[[], object]] = {
            "from_bytes(b'')": lambda: cls.from_bytes(b""),
            "from_bytes('text')": lambda: cls.from_bytes("text"),
            "from_bytes(None)": lambda: cls.from_bytes(None),
            "from_base64('')": lambda: cls.from_base64(""),
            "from_base64('?')": lambda: cls.from_base64("?"),
            "from_url('ftp://example.com/a')": lambda: cls.from_url("ftp://example.com/a"),
            "from_url('data:,a')": lambda: cls.from_url("data:,a"),
        }
        for what, make in wrong.items():
            error = _error_of(make)
            require(
                isinstance(error, AgentError),
                f"{what} {'is taken' if error is None else f'raises {type(error).__name__}: {error}'}; raise "
                "AgentInputError, as MediaContent does",
            )

    def _outcomes(self, name: str, data: bytes, *, reading: bool = True) -> dict[str, BaseException | None]:
        """How each way of taking the bytes ended, ``probe()`` and ``check_for()`` included."""
        ways: dict[str, Callable[[], MediaContent]] = {
            "from_bytes": lambda: self.cls.from_bytes(data, name=name)
        }
        if reading:
            ways["from_base64"] = lambda: self.cls.from_base64(base64.b64encode(data).decode(), name=name)
            ways["from_file"] = lambda: self._from_file(name, data)
        spec = self.working.spec
        dialects = () if spec is None else spec.dialects
        return {
            what: self._in_time(f"{name}: {what}", partial(_used, make, dialects))
            for what, make in ways.items()
        }

    def _from_file(self, name: str, data: bytes) -> MediaContent:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_bytes(data)
            return self.cls.from_file(path)

    def _in_time(self, what: str, act: Callable[[], object]) -> BaseException | None:
        """The error of ``act``, warnings included; it fails the test to take longer than :attr:`patience`."""
        found: list[BaseException | None] = []
        thread = threading.Thread(target=lambda: found.append(_error_of(act)), daemon=True)
        start = time.monotonic()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            thread.start()
            thread.join(self.patience)
        if not found:
            fail(
                f"{what} takes longer than {self.patience} s; bound the work before it is done (size, count, depth)"
            )
        require(time.monotonic() - start <= self.patience, f"{what} takes longer than {self.patience} s")
        return found[0]

    def _require_typed(self, name: str, outcomes: dict[str, BaseException | None]) -> None:
        for what, error in outcomes.items():
            require(
                error is None or isinstance(error, LamellaError),
                f"{name}: {what}, or probe() behind it, raises {type(error).__name__}: {str(error)[:300]}; catch it and "
                "raise AgentInputError(…, cause=error) that says what is wrong with the content",
            )


def _used(make: Callable[[], MediaContent], dialects: Iterable[str]) -> None:
    content = make()
    content.describe()
    if callable(probe := getattr(content, "probe", None)):
        probe()
    if callable(check := getattr(content, "check_for", None)):
        for dialect in dialects:
            error = _error_of(partial(check, dialect))
            if error is not None and not isinstance(error, LamellaError):
                raise error


def _error_of(act: Callable[[], object]) -> BaseException | None:
    try:
        act()
    except BaseException as error:  # whatever it is, it is what the test is about
        return error
    return None


def _damaged(data: bytes) -> Iterable[tuple[str, bytes]]:
    """Cuts at places spread over the bytes and near both ends, and single wrong bytes: the same ones each time."""
    size = len(data)
    places = sorted({1, 2, 3, size - 1, size - 2, *(size * step // _CUTS for step in range(1, _CUTS))})
    for place in places:
        if 0 < place < size:
            yield f"cut after {place} of {size} bytes", data[:place]
    chance = random.Random(size)
    for _ in range(_CHANGES if size else 0):
        place, value = chance.randrange(size), chance.randrange(256)
        yield f"byte {place} as {value}", data[:place] + bytes([value]) + data[place + 1 :]
    yield "with 64 wrong bytes behind it", data + bytes(range(64))
