"""Who writes what: lock files in ``.locks``, held while their process lives."""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

__all__ = ["Lock", "LockedError", "Locks"]

_PATIENCE: Final = 0.3  # seconds: longer than anybody looks whether a lock is held
_FORCE_PATIENCE: Final = 10.0
_STILL_USED: Final = (
    errno.ENOTEMPTY,
    errno.EEXIST,
    errno.ENOENT,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.EBUSY,
)

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int, *, shared: bool = False) -> bool:
        os.lseek(descriptor, 1 << 30, os.SEEK_SET)  # locked bytes cannot be read: lock one that is not there
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, 1 << 30, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(descriptor: int, *, shared: bool = False) -> bool:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


class LockedError(Exception):
    """A lock is held; ``holder`` says by whom."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


class Lock:
    """A held lock. It ends with :meth:`release`, or with the process."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._stat = os.fstat(descriptor)

    def held(self) -> bool:
        """Whether nobody has taken it by force, or removed the folder."""
        try:
            return os.path.samestat(self._stat, os.stat(self.path))
        except (FileNotFoundError, NotADirectoryError):
            return False

    def release(self) -> None:
        """Give it back."""
        ours = self.held()
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor < 0:
            return
        try:
            if ours and os.name != "nt":  # while it is held, so that it is nobody else's
                self.path.unlink(missing_ok=True)
        finally:
            os.close(descriptor)
        if ours and os.name == "nt":  # an open file cannot be removed there
            self.path.unlink(missing_ok=True)


class Locks:
    """The locks of a folder of runs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / ".locks"
        self._gate = _Gate(self._folder)

    def take(self, name: str, *, patience: float = _PATIENCE) -> Lock:
        """Take a lock.

        :raises LockedError: another process, or another store of this process, holds it.
        """
        path = self._path(name)
        latest = time.monotonic() + patience
        while True:
            descriptor = self._opened(path)
            locked = False
            try:
                locked = _try_lock(descriptor) and _is_at(descriptor, path)
                if locked:
                    _sign(descriptor)
                    return Lock(path, descriptor)
            finally:
                if not locked:
                    os.close(descriptor)
            if time.monotonic() >= latest:
                raise LockedError(_holder(path))
            time.sleep(0.005)

    def take_by_force(self, name: str) -> Lock:
        """Take a lock from whoever holds it: between two of its writes, and its next one fails.

        :raises LockedError: its holder is stuck in the middle of a write, or the system does not let go (Windows).
        """
        latest = time.monotonic() + _FORCE_PATIENCE
        while True:
            self._folder.mkdir(exist_ok=True)
            with _alone(self._folder, latest) as alone:
                if alone:
                    return self._replaced(name)
            if time.monotonic() >= latest:
                raise LockedError(_holder(self._path(name)))

    def _replaced(self, name: str) -> Lock:
        try:
            self._path(name).unlink(missing_ok=True)
        except PermissionError:
            raise LockedError(_holder(self._path(name))) from None
        return self.take(name)

    def writing(self) -> AbstractContextManager[object]:
        """Nothing is taken by force while this is held; any number may hold it."""
        return self._gate

    def idle(self) -> None:
        """Nothing is held by this store: let go of what :meth:`writing` keeps open; the last one tidies up."""
        self._gate.close()
        with _alone(self._folder, 0.0) as alone:
            if alone:
                try:
                    self._folder.rmdir()
                except OSError as error:
                    if error.errno not in _STILL_USED:
                        raise

    def is_held(self, name: str) -> bool:
        """Whether a lock is held by anybody."""
        try:
            descriptor = os.open(self._path(name), os.O_RDONLY)
        except (FileNotFoundError, NotADirectoryError):
            return False
        try:
            return not _try_lock(descriptor, shared=True)
        finally:
            os.close(descriptor)

    def _opened(self, path: Path) -> int:
        while True:
            self._folder.mkdir(exist_ok=True)
            self._gate.renew()
            try:
                return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            except FileNotFoundError:
                if not self._folder.parent.is_dir():  # else the folder was tidied up this moment
                    raise

    def _path(self, name: str) -> Path:
        return self._folder / f"{quote(name, safe='')}.lock"


class _Gate:
    """The folder of the locks, itself locked by whoever is writing: shared by all, until one takes something by force.

    Windows has no such lock, and needs none: nothing is taken by force there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mutex = threading.Lock()
        self._inside = 0
        self._descriptor = -1
        self._stale = False

    def __enter__(self) -> None:
        if os.name == "nt":
            return
        with self._mutex:
            if self._inside == 0:
                self._close_stale()
                self._pass()
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        if os.name == "nt":
            return
        with self._mutex:
            self._inside -= 1
            if self._inside == 0:
                _unlock(self._descriptor)

    def close(self) -> None:
        """Close the folder, unless somebody is writing."""
        with self._mutex:
            if self._inside == 0 and self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1

    def renew(self) -> None:
        """Before a run begins: if the folder is another one now, the old one is of no use."""
        with self._mutex:
            self._stale = self._descriptor >= 0 and not _is_at(self._descriptor, self._folder)

    def _close_stale(self) -> None:
        if self._stale:
            os.close(self._descriptor)
            self._descriptor = -1
            self._stale = False

    def _pass(self) -> None:
        if self._descriptor < 0:
            self._descriptor = os.open(self._folder, os.O_RDONLY)
        while not _try_lock(self._descriptor, shared=True):
            time.sleep(0.001)


@contextmanager
def _alone(folder: Path, latest: float) -> Iterator[bool]:
    """Nobody is writing, nor tidying up: whether that came about until some moment (monotonic)."""
    if os.name == "nt":
        yield folder.is_dir()
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        yield False
        return
    try:
        while not (alone := _try_lock(descriptor)) and time.monotonic() < latest:
            time.sleep(0.002)
        yield alone and _is_at(descriptor, folder)
    finally:
        os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether an open file is still the one at its path."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except (FileNotFoundError, NotADirectoryError):
        return False


def _sign(descriptor: int) -> None:
    text = json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode()
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.truncate(descriptor, 0)
    os.write(descriptor, text)


def _holder(path: Path) -> str:
    try:
        signed = json.loads(path.read_bytes())
        pid, host = signed["pid"], signed["host"]
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"  # which has not signed yet
    here = pid == os.getpid() and host == socket.gethostname()
    return f"another store of this process ({pid})" if here else f"process {pid} on {host}"
